"""A flexible job shop as arrays, and its solutions as an order and a choice of machines."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aps.formats.fjs import Instance
from aps.jobshop.result import JobOperation
from aps.worktime import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """All operations in an order that keeps jobs and machines, and the option each one takes."""

    makespan: int
    order: Ints
    pick: Ints


class Shop:
    """An instance as arrays: operations in job order, their options one after the other.

    `before` and `after` are the neighbours in the job (-1: none), `begin[v]..begin[v + 1]` the
    options of operation v, `machine` and `duration` what an option means.
    """

    def __init__(self, instance: Instance) -> None:
        before: list[int] = []
        after: list[int] = []
        begin = [0]
        machine: list[int] = []
        duration: list[int] = []
        job: list[int] = []
        number: list[int] = []
        for j, operations in enumerate(instance.jobs):
            for k, options in enumerate(operations):
                v = len(before)
                before.append(v - 1 if k > 0 else -1)
                after.append(v + 1 if k + 1 < len(operations) else -1)
                job.append(j)
                number.append(k)
                machine += [m for m, _ in options]
                duration += [d for _, d in options]
                begin.append(len(machine))
        self.before, self.after = np.array(before, np.int64), np.array(after, np.int64)
        self.begin, self.job = np.array(begin, np.int64), np.array(job, np.int64)
        self.machine, self.duration = np.array(machine, np.int64), np.array(duration, np.int64)
        self.number = np.array(number, np.int64)
        self.machines = instance.machines

    @property
    def size(self) -> int:
        """How many operations there are."""
        return len(self.before)

    def least(self) -> Ints:
        """Return the shortest duration of each operation."""
        return self._least

    @cached_property
    def _least(self) -> Ints:
        pairs = zip(self.begin[:-1], self.begin[1:], strict=True)
        return np.array([self.duration[a:b].min() for a, b in pairs], np.int64)

    def least_heads(self) -> Ints:
        """Return the least work of its job before each operation."""
        heads = np.zeros(self.size, np.int64)
        for v in range(self.size):
            if self.before[v] >= 0:
                heads[v] = heads[v - 1] + self._least[v - 1]
        return heads

    def least_tails(self) -> Ints:
        """Return the least work of its job behind each operation."""
        tails = np.zeros(self.size, np.int64)
        for v in range(self.size - 1, -1, -1):
            if self.after[v] >= 0:
                tails[v] = tails[v + 1] + self._least[v + 1]
        return tails

    def bound(self) -> int:
        """Return a bound by counting: the longest job, all work spread over all machines."""
        longest = int((self.least_heads() + self._least).max(initial=0))
        return max(longest, -(-int(self._least.sum()) // max(1, self.machines)))

    def starts(self, solution: Solution) -> Ints:
        """Return when each operation begins at the earliest."""
        begins = np.zeros(self.size, np.int64)
        free = np.zeros(self.machines, np.int64)
        for v in solution.order:
            option = solution.pick[v]
            m = self.machine[option]
            ready = 0
            if self.before[v] >= 0:
                ready = begins[v - 1] + self.duration[solution.pick[v - 1]]
            begins[v] = max(ready, free[m])
            free[m] = begins[v] + self.duration[option]
        return begins

    def solution(self, priority: Ints, pick: Ints) -> Solution:
        """Return the solution that takes operations by priority; jobs keep their order."""
        order = np.lexsort((np.arange(self.size), self.duration[pick], priority)).astype(np.int64)
        raw = Solution(0, order, pick)
        begins = self.starts(raw)
        return Solution(int((begins + self.duration[pick]).max(initial=0)), order, pick)

    def dispatch(self, rng: np.random.Generator) -> Solution:
        """Return an active schedule: of those who compete for a machine, the longest rest first.

        The random part parts ties and near ties, so that each call gives another schedule.
        """
        weight = ((self.least_tails() + self._least) * rng.uniform(0.9, 1.1, self.size)).tolist()
        begin_of, machine_of = self.begin.tolist(), self.machine.tolist()
        duration_of, after = self.duration.tolist(), self.after.tolist()
        free, pick, order, latest = [0] * self.machines, [0] * self.size, [], 0
        waiting = {int(v): 0 for v in np.flatnonzero(self.before < 0)}  # operation → ready at
        while waiting:
            offers = [
                min(
                    (max(ready, free[machine_of[k]]) + duration_of[k], machine_of[k], k, v)
                    for k in range(begin_of[v], begin_of[v + 1])
                )
                for v, ready in waiting.items()
            ]
            first_end, machine, _, _ = min(offers)
            rivals = [
                offer
                for offer in offers
                if offer[1] == machine and offer[0] - duration_of[offer[2]] < first_end
            ]
            end, machine, option, v = max(rivals or offers, key=lambda offer: weight[offer[3]])
            del waiting[v]
            pick[v], free[machine], latest = option, end, max(latest, end)
            order.append(v)
            if after[v] >= 0:
                waiting[after[v]] = end
        return Solution(latest, np.array(order, np.int64), np.array(pick, np.int64))

    def operations(self, solution: Solution) -> tuple[JobOperation, ...]:
        """Return the schedule as the library gives it away."""
        begins = self.starts(solution)
        return tuple(
            JobOperation(
                job=int(self.job[v]),
                operation=int(self.number[v]),
                machine=int(self.machine[solution.pick[v]]),
                start=int(begins[v]),
                end=int(begins[v] + self.duration[solution.pick[v]]),
            )
            for v in range(self.size)
        )
