"""Local search over a sequence: small random moves, kept when they do not make it worse.

The method is that of the winners of the 2005 ROADEF challenge (Estellon, Gardi, Nouioua, EJOR
191(3)): no metaheuristic, but very many cheap moves. Counters of the options inside every window
make a move cost only the windows it touches, the dearest rules first, given up as soon as the
rest cannot make good what is lost.
"""

from collections.abc import Callable

import numpy as np

from aps.jit import kernel
from aps.sequencing.task import SequenceTask, cost_of
from aps.worktime import Ints

CHUNK = 100_000
"""Moves between two looks at the clock and the cancel flag."""


@kernel
def _random(state: Ints, below: int) -> int:
    """Return the next of a xorshift sequence, in [0, below)."""
    x = int(state[0])
    x ^= (x << 13) & 0x7FFFFFFFFFFFFFFF
    x ^= x >> 7
    x ^= (x << 17) & 0x7FFFFFFFFFFFFFFF
    state[0] = x
    return (x >> 20) % below


@kernel
def _count(sequence: Ints, column: Ints, p: int, first: int, last: int, counts: Ints) -> None:
    """Fill the option counts of the windows of length p that start at first..last."""
    size = len(sequence)
    inside = 0
    for k in range(first, min(first + p, size)):
        inside += column[sequence[k]]
    for s in range(first, last + 1):
        counts[s] = inside
        inside -= column[sequence[s]]
        if s + p < size:
            inside += column[sequence[s + p]]


@kernel
def _out(place: int, earliest: int, latest: int) -> int:
    return max(0, earliest - place) + max(0, place - latest)


@kernel
def _run_at(sequence: Ints, color: Ints, place: int, limit: int, begin: int) -> int:
    """Return the length of the run of one colour around a place, at most just over the limit."""
    own, run = color[sequence[place]], 1
    k = place - 1
    while k >= begin and color[sequence[k]] == own and run <= limit:
        run += 1
        k -= 1
    k = place + 1
    while k < len(sequence) and color[sequence[k]] == own and run <= limit:
        run += 1
        k += 1
    return run


@kernel
def _change(sequence: Ints, color: Ints, place: int) -> int:
    """Return 1 if the colour changes on the way to this place."""
    if place <= 0 or place >= len(sequence):
        return 0
    return 1 if color[sequence[place]] != color[sequence[place - 1]] else 0


@kernel
def _swap(
    i: int,
    j: int,
    sequence: Ints,
    has: Ints,
    n: Ints,
    p: Ints,
    weight: Ints,
    counts: Ints,
    first: Ints,
    last: Ints,
    color: Ints,
    color_weight: int,
    earliest: Ints,
    latest: Ints,
    window_weight: int,
    limit: int,
    runs_from: int,
) -> int:
    """Try to swap the cars at i < j; return the change of cost if done, else 1."""
    a, b = sequence[i], sequence[j]
    delta = window_weight * (
        _out(j, earliest[a], latest[a])
        + _out(i, earliest[b], latest[b])
        - _out(i, earliest[a], latest[a])
        - _out(j, earliest[b], latest[b])
    )
    recolored = color[a] != color[b]
    if recolored:
        old = _change(sequence, color, i) + _change(sequence, color, j + 1)
        old += _change(sequence, color, i + 1)
        if j != i + 1:
            old += _change(sequence, color, j)
        sequence[i], sequence[j] = b, a
        new = _change(sequence, color, i) + _change(sequence, color, j + 1)
        new += _change(sequence, color, i + 1)
        if j != i + 1:
            new += _change(sequence, color, j)
        sequence[i], sequence[j] = a, b
        delta += color_weight * (new - old)
    for r in range(len(n)):
        if delta > 0 and delta >= 1000 * weight[r]:
            return 1
        d = has[b, r] - has[a, r]
        if d == 0:
            continue
        change = 0
        up_first, up_last = max(first[r], i - p[r] + 1), min(last[r], min(i, j - p[r]))
        down_first, down_last = max(first[r], max(i + 1, j - p[r] + 1)), min(last[r], j)
        if d < 0:
            up_first, down_first = down_first, up_first
            up_last, down_last = down_last, up_last
        for s in range(up_first, up_last + 1):
            change += counts[r, s] >= n[r]
        for s in range(down_first, down_last + 1):
            change -= counts[r, s] > n[r]
        delta += weight[r] * change
    if delta > 0:
        return 1
    sequence[i], sequence[j] = b, a
    if recolored and (
        _run_at(sequence, color, i, limit, runs_from) > limit
        or _run_at(sequence, color, j, limit, runs_from) > limit
    ):
        sequence[i], sequence[j] = a, b
        return 1
    for r in range(len(n)):
        d = has[b, r] - has[a, r]
        if d == 0:
            continue
        for s in range(max(first[r], i - p[r] + 1), min(last[r], min(i, j - p[r])) + 1):
            counts[r, s] += d
        for s in range(max(first[r], max(i + 1, j - p[r] + 1)), min(last[r], j) + 1):
            counts[r, s] -= d
    return delta


@kernel
def _rearrange(
    lo: int,
    hi: int,
    segment: Ints,
    sequence: Ints,
    has: Ints,
    n: Ints,
    p: Ints,
    weight: Ints,
    counts: Ints,
    fresh: Ints,
    first: Ints,
    last: Ints,
    color: Ints,
    color_weight: int,
    earliest: Ints,
    latest: Ints,
    window_weight: int,
    limit: int,
    runs_from: int,
) -> int:
    """Try to put `segment` on the places lo..hi; return the change of cost if done, else 1."""
    delta = 0
    for k in range(lo, hi + 2):
        delta -= _change(sequence, color, k)
    delta *= color_weight
    for k in range(lo, hi + 1):
        a, b = sequence[k], segment[k - lo]
        delta += window_weight * (_out(k, earliest[b], latest[b]) - _out(k, earliest[a], latest[a]))
    for k in range(lo, hi + 1):
        a = sequence[k]
        sequence[k] = segment[k - lo]
        segment[k - lo] = a
    for k in range(lo, hi + 2):
        delta += color_weight * _change(sequence, color, k)
    for r in range(len(n)):
        if delta > 0 and delta >= 1000 * weight[r]:
            break
        s_first, s_last = max(first[r], lo - p[r] + 1), min(last[r], hi)
        if s_first > s_last:
            continue
        _count(sequence, has[:, r], p[r], s_first, s_last, fresh[r])
        change = 0
        for s in range(s_first, s_last + 1):
            change += max(0, fresh[r, s] - n[r]) - max(0, counts[r, s] - n[r])
        delta += weight[r] * change
    keep = delta <= 0
    if keep:
        k = lo
        while keep and k <= hi + 1 and k < len(sequence):
            run = _run_at(sequence, color, k, limit, runs_from)
            keep = run <= limit
            k += 1
            while k <= hi + 1 and k < len(sequence) and _change(sequence, color, k) == 0:
                k += 1
        if keep and lo > 0:
            keep = _run_at(sequence, color, lo - 1, limit, runs_from) <= limit or lo <= runs_from
    if not keep:
        for k in range(lo, hi + 1):
            sequence[k] = segment[k - lo]
        return 1
    for r in range(len(n)):
        for s in range(max(first[r], lo - p[r] + 1), min(last[r], hi) + 1):
            counts[r, s] = fresh[r, s]
    return delta


@kernel
def _improve(
    sequence: Ints,
    has: Ints,
    n: Ints,
    p: Ints,
    weight: Ints,
    counts: Ints,
    fresh: Ints,
    first: Ints,
    last: Ints,
    color: Ints,
    color_weight: int,
    earliest: Ints,
    latest: Ints,
    window_weight: int,
    limit: int,
    runs_from: int,
    fixed: int,
    moves: int,
    cost: int,
    state: Ints,
) -> int:
    """Make `moves` tries in place and return the cost after them."""
    size = len(sequence)
    free = size - fixed
    segment = np.empty(size, np.int64)
    for _ in range(moves):
        if cost <= 0:
            break
        kind = _random(state, 100)
        i = fixed + _random(state, free)
        if kind < 70:
            j = fixed + _random(state, free)
            if kind >= 40:
                # Half of these look for a partner of the same colour, the others for one of the
                # colour beside i, so that colour batches survive and grow.
                wanted = color[sequence[i]]
                if kind >= 55:
                    beside = i - 1 if (kind & 1 and i > 0) or i == size - 1 else i + 1
                    wanted = color[sequence[beside]]
                for _ in range(6):
                    if color[sequence[j]] == wanted:
                        break
                    j = fixed + _random(state, free)
            if i == j:
                continue
            lo, hi = min(i, j), max(i, j)
            delta = _swap(
                lo, hi, sequence, has, n, p, weight, counts, first, last, color, color_weight,
                earliest, latest, window_weight, limit, runs_from,
            )  # fmt: skip
            if delta <= 0:
                cost += delta
            continue
        reach = 4 + _random(state, 36)
        if kind >= 98:
            reach = free
        j = i + 1 + _random(state, reach)
        if j >= size:
            continue
        length = j - i + 1
        if kind < 82:  # the first car goes to the end
            for k in range(length - 1):
                segment[k] = sequence[i + 1 + k]
            segment[length - 1] = sequence[i]
        elif kind < 88:  # the last car goes to the front
            for k in range(length - 1):
                segment[k + 1] = sequence[i + k]
            segment[0] = sequence[j]
        elif kind < 94 or length < 3:  # reflection
            for k in range(length):
                segment[k] = sequence[j - k]
        else:  # two neighbouring blocks change places, cut at colour changes where there are any
            cut = 1 + _random(state, length - 1)
            while cut < length - 1 and _change(sequence, color, i + cut) == 0:
                cut += 1
            for k in range(length):
                segment[k] = sequence[i + (cut + k) % length]
        delta = _rearrange(
            i, j, segment, sequence, has, n, p, weight, counts, fresh, first, last, color,
            color_weight, earliest, latest, window_weight, limit, runs_from,
        )  # fmt: skip
        if delta <= 0:
            cost += delta
    return cost


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
    sequence = sequence.copy()
    cost = cost_of(task, sequence).total
    size = len(sequence)
    if size - task.fixed < 2:
        return sequence, cost
    order = np.argsort(-task.weights.rules, kind="stable")
    n, p, weight = task.n[order], task.p[order], task.weights.rules[order]
    has = np.ascontiguousarray(task.has[:, order]).astype(np.int64)
    first = np.maximum(0, task.fixed - p + 1)
    last = np.full(len(p), size - 1) if task.truncated else size - p
    counts = np.zeros((len(p), size), np.int64)
    for rule in range(len(p)):
        if last[rule] >= first[rule]:
            _count(
                sequence,
                has[:, rule],
                int(p[rule]),
                int(first[rule]),
                int(last[rule]),
                counts[rule],
            )
    state = np.array([(seed * 2_654_435_761 + 88_172_645_463_325_252) & ((1 << 62) - 1)], np.int64)
    fresh = np.zeros_like(counts)
    done = 0
    while done < moves and cost > 0 and keep_going(cost, sequence):
        chunk = min(CHUNK, moves - done)
        cost = _improve(
            sequence, has, n, p, weight, counts, fresh, first, last, task.color,
            task.weights.color, task.earliest, task.latest, task.weights.window,
            task.batch_limit, task.runs_from, task.fixed, chunk, cost, state,
        )  # fmt: skip
        done += chunk
    return sequence, int(cost)
