"""Alarms and conditions of a line (OPC 10000-9): process values out of their limits, stations that are down.

Each is an object of its type below its station, is told at the Server object, stays until it is over and was
acknowledged and confirmed, may be shelved, and is told anew by ConditionRefresh. The components of the condition
objects are not exposed in the address space (§4.9 leaves that to the server): who listens has them with the event,
and methods are called with the condition's id and the method's well-known id. Shelving is counted in real time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from mes.contracts.plant import Line, Tag
from mes.contracts.plc import plant_node
from plc_sim.opcua.conditions import Answer, Condition
from plc_sim.opcua.nodes import NodeBuilder
from plc_sim.opcua.stack import Node, ua

VALUE_SEVERITY = 500
DOWN_SEVERITY = 800
CALM_SHARE = 0.05
"""A value counts as back when it is inside its limits by this share of their distance: no chatter at the edge."""


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
        self._values: dict[tuple[str, str], tuple[Tag, Condition]] = {}
        self._stations: dict[str, Condition] = {}
        self._by_node: dict[Any, Condition] = {}
        self._shelved: dict[Any, asyncio.TimerHandle] = {}
        self._returning: set[asyncio.Task[None]] = set()

    async def build(
        self, stations: Mapping[str, Node], tags: Mapping[tuple[str, str], Node]
    ) -> None:
        """Add the condition objects below the stations, and answer what people do about them."""
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
        acknowledgeable, shelved = "AcknowledgeableConditionType", "ShelvedStateMachineType"
        for method, answer in (
            (f"{acknowledgeable}_Acknowledge", self._acknowledge),
            (f"{acknowledgeable}_Confirm", self._confirm),
            (f"{shelved}_TimedShelve", self._shelve_for),
            (f"{shelved}_OneShotShelve", self._shelve_once),
            (f"{shelved}_Unshelve", self._unshelve),
        ):
            node = ua.NodeId(getattr(ua.ObjectIds, method))
            self._builder.server.iserver.isession.add_method_callback(node, answer)

    def close(self) -> None:
        """Count no time any more."""
        for waiting in self._shelved.values():
            waiting.cancel()
        self._shelved.clear()

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
    ) -> Condition:
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
        condition = Condition(node.nodeid, type_id, source.nodeid, path, name, severity)
        self._by_node[node.nodeid] = condition
        return condition

    async def _turn(
        self, condition: Condition, at: datetime, message: str, *, active: bool
    ) -> None:
        condition.turn(at, message, active=active)
        await self._tell(condition, at)

    # -- what people do about them ------------------------------------------------------------

    async def _acknowledge(self, node: Any, event_id: Any, comment: Any) -> Any:
        said = _text(comment)
        return await self._do(node, lambda one: one.acknowledge(event_id.Value, said))

    async def _confirm(self, node: Any, event_id: Any, comment: Any) -> Any:
        said = _text(comment)
        return await self._do(node, lambda one: one.confirm(event_id.Value, said))

    async def _shelve_for(self, node: Any, time: Any) -> Any:
        ms = float(time.Value)
        answer = await self._do(node, lambda one: one.shelve_for(ms))
        if answer == []:
            self._forget_time(node)
            loop = asyncio.get_running_loop()
            self._shelved[node] = loop.call_later(ms / 1000.0, self._time_is_up, node)
        return answer

    async def _shelve_once(self, node: Any) -> Any:
        answer = await self._do(node, lambda one: one.shelve_once())
        if answer == []:
            self._forget_time(node)
        return answer

    async def _unshelve(self, node: Any) -> Any:
        self._forget_time(node)
        return await self._do(node, lambda one: one.unshelve())

    async def _do(self, node: Any, act: Callable[[Condition], Answer]) -> Any:
        """Act on a condition and tell how it stands then; return no output, or the status that refuses."""
        condition = self._by_node.get(node)
        if condition is None:
            return ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNodeIdUnknown))
        status = act(condition)
        if status is not Answer.DONE:
            return ua.StatusCode(ua.UInt32(status))
        await self._tell(condition, self._now())
        return []

    def _time_is_up(self, node: Any) -> None:
        task = asyncio.ensure_future(self._unshelve(node))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    def _forget_time(self, node: Any) -> None:
        waiting = self._shelved.pop(node, None)
        if waiting is not None:
            waiting.cancel()

    async def _tell(self, condition: Condition, at: datetime) -> None:
        condition.event_id = uuid4().bytes
        await self._service.trigger_event(condition.told(at))


def _text(comment: Any) -> str:
    return str(comment.Value.Text or "") if comment.Value is not None else ""
