"""Tabu search on the critical path of a flexible job shop, in compiled code.

One operation of a critical path is taken out and put back on one of its machines where it fits
best: the neighbourhood of Mastrolilli and Gambardella (Journal of Scheduling 3(1), 2000). With
heads and tails counted without the operation, only places after all operations that must come
before it and before all that must come after it are tried, so that no move closes a cycle, and
the estimate of the new makespan is exact or a little too high.
"""

import numpy as np

from aps.jit import kernel
from aps.jobshop.shop import Shop, Solution
from aps.sequencing.moves import random_below
from aps.worktime import Ints

_MASK = (1 << 62) - 1
_LOOKED_AT = 20
"""Operations of a critical path, drawn at random, that a move chooses from.

By measurement on paths of 15 to 60: a dozen ends worse on short paths, all of them is half as fast on long ones.
"""


@kernel
def _time(
    before: Ints,
    after: Ints,
    dur: Ints,
    prev: Ints,
    follow: Ints,
    head: Ints,
    tail: Ints,
    order: Ints,
    place: Ints,
) -> int:
    """Fill heads, tails and a topological order; return the makespan, -1 where there is a cycle."""
    size = len(dur)
    waits = place  # the number of unmet predecessors, until the order is known
    filled = 0
    for v in range(size):
        waits[v] = (before[v] >= 0) + (prev[v] >= 0)
        if waits[v] == 0:
            order[filled] = v
            filled += 1
    at, makespan = 0, 0
    while at < filled:
        v = order[at]
        at += 1
        begin = 0
        if before[v] >= 0:
            begin = head[before[v]] + dur[before[v]]
        if prev[v] >= 0:
            begin = max(begin, head[prev[v]] + dur[prev[v]])
        head[v] = begin
        makespan = max(makespan, begin + dur[v])
        for successor in (after[v], follow[v]):
            if successor >= 0:
                waits[successor] -= 1
                if waits[successor] == 0:
                    order[filled] = successor
                    filled += 1
    if filled < size:
        return -1
    for k in range(size - 1, -1, -1):
        v = order[k]
        place[v] = k
        rest = 0
        if after[v] >= 0:
            rest = tail[after[v]] + dur[after[v]]
        if follow[v] >= 0:
            rest = max(rest, tail[follow[v]] + dur[follow[v]])
        tail[v] = rest
    return makespan


@kernel
def _unlink(v: int, machine: int, prev: Ints, follow: Ints, first: Ints) -> int:
    if prev[v] >= 0:
        follow[prev[v]] = follow[v]
    else:
        first[machine] = follow[v]
    if follow[v] >= 0:
        prev[follow[v]] = prev[v]
    return 0


@kernel
def _link(v: int, machine: int, behind: int, prev: Ints, follow: Ints, first: Ints) -> int:
    """Put v on a machine behind an operation, -1 for the first place."""
    prev[v] = behind
    if behind >= 0:
        follow[v] = follow[behind]
        follow[behind] = v
    else:
        follow[v] = first[machine]
        first[machine] = v
    if follow[v] >= 0:
        prev[follow[v]] = v
    return 0


@kernel
def _decode(
    order: Ints,
    pick: Ints,
    machine: Ints,
    duration: Ints,
    dur: Ints,
    prev: Ints,
    follow: Ints,
    first: Ints,
) -> int:
    """Chain the operations on their machines in the given order."""
    last = np.full(len(first), -1, np.int64)
    first[:] = -1
    for k in range(len(order)):
        v = order[k]
        m = machine[pick[v]]
        dur[v] = duration[pick[v]]
        _link(v, m, last[m], prev, follow, first)
        last[m] = v
    return 0


@kernel
def _take_out(
    v: int,
    before: Ints,
    after: Ints,
    dur: Ints,
    prev: Ints,
    follow: Ints,
    head: Ints,
    tail: Ints,
    order: Ints,
    rank: int,
    reached: int,
    h: Ints,
    t: Ints,
) -> int:
    """Fill heads and tails as they are without v on its machine; return the makespan then.

    `reached` is the latest end of what comes before v in the topological order.
    """
    size = len(order)
    own, p, f = dur[v], prev[v], follow[v]
    dur[v] = 0
    h[:] = head
    t[:] = tail
    h[v] = head[before[v]] + dur[before[v]] if before[v] >= 0 else 0
    t[v] = tail[after[v]] + dur[after[v]] if after[v] >= 0 else 0
    without = reached
    for k in range(rank + 1, size):
        u = order[k]
        x = 0
        if before[u] >= 0:
            x = h[before[u]] + dur[before[u]]
        m = prev[u] if prev[u] != v else p
        if m >= 0:
            x = max(x, h[m] + dur[m])
        h[u] = x
        without = max(without, x + dur[u])
    for k in range(rank - 1, -1, -1):
        u = order[k]
        x = 0
        if after[u] >= 0:
            x = t[after[u]] + dur[after[u]]
        m = follow[u] if follow[u] != v else f
        if m >= 0:
            x = max(x, t[m] + dur[m])
        t[u] = x
    dur[v] = own
    return without


@kernel
def _critical_path(
    makespan: int,
    after: Ints,
    follow: Ints,
    dur: Ints,
    head: Ints,
    tail: Ints,
    path: Ints,
    state: Ints,
) -> int:
    """Write one critical path, taken at random where it forks; return its length."""
    starts, choice = 0, -1
    for v in range(len(dur)):
        if head[v] == 0 and dur[v] + tail[v] == makespan:
            starts += 1
            if random_below(state, starts) == 0:
                choice = v
    length = 0
    while choice >= 0:
        path[length] = choice
        length += 1
        end, rest = head[choice] + dur[choice], tail[choice]
        one, other = after[choice], follow[choice]
        if one >= 0 and (head[one] != end or dur[one] + tail[one] != rest):
            one = -1
        if other >= 0 and (head[other] != end or dur[other] + tail[other] != rest):
            other = -1
        choice = max(one, other)
        if min(one, other) >= 0 and random_below(state, 2) == 0:
            choice = min(one, other)
    return length


@kernel
def _search(
    before: Ints,
    after: Ints,
    begin: Ints,
    machine: Ints,
    duration: Ints,
    best_order: Ints,
    best_pick: Ints,
    order: Ints,
    pick: Ints,
    first: Ints,
    tabu: Ints,
    clock: Ints,
    state: Ints,
    tries: int,
    target: int,
) -> int:
    """Make `tries` moves on `order` and `pick` in place; return the best makespan seen.

    The best solution is left in `best_order` and `best_pick`; `clock` holds the number of the
    move, the best makespan and the move that found it.
    """
    size = len(before)
    dur, prev, follow = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    head, tail = np.zeros(size, np.int64), np.zeros(size, np.int64)
    h, t = np.zeros(size, np.int64), np.zeros(size, np.int64)
    place, path, line = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    reached = np.zeros(size + 1, np.int64)
    _decode(order, pick, machine, duration, dur, prev, follow, first)
    makespan = _time(before, after, dur, prev, follow, head, tail, order, place)
    for done in range(tries + 1):
        if makespan < clock[1]:
            clock[1] = makespan
            clock[2] = clock[0]
            best_order[:] = order
            best_pick[:] = pick
        if clock[1] <= target or done == tries:
            break
        clock[0] += 1
        length = _critical_path(makespan, after, follow, dur, head, tail, path, state)
        seen = 0
        for k in range(size):
            reached[k + 1] = max(reached[k], head[order[k]] + dur[order[k]])
        value, ties, forbidden_ones = 1 << 60, 0, 0
        move_v, move_pick, move_behind = -1, -1, -1
        any_v, any_pick, any_behind = -1, -1, -1
        for at in range(length):
            if seen >= _LOOKED_AT and move_v >= 0:
                break
            other = at + random_below(state, length - at)
            v = path[other]
            path[other] = path[at]
            own, p = machine[pick[v]], prev[v]
            if begin[v + 1] - begin[v] == 1 and p < 0 and follow[v] < 0:
                continue
            seen += 1
            without = _take_out(
                v, before, after, dur, prev, follow, head, tail, order, place[v],
                reached[place[v]], h, t,
            )  # fmt: skip
            ready, rest = h[v], t[v]
            for option in range(begin[v], begin[v + 1]):
                m, d = machine[option], duration[option]
                # Behind the first `low` operations v need not wait, before the others than the
                # first `high` nothing waits for it: the best place lies between the two.
                count, low, high = 0, 0, 0
                u = first[m]
                while u >= 0:
                    if u != v:
                        line[count] = u
                        count += 1
                        if h[u] + dur[u] <= ready:
                            low = count
                        if t[u] + dur[u] > rest:
                            high = count
                    u = follow[u]
                for k in range(min(low, high), max(low, high) + 1):
                    behind = line[k - 1] if k > 0 else -1
                    if m == own and behind == p:
                        continue
                    x, y = ready, rest
                    if k > 0:
                        x = max(x, h[behind] + dur[behind])
                    if k < count:
                        y = max(y, t[line[k]] + dur[line[k]])
                    new = max(without, x + d + y)
                    if tabu[v, m] > clock[0] and new >= clock[1]:
                        forbidden_ones += 1
                        if random_below(state, forbidden_ones) == 0:
                            any_v, any_pick, any_behind = v, option, behind
                        continue
                    if new < value:
                        value, ties = new, 0
                    if new == value:
                        ties += 1
                        if random_below(state, ties) == 0:
                            move_v, move_pick, move_behind = v, option, behind
        if move_v < 0:
            move_v, move_pick, move_behind = any_v, any_pick, any_behind
        if move_v < 0:
            break  # nothing on the path can move
        v, old, came_from = move_v, pick[move_v], prev[move_v]
        tenure = length + begin[v + 1] - begin[v] + random_below(state, 1 + length // 2)
        _unlink(v, machine[old], prev, follow, first)
        _link(v, machine[move_pick], move_behind, prev, follow, first)
        pick[v], dur[v] = move_pick, duration[move_pick]
        tabu[v, machine[old]] = clock[0] + tenure
        makespan = _time(before, after, dur, prev, follow, head, tail, order, place)
        if makespan < 0:  # only operations without duration can close a cycle
            _unlink(v, machine[move_pick], prev, follow, first)
            _link(v, machine[old], came_from, prev, follow, first)
            pick[v], dur[v] = old, duration[old]
            tabu[v, machine[move_pick]] = clock[0] + tenure
            makespan = _time(before, after, dur, prev, follow, head, tail, order, place)
    return int(clock[1])


class Tabu:
    """A tabu search that can be asked for a few more moves at a time."""

    def __init__(self, shop: Shop, start: Solution, *, seed: int) -> None:
        self._shop = shop
        self._order, self._pick = start.order.copy(), start.pick.copy()
        self._best_order, self._best_pick = start.order.copy(), start.pick.copy()
        self._first = np.zeros(shop.machines, np.int64)
        self._tabu = np.zeros((shop.size, shop.machines), np.int64)
        self._clock = np.array([0, start.makespan, 0], np.int64)
        self._state = np.array([(seed * 2_654_435_761 + 88_172_645_463_325_252) & _MASK], np.int64)

    def run(self, moves: int, *, target: int) -> int:
        """Make some more moves, fewer once `target` is reached; return the best makespan."""
        shop = self._shop
        return _search(
            shop.before, shop.after, shop.begin, shop.machine, shop.duration,
            self._best_order, self._best_pick, self._order, self._pick, self._first, self._tabu,
            self._clock, self._state, moves, target,
        )  # fmt: skip

    @property
    def stalled(self) -> int:
        """Moves since the best was found."""
        return int(self._clock[0] - self._clock[2])

    def best(self) -> Solution:
        """Return the best solution so far."""
        return Solution(int(self._clock[1]), self._best_order.copy(), self._best_pick.copy())
