"""Cars that have to keep their turn, as in a lane of a store: no part of the search breaks a line."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.budget import Budget, Clock
from aps.sequencing.board import board_of, facts_of
from aps.sequencing.greedy import greedy
from aps.sequencing.moves import REFUSED, try_blocks, try_swap
from aps.sequencing.phases import search_in_phases
from aps.sequencing.polish import polish
from aps.sequencing.search import improve
from aps.sequencing.task import SequenceTask, cost_of, in_line
from tests.unit.aps.test_sequencing import a_task


def _in_lines(seed: int, lines: int) -> SequenceTask:
    """Return a task whose free cars stand in lines, but for one line's worth of them."""
    rng = np.random.default_rng(seed)
    task = a_task(seed, limit=6, fixed=int(rng.integers(0, 6)))
    ahead = np.full(len(task.color), -1, np.int64)
    stands = rng.integers(0, lines + 1, len(task.color))
    for line in range(lines):
        cars = rng.permutation(np.flatnonzero(stands[task.fixed :] == line) + task.fixed)
        ahead[cars[1:]] = cars[:-1]
    return replace(task, ahead=ahead)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_every_search_keeps_each_car_behind_the_one_ahead_of_it(seed: int, lines: int) -> None:
    task = _in_lines(seed, lines)
    start = greedy(task)
    assert in_line(task, start)
    found, cost = improve(task, start, moves=3000, seed=seed)
    assert in_line(task, found)
    assert cost == cost_of(task, found).total <= cost_of(task, start).total


def test_windows_solved_again_keep_the_lines_and_get_better() -> None:
    task = _in_lines(11, 4)
    start = greedy(task)
    found = polish(task, start, Clock(Budget(deterministic_s=0.5)).share(1.0), seed=1)
    assert in_line(task, found)
    assert cost_of(task, found).total < cost_of(task, start).total


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.data())
def test_a_move_is_refused_exactly_where_it_breaks_a_line(
    seed: int, lines: int, data: st.DataObject
) -> None:
    task = replace(_in_lines(seed, lines), batch_limit=1000)
    facts = facts_of(task)
    board = board_of(task, facts, greedy(task), seed=seed)
    for _ in range(20):
        lo = data.draw(st.integers(task.fixed, 38))
        hi = data.draw(st.integers(lo + 1, 39))
        cut, turned = data.draw(st.integers(1, hi - lo)), data.draw(st.booleans())
        old, part = board.sequence.copy(), board.sequence[lo : hi + 1]
        moved = old.copy()
        if data.draw(st.booleans()):
            moved[[lo, hi]] = old[[hi, lo]]
            made = try_swap(lo, hi, 1 << 40, facts, board) != REFUSED
        else:
            moved[lo : hi + 1] = part[::-1] if turned else np.concatenate((part[cut:], part[:cut]))
            made = try_blocks(lo, cut, hi, turned, 1 << 40, facts, board) != REFUSED
        assert made == in_line(task, moved)
        assert (board.sequence == (moved if made else old)).all()


def test_a_car_whose_follower_is_due_soon_comes_before_it_in_time() -> None:
    task = replace(a_task(3, limit=40, fixed=0), n=np.zeros(0, np.int64), p=np.zeros(0, np.int64))
    task = replace(task, has=task.has[:, :0], weights=replace(task.weights, rules=task.n))
    size = len(task.color)
    ahead, latest = np.full(size, -1, np.int64), np.full(size, size, np.int64)
    ahead[7], latest[7] = 30, 1
    task = replace(task, ahead=ahead, latest=latest, earliest=np.zeros(size, np.int64))
    assert greedy(task)[:2].tolist() == [30, 7]


def test_the_phases_of_a_search_keep_the_lines_too() -> None:
    task = _in_lines(5, 3)
    ticks = iter(range(10_000))
    found = search_in_phases(task, wall_s=200.0, seed=1, now=lambda: float(next(ticks)))
    assert in_line(task, found)
