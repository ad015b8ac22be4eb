"""Local search over a sequence: very many small random moves.

The method is that of the winners of the 2005 ROADEF challenge (Estellon, Gardi, Nouioua, EJOR
191(3)): no metaheuristic, but cheap moves that are kept when they do not make the sequence worse.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aps.jit import kernel
from aps.sequencing.moves import (
    change_at,
    count_windows,
    random_below,
    try_segment,
    try_swap,
)
from aps.sequencing.spacing import add_near
from aps.sequencing.task import SequenceTask, Spacing, cost_of
from aps.worktime import Ints

CHUNK = 100_000
"""Moves between two looks at the clock and the cancel flag."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each move is tried, in hundredths; together 100."""

    any_swap: int = 40
    same_color: int = 15
    color_beside: int = 15
    forward: int = 12
    backward: int = 6
    reflection: int = 6
    blocks: int = 5
    color_run: int = 1

    def limits(self) -> Ints:
        """Return the running totals."""
        parts = [
            self.any_swap, self.same_color, self.color_beside, self.forward, self.backward,
            self.reflection, self.blocks, self.color_run,
        ]  # fmt: skip
        return np.cumsum(np.array(parts, np.int64))


WITH_COLORS = Mix()
WITHOUT_COLORS = Mix(
    any_swap=74, same_color=0, color_beside=0, forward=8, backward=6, reflection=10, blocks=2,
    color_run=0,
)  # fmt: skip


@kernel
def _walk(
    sequence: Ints,
    has: Ints,
    n: Ints,
    p: Ints,
    weight: Ints,
    gain: Ints,
    counts: Ints,
    fresh: Ints,
    first: Ints,
    last: Ints,
    color: Ints,
    purge: Ints,
    side: Ints,
    gap: Ints,
    apart_weight: Ints,
    near: Ints,
    color_weight: int,
    earliest: Ints,
    latest: Ints,
    window_weight: int,
    limit: int,
    runs_from: int,
    where: Ints,
    by_color: Ints,
    color_begin: Ints,
    kind: Ints,
    fixed: int,
    moves: int,
    mix: Ints,
    floor: int,
    cost: Ints,
    state: Ints,
) -> int:
    """Make `moves` tries in place, fewer once it costs `floor`; `cost` holds what it costs."""
    size = len(sequence)
    free = size - fixed
    segment = np.empty(size, np.int64)
    price = np.zeros(1, np.int64)
    for _ in range(moves):
        if cost[0] <= floor:
            break
        move = random_below(state, 100)
        i = fixed + random_below(state, free)
        if move < mix[2]:
            j = fixed + random_below(state, free)
            if move >= mix[0]:
                # A partner of the same colour, or one of the colour beside i, so that colour
                # batches survive and grow.
                wanted = color[sequence[i]]
                if move >= mix[1]:
                    beside = i - 1 if (move & 1 and i > 0) or i == size - 1 else i + 1
                    wanted = color[sequence[beside]]
                count = 0
                if wanted >= 0:
                    count = color_begin[wanted + 1] - color_begin[wanted]
                if count > 0:
                    j = where[by_color[color_begin[wanted] + random_below(state, count)]]
            if i == j or kind[sequence[i]] == kind[sequence[j]]:
                continue
            done = try_swap(
                min(i, j), max(i, j), sequence, has, n, p, weight, gain, counts, first, last,
                color, purge, side, gap, apart_weight, near, color_weight, earliest, latest,
                window_weight, limit, runs_from, where, price,
            )  # fmt: skip
        else:
            lo, hi, cut = i, i, 1
            if move >= mix[6]:  # a whole run of one colour goes to another run of its colour
                own = color[sequence[i]]
                count = color_begin[own + 1] - color_begin[own]
                j = where[by_color[color_begin[own] + random_below(state, count)]]
                begin, end = i, i
                while begin > fixed and color[sequence[begin - 1]] == own:
                    begin -= 1
                while end + 1 < size and color[sequence[end + 1]] == own:
                    end += 1
                if begin <= j <= end:
                    continue
                if j < begin:  # behind the other run
                    while color[sequence[j]] == own:
                        j += 1
                    lo, hi, cut = j, end, begin - j
                else:  # before it
                    while color[sequence[j]] == own:
                        j -= 1
                    lo, hi, cut = begin, j, end - begin + 1
            else:
                reach = 4 + random_below(state, 36)
                if random_below(state, 15) == 0:
                    reach = free
                hi = i + 1 + random_below(state, reach)
                if hi >= size:
                    continue
                if move < mix[4]:
                    cut = 1 if move < mix[3] else hi - lo
                elif move >= mix[5]:  # two neighbouring blocks, cut where the colour changes
                    cut = 1 + random_below(state, hi - lo)
                    while cut < hi - lo and change_at(sequence, color, lo + cut) == 0:
                        cut += 1
            length = hi - lo + 1
            if mix[4] <= move < mix[5]:
                for k in range(length):
                    segment[k] = sequence[hi - k]
            else:
                for k in range(length - cut):
                    segment[k] = sequence[lo + cut + k]
                for k in range(cut):
                    segment[length - cut + k] = sequence[lo + k]
            done = try_segment(
                lo, hi, segment, sequence, has, n, p, weight,  counts, fresh, first, last,
                color, purge, side, gap, apart_weight, near, color_weight, earliest, latest,
                window_weight, limit, runs_from, where, price,
            )  # fmt: skip
        if done:
            cost[0] += price[0]
    return int(cost[0])


class Walk:
    """A sequence being searched: the counters live from one stretch of moves to the next.

    Rules that cost nothing are left out of sight.
    """

    def __init__(
        self,
        task: SequenceTask,
        sequence: Ints,
        *,
        seed: int,
        mix: Mix = WITH_COLORS,
    ) -> None:
        self._task, self._mix = task, mix.limits()
        size = len(sequence)
        seen = np.flatnonzero(task.weights.rules > 0)
        order = seen[np.argsort(-task.weights.rules[seen], kind="stable")]
        self._n, self._p = task.n[order], task.p[order]
        self._weight = task.weights.rules[order]
        self._gain = np.cumsum((self._weight * self._p)[::-1])[::-1].copy()
        self._has = np.ascontiguousarray(task.has[:, order]).astype(np.int64)
        self._first = np.maximum(0, task.fixed - self._p + 1)
        self._last = np.full(len(order), size - 1) if task.truncated else size - self._p
        self._sequence = sequence.copy()
        self._counts = np.zeros((len(order), size), np.int64)
        for rule in range(len(order)):
            first, last = int(self._first[rule]), int(self._last[rule])
            if last >= first:
                count_windows(
                    self._sequence, self._has[:, rule], int(self._p[rule]), first, last,
                    self._counts[rule],
                )  # fmt: skip
        self._fresh = np.zeros_like(self._counts)
        self._purge = task.prices()
        self._keep_apart(task)
        self._where = np.zeros(size, np.int64)
        self._where[sequence] = np.arange(size)
        free = np.arange(task.fixed, size)
        self._by_color = free[np.argsort(task.color[free], kind="stable")]
        colors = int(task.color.max(initial=0)) + 1
        counts = np.bincount(np.maximum(task.color[free], 0), minlength=colors)
        self._color_begin = np.concatenate(([0], np.cumsum(counts)))
        facts = np.column_stack((task.has, self._side, task.color, task.earliest, task.latest))
        self._kind = np.unique(facts, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
        self._cost = np.array([cost_of(task, sequence).total], np.int64)
        self._state = np.array([(seed * 2_654_435_761 + 88_172_645_463_325_252) & _MASK], np.int64)

    def _keep_apart(self, task: SequenceTask) -> None:
        """Set up the counters of the spacing rules that cost something."""
        size = len(self._sequence)
        spacing = task.spacing or Spacing(
            np.zeros((size, 0), np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64)
        )
        seen = np.flatnonzero(spacing.weights > 0)
        self._side = np.ascontiguousarray(spacing.side[:, seen]).astype(np.int64)
        self._gap, self._apart_weight = spacing.gap[seen], spacing.weights[seen]
        self._near = np.zeros((len(seen), 3, size), np.int64)
        for rule, gap in enumerate(self._gap):
            for place, row in enumerate(self._sequence):
                add_near(self._near[rule], place, int(gap), int(self._side[row, rule]), 1)

    def run(self, moves: int, *, floor: int = 0) -> int:
        """Make some more moves, fewer once it costs `floor`; return the cost."""
        task = self._task
        if len(self._sequence) - task.fixed < 2:
            return self.cost
        _walk(
            self._sequence, self._has, self._n, self._p, self._weight, self._gain, self._counts,
            self._fresh, self._first, self._last, task.color, self._purge, self._side,
            self._gap, self._apart_weight, self._near, task.weights.color,
            task.earliest, task.latest, task.weights.window, task.batch_limit, task.runs_from, self._where,
            self._by_color, self._color_begin, self._kind, task.fixed, moves, self._mix, floor,
            self._cost, self._state,
        )  # fmt: skip
        return self.cost

    @property
    def cost(self) -> int:
        """What the sequence costs now; it never grows."""
        return int(self._cost[0])

    def sequence(self) -> Ints:
        """Return the sequence as it is now."""
        return self._sequence.copy()


_MASK = (1 << 62) - 1


def improve(
    task: SequenceTask,
    sequence: Ints,
    *,
    moves: int,
    seed: int,
    keep_going: Callable[[int, Ints], bool] = lambda _cost, _sequence: True,
) -> tuple[Ints, int]:
    """Return the best sequence found within `moves` tries, and its cost.

    `keep_going(cost, sequence)` is asked between chunks of moves; it may stop the search. The
    same task, start, seed and moves give the same sequence.
    """
    walk = Walk(task, sequence, seed=seed)
    done = 0
    while done < moves and walk.cost > 0 and keep_going(walk.cost, walk.sequence()):
        chunk = min(CHUNK, moves - done)
        walk.run(chunk)
        done += chunk
    return walk.sequence(), walk.cost
