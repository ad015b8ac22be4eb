"""Working time along a calendar: clock seconds to worked seconds and back.

A calendar's work clock W(t) counts the working seconds in [0, t). Work that meets a break pauses
and goes on after it, so an operation of d seconds that starts at s ends at `end_at(W(s) + d)`.
The kernels take a calendar as three arrays (starts, ends, worked seconds before each interval).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aps.jit import kernel
from aps.problem import Calendar

INF = 1 << 60
"""A time that never comes: the calendar has no more working time."""

Ints = npt.NDArray[np.int64]


@kernel
def work_until(starts: Ints, ends: Ints, before: Ints, t: int) -> int:
    """Return the working seconds in [0, t); `INF` stays `INF`, times before 0 stay themselves."""
    if t >= INF or t <= 0:
        return t
    i = np.searchsorted(starts, t, side="right") - 1
    if i < 0:
        return 0
    return int(before[i] + min(t, ends[i]) - starts[i])


@kernel
def start_at(starts: Ints, ends: Ints, before: Ints, work: int) -> int:
    """Return the first working second at which `work` seconds have been worked, else `INF`."""
    if work >= INF:
        return INF
    i = np.searchsorted(before, max(work, 0), side="right") - 1
    if i < 0 or i >= len(starts):
        return INF
    t = starts[i] + max(work, 0) - before[i]
    return int(t) if t < ends[i] else INF


@kernel
def end_at(starts: Ints, ends: Ints, before: Ints, work: int) -> int:
    """Return the earliest time by which `work` seconds have been worked, else `INF`."""
    if work >= INF:
        return INF
    if work <= 0:
        return 0
    i = np.searchsorted(before, work, side="left") - 1
    t = starts[i] + work - before[i]
    return int(t) if t <= ends[i] else INF


@dataclass(frozen=True, slots=True, eq=False)
class WorkTime:
    """A calendar ready for arithmetic."""

    starts: Ints
    ends: Ints
    before: Ints

    @classmethod
    def of(cls, calendar: Calendar) -> "WorkTime":
        """Return the work clock of a calendar."""
        starts = np.array([s for s, _ in calendar.working], np.int64)
        ends = np.array([e for _, e in calendar.working], np.int64)
        before = np.concatenate(([0], np.cumsum(ends - starts)))[: len(starts)].astype(np.int64)
        return cls(starts, ends, before)

    @property
    def total(self) -> int:
        """All working seconds of the calendar."""
        return int((self.ends - self.starts).sum())

    def work(self, t: int) -> int:
        """Return the working seconds in [0, t)."""
        return int(work_until(self.starts, self.ends, self.before, t))

    def at(self, work: int) -> int:
        """Return the first working second at which so much has been worked, `INF` if there is none."""
        return int(start_at(self.starts, self.ends, self.before, work))

    def start(self, t: int) -> int:
        """Return the first working second at or after `t`, `INF` if there is none."""
        return int(start_at(self.starts, self.ends, self.before, self.work(t)))

    def finish(self, start_s: int, work_s: int) -> int:
        """Return when work of `work_s` begun at `start_s` is done, pausing in breaks."""
        return int(end_at(self.starts, self.ends, self.before, self.work(start_s) + work_s))

    def back(self, end_s: int, work_s: int) -> int:
        """Return the latest start so that work is done by `end_s`; before 0 if it would be."""
        work = self.work(end_s) - work_s
        if work <= 0:
            return work
        begin = int(start_at(self.starts, self.ends, self.before, work))
        return min(begin, end_s)
