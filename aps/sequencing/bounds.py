"""What no order of the cars can do better: a cost below every sequence's, rule by rule."""

import numpy as np

from aps.sequencing.task import SequenceTask


def floor_of(task: SequenceTask) -> int:
    """Return a cost below which no order can be: each objective as if it stood alone."""
    prices = task.prices()
    apart = prices[~np.eye(len(prices), dtype=np.bool_)]
    floor = task.weights.color * color_floor(task) * int(apart.min(initial=1))
    for rule in np.flatnonzero(task.weights.rules > 0):
        floor += int(task.weights.rules[rule]) * ratio_floor(task, int(rule))
    return floor


def color_floor(task: SequenceTask) -> int:
    """Return the fewest colour changes any order can have: runs that the batch limit cuts."""
    free = task.color[task.fixed :]
    if len(free) == 0:
        return 0
    counts = np.bincount(free)
    runs = int(np.sum(-(-counts // max(1, task.batch_limit))))
    if task.fixed == 0:
        return runs - 1
    before = int(task.color[task.fixed - 1])
    # The first run may go on with the colour of the last fixed car.
    goes_on = before >= 0 and before < len(counts) and counts[before] > 0
    return runs - 1 if goes_on else runs


def ratio_floor(task: SequenceTask, rule: int) -> int:
    """Return the fewest violations of "at most n in p" any order can have.

    Windows p places apart do not overlap, so that what they have no room for is over in some of
    them. Each window is in one of p such chains; the chains' least sums add up.
    """
    n, p, fixed, size = int(task.n[rule]), int(task.p[rule]), task.fixed, len(task.color)
    first, last = max(0, fixed - p + 1), size - 1 if task.truncated else size - p
    if last < first:
        return 0
    begin = np.arange(first, last + 1)
    end = np.minimum(begin + p, size)
    total = np.concatenate(([0], np.cumsum(task.has[:fixed, rule].astype(np.int64))))
    left = n - (total[np.minimum(end, fixed)] - total[np.minimum(begin, fixed)])
    room = np.minimum(np.maximum(left, 0), end - np.maximum(begin, fixed))
    chain = (begin - first) % p
    heads, tails = begin[: min(p, len(begin))], end[::-1][: min(p, len(end))]
    outside = np.maximum(heads - fixed, 0)
    outside[chain[::-1][: len(tails)]] += size - tails
    cars = int(task.has[fixed:, rule].sum())
    beyond = (
        cars - outside - np.bincount(chain, weights=room, minlength=len(heads)).astype(np.int64)
    )
    return int(np.maximum(beyond, 0).sum() + np.maximum(-left, 0).sum())
