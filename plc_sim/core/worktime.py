"""When a line works: the shifts of its calendar without their breaks, in plant time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from mes.contracts.plant import WEEKDAYS, Calendar, Shift

Interval = tuple[float, float]


class WorkTime:
    """The working intervals of a calendar; times are seconds since 1970 of the plant clock."""

    def __init__(self, calendar: Calendar, time_zone: str) -> None:
        self._calendar = calendar
        self._zone = ZoneInfo(time_zone)
        self._of_day = lru_cache(maxsize=16)(self._intervals)

    def is_open(self, at: float) -> bool:
        """Whether the line works at `at`."""
        return any(start <= at < end for start, end in self._around(at))

    def next_change(self, at: float) -> float:
        """Return when the line next starts or stops work after `at`, at most two days ahead."""
        edges = {edge for interval in self._around(at) for edge in interval if edge > at}
        joined = {start for start, _ in self._around(at)} & {end for _, end in self._around(at)}
        return min(edges - joined, default=at + 86_400.0)

    def _around(self, at: float) -> list[Interval]:
        today = datetime.fromtimestamp(at, self._zone).date()
        return [
            interval
            for offset in (-1, 0, 1, 2)
            for interval in self._of_day(today + timedelta(offset))
        ]

    def _intervals(self, day: date) -> list[Interval]:
        """Return the work of the shifts that begin on `day`."""
        found: list[Interval] = []
        for shift in self._calendar.shifts:
            if WEEKDAYS[day.weekday()] in shift.days:
                found.extend(self._work(shift, day))
        return found

    def _work(self, shift: Shift, day: date) -> list[Interval]:
        start = self._moment(day, shift.start)
        overnight = shift.end <= shift.start
        end = self._moment(day + timedelta(days=overnight), shift.end)
        work = [(start, end)]
        for pause in shift.breaks:
            from_next_day = overnight and pause.start < shift.start
            first = self._moment(day + timedelta(days=from_next_day), pause.start)
            over_midnight = from_next_day or pause.end < pause.start
            last = self._moment(day + timedelta(days=over_midnight), pause.end)
            work = [
                piece
                for begin, finish in work
                for piece in ((begin, min(finish, first)), (max(begin, last), finish))
                if piece[0] < piece[1]
            ]
        return work

    def _moment(self, day: date, clock: time) -> float:
        return datetime.combine(day, clock, tzinfo=self._zone).timestamp()
