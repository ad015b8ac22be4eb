"""The plant's working time: shifts as rows, and the hours that are worked in between breaks.

Shift patterns are local wall time of the site; rows are instants. Where a clock change skips a local time,
the shift starts when the clock has moved on; where a local time comes twice, its first occurrence counts.
So a night shift over the change is an hour shorter or longer, as it is on the floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mes.contracts.plant import WEEKDAYS, Calendar, PlantModel, Shift
from mes.contracts.text import Text


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A stretch of time: from `start_at` up to, not including, `end_at`."""

    start_at: datetime
    end_at: datetime

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_at - self.start_at).total_seconds()

    def within(self, from_at: datetime, to_at: datetime) -> Interval | None:
        """Return the part between two instants; None when nothing is left."""
        start, end = max(self.start_at, from_at), min(self.end_at, to_at)
        return Interval(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class WorkShift:
    """One shift that is worked. `day` is the local day on which it starts, also when it ends on the next."""

    calendar: str
    code: str
    name: Text
    day: date
    time_zone: str
    start_at: datetime
    end_at: datetime
    breaks: tuple[Interval, ...]

    @property
    def working(self) -> tuple[Interval, ...]:
        """The stretches between its breaks."""
        stretches: list[Interval] = []
        start = self.start_at
        for pause in merged(self.breaks):
            if pause.start_at > start:
                stretches.append(Interval(start, min(pause.start_at, self.end_at)))
            start = max(start, pause.end_at)
        if start < self.end_at:
            stretches.append(Interval(start, self.end_at))
        return tuple(stretches)


def shifts_between(
    calendar: Calendar, time_zone: str, from_at: datetime, to_at: datetime
) -> tuple[WorkShift, ...]:
    """Return the shifts of a calendar that touch the time between two instants, in order."""
    zone = ZoneInfo(time_zone)
    first = from_at.astimezone(zone).date() - timedelta(days=1)
    last = to_at.astimezone(zone).date()
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    rows = [
        _shift_row(calendar.id, shift, day, zone)
        for day in days
        for shift in calendar.shifts
        if WEEKDAYS[day.weekday()] in shift.days
    ]
    return tuple(
        sorted(
            (row for row in rows if row.start_at < to_at and row.end_at > from_at),
            key=lambda row: (row.start_at, row.code),
        )
    )


def working_intervals(
    calendar: Calendar, time_zone: str, from_at: datetime, to_at: datetime
) -> tuple[Interval, ...]:
    """Return when a calendar works between two instants: in order, apart from each other, breaks out."""
    return worked(shifts_between(calendar, time_zone, from_at, to_at), from_at, to_at)


def worked(shifts: Iterable[WorkShift], from_at: datetime, to_at: datetime) -> tuple[Interval, ...]:
    """Return when shifts (rows, perhaps of several patterns) work between two instants."""
    pieces = (piece.within(from_at, to_at) for shift in shifts for piece in shift.working)
    return merged(piece for piece in pieces if piece is not None)


def shift_at(shifts: Iterable[WorkShift], moment: datetime) -> WorkShift | None:
    """Return the shift to which an instant belongs; the boundary belongs to the shift that starts."""
    running = [shift for shift in shifts if shift.start_at <= moment < shift.end_at]
    return max(running, key=lambda shift: shift.start_at, default=None)


def merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the same time as intervals in order that neither touch nor overlap."""
    return tuple(_merge(sorted(intervals)))


def calendars_in_use(plant: PlantModel) -> tuple[Calendar, ...]:
    """Return the calendars that a line works, in the order of the plant file."""
    used = {line.calendar for line in plant.lines}
    return tuple(calendar for calendar in plant.calendars if calendar.id in used)


def _merge(ordered: Iterable[Interval]) -> Iterator[Interval]:
    current: Interval | None = None
    for interval in ordered:
        if current is None:
            current = interval
        elif interval.start_at <= current.end_at:
            current = Interval(current.start_at, max(current.end_at, interval.end_at))
        else:
            yield current
            current = interval
    if current is not None:
        yield current


def _shift_row(calendar: str, shift: Shift, day: date, zone: ZoneInfo) -> WorkShift:
    start_at = _instant(day, shift.start, zone)
    end_day = day if shift.end > shift.start else day + timedelta(days=1)
    end_at = _instant(end_day, shift.end, zone)

    def pause(start: time, end: time) -> Interval | None:
        start_day = day if start >= shift.start else day + timedelta(days=1)
        over_midnight = start_day if end > start else start_day + timedelta(days=1)
        return Interval(
            _instant(start_day, start, zone), _instant(over_midnight, end, zone)
        ).within(start_at, end_at)

    pauses = (pause(one.start, one.end) for one in shift.breaks)
    return WorkShift(
        calendar=calendar,
        code=shift.code,
        name=shift.name,
        day=day,
        time_zone=str(zone),
        start_at=start_at,
        end_at=end_at,
        breaks=merged(one for one in pauses if one is not None),
    )


def _instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, wall, tzinfo=zone).astimezone(UTC)
