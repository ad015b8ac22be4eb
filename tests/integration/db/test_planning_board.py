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
from mes.platform import db
from mes.platform.sql import Query
from tests.support.planning import PlannedPlant


async def _drum(planned: PlannedPlant) -> list[BoardRow]:
    """Return what is planned on the drum line, first to last."""
    async with planned.database.read() as conn:
        net = await planning.network(conn)
    return await _on(planned, net.drum_line.id)


async def _on(planned: PlannedPlant, line: str) -> list[BoardRow]:
    """Return what is planned on a line, first to last."""
    now = planned.clock.now()
    async with planned.database.read() as conn:
        board = await planning.board(conn, now, now + timedelta(days=2), now=now)
    rows = [bar for bar in board.bars if bar.line == line]
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


async def test_a_body_is_welded_earlier_by_hand_and_stays_so_in_the_published_plan(
    planned: PlannedPlant,
) -> None:
    async with planned.database.read() as conn:
        line = (await planning.network(conn)).weld_lines[0].id
    free = _free(await _on(planned, line))
    one, other = free[8], free[3]
    move = HandMove(str(one.car_id), "weld", other.car_id, line)
    async with planned.database.read() as conn:
        _, tried = await board_moves.try_moves(conn, [move], now=planned.clock.now())
    told = {row.car_id: row.start_s for row in tried.rows if row.line == line}
    assert tried.anchor + timedelta(seconds=told[str(one.car_id)]) < one.start_at
    assert not [c for c in tried.conflicts if c.hard]
    async with planned.database.write() as conn:
        await board_moves.publish_moves(
            conn, [move], note="wanted", by="user:pat", now=planned.clock.now()
        )
    starts = {row.car_id: row.start_at for row in await _on(planned, line)}
    assert starts[one.car_id] <= starts[other.car_id]


async def test_a_die_lot_goes_to_the_other_press_by_hand(planned: PlannedPlant) -> None:
    await _empty_racks(planned)
    async with planned.database.read() as conn:
        presses = [line.id for line in (await planning.network(conn)).press_lines]
    free = [row for press in presses for row in _free(await _on(planned, press))]
    lot = max(free, key=lambda row: row.start_at)
    other = next(press for press in presses if press != lot.line)
    move = HandMove(str(lot.lot_id), "press", None, other)
    async with planned.database.read() as conn:
        _, tried = await board_moves.try_moves(conn, [move], now=planned.clock.now())
    (told,) = [row for row in tried.rows if row.car_id == lot.lot_id]
    assert (told.bar, told.line) == (f"{lot.line}/{lot.subject_id}", other)
    assert not [c for c in tried.conflicts if c.hard]
    async with planned.database.write() as conn:
        await board_moves.publish_moves(
            conn, [move], note="press 1 is serviced", by="user:pat", now=planned.clock.now()
        )
    assert lot.lot_id in {row.lot_id for row in await _on(planned, other)}
    assert lot.lot_id not in {row.lot_id for row in await _on(planned, lot.line)}


async def test_a_line_that_is_no_press_takes_no_die_lot(planned: PlannedPlant) -> None:
    moves = [HandMove("some-lot", "press", None, "paint")]
    async with planned.database.read() as conn:
        _, tried = await board_moves.try_moves(conn, moves, now=planned.clock.now())
    assert [one.code for one in tried.conflicts if one.hard] == ["move.unknown"]


async def _empty_racks(planned: PlannedPlant) -> None:
    """Take the panels away: the next repair has die lots to make."""
    async with planned.database.write() as conn:
        await db.execute(conn, Query("empty", "UPDATE rack SET remaining = 0"), {})
    await planned.repair()


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
