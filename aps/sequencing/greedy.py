"""A first sequence by dynamic option utilisation, inside position windows and batch limit."""

from itertools import pairwise

import numpy as np

from aps.jit import kernel
from aps.sequencing.spacing import clash
from aps.sequencing.task import Flags, SequenceTask, Spacing
from aps.worktime import Ints


@kernel
def _build(
    has: Flags,
    n: Ints,
    p: Ints,
    rule_weight: Ints,
    color: Ints,
    side: Flags,
    gap: Ints,
    apart_weight: Ints,
    color_weight: int,
    earliest: Ints,
    latest: Ints,
    ahead: Ints,
    fixed: int,
    limit: int,
    runs_from: int,
    n_colors: int,
) -> Ints:
    size, rules = has.shape
    sequence = np.empty(size, np.int64)
    used = np.zeros(size, np.bool_)
    left = np.zeros(rules, np.int64)
    colors_left = np.zeros(n_colors, np.int64)
    due = np.zeros(size + 1, np.int64)  # unplaced cars by their latest place
    for car in range(size):
        if car < fixed:
            sequence[car] = car
            used[car] = True
        else:
            colors_left[color[car]] += 1
            due[min(max(latest[car], 0), size - 1)] += 1
            for r in range(rules):
                left[r] += has[car, r]
    inside = np.zeros(rules, np.int64)  # option count of the last p - 1 cars
    for at in range(fixed):
        for r in range(rules):
            inside[r] += has[sequence[at], r]
            if at - p[r] + 1 >= 0:
                inside[r] -= has[sequence[at - p[r] + 1], r]
    run, last = 0, -1
    for at in range(fixed):
        run = run + 1 if color[sequence[at]] == last and at > runs_from else 1
        last = color[sequence[at]]
    if fixed <= runs_from:
        run = 0
    for at in range(fixed, size):
        # The places up to d must hold the cars due by d: where they just do, one of them is next.
        horizon = size
        total = 0
        for d in range(size):
            total += due[d]
            if total >= d - at + 1 and total > 0 and d >= at - 1:
                horizon = max(d, at)
                break
        remaining = size - at
        # A colour that fills more than limit places for each other car must be taken while it can.
        must = -1
        for k in range(n_colors):
            others = remaining - colors_left[k]
            room = limit - run if k == last else 0
            if colors_left[k] > others * limit + room and colors_left[k] > 0:
                must = k
        best, best_key, best_tie = -1, -1e300, 0.0
        for attempt in range(4):
            for car in range(fixed, size):
                if used[car] or (ahead[car] >= 0 and not used[ahead[car]]):
                    continue
                if attempt < 3 and color[car] == last and run >= limit:
                    continue
                if attempt < 2 and min(latest[car], size - 1) > horizon:
                    continue
                if attempt < 1 and (earliest[car] > at or (must >= 0 and color[car] != must)):
                    continue
                cost, need = 0.0, 0.0
                for r in range(rules):
                    rate = left[r] * p[r] / (n[r] * remaining) if n[r] > 0 else 4.0
                    if has[car, r]:
                        need += rate * rate * rule_weight[r]
                        if inside[r] >= n[r]:
                            cost += rule_weight[r] * (inside[r] - n[r] + 1)
                if color[car] != last:
                    cost += color_weight
                for r in range(len(gap)):
                    own = side[car, r]
                    if own > 0:
                        for back in range(1, min(gap[r] - 1, at) + 1):
                            cost += apart_weight[r] * clash(side[sequence[at - back], r], own)
                key = -cost * 1e3 + need
                tie = -float(min(latest[car], size)) + colors_left[color[car]] / size
                if attempt == 2:
                    key = -float(latest[car])
                if attempt == 1:
                    key = key - 1e9 * max(0, earliest[car] - at)
                if best < 0 or key > best_key or (key == best_key and tie > best_tie):
                    best, best_key, best_tie = car, key, tie
            if best >= 0:
                break
        sequence[at] = best
        used[best] = True
        due[min(max(latest[best], 0), size - 1)] -= 1
        colors_left[color[best]] -= 1
        run = run + 1 if color[best] == last else 1
        last = color[best]
        for r in range(rules):
            left[r] -= has[best, r]
            inside[r] += has[best, r]
            if at - p[r] + 1 >= 0:
                inside[r] -= has[sequence[at - p[r] + 1], r]
    return sequence


def greedy(task: SequenceTask) -> Ints:
    """Return a sequence built front to back: cheapest car next, then the scarcest options.

    Position windows are kept by earliest-due-date reasoning, those of a car with others behind it
    in their line so that these can keep theirs; a run at the batch limit ends unless only its
    colour is left.
    """
    if len(task.color) == 0:
        return np.zeros(0, np.int64)
    scale = max(1, int(task.weights.rules.max(initial=1)), task.weights.color)
    divisor = max(1, scale // 1_000_000)
    size = len(task.color)
    spacing = task.spacing or Spacing(
        np.zeros((size, 0), np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64)
    )
    earliest, latest = _places_in_line(task)
    return _build(
        task.has,
        task.n,
        task.p,
        np.maximum(task.weights.rules // divisor, 1),
        task.color,
        spacing.side,
        spacing.gap,
        np.maximum(np.minimum(spacing.weights, 100 * scale) // divisor, 1),
        task.weights.color // divisor,
        earliest,
        latest,
        np.full(size, -1, np.int64) if task.ahead is None else task.ahead,
        task.fixed,
        task.batch_limit,
        task.runs_from,
        int(task.color.max()) + 1,
    )


def _places_in_line(task: SequenceTask) -> tuple[Ints, Ints]:
    """Return the places of each car such that those ahead of it and behind it can have theirs."""
    if task.ahead is None:
        return task.earliest, task.latest
    earliest, latest = task.earliest.copy(), task.latest.copy()
    behind = {int(one): row for row, one in enumerate(task.ahead) if one >= 0}
    for row in set(behind) - set(behind.values()):  # the head of each line
        line = [row]
        while line[-1] in behind:
            line.append(behind[line[-1]])
        for one, other in pairwise(line):
            earliest[other] = max(earliest[other], earliest[one] + 1)
        for one, other in pairwise(reversed(line)):
            latest[other] = min(latest[other], latest[one] - 1)
    return earliest, latest
