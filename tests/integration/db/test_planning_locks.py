"""Locked starts: kept with the plan for everybody, given to every solve and repair, unlocked with a way back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mes.planning import board_moves, bridge, snapshots
from mes.planning import service as planning
from mes.planning.board_moves import MovesRefused
from mes.planning.bridge import HandMove
from mes.planning.locks import service as locks
from mes.planning.locks.service import NothingToLock, WindowReversed
from mes.planning.repository import BoardRow
from mes.platform import db
from mes.platform.sql import Query
from tests.support.planning import PlannedPlant

PAT, SAM = "user:pat", "user:sam"


async def _free(planned: PlannedPlant) -> list[BoardRow]:
    """Return what may still be moved on the drum, first to last."""
    now = planned.clock.now()
    async with planned.database.read() as conn:
        net = await planning.network(conn)
        board = await planning.board(conn, now, now + timedelta(days=2), now=now)
    rows = [row for row in board.bars if row.line == net.drum_line.id]
    rows = [row for row in rows if not row.frozen and not row.started]
    return sorted(rows, key=lambda row: row.start_at)


async def test_who_locked_what_since_when_is_there_for_everybody(planned: PlannedPlant) -> None:
    row = (await _free(planned))[3]
    now = planned.clock.now()
    async with planned.database.write() as conn:
        made = await locks.lock_cars(conn, [str(row.car_id)], row.line, None, by=PAT, now=now)
    async with planned.database.read() as conn:
        (found,) = await locks.locks(conn)
    assert [found] == made
    assert (found.order_number, found.line) == (row.order_number, row.line)
    assert (found.locked_by, found.locked_at) == (PAT, now)
    assert found.from_at < row.start_at < found.to_at


async def test_a_car_is_locked_on_both_lines_whose_order_is_decided(planned: PlannedPlant) -> None:
    car = str((await _free(planned))[-1].car_id)
    async with planned.database.write() as conn:
        made = await locks.lock_cars(conn, [car], None, None, by=PAT, now=planned.clock.now())
        net = await planning.network(conn)
    assert {one.line for one in made} == {net.drum_line.id, net.paint_line.id}


async def test_a_window_locks_what_starts_in_it(planned: PlannedPlant) -> None:
    rows = await _free(planned)
    first, last = rows[2], rows[5]
    async with planned.database.write() as conn:
        window = first.start_at, last.start_at
        made = await locks.lock_window(conn, first.line, window, by=PAT, now=planned.clock.now())
    assert [one.order_number for one in made] == [row.order_number for row in rows[2:6]]


async def test_what_is_unlocked_can_be_locked_again_as_it_was(planned: PlannedPlant) -> None:
    row = (await _free(planned))[3]
    now = planned.clock.now()
    async with planned.database.write() as conn:
        (made,) = await locks.lock_cars(conn, [str(row.car_id)], row.line, None, by=PAT, now=now)
        assert await locks.unlock(conn, [made.id], by=SAM, now=now) == [made]
        assert await locks.unlock(conn, [made.id], by=SAM, now=now) == []
        assert await locks.locks(conn) == []
        window = made.from_at, made.to_at
        (again,) = await locks.lock_cars(
            conn, [str(row.car_id)], made.line, window, by=SAM, now=now
        )
    assert (again.from_at, again.to_at, again.locked_by) == (made.from_at, made.to_at, SAM)


async def test_what_cannot_be_locked_is_said(planned: PlannedPlant) -> None:
    row = (await _free(planned))[3]
    now = planned.clock.now()
    back = now, now - timedelta(minutes=1)
    async with planned.database.write() as conn:
        with pytest.raises(NothingToLock):
            await locks.lock_cars(conn, ["nobody"], None, None, by=PAT, now=now)
        with pytest.raises(NothingToLock):
            await locks.lock_window(conn, "press", (now, now), by=PAT, now=now)
        with pytest.raises(WindowReversed):
            await locks.lock_cars(conn, [str(row.car_id)], row.line, back, by=PAT, now=now)
        with pytest.raises(WindowReversed):
            await locks.lock_window(conn, row.line, back, by=PAT, now=now)


async def test_solves_and_repairs_get_the_locks_with_the_facts(planned: PlannedPlant) -> None:
    row = (await _free(planned))[3]
    now = planned.clock.now()
    async with planned.database.write() as conn:
        (made,) = await locks.lock_cars(conn, [str(row.car_id)], row.line, None, by=PAT, now=now)
        net = await planning.network(conn)
        facts = await snapshots.load_facts(conn, net, now=now)
    snap = bridge.snapshot(facts, net, horizon_s=200_000)
    (lock,) = snap.problem.locks
    assert (lock.car_id, lock.line) == (row.car_id, net.drum_line.id)
    assert snap.anchor + timedelta(seconds=lock.to_s) <= made.to_at


async def test_a_move_that_breaks_a_lock_is_a_conflict_and_is_not_published(
    planned: PlannedPlant,
) -> None:
    row = (await _free(planned))[3]
    now = planned.clock.now()
    start = row.start_at
    window = start - timedelta(seconds=1), start + timedelta(seconds=1)
    move = HandMove(str(row.car_id), "assembly", None)
    async with planned.database.write() as conn:
        await locks.lock_cars(conn, [str(row.car_id)], row.line, window, by=PAT, now=now)
    async with planned.database.read() as conn:
        _, tried = await board_moves.try_moves(conn, [move], now=now)
    (conflict,) = [one for one in tried.conflicts if one.code == "move.locked"]
    assert conflict.hard
    assert conflict.car_ids == (row.car_id,)
    assert int(conflict.facts["moved_s"]) > 0
    with pytest.raises(MovesRefused):
        async with planned.database.write() as conn:
            await board_moves.publish_moves(conn, [move], note="no", by=SAM, now=now)


async def test_a_lock_ends_when_the_work_begins(planned: PlannedPlant) -> None:
    row = (await _free(planned))[3]
    now = planned.clock.now()
    begun = Query(
        "begun",
        "UPDATE planned_operation SET started = true WHERE line = %(line)s AND car_id = %(car)s",
    )
    async with planned.database.write() as conn:
        await locks.lock_cars(conn, [str(row.car_id)], None, None, by=PAT, now=now)
        assert await locks.forget_begun(conn, now=now) == 0
        await db.execute(conn, begun, {"line": row.line, "car": row.car_id})
        assert await locks.forget_begun(conn, now=now) == 1
        assert {one.line for one in await locks.locks(conn)} <= {"paint"}
