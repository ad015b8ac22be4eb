"""A sequencing task as arrays, and the plain count of what a sequence costs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aps.worktime import Ints

Flags = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What one unit of each objective costs; far apart, they make the order lexicographic.

    `color` is the price of one unit of `SequenceTask.purge`.
    """

    rules: Ints
    color: int
    window: int


@dataclass(frozen=True, slots=True, eq=False)
class Spacing:
    """Rules that keep cars apart.

    `side[row, rule]`: bit 0 for cars of one side, bit 1 for those of the other; two cars of
    opposite sides fewer than `gap[rule]` places apart cost `weights[rule]`.
    """

    side: Flags
    gap: Ints
    weights: Ints


def clashes(side: Ints, other: Ints) -> Ints:
    """Return 1 where two cars are of opposite sides of a spacing rule."""
    found: Ints = ((side & 1) & (other >> 1)) | ((side >> 1) & (other & 1))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class SequenceTask:
    """Cars (rows) to order. The first `fixed` places of every sequence hold rows 0..fixed-1.

    `has[row, rule]` says whether a car counts for a rule "at most n[rule] in p[rule]".
    `truncated` also counts the windows cut short by the end of the sequence.
    A car outside its places `earliest..latest` costs its distance. A run of one colour longer
    than `batch_limit`, counted from place `runs_from`, is never made. `purge[a, b]` is what colour
    b behind colour a costs, its last row and column those of a colour below 0; none: 1 a change.
    `ahead[row]` is the car that has to stand anywhere before this one (-1: none), as in a lane of a
    store: no car stands ahead of two. No order is ever made that breaks it.
    """

    has: Flags
    n: Ints
    p: Ints
    color: Ints
    earliest: Ints
    latest: Ints
    weights: Weights
    fixed: int
    batch_limit: int
    runs_from: int = 0
    truncated: bool = False
    purge: Ints | None = None
    spacing: Spacing | None = None
    ahead: Ints | None = None

    def prices(self) -> Ints:
        """Return what each colour costs behind each other one, shape (colours + 1, colours + 1)."""
        if self.purge is not None:
            return self.purge
        size = int(self.color.max(initial=-1)) + 2
        return np.ones((size, size), np.int64) - np.eye(size, dtype=np.int64)


def in_line(task: SequenceTask, sequence: Ints) -> bool:
    """Return whether each car stands behind the one that has to be ahead of it."""
    if task.ahead is None:
        return True
    where = np.argsort(sequence)
    rows = np.flatnonzero(task.ahead >= 0)
    return bool((where[task.ahead[rows]] < where[rows]).all())


def levels_of(task: SequenceTask) -> tuple[int, ...]:
    """Return the weights of the objectives, the dearest first."""
    found = {int(w) for w in task.weights.rules} | {task.weights.color, task.weights.window}
    if task.spacing is not None:
        found |= {int(w) for w in task.spacing.weights}
    return tuple(sorted((w for w in found if w > 0), reverse=True))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a sequence costs, counted from scratch."""

    violations: tuple[int, ...]
    color_changes: int
    out_of_place: int
    longest_run: int
    total: int
    purge_cost: int
    too_close: tuple[int, ...]


def cost_of(task: SequenceTask, sequence: Ints) -> Cost:
    """Count a sequence without any incremental trick."""
    size = len(sequence)
    violations = []
    for rule in range(len(task.n)):
        p = int(task.p[rule])
        total = np.concatenate(([0], np.cumsum(task.has[sequence, rule].astype(np.int64))))
        last = size - 1 if task.truncated else size - p
        first = max(0, task.fixed - p + 1)
        starts = np.arange(first, max(first, last + 1))
        inside = total[np.minimum(starts + p, size)] - total[starts]
        violations.append(int(np.maximum(0, inside - task.n[rule]).sum()))
    colors = task.color[sequence]
    begin = max(task.fixed - 1, 0)
    changes = int((colors[begin + 1 :] != colors[begin:-1]).sum())
    purge_cost = int(task.prices()[colors[begin:-1], colors[begin + 1 :]].sum())
    places = np.arange(size)
    off = np.maximum(0, task.earliest[sequence] - places)
    off += np.maximum(0, places - task.latest[sequence])
    out = int(off[task.fixed :].sum())
    weights = task.weights
    total_cost = int((weights.rules * np.array(violations, np.int64)).sum())
    total_cost += weights.color * purge_cost + weights.window * out
    too_close = _too_close(task, sequence)
    if task.spacing is not None:
        total_cost += int((task.spacing.weights * np.array(too_close, np.int64)).sum())
    longest = _longest_run(colors[task.runs_from :])
    return Cost(tuple(violations), changes, out, longest, total_cost, purge_cost, too_close)


def _too_close(task: SequenceTask, sequence: Ints) -> tuple[int, ...]:
    """Return the pairs too close by rule; the car behind is a free one."""
    if task.spacing is None:
        return ()
    found = []
    for rule, gap in enumerate(task.spacing.gap):
        side = task.spacing.side[sequence, rule].astype(np.int64)
        count = 0
        for apart in range(1, min(int(gap), len(side))):
            first = max(0, task.fixed - apart)
            count += int(clashes(side[first : len(side) - apart], side[first + apart :]).sum())
        found.append(count)
    return tuple(found)


def _longest_run(colors: Ints) -> int:
    if len(colors) == 0:
        return 0
    edges = np.flatnonzero(np.diff(colors)) + 1
    return int(np.diff(np.concatenate(([0], edges, [len(colors)]))).max())
