"""Moves by hand on the plan in force: tried without a trace, published with a note, refused by name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mes.orders import service as orders
from mes.planning import board_moves, bridge, repository, views
from mes.planning import service as planning
from mes.planning.board_moves import MovesRefused, NothingMoved
from mes.planning.bridge import HandMove
from mes.planning.bridge.hand import times_of
from mes.planning.repository import BoardRow
from tests.support.planning import PlannedPlant


async def _drum(planned: PlannedPlant) -> list[BoardRow]:
    """Return what is planned on the drum line, first to last."""
    now = planned.clock.now()
    async with planned.database.read() as conn:
        net = await planning.network(conn)
        board = await planning.board(conn, now, now + timedelta(days=2), now=now)
    rows = [bar for bar in board.bars if bar.line == net.drum_line.id]
    return sorted(rows, key=lambda row: row.start_at)


def _free(rows: list[BoardRow]) -> list[BoardRow]:
    return [row for row in rows if not row.frozen and not row.started]


def _before(row: BoardRow, other: BoardRow) -> HandMove:
    assert row.car_id
    return HandMove(row.car_id, "assembly", other.car_id)


async def test_a_trial_tells_new_times_and_changes_nothing(planned: PlannedPlant) -> None:
    rows = await _drum(planned)
    one, other = _free(rows)[6], _free(rows)[2]
    async with planned.database.read() as conn:
        _, tried = await board_moves.try_moves(conn, [_before(one, other)], now=planned.clock.now())
    starts = {row.car_id: row.start_at for row in (one, other)}
    starts.update(
        {
            row.car_id: tried.anchor + timedelta(seconds=row.start_s)
            for row in tried.rows
            if row.line == one.line
        }
    )
    assert starts[one.car_id] < starts[other.car_id]
    assert not [one for one in tried.conflicts if one.hard]
    assert await _drum(planned) == rows


async def test_moves_are_published_with_their_note_and_the_plan_checks(
    planned: PlannedPlant,
) -> None:
    free = _free(await _drum(planned))
    async with planned.database.write() as conn:
        plan = await board_moves.publish_moves(
            conn,
            [_before(free[6], free[2])],
            note="fair",
            by="user:pat",
            now=planned.clock.now(),
        )
    assert (plan.note, plan.cause, plan.violations) == ("fair", "by hand", [])
    order = [row.car_id for row in await _drum(planned)]
    assert order.index(free[6].car_id) == order.index(free[2].car_id) - 1


async def test_a_move_of_what_is_unknown_publishes_nothing(planned: PlannedPlant) -> None:
    async with planned.database.read() as conn:
        before = await planning.published(conn)
    with pytest.raises(MovesRefused, match="nobody"):
        async with planned.database.write() as conn:
            await board_moves.publish_moves(
                conn,
                [HandMove("nobody", "assembly", None)],
                note="?",
                by="user:pat",
                now=planned.clock.now(),
            )
    with pytest.raises(NothingMoved):
        async with planned.database.write() as conn:
            await board_moves.publish_moves(
                conn, [], note="?", by="user:pat", now=planned.clock.now()
            )
    async with planned.database.read() as conn:
        assert await planning.published(conn) == before


async def test_a_trial_tells_the_times_that_a_published_plan_has(planned: PlannedPlant) -> None:
    async with planned.database.read() as conn:
        net = await planning.network(conn)
        head = await planning.published(conn)
        rows = await planning.operations_of(conn, head.id)
        content = await repository.content(conn, head.id)
        known = {order.number: order.id for order in await orders.open_orders(conn)}
    assert content.problem is not None and content.schedule is not None
    snap = bridge.reread(bridge.unpack_problem(content.problem), head.anchor_at, known)
    told = times_of(snap, bridge.unpack_schedule(content.schedule), net)
    assert {
        key: (head.anchor_at + timedelta(seconds=start), head.anchor_at + timedelta(seconds=end))
        for key, (start, end) in told.items()
    } == {(row.line, row.car_id): (row.start_at, row.end_at) for row in rows if row.car_id}


async def test_the_load_of_the_shift_that_runs_counts_the_cars_it_has_begun(
    planned: PlannedPlant,
) -> None:
    drum = await _drum(planned)
    middle = drum[len(drum) // 2].start_at
    async with planned.database.read() as conn:
        net = await planning.network(conn)
        seen = [
            await views.load(
                conn,
                net.drum_line.id,
                net.plant.ratio_rules,
                now=at,
                until=middle + timedelta(days=2),
            )
            for at in (planned.clock.now(), middle)
        ]
    early, late = ({one["shift_id"]: one["planned"] for one in load.shifts} for load in seen)
    assert sum(early.values()) >= len(drum)  # two stand on the line already
    assert late == {shift: early[shift] for shift in late}
    for load in seen:
        for number, shift in enumerate(load.shifts):
            assert all(option.cells[number][0] <= shift["planned"] for option in load.options)
