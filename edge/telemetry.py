"""From notifications to telemetry in the journal, and the gap rows that cover what did not come.

A value is a row: tag, source time (plant time), time received (real time), number, raw OPC UA status. Rows
stay columns from the notification to the database. Every number is kept once: when a subscription is created
again, the server sends the current value again, and the agent knows by its source time that it has it. A
server that has measured nothing yet has no value to keep.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog
from asyncua.ua.status_codes import StatusCodes
from numpy.typing import NDArray

from edge.gap_rows import GapRows
from edge.journal import Journal, telemetry_rows
from edge.last_times import LastTimes
from edge.numbers import NumberWatch
from edge.opcua.items import Telemetry
from edge.repair import MOST_REPAIRS, Repair, from_text, to_text
from edge.store import Entry, Rows
from mes.contracts.telemetry import GapCause, GapRepair
from mes.contracts.wire import (
    Stream,
    TelemetryColumns,
    to_filetime,
    to_lines,
)

log = structlog.get_logger(__name__)

LAST_TIMES = "telemetry_last"
"""Fact: the last source time kept of every tag."""
DISORDER = "telemetry_disorder"
"""Fact: by how much a value ever came behind a newer one, FILETIME ticks."""
REPAIRS = "telemetry_repairs"
"""Fact: gaps that may still be filled (`edge.repair`)."""
REFUSED = "telemetry_refused"
"""Fact: tags that the server will not monitor, with its reason."""
EPOCH = "telemetry_epoch"
"""Fact: the epoch in which all of this was written."""
MOST_DISORDER_FT = 60 * 10_000_000
"""A value older than a minute is a late one, not one out of order."""
BATCH_ROWS = 50_000
"""No batch has more rows."""
WORTH_A_COMMIT = 2_000
"""So many rows do not wait for company while the MES keeps up; more the further it is behind: what a batch costs
is mostly not its rows."""
NEW_BATCHES = 8
"""When so many batches of new telemetry wait for the MES, what comes is backlog until fewer do."""
NOTHING_YET = StatusCodes.BadWaitingForInitialData


@dataclass(slots=True)
class Collector:
    """Gathers the values of one line.

    Args:
        linger_s: real seconds that values wait for company.
        names: what tags are called in the log and in the heartbeat.
        any_order_s: within how many plant seconds values of a line may come in any order. A server that
            publishes tag by tag has told the newest value before one that is a little older: what is lost
            with the session may be older than what was kept. The disorder that is seen counts as well.
        unheard_s: for how many plant seconds an item may be lost in a session that lives before it is missed.
        asks_history: whether somebody tries to fill gaps before they are written down (`edge.refill`).
        keeps_backlog: whether what has to wait is a stream of its own (`Stream.BACKLOG`), for a MES that takes it.
            After an outage new values then overtake what waited, instead of standing behind hours of it.
        epoch: of this agent. After another epoch the line may have been read on by another copy of the agent:
            what that one delivered is in the line's history too, and is not asked for again.
    """

    journal: Journal
    line: str
    linger_s: float
    names: Mapping[int, str] = field(default_factory=dict)
    any_order_s: Callable[[], float] = lambda: 0.0
    unheard_s: Callable[[], float] = lambda: 0.0
    asks_history: bool = False
    epoch: int = 0
    keeps_backlog: bool = False
    values: int = 0
    filled: int = 0
    """Values that the line's history gave back since the start."""
    repairs: list[Repair] = field(default_factory=list)
    """Gaps that are not written down yet, oldest first."""
    source_ahead_ms: float | None = None
    """By how much the newest source time was ahead of plant time; a line that tells late is behind it."""
    _rows: list[TelemetryColumns] = field(default_factory=list)
    _waiting: int = 0
    _kept: list[Callable[[], None]] = field(default_factory=list)
    _last: LastTimes = field(default_factory=LastTimes)
    _disorder_ft: int = 0
    _facts_changed: bool = False
    _read_on_by_another: bool = False
    _open_gap: tuple[GapCause, str] | None = None
    _full: asyncio.Event = field(default_factory=asyncio.Event)
    _gaps: GapRows = field(init=False)
    _numbers: NumberWatch = field(init=False)

    def __post_init__(self) -> None:
        self._gaps = GapRows(self.line, self._name)
        self._numbers = NumberWatch(self._name)

    @property
    def not_numbers(self) -> set[str]:
        """Tags whose last value was no finite number."""
        return self._numbers.not_numbers

    def resume(self) -> None:
        """Read what was kept last; what the line published since is a gap: the agent was down."""
        self._last = LastTimes.from_text(self.journal.fact(LAST_TIMES))
        self._disorder_ft = int(self.journal.fact(DISORDER) or 0)
        self._gaps.refused = {
            int(tag): reason
            for tag, reason in json.loads(self.journal.fact(REFUSED) or "{}").items()
        }
        self.repairs = from_text(self.journal.fact(REPAIRS))
        self.interrupted(GapCause.AGENT_DOWN, "the agent was not running")
        if self._open_gap is not None and self.journal.fact(EPOCH) != str(self.epoch):
            self._read_on_by_another = True
            self.write_off_all()

    def interrupted(self, cause: GapCause, detail: str = "") -> None:
        """Note that values may be missing from the last one kept to the next that comes.

        The first cause stands: a lost link that follows a stop of the agent is the same gap.
        """
        if self._open_gap is None and self._last.newest() is not None:
            self._open_gap = (cause, detail)

    def refused(self, tag_id: int, reason: str) -> None:
        """Note that the server will not monitor a tag: what it has until it does is missing."""
        self._gaps.refused.setdefault(tag_id, reason)
        self._facts_changed = True

    def missed(self, tag_ids: Sequence[int], *, since: datetime, until: datetime) -> None:
        """Write down that tags were not read between two moments (plant time) although they were due."""
        tags = None if len(tag_ids) == len(self.names) else tuple(tag_ids)
        span = (self._source_now(since), self._source_now(until))
        self._gaps.add(*span, GapCause.POLL_MISSED, tags, f"{len(tag_ids)} tags", GapRepair.RESYNC)
        self._full.set()

    def take(self, values: Telemetry, *, plant_now: datetime) -> None:
        """Add the values of one notification."""
        if not len(values):
            return
        source_ft = _source_times(values, plant_now)
        if self._open_gap is not None:
            self._close_gap(max(int(source_ft[0]), self._source_now(plant_now)))
        if self.repairs:
            self.repairs[-1].heard(values.tag_id, source_ft)
        places = self._last.places(values.tag_id)
        if values.first.any():
            if self._gaps.refused:
                self._gaps.note_return(values, source_ft, self._last.at(places))
                self._facts_changed = True
            wanted = ~values.first | ~(
                (values.status == NOTHING_YET) | (source_ft <= self._last.at(places))
            )
            if not wanted.all():
                values, source_ft, places = values.keep(wanted), source_ft[wanted], places[wanted]
            if not len(values):
                return
        if values.overflow.any():
            self._gaps.note_overflow(values, source_ft, places, self._last.at(places))
        self._measure_disorder(values, source_ft)
        self._last.set(places, source_ft)
        self._measure_source_clock(values, source_ft, plant_now)
        self._add_rows(values, source_ft)

    def fill(self, values: Telemetry) -> None:
        """Add what the line's history gave back: good source times, none of them kept before."""
        self.filled += len(values)
        if len(values):
            self._add_rows(values, values.source_ft)

    def write_off(
        self,
        repair: Repair,
        *,
        tags: tuple[int, ...] | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        """Write down a gap that nothing fills any more: of the line, or of these tags and in this span.

        With that of the line goes what single tags told unheard before it.
        """
        how = GapRepair.RESYNC if tags is None else GapRepair.HISTORY
        detail = f"{repair.detail}; what these told just before may have gone unheard"
        for unheard, since in repair.unheard() if tags is None else ():
            self._gaps.add(since, repair.from_ft, repair.cause, unheard, detail, how)
        self._gaps.add(
            *(span or (repair.from_ft, repair.to_ft)), repair.cause, tags, repair.detail, how
        )

    def settled(self, repair: Repair) -> None:
        """Forget a gap: what could be filled is, and the rest is written down."""
        self.repairs.remove(repair)
        self._facts_changed = True
        self._full.set()

    def write_off_all(self) -> None:
        """Write down every gap that waits for the line's history: nobody will ask for it."""
        for repair in list(self.repairs):
            if not repair.asked:
                self.write_off(repair)
            elif len(repair):
                self.write_off(repair, tags=tuple(repair.tags.tolist()))
            self.settled(repair)

    def _add_rows(self, values: Telemetry, source_ft: NDArray[np.int64]) -> None:
        received_ft = np.full(len(values), to_filetime(datetime.now(UTC)), np.int64)
        number, status = self._numbers.read(values)
        self._rows.append(
            TelemetryColumns(
                values.tag_id.astype(np.uint32), source_ft, received_ft, number, status
            )
        )
        self.values += len(values)
        self._waiting += len(values)
        if self._waiting >= self._worth_a_commit():
            self._full.set()

    def _worth_a_commit(self) -> int:
        waiting = self.journal.size.new
        if waiting >= NEW_BATCHES:
            return BATCH_ROWS
        return WORTH_A_COMMIT * (1 + waiting // 2)

    def when_kept(self, callback: Callable[[], None]) -> None:
        """Call back once everything taken so far is on disk."""
        self._kept.append(callback)

    async def write_forever(self) -> None:
        """Write what was taken, every `linger_s` or when a batch is full; once more when cancelled."""
        try:
            while True:
                try:
                    await asyncio.wait_for(self._full.wait(), self.linger_s)
                except TimeoutError:
                    pass
                await self.flush()
        finally:
            await asyncio.shield(asyncio.ensure_future(self.flush()))

    async def flush(self) -> None:
        """Write what was taken and call back."""
        self._full.clear()
        rows, gaps, kept = self._rows, self._gaps.taken(), self._kept
        self._rows, self._kept, self._waiting = [], [], 0
        stream = Stream.TELEMETRY
        if self.keeps_backlog and self.journal.size.new >= NEW_BATCHES:
            stream = Stream.BACKLOG
        parts = [telemetry_rows(batch, stream) for batch in _batches(rows)]
        if gaps:
            lines = [gap.model_dump_json() for gap in gaps]
            parts.append(Rows(Stream.GAPS, len(lines), to_lines(lines)))
        if parts or self._facts_changed:
            self._facts_changed = False
            await self.journal.append(Entry(tuple(parts), self._facts()))
        for callback in kept:
            callback()

    def _facts(self) -> dict[str, str]:
        return {
            LAST_TIMES: self._last.to_text(),
            DISORDER: str(self._disorder_ft),
            REPAIRS: to_text(self.repairs),
            REFUSED: json.dumps(self._gaps.refused),
            EPOCH: str(self.epoch),
        }

    def _source_now(self, plant_now: datetime) -> int:
        """Return what the line's clock shows now, as last measured."""
        return to_filetime(plant_now + timedelta(milliseconds=self.source_ahead_ms or 0.0))

    def _measure_source_clock(
        self, values: Telemetry, source_ft: NDArray[np.int64], plant_now: datetime
    ) -> None:
        current = np.nonzero(~values.first)[0]
        if len(current):
            newest = int(source_ft[current].max())
            self.source_ahead_ms = (newest - to_filetime(plant_now)) / 10_000

    def _measure_disorder(self, values: Telemetry, source_ft: NDArray[np.int64]) -> None:
        newest = self._last.newest()
        current = source_ft[~values.first]
        if newest is not None and len(current):
            behind = min(newest - int(current.min()), MOST_DISORDER_FT)
            self._disorder_ft = max(self._disorder_ft, behind)

    def _close_gap(self, to_ft: int) -> None:
        """End the gap now that values come again: what changed before this moment may be missing."""
        assert self._open_gap is not None  # noqa: S101  # the caller has looked
        cause, detail = self._open_gap
        self._open_gap = None
        asks, self._read_on_by_another = not self._read_on_by_another and self.asks_history, False
        newest = self._last.newest()
        if newest is not None and to_ft > newest:
            disorder = max(self._disorder_ft, round(self.any_order_s() * 10_000_000))
            span = (newest - disorder, to_ft)
            unwatched_ft = span[0] - round(self.unheard_s() * 10_000_000)
            self.repairs.append(
                Repair.after(
                    cause,
                    detail,
                    span=span,
                    last=self._last.columns(),
                    unwatched_ft=unwatched_ft,
                )
            )
            log.info("telemetry.gap", cause=cause.value, detail=detail)
            if not asks:
                self.write_off_all()
            for oldest in self.repairs[:-MOST_REPAIRS]:
                self.write_off(oldest)
                self.settled(oldest)

    def _name(self, tag_id: int) -> str:
        return self.names.get(tag_id, str(tag_id))


def _source_times(values: Telemetry, plant_now: datetime) -> NDArray[np.int64]:
    """Return when each value was measured: source time, else the server's, else now."""
    if values.source_ft.all():
        return values.source_ft
    stated = np.where(values.source_ft > 0, values.source_ft, values.server_ft)
    return np.where(stated > 0, stated, to_filetime(plant_now))


def _batches(parts: list[TelemetryColumns]) -> list[TelemetryColumns]:
    """Join what was taken, and cut it where a batch would have too many rows."""
    if not parts:
        return []
    whole = parts[0] if len(parts) == 1 else TelemetryColumns.joined(parts)
    return [whole.part(first, first + BATCH_ROWS) for first in range(0, len(whole), BATCH_ROWS)]
