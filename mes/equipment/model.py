"""What was observed of stations and lines: states, stretches, stops, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import get_args

from mes.contracts.line_records import StationState

WHOLE_LINE = ""
"""Station of a state that is about the line as a whole."""

SHORT_STOP = timedelta(minutes=5)
"""A stop that lasts longer than this in plant time is no short stop: planning hears of it."""

KEPT = timedelta(days=14)
"""How far back in plant time the stretches of every station are kept."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Plant days that process values are kept, by how far they are summed up; None: for ever."""

    raw_days: int = 14
    second_days: int = 14
    minute_days: int | None = None
    hour_days: int | None = None


STATES: tuple[str, ...] = get_args(StationState)
UNKNOWN = "unknown"

_ANNOUNCED = frozenset({"down", "stopped"})


@dataclass(frozen=True, slots=True)
class StateChange:
    """A station (or line, `WHOLE_LINE`) came into a state at `at`, plant time."""

    line: str
    station: str
    state: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CurrentState:
    """What a line last said of a station: since when, and when it was last heard of (plant time)."""

    line: str
    station: str
    state: str
    reason: str
    since_at: datetime
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Stretch:
    """A closed stretch in one state."""

    line: str
    station: str
    state: str
    reason: str
    started_at: datetime
    ended_at: datetime

    @property
    def seconds(self) -> float:
        """Its length in plant seconds."""
        return (self.ended_at - self.started_at).total_seconds()

    def within(self, from_at: datetime, to_at: datetime) -> Stretch | None:
        """Return the part inside [from_at, to_at); None when there is none."""
        start, end = max(self.started_at, from_at), min(self.ended_at, to_at)
        return replace(self, started_at=start, ended_at=end) if start < end else None


@dataclass(frozen=True, slots=True)
class Followed:
    """What a series of changes comes to: the states now, stretches that closed, changes to announce."""

    current: dict[tuple[str, str], CurrentState]
    closed: tuple[Stretch, ...]
    announced: tuple[StateChange, ...]


def follow(
    current: Mapping[tuple[str, str], CurrentState],
    changes: Iterable[StateChange],
    *,
    heard_at: datetime,
) -> Followed:
    """Apply changes in their order to the states now.

    A change closes the stretch before it. One that repeats state and reason is only a sign of life; one
    that is older than the state now is history that was delivered late and changes nothing now. To be
    announced are stops and their ends, and every change of a line as a whole: ordinary starved and
    running are rows, not events (two for each cycle of each station).
    """
    states = dict(current)
    touched: dict[tuple[str, str], CurrentState] = {}
    closed: list[Stretch] = []
    announced: list[StateChange] = []
    for change in changes:
        key = (change.line, change.station)
        before = states.get(key)
        if before is not None and change.at < before.since_at:
            continue
        same = before is not None and (before.state, before.reason) == (
            change.state,
            change.reason,
        )
        if before is not None and same:
            after = replace(before, heard_at=heard_at)
        else:
            after = CurrentState(
                change.line, change.station, change.state, change.reason, change.at, heard_at
            )
            if before is not None and before.since_at < change.at:
                closed.append(
                    Stretch(
                        change.line,
                        change.station,
                        before.state,
                        before.reason,
                        before.since_at,
                        change.at,
                    )
                )
            if _is_announced(change, before):
                announced.append(change)
        states[key] = touched[key] = after
    return Followed(touched, tuple(closed), tuple(announced))


def _is_announced(change: StateChange, before: CurrentState | None) -> bool:
    if change.station == WHOLE_LINE or change.state in _ANNOUNCED:
        return True
    return before is not None and before.state in _ANNOUNCED


@dataclass(frozen=True, slots=True)
class Stop:
    """A line that is down: by which station, since when, why."""

    line: str
    station: str | None
    since_at: datetime
    reason: str


def stop_of(line: str, states: Sequence[CurrentState]) -> Stop | None:
    """Return what keeps a line down now: the line itself, else the station that went down first."""
    down = [state for state in states if state.line == line and state.state == "down"]
    if not down:
        return None
    first = min(down, key=lambda state: (state.station != WHOLE_LINE, state.since_at))
    return Stop(line, first.station or None, first.since_at, first.reason)


def is_long(stop: Stop, *, now: datetime, short: timedelta = SHORT_STOP) -> bool:
    """Say whether a stop has lasted longer than a short stop."""
    return now - stop.since_at > short


def outside(stretch: Stretch, silent: Iterable[tuple[datetime, datetime]]) -> list[Stretch]:
    """Return the parts of a stretch in which its line was heard: a silent line is unknown.

    Args:
        silent: stretches of silence, in order.
    """
    parts: list[Stretch] = []
    start = stretch.started_at
    for quiet_from, quiet_to in silent:
        if quiet_to <= start or quiet_from >= stretch.ended_at:
            continue
        if quiet_from > start:
            parts.append(replace(stretch, started_at=start, ended_at=quiet_from))
        start = quiet_to
    if start < stretch.ended_at:
        parts.append(replace(stretch, started_at=start))
    return parts


def seconds_by_state(
    stretches: Iterable[Stretch], from_at: datetime, to_at: datetime
) -> dict[str, float]:
    """Add up the seconds of each state inside [from_at, to_at); time nobody reported is `unknown`.

    A stretch over the boundary counts on each side by its part, so an overnight stop is neither lost nor
    counted twice.
    """
    total = dict.fromkeys((*STATES, UNKNOWN), 0.0)
    for stretch in stretches:
        inside = stretch.within(from_at, to_at)
        if inside is not None:
            total[inside.state] += inside.seconds
    known = sum(total.values())
    total[UNKNOWN] += max((to_at - from_at).total_seconds() - known, 0.0)
    return total


@dataclass(frozen=True, slots=True)
class ShiftFigures:
    """ISO 22400-2 indicators of a station over a shift; each in [0, 1], None where undefined."""

    availability: float | None
    """Actual production time / planned busy time."""
    effectiveness: float | None
    """Planned run time per item × produced quantity / actual production time."""
    quality_ratio: float | None
    """Good quantity / produced quantity."""

    @property
    def oee(self) -> float | None:
        """Availability × effectiveness × quality ratio (OEE index)."""
        if self.availability is None or self.effectiveness is None or self.quality_ratio is None:
            return None
        return self.availability * self.effectiveness * self.quality_ratio


def shift_figures(
    by_state: Mapping[str, float], *, busy_s: float, cycle_s: float, produced: int, good: int
) -> ShiftFigures:
    """Compute ISO 22400-2 indicators.

    Args:
        by_state: seconds of each state (`seconds_by_state`).
        busy_s: planned busy time: working seconds of the shift, breaks out.
        cycle_s: planned run time per item.
    """
    running = by_state.get("running", 0.0)
    return ShiftFigures(
        availability=min(running / busy_s, 1.0) if busy_s > 0 else None,
        effectiveness=min(cycle_s * produced / running, 1.0) if running > 0 else None,
        quality_ratio=good / produced if produced > 0 else None,
    )
