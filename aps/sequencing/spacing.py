"""Cars kept apart, counted incrementally: what the local search needs of the spacing rules.

`near[rule, 0 / 1 / 2, place]` counts the cars of one side, of the other and of both that stand fewer
than the rule's gap away from a place, so a swap is priced without looking at its neighbours.
"""

from aps.jit import kernel
from aps.worktime import Ints


@kernel
def clash(one: int, other: int) -> int:
    """Return 1 if two cars are of opposite sides of a rule."""
    return ((one & 1) & (other >> 1)) | ((one >> 1) & (other & 1))


@kernel
def add_near(near: Ints, place: int, gap: int, side: int, sign: int) -> None:
    """Count a car at a place, or with sign -1 count it no more, at the places around it."""
    if side == 0:
        return
    size = near.shape[1]
    for k in range(max(0, place - gap + 1), min(size, place + gap)):
        if k != place:
            near[0, k] += sign * (side & 1)
            near[1, k] += sign * (side >> 1)
            near[2, k] += sign * ((side & 1) & (side >> 1))


@kernel
def _close_to(near: Ints, place: int, side: int) -> int:
    """Return how many cars a car of a side would be too close to at a place."""
    if side == 0:
        return 0
    if side == 1:
        return int(near[1, place])
    if side == 2:
        return int(near[0, place])
    return int(near[0, place] + near[1, place] - near[2, place])


@kernel
def swap_price(
    i: int, j: int, a: int, b: int, side: Ints, gap: Ints, weight: Ints, near: Ints
) -> int:
    """Return the change of cost if car a at place i and car b at place j change places."""
    price = 0
    for r in range(len(gap)):
        x, y = side[a, r], side[b, r]
        if x == y:
            continue
        change = _close_to(near[r], i, y) + _close_to(near[r], j, x)
        change -= _close_to(near[r], i, x) + _close_to(near[r], j, y)
        if j - i < gap[r]:
            change += 2 * clash(x, y) - clash(x, x) - clash(y, y)
        price += weight[r] * change
    return price


@kernel
def count_swap(i: int, j: int, a: int, b: int, side: Ints, gap: Ints, near: Ints) -> None:
    """Keep the counters true after car a at place i and car b at place j changed places."""
    for r in range(len(gap)):
        x, y = side[a, r], side[b, r]
        if x != y:
            add_near(near[r], i, gap[r], x, -1)
            add_near(near[r], j, gap[r], y, -1)
            add_near(near[r], i, gap[r], y, 1)
            add_near(near[r], j, gap[r], x, 1)


@kernel
def stretch_cost(lo: int, hi: int, sequence: Ints, side: Ints, gap: Ints, weight: Ints) -> int:
    """Return what the pairs too close cost of which one car at least is on the places lo..hi."""
    cost = 0
    for r in range(len(gap)):
        pairs = 0
        for k in range(lo, min(len(sequence), hi + gap[r])):
            own = side[sequence[k], r]
            if own == 0:
                continue
            for other in range(max(0, k - gap[r] + 1), min(k, hi + 1)):
                if k <= hi or other >= lo:
                    pairs += clash(side[sequence[other], r], own)
        cost += weight[r] * pairs
    return cost


@kernel
def count_stretch(
    lo: int, hi: int, old: Ints, new: Ints, side: Ints, gap: Ints, near: Ints
) -> None:
    """Keep the counters true after the cars on lo..hi (`old`) were replaced by others (`new`)."""
    for r in range(len(gap)):
        for k in range(hi - lo + 1):
            x, y = side[old[k], r], side[new[lo + k], r]
            if x != y:
                add_near(near[r], lo + k, gap[r], x, -1)
                add_near(near[r], lo + k, gap[r], y, 1)
