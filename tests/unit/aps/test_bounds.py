"""What no order can do better is never above what an order does, and often just that."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.sequencing.bounds import floor_of, ratio_floor
from aps.sequencing.task import SequenceTask, Weights, cost_of
from tests.unit.aps.test_sequencing import a_task


def _a_rule(flags: list[int], n: int, p: int, *, fixed: int, truncated: bool) -> SequenceTask:
    size = len(flags)
    return SequenceTask(
        has=np.array(flags, np.uint8).reshape(-1, 1),
        n=np.array([n]),
        p=np.array([p]),
        color=np.zeros(size, np.int64),
        earliest=np.zeros(size, np.int64),
        latest=np.full(size, size, np.int64),
        weights=Weights(np.array([1]), 0, 0),
        fixed=fixed,
        batch_limit=size,
        truncated=truncated,
    )


def _least(task: SequenceTask) -> int:
    """Return the fewest violations of any order of the free cars, by trying all."""
    size, fixed = len(task.color), task.fixed
    return min(
        cost_of(task, np.array([*range(fixed), *order])).total
        for order in permutations(range(fixed, size))
    )


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 1), min_size=1, max_size=6),
    st.integers(0, 3),
    st.integers(1, 5),
    st.integers(0, 3),
    st.booleans(),
)
def test_no_order_has_fewer_violations_than_the_windows_have_no_room_for(
    flags: list[int], n: int, p: int, fixed: int, truncated: bool
) -> None:
    task = _a_rule(flags, n, p, fixed=min(fixed, len(flags)), truncated=truncated)
    assert ratio_floor(task, 0) <= _least(task)


@pytest.mark.parametrize(
    ("flags", "fixed", "truncated"),
    [
        ([1, 1, 1, 0, 0, 0], 0, False),
        ([1, 1, 1, 1, 0, 0], 0, False),
        ([1, 1, 1, 1, 0, 0], 1, True),
        ([1, 1, 0, 1, 1, 1], 3, True),
    ],
)
def test_one_rule_alone_is_often_bounded_exactly(
    flags: list[int], fixed: int, truncated: bool
) -> None:
    task = _a_rule(flags, 1, 2, fixed=fixed, truncated=truncated)
    assert ratio_floor(task, 0) == _least(task)


def test_the_floor_weighs_each_rule_and_leaves_out_those_that_cost_nothing() -> None:
    task = a_task(4, windows=False, truncated=True)
    alone = [ratio_floor(task, rule) for rule in range(3)]
    weights = Weights(np.array([100, 10, 0]), 0, 0)
    assert floor_of(replace(task, weights=weights)) == 100 * alone[0] + 10 * alone[1]
