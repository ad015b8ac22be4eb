"""Each move of the sequence search is made exactly where a recount says that it costs no more."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aps.sequencing.board import Board, Facts, board_of, facts_of
from aps.sequencing.greedy import greedy
from aps.sequencing.moves import REFUSED, try_blocks, try_swap
from aps.sequencing.search import WITH_COLORS, WITHOUT_COLORS, Mix, Walk
from aps.sequencing.task import SequenceTask, Spacing, cost_of
from aps.worktime import Ints
from tests.unit.aps.test_sequencing import a_task

_ALLOWED = st.sampled_from([0, 0, 1, 2_000, 10**6])


def _with_every_rule(seed: int, *, even: bool) -> SequenceTask:
    """Return a task with ratio rules, colours priced by pair, places and cars kept apart."""
    rng = np.random.default_rng(seed)
    task = a_task(seed, limit=6, fixed=int(rng.integers(0, 6)), truncated=bool(rng.integers(0, 2)))
    prices = rng.integers(1, 9, (5, 5))
    prices = prices + prices.T if even else prices
    np.fill_diagonal(prices, 0)
    spacing = Spacing(
        side=rng.integers(0, 4, (40, 2)).astype(np.uint8),
        gap=np.array([3, 6]),
        weights=np.array([10**3, 10**6]),
    )
    weights = replace(task.weights, window=int(rng.integers(0, 2)))
    return replace(task, purge=prices.astype(np.int64), spacing=spacing, weights=weights)


def _expect(
    task: SequenceTask,
    facts: Facts,
    board: Board,
    moved: Ints,
    allowed: int,
    attempt: Callable[[], int],
) -> None:
    """Try the move that leads to `moved` and compare everything with a recount."""
    before = board.sequence.copy()
    old, new = cost_of(task, before), cost_of(task, moved)
    made = new.total - old.total <= allowed and new.longest_run <= task.batch_limit
    assert attempt() == (new.total - old.total if made else REFUSED)
    fresh = board_of(task, facts, moved if made else before, seed=0)
    for name in ("sequence", "where", "flags", "counts", "toggle", "owed", "near"):
        assert (getattr(board, name) == getattr(fresh, name)).all(), name


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.data())
def test_blocks_change_places_or_turn_round_only_for_what_is_allowed(
    seed: int, even: bool, data: st.DataObject
) -> None:
    task = _with_every_rule(seed, even=even)
    facts, start = facts_of(task), greedy(task)
    assume(cost_of(task, start).longest_run <= task.batch_limit)
    board = board_of(task, facts, start, seed=seed)
    for _ in range(20):
        lo = data.draw(st.integers(task.fixed, 38))
        hi = data.draw(st.integers(lo + 1, min(39, lo + data.draw(st.sampled_from([2, 8, 40])))))
        turned = data.draw(st.booleans())
        cut = 1 if turned else data.draw(st.integers(1, hi - lo))
        part = board.sequence[lo : hi + 1]
        part = part[::-1] if turned else np.concatenate((part[cut:], part[:cut]))
        moved = np.concatenate((board.sequence[:lo], part, board.sequence[hi + 1 :]))
        most = data.draw(_ALLOWED)
        _expect(task, facts, board, moved, most, lambda lo=lo, cut=cut, hi=hi, t=turned, a=most: int(
            try_blocks(lo, cut, hi, t, a, facts, board)
        ))  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.data())
def test_two_cars_are_swapped_only_for_what_is_allowed(
    seed: int, even: bool, data: st.DataObject
) -> None:
    task = _with_every_rule(seed, even=even)
    facts, start = facts_of(task), greedy(task)
    assume(cost_of(task, start).longest_run <= task.batch_limit)
    board = board_of(task, facts, start, seed=seed)
    for _ in range(20):
        i = data.draw(st.integers(task.fixed, 38))
        j = data.draw(st.integers(i + 1, 39))
        moved = board.sequence.copy()
        moved[i], moved[j] = moved[j], moved[i]
        most = data.draw(_ALLOWED)
        _expect(task, facts, board, moved, most, lambda i=i, j=j, a=most: int(
            try_swap(i, j, a, facts, board)
        ))  # fmt: skip


def test_cars_of_more_options_than_one_number_has_bits_are_priced_as_well() -> None:
    rng = np.random.default_rng(3)
    base = a_task(3, windows=False)
    rules = 130
    task = replace(
        base,
        has=(rng.random((40, rules)) < 0.2).astype(np.uint8),
        n=np.ones(rules, np.int64),
        p=rng.integers(2, 9, rules),
        weights=replace(base.weights, rules=rng.choice([1, 1000, 10**6], rules)),
    )
    facts = facts_of(task)
    board = board_of(task, facts, np.arange(40), seed=1)
    for _ in range(60):
        i, j = sorted(int(place) for place in rng.choice(np.arange(5, 40), 2, replace=False))
        moved = board.sequence.copy()
        moved[i], moved[j] = moved[j], moved[i]
        _expect(task, facts, board, moved, 10**7, lambda i=i, j=j: int(
            try_swap(i, j, 10**7, facts, board)
        ))  # fmt: skip


@pytest.mark.parametrize("move", Mix.__slots__)
def test_a_walk_of_one_kind_of_move_keeps_its_counters_true(move: str) -> None:
    task = replace(a_task(11, windows=False, truncated=True), batch_limit=40)
    start = np.arange(40)
    parts = dict.fromkeys(Mix.__slots__, 0) | {move: 1}
    walk = Walk(task, start, seed=2, mix=Mix(**parts))
    walk.run(9000)
    counted = cost_of(task, walk.sequence())
    assert walk.cost == counted.total <= cost_of(task, start).total
    assert sorted(walk.sequence()) == list(range(40))
    assert list(walk.sequence()[: task.fixed]) == list(range(task.fixed))
    assert (walk.sequence() != start).any()


def test_a_hot_walk_takes_worse_orders_and_remembers_the_best() -> None:
    task = a_task(5, windows=False, truncated=True)
    walk = Walk(task, greedy(task), seed=1)
    worse, best = False, walk.cost
    for _ in range(40):
        walk.run(500, heat=2.0)
        counted, known = cost_of(task, walk.sequence_here()), cost_of(task, walk.sequence())
        assert counted.total == walk.cost_here
        assert known.total == walk.cost <= min(best, counted.total)
        assert max(counted.longest_run, known.longest_run) <= task.batch_limit
        worse |= walk.cost_here > walk.cost
        best = walk.cost
    assert worse


def test_a_walk_is_the_same_again_with_the_same_seed_and_heat() -> None:
    task = a_task(6, truncated=True)

    def walked(seed: int) -> list[int]:
        walk = Walk(task, greedy(task), seed=seed)
        walk.run(3000, heat=0.5)
        walk.run(3000)
        return [int(car) for car in walk.sequence_here()]

    assert walked(3) == walked(3) != walked(4)


@pytest.mark.parametrize("mix", [WITH_COLORS, WITHOUT_COLORS])
def test_the_shares_of_the_moves_fill_the_whole(mix: Mix) -> None:
    limits = mix.limits()
    assert limits[-1] == 1000
    assert (np.diff(limits) >= 0).all()
