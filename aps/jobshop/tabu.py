"""Tabu search on the critical path of a flexible job shop, in compiled code.

One operation of a critical path is taken out and put back on one of its machines where it fits
best: the neighbourhood of Mastrolilli and Gambardella (Journal of Scheduling 3(1), 2000). With
heads and tails counted without the operation, only places after all operations that must come
before it and before all that must come after it are tried, so that no move closes a cycle, and
the estimate of the new makespan is exact or a little too high.

Most of the time goes into counting without an operation, so that is done on places of a topological
order in place of operations: the neighbours of a place are looked up one after the other, and a place
behind the last one, which ends at 0, stands for the neighbour that is not there.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aps.jit import inlined, lean
from aps.jobshop.shop import Shop, Solution
from aps.sequencing.moves import random_below
from aps.worktime import Ints

Places = npt.NDArray[np.uint32]
"""Places of operations: without a sign, so that none is looked at from the end."""
_MASK = (1 << 62) - 1
_LOOKED_AT = 20
"""Operations of a critical path, drawn at random, that a move chooses from.

By measurement on paths of 15 to 60: a dozen ends worse on short paths, all of them is half as fast on long ones.
"""


class Facts(NamedTuple):
    """What no move changes; see `aps.jobshop.shop.Shop`."""

    before: Ints
    after: Ints
    begin: Ints
    machine: Ints
    duration: Ints


class Board(NamedTuple):
    """A solution being searched.

    By operation: `order` (topological), the option picked and its `dur`ation, neighbours on the machine
    (`prev`, `follow`, -1: none) and `place` in the order; `first` of each machine; `tabu[v, machine]` is
    the move until which v may not be put on the machine. By place: `took`, the places of the neighbours
    in the job and on the machine (`job_prev`, `job_next`, `prev_at`, `next_at`), how late it `ends`, how
    long the `rest` from its start is, both again without an operation (`ends_without`, `rest_without`),
    and the latest end before it (`reached`). `line` are the places on each machine, from `line_begin` on,
    and behind them room for one line. `clock` holds the number of the move, the best makespan and the
    move that found it; `path` a critical path; `chance` the state of the random numbers.
    """

    order: Ints
    pick: Ints
    dur: Ints
    prev: Ints
    follow: Ints
    place: Ints
    first: Ints
    tabu: Ints
    took: Ints
    job_prev: Places
    job_next: Places
    prev_at: Places
    next_at: Places
    ends: Ints
    rest: Ints
    ends_without: Ints
    rest_without: Ints
    reached: Ints
    line: Places
    line_begin: Ints
    path: Ints
    best_order: Ints
    best_pick: Ints
    clock: Ints
    chance: Ints


def _board(shop: Shop, start: Solution, *, seed: int) -> Board:
    size, machines = shop.size, shop.machines

    def times() -> Ints:
        return np.zeros(size + 1, np.int64)

    def places() -> Places:
        return np.full(size + 1, size, np.uint32)

    return Board(
        order=start.order.copy(),
        pick=start.pick.copy(),
        dur=shop.duration[start.pick],
        prev=times(),
        follow=times(),
        place=times(),
        first=np.full(machines, -1, np.int64),
        tabu=np.zeros((size, machines), np.int64),
        took=times(),
        job_prev=places(),
        job_next=places(),
        prev_at=places(),
        next_at=places(),
        ends=times(),
        rest=times(),
        ends_without=times(),
        rest_without=times(),
        reached=times(),
        line=np.zeros(2 * size + 1, np.uint32),
        line_begin=np.zeros(machines + 1, np.int64),
        path=times(),
        best_order=start.order.copy(),
        best_pick=start.pick.copy(),
        clock=np.array([0, start.makespan, 0], np.int64),
        chance=np.array([(seed * 2_654_435_761 + 88_172_645_463_325_252) & _MASK], np.int64),
    )


@inlined
def _time(facts: Facts, board: Board) -> int:
    """Put all into a topological order and time it; return the makespan, -1 where there is a cycle."""
    before, after, prev, follow = facts.before, facts.after, board.prev, board.follow
    order, place, ends, rest = board.order, board.place, board.ends, board.rest
    size = len(order)
    filled = 0
    for v in range(size):
        place[v] = (before[v] >= 0) + (
            prev[v] >= 0
        )  # unmet ones before it, until its place is known
        if place[v] == 0:
            order[filled] = v
            filled += 1
    at, makespan = 0, 0
    while at < filled:
        v = order[at]
        place[v] = at
        one = place[before[v]] if before[v] >= 0 else size
        other = place[prev[v]] if prev[v] >= 0 else size
        board.job_prev[at], board.prev_at[at] = one, other
        board.took[at] = board.dur[v]
        board.reached[at] = makespan
        ends[at] = max(ends[one], ends[other]) + board.dur[v]
        makespan = max(makespan, ends[at])
        for successor in (after[v], follow[v]):
            if successor >= 0:
                place[successor] -= 1
                if place[successor] == 0:
                    order[filled] = successor
                    filled += 1
        at += 1
    if filled < size:
        return -1
    for k in range(size - 1, -1, -1):
        v = order[k]
        one = place[after[v]] if after[v] >= 0 else size
        other = place[follow[v]] if follow[v] >= 0 else size
        board.job_next[k], board.next_at[k] = one, other
        rest[k] = max(rest[one], rest[other]) + board.took[k]
    count = 0
    for m in range(len(board.first)):
        board.line_begin[m] = count
        v = board.first[m]
        while v >= 0:
            board.line[count] = place[v]
            count += 1
            v = follow[v]
    board.line_begin[len(board.first)] = count
    return int(makespan)


@inlined
def _unlink(v: int, machine: int, board: Board) -> None:
    prev, follow = board.prev, board.follow
    if prev[v] >= 0:
        follow[prev[v]] = follow[v]
    else:
        board.first[machine] = follow[v]
    if follow[v] >= 0:
        prev[follow[v]] = prev[v]


@inlined
def _link(v: int, machine: int, behind: int, board: Board) -> None:
    """Put v on a machine behind an operation, -1 for the first place."""
    prev, follow, first = board.prev, board.follow, board.first
    prev[v] = behind
    if behind >= 0:
        follow[v] = follow[behind]
        follow[behind] = v
    else:
        follow[v] = first[machine]
        first[machine] = v
    if follow[v] >= 0:
        prev[follow[v]] = v


@lean
def _chain(facts: Facts, board: Board) -> None:
    """Chain the operations on their machines in the order of the board."""
    last = board.line_begin  # the last of each machine until all are chained
    last[:] = -1
    for v in board.order:
        m = facts.machine[board.pick[v]]
        _link(v, m, last[m], board)
        last[m] = v


@inlined
def _ends_without(at: int, board: Board) -> int:
    """Fill ends as they are without the operation of a place on its machine; return the makespan then."""
    ends, job_prev, prev_at, took = board.ends_without, board.job_prev, board.prev_at, board.took
    size = len(board.order)
    behind = board.next_at[at]
    makespan = board.reached[at]
    for k in range(at):
        ends[k] = board.ends[k]
    ends[at] = ends[job_prev[at]]
    prev_at[behind] = prev_at[at]
    for k in range(at + 1, size):
        ends[k] = max(ends[job_prev[k]], ends[prev_at[k]]) + took[k]
        makespan = max(makespan, ends[k])
    prev_at[behind] = at
    return int(makespan)


@inlined
def _rest_without(at: int, board: Board) -> None:
    """Fill rests as they are without the operation of a place on its machine."""
    rest, job_next, next_at, took = board.rest_without, board.job_next, board.next_at, board.took
    before = board.prev_at[at]
    for k in range(at + 1, len(board.order)):
        rest[k] = board.rest[k]
    rest[at] = rest[job_next[at]]
    next_at[before] = next_at[at]
    for k in range(at - 1, -1, -1):
        rest[k] = max(rest[job_next[k]], rest[next_at[k]]) + took[k]
    next_at[before] = at


@inlined
def _critical_path(makespan: int, board: Board) -> int:
    """Write the places of one critical path, taken at random where it forks; return its length."""
    ends, rest, took, path = board.ends, board.rest, board.took, board.path
    size = len(board.order)
    starts, at = 0, size
    for k in range(size):
        if rest[k] == makespan and ends[k] == took[k]:
            starts += 1
            if random_below(board.chance, starts) == 0:
                at = k
    length = 0
    while at < size:
        path[length] = at
        length += 1
        left = rest[at] - took[at]
        one, other = int(board.job_next[at]), int(board.next_at[at])
        if rest[one] != left or ends[one] - took[one] != ends[at]:
            one = size
        if rest[other] != left or ends[other] - took[other] != ends[at]:
            other = size
        at = min(one, other)
        if max(one, other) < size and random_below(board.chance, 2) == 0:
            at = max(one, other)
    return length


@inlined
def _line_without(at: int, machine: int, own: int, board: Board) -> tuple[int, int]:
    """Return where the line of a machine begins, and its length, without the operation of a place."""
    begin, end = board.line_begin[machine], board.line_begin[machine + 1]
    if machine != own:
        return begin, end - begin
    copy = len(board.order)
    count = 0
    for k in range(begin, end):
        if board.line[k] != at:
            board.line[copy + count] = board.line[k]
            count += 1
    return copy, count


@inlined
def _places_between(begin: int, count: int, at: int, board: Board) -> tuple[int, int]:
    """Return the first and the last place in a line that is worth a try.

    Behind the first `low` operations of the line that of place `at` need not wait, before the others
    than the first `high` nothing waits for it: the best place lies between the two.
    """
    ends, rest, line = board.ends_without, board.rest_without, board.line
    ready, left = ends[at], rest[at]
    low, above = 0, count
    while low < above:
        middle = (low + above) >> 1
        if ends[line[begin + middle]] <= ready:
            low = middle + 1
        else:
            above = middle
    high, above = 0, count
    while high < above:
        middle = (high + above) >> 1
        if rest[line[begin + middle]] > left:
            high = middle + 1
        else:
            above = middle
    return min(low, high), max(low, high)


@inlined
def _best_move(length: int, facts: Facts, board: Board) -> tuple[int, int, int]:
    """Return the operation to move, its option, and the operation it goes behind (-1: none).

    Of those that are not forbidden one of least makespan; a forbidden one only if it is the best so
    far, or if there is no other. Operation -1: nothing on the path can move.
    """
    begin, machine, duration = facts.begin, facts.machine, facts.duration
    ends, rest, path, line, chance = (
        board.ends_without, board.rest_without, board.path, board.line, board.chance,
    )  # fmt: skip
    now, best, size = board.clock[0], board.clock[1], len(board.order)
    seen, value, ties, forbidden = 0, 1 << 60, 0, 0
    chosen, to_option, behind_at = -1, -1, size
    other, other_option, other_behind = -1, -1, size
    for nth in range(length):
        if seen >= _LOOKED_AT and chosen >= 0:
            break
        drawn = nth + random_below(chance, length - nth)
        at = path[drawn]
        path[drawn] = path[nth]
        v = board.order[at]
        own = machine[board.pick[v]]
        if begin[v + 1] - begin[v] == 1 and board.prev[v] < 0 and board.follow[v] < 0:
            continue
        seen += 1
        without = _ends_without(at, board)
        if without > value:
            continue
        _rest_without(at, board)
        for option in range(begin[v], begin[v + 1]):
            least = ends[at] + duration[option] + rest[at]
            if least > value:
                continue
            m = machine[option]
            first, count = _line_without(at, m, own, board)
            low, high = _places_between(first, count, at, board)
            for k in range(low, high + 1):
                one = int(line[first + k - 1]) if k > 0 else size
                two = int(line[first + k]) if k < count else size
                if m == own and one == board.prev_at[at]:
                    continue
                new = max(ends[at], ends[one]) + duration[option] + max(rest[at], rest[two])
                new = max(new, without)
                if board.tabu[v, m] > now and new >= best:
                    forbidden += 1
                    if random_below(chance, forbidden) == 0:
                        other, other_option, other_behind = v, option, one
                    continue
                if new < value:
                    value, ties = new, 0
                if new == value:
                    ties += 1
                    if random_below(chance, ties) == 0:
                        chosen, to_option, behind_at = v, option, one
    if chosen < 0:
        chosen, to_option, behind_at = other, other_option, other_behind
    return chosen, to_option, -1 if behind_at == size else board.order[behind_at]


@lean
def _search(facts: Facts, board: Board, tries: int, target: int) -> None:
    """Make `tries` moves in place, fewer once the best makespan is `target`."""
    pick, dur, machine, clock = board.pick, board.dur, facts.machine, board.clock
    makespan = _time(facts, board)
    for done in range(tries + 1):
        if makespan < clock[1]:
            clock[1] = makespan
            clock[2] = clock[0]
            for k in range(len(pick)):
                board.best_order[k], board.best_pick[k] = board.order[k], pick[k]
        if clock[1] <= target or done == tries:
            break
        clock[0] += 1
        length = _critical_path(makespan, board)
        v, option, behind = _best_move(length, facts, board)
        if v < 0:
            break
        old, came_from = pick[v], board.prev[v]
        choice = facts.begin[v + 1] - facts.begin[v]
        until = clock[0] + length + choice + random_below(board.chance, 1 + length // 2)
        _unlink(v, machine[old], board)
        _link(v, machine[option], behind, board)
        pick[v], dur[v] = option, facts.duration[option]
        board.tabu[v, machine[old]] = until
        makespan = _time(facts, board)
        if makespan < 0:  # only operations without duration can close a cycle
            _unlink(v, machine[option], board)
            _link(v, machine[old], came_from, board)
            pick[v], dur[v] = old, facts.duration[old]
            board.tabu[v, machine[option]] = until
            makespan = _time(facts, board)


class Tabu:
    """A tabu search that can be asked for a few more moves at a time."""

    def __init__(self, shop: Shop, start: Solution, *, seed: int) -> None:
        self._facts = Facts(shop.before, shop.after, shop.begin, shop.machine, shop.duration)
        self._board = _board(shop, start, seed=seed)
        _chain(self._facts, self._board)

    def run(self, moves: int, *, target: int) -> int:
        """Make some more moves, fewer once `target` is reached; return the best makespan."""
        _search(self._facts, self._board, moves, target)
        return int(self._board.clock[1])

    @property
    def stalled(self) -> int:
        """Moves since the best was found."""
        return int(self._board.clock[0] - self._board.clock[2])

    def best(self) -> Solution:
        """Return the best solution so far."""
        board = self._board
        return Solution(int(board.clock[1]), board.best_order.copy(), board.best_pick.copy())
