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

from edge.journal import Journal, telemetry_rows
from edge.last_times import LastTimes
from edge.opcua.bulk import FIRST_NUMBER, LAST_NUMBER
from edge.opcua.items import Telemetry
from edge.repair import MOST_REPAIRS, Repair, from_text, to_text
from edge.store import Entry, Rows
from mes.contracts.telemetry import Gap, GapCause, GapRepair
from mes.contracts.wire import (
    Stream,
    TelemetryColumns,
    from_filetime,
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
GAPS_BY_TAG = 20
"""When more tags overflow or come back at once, one gap row names them all."""
BAD_TYPE = StatusCodes.BadTypeMismatch
NOTHING_YET = StatusCodes.BadWaitingForInitialData
_BAD = 2
"""Severity of a bad status: its two highest bits."""


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
    not_numbers: set[str] = field(default_factory=set)
    """Tags whose last value was no finite number."""
    source_ahead_ms: float | None = None
    """By how much the newest source time was ahead of plant time; a line that tells late is behind it."""
    _rows: list[TelemetryColumns] = field(default_factory=list)
    _waiting: int = 0
    _gaps: list[Gap] = field(default_factory=list)
    _kept: list[Callable[[], None]] = field(default_factory=list)
    _last: LastTimes = field(default_factory=LastTimes)
    _refused: dict[int, str] = field(default_factory=dict)
    _disorder_ft: int = 0
    _facts_changed: bool = False
    _read_on_by_another: bool = False
    _open_gap: tuple[GapCause, str] | None = None
    _full: asyncio.Event = field(default_factory=asyncio.Event)

    def resume(self) -> None:
        """Read what was kept last; what the line published since is a gap: the agent was down."""
        self._last = LastTimes.from_text(self.journal.fact(LAST_TIMES))
        self._disorder_ft = int(self.journal.fact(DISORDER) or 0)
        self._refused = {
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
        self._refused.setdefault(tag_id, reason)
        self._facts_changed = True

    def missed(self, tag_ids: Sequence[int], *, since: datetime, until: datetime) -> None:
        """Write down that tags were not read between two moments (plant time) although they were due."""
        tags = None if len(tag_ids) == len(self.names) else tuple(tag_ids)
        span = (self._source_now(since), self._source_now(until))
        self._add_gap(*span, GapCause.POLL_MISSED, tags, f"{len(tag_ids)} tags", GapRepair.RESYNC)
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
            if self._refused:
                self._note_return(values, source_ft, places)
            wanted = ~values.first | ~(
                (values.status == NOTHING_YET) | (source_ft <= self._last.at(places))
            )
            if not wanted.all():
                values, source_ft, places = values.keep(wanted), source_ft[wanted], places[wanted]
            if not len(values):
                return
        if values.overflow.any():
            self._note_overflow(values, source_ft, places)
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
            self._add_gap(since, repair.from_ft, repair.cause, unheard, detail, how)
        self._add_gap(
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
        number, status = self._numbers(values)
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
        rows, gaps, kept = self._rows, self._gaps, self._kept
        self._rows, self._gaps, self._kept, self._waiting = [], [], [], 0
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
            REFUSED: json.dumps(self._refused),
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

    def _note_return(
        self, values: Telemetry, source_ft: NDArray[np.int64], places: NDArray[np.intp]
    ) -> None:
        """Write the gap of each tag that the server had refused to monitor and now does."""
        before = self._last.at(places)
        back: list[tuple[int, int, int, str]] = []
        for row in np.nonzero(values.first)[0].tolist():
            tag = int(values.tag_id[row])
            reason = self._refused.pop(tag, None)
            self._facts_changed |= reason is not None
            if reason is not None and 0 < before[row] < source_ft[row]:
                back.append((tag, int(before[row]), int(source_ft[row]), reason))
        if len(back) > GAPS_BY_TAG:
            tags = tuple(tag for tag, *_ in back)
            span = (min(since for _, since, *_ in back), max(until for *_, until, _ in back))
            detail = f"{len(back)} tags: {back[0][3]}"
            self._add_gap(*span, GapCause.NODE_REFUSED, tags, detail, GapRepair.RESYNC)
            return
        for tag, since, until, reason in back:
            detail = f"{self._name(tag)}: {reason}"
            self._add_gap(since, until, GapCause.NODE_REFUSED, (tag,), detail, GapRepair.RESYNC)

    def _note_overflow(
        self, values: Telemetry, source_ft: NDArray[np.int64], places: NDArray[np.intp]
    ) -> None:
        """Write a gap from the value before to each one that says that its queue was full."""
        before = _values_before(places, source_ft, self._last.at(places))
        hit = np.nonzero(values.overflow & (before > 0))[0]
        tags = values.tag_id[hit]
        if len(hit) > GAPS_BY_TAG:
            from_ft, to_ft = int(before[hit].min()), int(source_ft[hit].max())
            all_tags = tuple(np.unique(tags).tolist())
            detail = f"{len(all_tags)} tags"
            self._add_gap(from_ft, max(from_ft, to_ft), GapCause.QUEUE_OVERFLOW, all_tags, detail)
            return
        for tag, row in zip(tags.tolist(), hit.tolist(), strict=True):
            from_ft, to_ft = int(before[row]), int(source_ft[row])
            self._add_gap(
                from_ft, max(from_ft, to_ft), GapCause.QUEUE_OVERFLOW, (tag,), self._name(tag)
            )

    def _add_gap(
        self,
        from_ft: int,
        to_ft: int,
        cause: GapCause,
        tags: tuple[int, ...] | None,
        detail: str,
        repair: GapRepair = GapRepair.NONE,
    ) -> None:
        self._gaps.append(
            Gap(
                line=self.line,
                tag_ids=tags,
                from_at=from_filetime(from_ft),
                to_at=from_filetime(to_ft),
                cause=cause,
                detail=detail,
                repair=repair,
            )
        )

    def _numbers(self, values: Telemetry) -> tuple[NDArray[np.float64], NDArray[np.uint32]]:
        """Return the values as numbers (NaN where there is none) and their status."""
        good = values.status >> 30 != _BAD
        typed = (values.kind >= FIRST_NUMBER) & (values.kind <= LAST_NUMBER)
        number = np.where(good & typed, values.value, np.nan)
        status = np.where(good & ~typed, np.uint32(BAD_TYPE), values.status)
        odd = good & ~(typed & np.isfinite(values.value))
        if self.not_numbers or odd.any():
            self._watch_numbers(values, good, odd, typed)
        return number, status

    def _watch_numbers(
        self,
        values: Telemetry,
        good: NDArray[np.bool_],
        odd: NDArray[np.bool_],
        typed: NDArray[np.bool_],
    ) -> None:
        """Name a tag once when its values are no numbers, and once when they are again."""
        for tag, row in _last_rows(values.tag_id[good], np.nonzero(good)[0]):
            name = self._name(tag)
            if odd[row] and name not in self.not_numbers:
                self.not_numbers.add(name)
                what = f"type {values.kind[row]}" if not typed[row] else str(values.value[row])
                log.warning("tag.not_a_number", tag=name, value=what)
            elif not odd[row] and name in self.not_numbers:
                self.not_numbers.discard(name)
                log.info("tag.number_again", tag=name)

    def _name(self, tag_id: int) -> str:
        return self.names.get(tag_id, str(tag_id))


def _source_times(values: Telemetry, plant_now: datetime) -> NDArray[np.int64]:
    """Return when each value was measured: source time, else the server's, else now."""
    if values.source_ft.all():
        return values.source_ft
    stated = np.where(values.source_ft > 0, values.source_ft, values.server_ft)
    return np.where(stated > 0, stated, to_filetime(plant_now))


def _values_before(
    places: NDArray[np.intp], source_ft: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each value the source time of the one before it of the same tag; `last` for its first."""
    order = np.argsort(places, kind="stable")
    again = np.concatenate([[False], places[order][1:] == places[order][:-1]])
    before = np.empty_like(source_ft)
    before[order] = np.where(again, np.roll(source_ft[order], 1), last[order])
    return before


def _last_rows(tag_id: NDArray[np.int64], rows: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return each tag with the row of its last value."""
    tags, where = np.unique(tag_id[::-1], return_index=True)
    return list(zip(tags.tolist(), rows[::-1][where].tolist(), strict=True))


def _batches(parts: list[TelemetryColumns]) -> list[TelemetryColumns]:
    """Join what was taken, and cut it where a batch would have too many rows."""
    if not parts:
        return []
    whole = parts[0] if len(parts) == 1 else TelemetryColumns.joined(parts)
    return [whole.part(first, first + BATCH_ROWS) for first in range(0, len(whole), BATCH_ROWS)]
