"""Calendars in plain code, one time or a whole column of times at once."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from aps.problem import Calendar

Column = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]
NEVER = 1 << 62
"""A time that does not come, in a column."""


def column(values: Iterable[int], length: int) -> Column:
    """Return so many whole numbers as a column."""
    return np.fromiter(values, np.int64, length)


class Worked:
    """A calendar read plainly: how much is worked by a time, and when so much is worked."""

    def __init__(self, calendar: Calendar) -> None:
        self._intervals = calendar.working
        self._starts = [begin for begin, _ in calendar.working]
        self._sums = [0]
        for begin, end in calendar.working:
            self._sums.append(self._sums[-1] + end - begin)
        self._shifts = calendar.shift_ids
        self._columns = (
            np.array(self._starts, np.int64),
            np.array([end for _, end in calendar.working], np.int64),
            np.array(self._sums, np.int64),
        )

    def by(self, t: int) -> int:
        """Return the seconds worked in [0, t); a time before 0 counts as worked backwards."""
        if t <= 0:
            return t
        at = bisect_right(self._starts, t) - 1
        if at < 0:
            return 0
        begin, end = self._intervals[at]
        return self._sums[at] + min(t, end) - begin

    def working(self, t: int) -> bool:
        """Return whether `t` is working time."""
        at = bisect_right(self._starts, t) - 1
        return at >= 0 and t < self._intervals[at][1]

    def shift(self, t: int) -> str | None:
        """Return the shift that works at `t`."""
        return self._shifts[bisect_right(self._starts, t) - 1] if self.working(t) else None

    def after(self, start: int, work: int) -> int | None:
        """Return when `work` begun at `start` is done, pausing in breaks; `None` if never."""
        wanted = self.by(max(0, start)) + work
        if wanted <= 0:
            return 0
        at = bisect_left(self._sums, wanted) - 1
        if at >= len(self._intervals):
            return None
        return self._intervals[at][0] + wanted - self._sums[at]

    def next_start(self, worked: int) -> int | None:
        """Return the first working second at which so much has been worked."""
        at = bisect_right(self._sums, max(0, worked)) - 1
        if at >= len(self._intervals):
            return None
        return self._intervals[at][0] + max(0, worked) - self._sums[at]

    def each_by(self, t: Column) -> Column:
        """Return `by` of every time."""
        starts, ends, sums = self._columns
        if not len(starts):
            return np.minimum(t, 0)
        at = np.searchsorted(starts, t, side="right") - 1
        inside = np.maximum(at, 0)
        worked = sums[inside] + np.minimum(t, ends[inside]) - starts[inside]
        return np.where(t <= 0, t, np.where(at < 0, 0, worked))

    def each_working(self, t: Column) -> Marks:
        """Return `working` of every time."""
        starts, ends, _ = self._columns
        if not len(starts):
            return np.zeros(len(t), np.bool_)
        at = np.searchsorted(starts, t, side="right") - 1
        return (at >= 0) & (t < ends[np.maximum(at, 0)])

    def each_after(self, start: Column, work: Column | int) -> Column:
        """Return `after` of every start and its work; `NEVER` if never."""
        starts, _, sums = self._columns
        wanted = self.each_by(np.maximum(start, 0)) + work
        if not len(starts):
            return np.where(wanted <= 0, 0, NEVER)
        at = np.searchsorted(sums, wanted, side="left") - 1
        inside = np.clip(at, 0, len(starts) - 1)
        done = starts[inside] + wanted - sums[inside]
        return np.where(wanted <= 0, 0, np.where(at >= len(starts), NEVER, done))
