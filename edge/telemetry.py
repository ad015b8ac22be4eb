"""From notifications to telemetry in the journal, and the gap rows that cover what did not come.

A value is a row: tag, source time (plant time), time received (real time), number, raw OPC UA status. Every
number is kept once: when a subscription is created again, the server sends the current value again, and the
agent knows by its source time that it has it. A server that has measured nothing yet has no value to keep.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog
from asyncua.ua.status_codes import StatusCodes

from edge.journal import Journal, telemetry_rows
from edge.opcua.subscriptions import Change
from edge.store import Entry, Rows
from mes.contracts.telemetry import Gap, GapCause
from mes.contracts.wire import (
    Stream,
    TelemetryColumns,
    from_filetime,
    to_filetime,
    to_lines,
)

log = structlog.get_logger(__name__)

LAST_TIMES = "telemetry_last"
"""Fact: the last source time kept of every tag, as JSON."""
BATCH_ROWS = 20_000
BAD_TYPE = StatusCodes.BadTypeMismatch
NOTHING_YET = StatusCodes.BadWaitingForInitialData

Row = tuple[int, int, int, float, int]


@dataclass(slots=True)
class Collector:
    """Gathers the values of one line.

    Args:
        linger_s: real seconds that values wait for company.
    """

    journal: Journal
    line: str
    linger_s: float
    values: int = 0
    not_numbers: set[str] = field(default_factory=set)
    """Tags whose last value was no finite number."""
    skew_ms: float | None = None
    _rows: list[Row] = field(default_factory=list)
    _gaps: list[Gap] = field(default_factory=list)
    _kept: list[Callable[[], None]] = field(default_factory=list)
    _last: dict[int, int] = field(default_factory=dict)
    _open_gap: tuple[GapCause, str] | None = None
    _full: asyncio.Event = field(default_factory=asyncio.Event)

    def resume(self) -> None:
        """Read what was kept last; what the line published since is a gap: the agent was down."""
        kept = json.loads(self.journal.fact(LAST_TIMES) or "{}")
        self._last = {int(tag): int(at) for tag, at in kept.items()}
        if self._last:
            self.interrupted(GapCause.AGENT_DOWN, "the agent was not running")

    def interrupted(self, cause: GapCause, detail: str = "") -> None:
        """Note that values may be missing from the last one kept to the next that comes.

        The first cause stands: a lost link that follows a stop of the agent is the same gap.
        """
        if self._open_gap is None and self._last:
            self._open_gap = (cause, detail)

    def take(self, change: Change, *, plant_now: datetime) -> None:
        """Add one value."""
        source = change.value.SourceTimestamp or change.value.ServerTimestamp or plant_now
        source_ft = to_filetime(_aware(source))
        tag_id = change.item.tag_id
        before = self._last.get(tag_id)
        if self._open_gap is not None:
            self._close_gap(max(source_ft, self._source_now(plant_now)))
        if change.first and (
            _is_unmeasured(change) or (before is not None and source_ft <= before)
        ):
            return
        self._last[tag_id] = source_ft
        number, status = self._number(change)
        if change.overflow and before is not None:
            self._add_gap(before, source_ft, GapCause.QUEUE_OVERFLOW, (tag_id,), change.item.key)
        received_ft = to_filetime(datetime.now(UTC))
        self._rows.append((tag_id, source_ft, received_ft, number, status))
        if not change.first:
            self.skew_ms = (_aware(source) - plant_now).total_seconds() * 1000
        self.values += 1
        if len(self._rows) >= BATCH_ROWS:
            self._full.set()

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
        self._rows, self._gaps, self._kept = [], [], []
        parts: list[Rows] = []
        if rows:
            parts.append(telemetry_rows(_columns(rows)))
        if gaps:
            lines = [gap.model_dump_json() for gap in gaps]
            parts.append(Rows(Stream.GAPS, len(lines), to_lines(lines)))
        if parts:
            await self.journal.append(Entry(tuple(parts), {LAST_TIMES: json.dumps(self._last)}))
        for callback in kept:
            callback()

    def _source_now(self, plant_now: datetime) -> int:
        """Return what the line's clock shows now, by the skew last measured."""
        return to_filetime(plant_now + timedelta(milliseconds=self.skew_ms or 0.0))

    def _close_gap(self, to_ft: int) -> None:
        """End the gap now that values come again: what changed before this moment may be missing."""
        assert self._open_gap is not None  # noqa: S101  # the caller has looked
        cause, detail = self._open_gap
        self._open_gap = None
        from_ft = max(self._last.values(), default=to_ft)
        if to_ft > from_ft:
            self._add_gap(from_ft, to_ft, cause, None, detail)
            log.info("telemetry.gap", cause=cause.value, detail=detail)

    def _add_gap(
        self, from_ft: int, to_ft: int, cause: GapCause, tags: tuple[int, ...] | None, detail: str
    ) -> None:
        self._gaps.append(
            Gap(
                line=self.line,
                tag_ids=tags,
                from_at=from_filetime(from_ft),
                to_at=from_filetime(to_ft),
                cause=cause,
                detail=detail,
            )
        )

    def _number(self, change: Change) -> tuple[float, int]:
        """Return the value as a number (NaN where there is none) and its status."""
        key, code = change.item.key, change.value.StatusCode
        status = int(code.value) if code is not None else 0
        value = change.value.Value.Value if change.value.Value is not None else None
        if status >> 30 == 2:
            return math.nan, status
        if not isinstance(value, int | float):
            self._complain(key, f"a {type(value).__name__}, not a number")
            return math.nan, BAD_TYPE
        number = float(value)
        if not math.isfinite(number):
            self._complain(key, str(number))
        elif key in self.not_numbers:
            self.not_numbers.discard(key)
            log.info("tag.number_again", tag=key)
        return number, status

    def _complain(self, key: str, what: str) -> None:
        if key not in self.not_numbers:
            self.not_numbers.add(key)
            log.warning("tag.not_a_number", tag=key, value=what)


def _is_unmeasured(change: Change) -> bool:
    code = change.value.StatusCode
    return code is not None and code.value == NOTHING_YET


def _columns(rows: list[Row]) -> TelemetryColumns:
    tag_id, source_ft, received_ft, value, status = zip(*rows, strict=True)
    return TelemetryColumns(
        np.array(tag_id, np.uint32),
        np.array(source_ft, np.int64),
        np.array(received_ft, np.int64),
        np.array(value, np.float64),
        np.array(status, np.uint32),
    )


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
