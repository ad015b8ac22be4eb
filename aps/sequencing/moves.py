"""The moves of the local search over a sequence, counted incrementally.

Counters of the options inside every window make a move cost only the windows it touches, the
dearest rules first, given up as soon as the rest cannot make good what is lost.
"""

from aps.jit import kernel
from aps.sequencing.spacing import count_stretch, count_swap, stretch_cost, swap_price
from aps.worktime import Ints


@kernel
def random_below(state: Ints, below: int) -> int:
    """Return the next of a xorshift sequence, in [0, below)."""
    x = int(state[0])
    x ^= (x << 13) & 0x7FFFFFFFFFFFFFFF
    x ^= x >> 7
    x ^= (x << 17) & 0x7FFFFFFFFFFFFFFF
    state[0] = x
    return (x >> 20) % below


@kernel
def count_windows(
    sequence: Ints, column: Ints, p: int, first: int, last: int, counts: Ints
) -> None:
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
def out_of_place(place: int, earliest: int, latest: int) -> int:
    return max(0, earliest - place) + max(0, place - latest)


@kernel
def run_at(sequence: Ints, color: Ints, place: int, limit: int, begin: int) -> int:
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
def change_at(sequence: Ints, color: Ints, place: int) -> int:
    """Return 1 if the colour changes on the way to this place."""
    if place <= 0 or place >= len(sequence):
        return 0
    return 1 if color[sequence[place]] != color[sequence[place - 1]] else 0


@kernel
def purge_at(sequence: Ints, color: Ints, purge: Ints, place: int) -> int:
    """Return what the colour change on the way to this place costs."""
    if place <= 0 or place >= len(sequence):
        return 0
    return int(purge[color[sequence[place - 1]], color[sequence[place]]])


@kernel
def try_swap(
    i: int,
    j: int,
    sequence: Ints,
    has: Ints,
    n: Ints,
    p: Ints,
    weight: Ints,
    gain: Ints,
    counts: Ints,
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
    price: Ints,
) -> bool:
    """Try to swap the cars at i < j; do it if it costs nothing.

    `gain[r]` is the most that rules r and after can win by one swap. `price` then holds the change
    of cost.
    """
    a, b = sequence[i], sequence[j]
    delta = window_weight * (
        out_of_place(j, earliest[a], latest[a])
        + out_of_place(i, earliest[b], latest[b])
        - out_of_place(i, earliest[a], latest[a])
        - out_of_place(j, earliest[b], latest[b])
    )
    recolored = color[a] != color[b]
    if recolored:
        old = purge_at(sequence, color, purge, i) + purge_at(sequence, color, purge, j + 1)
        old += purge_at(sequence, color, purge, i + 1)
        if j != i + 1:
            old += purge_at(sequence, color, purge, j)
        sequence[i], sequence[j] = b, a
        new = purge_at(sequence, color, purge, i) + purge_at(sequence, color, purge, j + 1)
        new += purge_at(sequence, color, purge, i + 1)
        if j != i + 1:
            new += purge_at(sequence, color, purge, j)
        sequence[i], sequence[j] = a, b
        delta += color_weight * (new - old)
    if len(gap) > 0:
        delta += swap_price(i, j, a, b, side, gap, apart_weight, near)
    for r in range(len(n)):
        if delta > gain[r]:
            return False
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
        return False
    sequence[i], sequence[j] = b, a
    if recolored and (
        run_at(sequence, color, i, limit, runs_from) > limit
        or run_at(sequence, color, j, limit, runs_from) > limit
    ):
        sequence[i], sequence[j] = a, b
        return False
    where[a], where[b] = j, i
    for r in range(len(n)):
        d = has[b, r] - has[a, r]
        if d == 0:
            continue
        for s in range(max(first[r], i - p[r] + 1), min(last[r], min(i, j - p[r])) + 1):
            counts[r, s] += d
        for s in range(max(first[r], max(i + 1, j - p[r] + 1)), min(last[r], j) + 1):
            counts[r, s] -= d
    if len(gap) > 0:
        count_swap(i, j, a, b, side, gap, near)
    price[0] = delta
    return True


@kernel
def try_segment(
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
    price: Ints,
) -> bool:
    """Try to put `segment` on the places lo..hi; do it if it costs nothing.

    `price` then holds the change of cost.
    """
    delta, changes = 0, 0
    for k in range(lo, hi + 2):
        changes -= purge_at(sequence, color, purge, k)
    for k in range(lo, hi + 1):
        a, b = sequence[k], segment[k - lo]
        delta += window_weight * (
            out_of_place(k, earliest[b], latest[b]) - out_of_place(k, earliest[a], latest[a])
        )
    if len(gap) > 0:
        delta -= stretch_cost(lo, hi, sequence, side, gap, apart_weight)
    for k in range(lo, hi + 1):
        a = sequence[k]
        sequence[k] = segment[k - lo]
        segment[k - lo] = a
    if len(gap) > 0:
        delta += stretch_cost(lo, hi, sequence, side, gap, apart_weight)
    for k in range(lo, hi + 2):
        changes += purge_at(sequence, color, purge, k)
    delta += color_weight * changes
    for r in range(len(n)):
        if delta > 0 and delta >= 1000 * weight[r]:
            break
        s_first, s_last = max(first[r], lo - p[r] + 1), min(last[r], hi)
        if s_first > s_last:
            continue
        count_windows(sequence, has[:, r], p[r], s_first, s_last, fresh[r])
        change = 0
        for s in range(s_first, s_last + 1):
            change += max(0, fresh[r, s] - n[r]) - max(0, counts[r, s] - n[r])
        delta += weight[r] * change
    keep = delta <= 0
    if keep:
        k = lo
        while keep and k <= hi + 1 and k < len(sequence):
            run = run_at(sequence, color, k, limit, runs_from)
            keep = run <= limit
            k += 1
            while k <= hi + 1 and k < len(sequence) and change_at(sequence, color, k) == 0:
                k += 1
        if keep and lo > 0:
            keep = run_at(sequence, color, lo - 1, limit, runs_from) <= limit or lo <= runs_from
    if not keep:
        for k in range(lo, hi + 1):
            sequence[k] = segment[k - lo]
        return False
    for k in range(lo, hi + 1):
        where[sequence[k]] = k
    for r in range(len(n)):
        for s in range(max(first[r], lo - p[r] + 1), min(last[r], hi) + 1):
            counts[r, s] = fresh[r, s]
    if len(gap) > 0:
        count_stretch(lo, hi, segment, sequence, side, gap, near)
    price[0] = delta
    return True
