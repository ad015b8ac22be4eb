"""A server that raises alarms and conditions as it is told to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from asyncua import Server, ua
from asyncua.common.events import Event


class Conditions:
    """Conditions of an asyncua server, told at its Server object and by ConditionRefresh."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.told = 0
        self.acknowledged: list[tuple[str, str]] = []
        self.confirmed: list[tuple[str, str]] = []
        self.shelved_ms: list[float | None] = []
        self._standing: dict[str, dict[str, Any]] = {}

    async def offer(self, *names: str) -> None:
        """Add condition objects, and answer what people do about them."""
        for name in names:
            await self._server.nodes.objects.add_object(ua.NodeId(name, 1), name)
        self._server.iserver.isession.add_method_callback(
            ua.NodeId(ua.ObjectIds.AcknowledgeableConditionType_Acknowledge), self._acknowledge
        )
        for method, answer in (
            (ua.ObjectIds.AcknowledgeableConditionType_Confirm, self._confirm),
            (ua.ObjectIds.ShelvedStateMachineType_OneShotShelve, self._shelve),
            (ua.ObjectIds.ShelvedStateMachineType_TimedShelve, self._shelve),
            (ua.ObjectIds.ShelvedStateMachineType_Unshelve, self._unshelve),
        ):
            self._server.iserver.isession.add_method_callback(ua.NodeId(method), answer)

    async def turn(
        self, name: str, *, active: bool, acked: bool = False, severity: int = 500, by: str = ""
    ) -> None:
        """Tell how a condition stands now."""
        at = datetime.now(UTC)
        since = at if active else None
        facts = {"active": active, "acked": acked, "severity": severity, "by": by, "since": since}
        before = self._standing.get(name)
        if before is not None and before["active"] and active:
            facts["since"] = before["since"]
        self._standing[name] = facts
        await self._tell(name, at, facts)

    async def tell(self, message: str) -> None:
        """Tell an event without a condition."""
        event = _base(message, datetime.now(UTC), ua.NodeId(ua.ObjectIds.BaseEventType), 300)
        self.told += 1
        await self._server.iserver.subscription_service.trigger_event(event)

    async def _tell(self, name: str, at: datetime, facts: dict[str, Any]) -> None:
        kind = ua.NodeId(ua.ObjectIds.OffNormalAlarmType)
        event = _base(f"{name} tripped", at, kind, facts["severity"])
        facts["event_id"] = event.EventId
        for path, value, variant in (
            ("NodeId", ua.NodeId(name, 1), ua.VariantType.NodeId),
            ("ConditionName", name, ua.VariantType.String),
            ("BranchId", ua.NodeId(), ua.VariantType.NodeId),
            ("Retain", facts["active"] or not facts["acked"], ua.VariantType.Boolean),
            ("Comment", ua.LocalizedText(""), ua.VariantType.LocalizedText),
            ("ClientUserId", facts["by"], ua.VariantType.String),
            ("AckedState/Id", facts["acked"], ua.VariantType.Boolean),
            ("ActiveState/Id", facts["active"], ua.VariantType.Boolean),
            ("ActiveState/TransitionTime", facts["since"], ua.VariantType.DateTime),
            *_after_acknowledging(facts),
        ):
            event.add_property(path, value, variant)
        self.told += 1
        await self._server.iserver.subscription_service.trigger_event(event)

    async def _acknowledge(self, node: ua.NodeId, event_id: Any, comment: Any) -> Any:
        name = str(node.Identifier)
        facts = self._standing[name]
        if event_id.Value != facts["event_id"]:
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadEventIdUnknown))
        if facts["acked"]:
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadConditionBranchAlreadyAcked))
        self.acknowledged.append((name, comment.Value.Text))
        await self.turn(name, active=facts["active"], acked=True, by="engineer")
        return []

    async def _confirm(self, node: ua.NodeId, event_id: Any, comment: Any) -> Any:
        name = str(node.Identifier)
        facts = self._standing[name]
        if event_id.Value != facts["event_id"]:
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadEventIdUnknown))
        if facts.get("confirmed"):
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadConditionBranchAlreadyConfirmed))
        self.confirmed.append((name, comment.Value.Text))
        return await self._now(name, confirmed=True)

    async def _shelve(self, node: ua.NodeId, for_ms: Any = None) -> Any:
        if self._standing[str(node.Identifier)].get("shelved"):
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadConditionAlreadyShelved))
        self.shelved_ms.append(None if for_ms is None else for_ms.Value)
        return await self._now(str(node.Identifier), shelved=True)

    async def _unshelve(self, node: ua.NodeId) -> Any:
        if not self._standing[str(node.Identifier)].get("shelved"):
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadConditionNotShelved))
        return await self._now(str(node.Identifier), shelved=False)

    async def _now(self, name: str, **facts: bool) -> Any:
        self._standing[name] |= facts
        await self._tell(name, datetime.now(UTC), self._standing[name])
        return []


def _after_acknowledging(facts: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    state = (
        ua.ObjectIds.ShelvedStateMachineType_OneShotShelved
        if facts.get("shelved")
        else ua.ObjectIds.ShelvedStateMachineType_Unshelved
    )
    return [
        ("ConfirmedState/Id", facts.get("confirmed", False), ua.VariantType.Boolean),
        ("ShelvingState/CurrentState/Id", ua.NodeId(ua.Int32(state)), ua.VariantType.NodeId),
    ]


def _base(message: str, at: datetime, kind: ua.NodeId, severity: int) -> Any:
    event = Event()
    event.add_property("EventId", uuid4().bytes, ua.VariantType.ByteString)
    event.add_property("EventType", kind, ua.VariantType.NodeId)
    event.add_property("SourceNode", ua.NodeId("oven.Temp1", 1), ua.VariantType.NodeId)
    event.add_property("SourceName", "oven", ua.VariantType.String)
    event.add_property("Time", at, ua.VariantType.DateTime)
    event.add_property("Message", ua.LocalizedText(message, "en"), ua.VariantType.LocalizedText)
    event.add_property("Severity", severity, ua.VariantType.UInt16)
    return event
