"""Alarms and conditions of a line (OPC 10000-9): process values out of their limits, stations that are down.

Each is an object of its type below its station, is told at the Server object, stays until it is over and was
acknowledged, and is told anew by ConditionRefresh. The components of the condition objects are not exposed in the
address space (§4.9 leaves that to the server): who listens has them with the event.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from asyncua.common.events import Event

from mes.contracts.plant import Line, Tag
from mes.contracts.plc import plant_node
from plc_sim.opcua.nodes import NodeBuilder
from plc_sim.opcua.stack import Node, ua

VALUE_SEVERITY = 500
DOWN_SEVERITY = 800
CALM_SHARE = 0.05
"""A value counts as back when it is inside its limits by this share of their distance: no chatter at the edge."""

_TEXT, _FLAG, _NODE, _TIME = (
    ua.VariantType.LocalizedText,
    ua.VariantType.Boolean,
    ua.VariantType.NodeId,
    ua.VariantType.DateTime,
)
_STATES = {
    "EnabledState": ("Enabled", "Disabled"),
    "AckedState": ("Acknowledged", "Unacknowledged"),
    "ActiveState": ("Active", "Inactive"),
}


@dataclass(slots=True)
class _Condition:
    node: Any
    type_id: int
    source: Any
    source_name: str
    name: str
    severity: int
    active: bool = False
    acked: bool = True
    since: datetime | None = None
    event_id: bytes = b""
    message: str = ""
    comment: str = ""
    by: str = ""

    @property
    def retain(self) -> bool:
        return self.active or not self.acked


class LineAlarms:
    """The conditions of one line. Build them once, then tell how values and stations stand.

    Args:
        now: the line's own time, plant time.
    """

    def __init__(self, line: Line, builder: NodeBuilder, now: Callable[[], datetime]) -> None:
        self._line = line
        self._now = now
        self._builder = builder
        self._service = builder.server.iserver.subscription_service
        self._values: dict[tuple[str, str], tuple[Tag, _Condition]] = {}
        self._stations: dict[str, _Condition] = {}
        self._by_node: dict[Any, _Condition] = {}

    async def build(
        self, stations: Mapping[str, Node], tags: Mapping[tuple[str, str], Node]
    ) -> None:
        """Add the condition objects below the stations, and answer Acknowledge."""
        for station in self._line.stations:
            parent = stations[station.id]
            self._stations[station.id] = await self._add(
                parent, parent, station.id, "Down", ua.ObjectIds.OffNormalAlarmType, DOWN_SEVERITY
            )
            for tag in station.tags:
                if tag.low is None and tag.high is None:
                    continue
                condition = await self._add(
                    parent,
                    tags[station.id, tag.name],
                    station.id,
                    f"{tag.name}Limits",
                    ua.ObjectIds.ExclusiveLimitAlarmType,
                    VALUE_SEVERITY,
                )
                self._values[station.id, tag.name] = (tag, condition)
        self._builder.server.iserver.isession.add_method_callback(
            ua.NodeId(ua.ObjectIds.AcknowledgeableConditionType_Acknowledge), self._acknowledge
        )

    async def value(self, station: str, name: str, value: float, at: datetime) -> None:
        """Take a process value; what is no number says nothing of its limits."""
        known = self._values.get((station, name))
        if known is None or not math.isfinite(value):
            return
        tag, condition = known
        low = tag.low if tag.low is not None else -math.inf
        high = tag.high if tag.high is not None else math.inf
        calm = (high - low) * CALM_SHARE if condition.active and math.isfinite(high - low) else 0.0
        active = not low + calm <= value <= high - calm
        if active and not condition.active:
            side, limit = ("above", high) if value > high else ("below", low)
            message = f"{tag.label.en} {value:.4g} {tag.unit}, {side} {limit:.4g} {tag.unit}"
            await self._turn(condition, at, message, active=True)
        elif condition.active and not active:
            message = f"{tag.label.en} {value:.4g} {tag.unit}, back inside its limits"
            await self._turn(condition, at, message, active=False)

    async def station(self, station: str, word: str, reason: str, at: datetime) -> None:
        """Take how a station stands."""
        condition, down = self._stations[station], word == "down"
        if down is not condition.active:
            message = (
                f"Station down: {reason or 'no reason given'}" if down else "Station works again"
            )
            await self._turn(condition, at, message, active=down)

    async def _add(
        self, parent: Node, source: Node, station: str, name: str, type_id: int, severity: int
    ) -> _Condition:
        builder = self._builder
        node = await builder.object(
            parent,
            plant_node(self._line.id, station, name),
            ua.QualifiedName(name, builder.plant),
            type_id=ua.NodeId(type_id),
        )
        await source.add_reference(
            node, ua.ObjectIds.HasCondition, forward=True, bidirectional=True
        )
        path = str(source.nodeid.Identifier)
        condition = _Condition(node.nodeid, type_id, source.nodeid, path, name, severity)
        self._by_node[node.nodeid] = condition
        return condition

    async def _turn(
        self, condition: _Condition, at: datetime, message: str, *, active: bool
    ) -> None:
        condition.active, condition.since, condition.message = active, at, message
        condition.comment = condition.by = ""
        if active:
            condition.acked = False
        await self._tell(condition, at)

    async def _acknowledge(self, condition_id: Any, event_id: Any, comment: Any) -> Any:
        condition = self._by_node.get(condition_id)
        if condition is None:
            return ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown)
        if event_id.Value != condition.event_id:
            return ua.StatusCode(ua.StatusCodes.BadEventIdUnknown)
        if condition.acked:
            return ua.StatusCode(ua.StatusCodes.BadConditionBranchAlreadyAcked)
        condition.acked = True
        condition.comment = str(comment.Value.Text or "") if comment.Value is not None else ""
        condition.by = condition.comment.partition(":")[0]
        await self._tell(condition, self._now())
        return []

    async def _tell(self, condition: _Condition, at: datetime) -> None:
        condition.event_id = uuid4().bytes
        await self._service.trigger_event(_event(condition, at))


def _event(condition: _Condition, at: datetime) -> Any:
    event = Event()
    facts: tuple[tuple[str, Any, Any], ...] = (
        ("EventId", condition.event_id, ua.VariantType.ByteString),
        ("EventType", ua.NodeId(condition.type_id), _NODE),
        ("SourceNode", condition.source, _NODE),
        ("SourceName", condition.source_name, ua.VariantType.String),
        ("Time", at, _TIME),
        ("ReceiveTime", at, _TIME),
        ("Message", ua.LocalizedText(condition.message, "en"), _TEXT),
        ("Severity", condition.severity, ua.VariantType.UInt16),
        ("NodeId", condition.node, _NODE),
        ("ConditionName", condition.name, ua.VariantType.String),
        ("BranchId", ua.NodeId(), _NODE),
        ("Retain", condition.retain, _FLAG),
        ("Comment", ua.LocalizedText(condition.comment), _TEXT),
        ("ClientUserId", condition.by, ua.VariantType.String),
        ("ActiveState/TransitionTime", condition.since, _TIME),
    )
    for name, value, kind in facts:
        event.add_property(name, value, kind)
    stands = {"EnabledState": True, "AckedState": condition.acked, "ActiveState": condition.active}
    for name, stand in stands.items():
        event.add_property(name, ua.LocalizedText(_STATES[name][not stand], "en"), _TEXT)
        event.add_property(f"{name}/Id", stand, _FLAG)
    return event
