"""From the events of a line to reports of its conditions in the journal.

What is kept of a condition is how it stands: between two commits only its newest state is told, with a count of
the others, so a storm costs what its conditions cost. Nothing is acknowledged to the server before it is on disk.
After an interruption the server tells every condition that stands (ConditionRefresh); one that stood before and is
not among them ended meanwhile, and is reported so.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from edge.journal import Journal
from edge.opcua.events import EventWatch, Told, count_events, read_events
from edge.opcua.nodes import Namespaces
from edge.plant_clock import LiveClock
from mes.contracts.alarms import MOST_TEXT, AlarmReport
from mes.contracts.plc import OPC_UA_NAMESPACE, LineInterface
from mes.contracts.wire import Stream

log = structlog.get_logger(__name__)

STANDING = "alarms_standing"
"""Fact: reports of the conditions that stand, as the journal has them."""
FLUSH_S = 0.25
"""Real seconds in which states of a condition are merged."""
AT_ONCE = 20
"""Events read before others have their turn."""
MOST_WAITING = 40
"""Notifications of events that wait to be read; of more the oldest is dropped and conditions are refreshed."""
ROWS_AT_ONCE = 500
PLAIN_TYPES = frozenset(
    {ObjectIds.BaseEventType, ObjectIds.SystemEventType, ObjectIds.DeviceFailureEventType}
)
"""Events without a condition that are kept of the OPC Foundation's namespaces. Audits, changes of the model,
results of cameras and states of jobs are no alarms, and come their own ways; a maker's own events are kept."""

Key = tuple[str, str]
"""A condition and its branch."""


class AlarmDesk:
    """What stands at one line, over as many sessions as it takes."""

    def __init__(self, journal: Journal, interface: LineInterface, clock: LiveClock) -> None:
        self._journal = journal
        self._line = interface.line
        self._clock = clock
        self._place = _Places(interface)
        self._standing: dict[Key, AlarmReport] = {}
        self._pending: dict[Key, AlarmReport] = {}
        self._waiting: deque[tuple[bytes, Callable[[], None]]] = deque()
        self._kept: list[Callable[[], None]] = []
        self._news = asyncio.Event()
        self._refreshed: set[Key] = set()
        self._ended: set[int] = set()
        self._watch: EventWatch | None = None
        self._namespaces = Namespaces(())
        self.merged = 0
        """States that were not told one by one, since the start."""
        self.dropped = 0
        """Events that were not read, for too many waited; their conditions were refreshed."""

    def __len__(self) -> int:
        return len(self._standing)

    def resume(self) -> None:
        """Know again what the journal has."""
        for text in json.loads(self._journal.fact(STANDING) or "[]"):
            report = AlarmReport.model_validate(text)
            self._standing[report.condition, report.branch] = report

    def begin(self, watch: EventWatch, namespaces: Namespaces) -> None:
        """Take the events of a new session."""
        self._watch, self._namespaces = watch, namespaces
        self._ended.clear()
        self._refreshed.clear()

    def take(self, bodies: Sequence[bytes], on_kept: Callable[[], None]) -> None:
        """Take a notification; `on_kept` is called when all of it is on disk."""
        for body in bodies[:-1]:
            self._waiting.append((body, lambda: None))
        self._waiting.append((bodies[-1], on_kept))
        while len(self._waiting) > MOST_WAITING:
            body, kept = self._waiting.popleft()
            self._drop(count_events(body))
            self._kept.append(kept)
        self._news.set()

    async def run(self) -> None:
        """Read and write what was taken until cancelled; what was read by then is written."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await self._read_all()
                await asyncio.sleep(FLUSH_S)
        finally:
            await asyncio.shield(asyncio.ensure_future(self._read_all()))

    async def _read_all(self) -> None:
        while self._waiting:
            await self._read(*self._waiting.popleft())
        await self._flush()

    async def _read(self, body: bytes, kept: Callable[[], None]) -> None:
        try:
            for number, (handle, told) in enumerate(read_events(body), start=1):
                self._note(handle, told)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
        except (UaError, struct.error, ValueError, TypeError) as error:
            log.error("events.unreadable", line=self._line, reason=repr(error))
        if self._watch is not None and count_events(body) >= self._watch.queue:
            self._watch.refresh()  # it comes from a full queue, and not every server says so
        self._kept.append(kept)

    def _drop(self, count: int) -> None:
        if not self.dropped:
            log.warning("events.too_many", line=self._line)
        self.dropped += count
        if self._watch is not None:
            self._watch.refresh()

    async def _flush(self) -> None:
        """Write how conditions stand now, and call back."""
        pending, self._pending = self._pending, {}
        kept, self._kept = self._kept, []
        for key, report in pending.items():
            self._standing.pop(key, None)
            if report.is_condition and (report.active or report.retain):
                self._standing[key] = report
        reports = [report.model_dump_json() for report in pending.values()]
        for start in range(0, len(reports), ROWS_AT_ONCE):
            last = start + ROWS_AT_ONCE >= len(reports)
            await self._journal.append_records(
                Stream.RESULTS,
                reports[start : start + ROWS_AT_ONCE],
                facts={STANDING: self._facts()} if last else None,
            )
        for callback in kept:
            callback()

    def _facts(self) -> str:
        return f"[{','.join(report.model_dump_json() for report in self._standing.values())}]"

    def _note(self, handle: int, told: Told) -> None:
        if told.is_of(ObjectIds.RefreshStartEventType):
            if not self._ended:
                self._refreshed.clear()
        elif told.is_of(ObjectIds.RefreshEndEventType):
            self._refresh_ended(handle)
        elif told.is_of(ObjectIds.RefreshRequiredEventType) or told.is_of(
            ObjectIds.EventQueueOverflowEventType
        ):
            if self._watch is not None:
                self._watch.refresh()
        elif told.condition is not None:
            self._note_condition(told, told.condition)
        elif self._is_wanted(told):
            self._note_event(told)

    def _note_condition(self, told: Told, condition: ua.NodeId) -> None:
        key = (self._reference(condition), self._reference(told.branch))
        self._refreshed.add(key)
        before = self._pending.get(key) or self._standing.get(key)
        if before is not None and before.event_id == told.event_id.hex() and before.event_id:
            return
        active = told.active if told.active is not None else told.retain
        at = told.at or self._clock.now()
        began_at = before.began_at if before is not None else None
        if active and (before is None or not before.active or told.active_since is not None):
            began_at = told.active_since or at
        self._put(key, told, active=active, at=at, began_at=began_at)

    def _note_event(self, told: Told) -> None:
        """Take an event without a condition; equal ones of one source are one report with a count."""
        at = told.at or self._clock.now()
        same = f"{self._reference(told.source_node)} {told.event_type} {told.message}"
        before = self._pending.get(("", same))
        began_at = before.began_at if before is not None else at
        self._put(("", same), told, active=False, at=at, began_at=began_at)

    def _put(
        self, key: Key, told: Told, *, active: bool, at: datetime, began_at: datetime | None
    ) -> None:
        before = self._pending.get(key)
        merged = 0
        if before is not None:
            merged = before.merged + 1
            self.merged += 1
        condition, branch = key
        event_id = told.event_id.hex()[:MOST_TEXT]
        self._pending[key] = AlarmReport(
            line=self._line,
            condition=condition[:MOST_TEXT],
            branch=(branch if condition else event_id)[:MOST_TEXT],
            event_id=event_id,
            event_type=self._reference(told.event_type)[:MOST_TEXT],
            source=told.source[:MOST_TEXT],
            station=self._place.of(self._reference(told.source_node)),
            name=told.name[:MOST_TEXT],
            message=told.message[:MOST_TEXT],
            severity=told.severity,
            at=at,
            active=active,
            began_at=began_at,
            acked=told.acked,
            confirmed=told.confirmed,
            retain=told.retain and bool(condition),
            shelved=told.shelved,
            comment=told.comment[:MOST_TEXT],
            by=told.by[:MOST_TEXT],
            merged=merged,
        )

    def _refresh_ended(self, handle: int) -> None:
        """Once every notifier has told all: what stood before and was not told is over."""
        self._ended.add(handle)
        if self._watch is None or not self._ended >= self._watch.handles:
            return
        self._ended.clear()
        at = self._clock.now()
        for key, report in {**self._standing, **self._pending}.items():
            stands = report.is_condition and (report.active or report.retain)
            if stands and key not in self._refreshed:
                self._pending[key] = report.model_copy(
                    update={"active": False, "retain": False, "at": at, "seen": False}
                )
                log.info("alarm.gone_meanwhile", condition=report.condition)

    def _is_wanted(self, told: Told) -> bool:
        if told.event_type.NamespaceIndex == 0:
            return told.event_type.Identifier in PLAIN_TYPES
        return not self._reference(told.event_type).startswith(f"nsu={OPC_UA_NAMESPACE}")

    def _reference(self, node: ua.NodeId | None) -> str:
        """Return a node id with its namespace's URI."""
        if node is None:
            return ""
        text, index = str(node.to_string()), int(node.NamespaceIndex)
        identifier = text.partition(";")[2] if text.startswith("ns=") else text
        if index == 0 or index >= len(self._namespaces.uris):
            return identifier
        return f"nsu={self._namespaces.uris[index]};{identifier}"


class _Places:
    """Finds the station that a node belongs to."""

    def __init__(self, interface: LineInterface) -> None:
        self._of_node = {tag.node: tag.station for tag in interface.tags}
        self._below = {
            station.state.rpartition(".")[0]: station.id
            for station in interface.stations
            if "." in station.state
        }

    def of(self, reference: str) -> str | None:
        """Return the station of a process value, of a station's object, or of what is named below it."""
        if reference in self._of_node:
            return self._of_node[reference]
        while reference:
            if reference in self._below:
                return self._below[reference]
            reference = reference.rpartition(".")[0]
        return None
