"""Die lots and weld starts put in time: kept with the plan, in every repair and solve, until they are freed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mes.planning import board_moves, bridge, snapshots
from mes.planning import service as planning
from mes.planning.board_moves import MovesRefused
from mes.planning.bridge import HandMove
from mes.planning.locks import service as locks
from mes.planning.locks.service import NothingToLock, WindowOpen
from mes.planning.repository import BoardRow
from mes.platform import db
from mes.platform.sql import Query
from tests.support.planning import PlannedPlant

PAT, SAM = "user:pat", "user:sam"


async def _rows(planned: PlannedPlant, *lines: str) -> list[BoardRow]:
    """Return what may still be moved on these lines, first to last."""
    now = planned.clock.now()
    async with planned.database.read() as conn:
        board = await planning.board(conn, now, now + timedelta(days=3), now=now)
    rows = [row for row in board.bars if row.line in lines]
    return sorted(
        (row for row in rows if not row.frozen and not row.started), key=lambda row: row.start_at
    )


async def _lots(planned: PlannedPlant) -> list[BoardRow]:
    """Take the panels away, let planning answer, and return the die lots that it makes."""
    now = planned.clock.now()
    async with planned.database.write() as conn:
        await db.execute(conn, Query("empty", "UPDATE rack SET remaining = 0"), {})
        await planning.repair(conn, now=now)
        presses = [line.id for line in (await planning.network(conn)).press_lines]
    return await _rows(planned, *presses)


async def _start_of(planned: PlannedPlant, row: BoardRow) -> datetime:
    rows = await _rows(planned, row.line)
    return next(x.start_at for x in rows if x.subject_id == row.subject_id)


async def _publish(planned: PlannedPlant, move: HandMove) -> None:
    now = planned.clock.now()
    async with planned.database.write() as conn:
        await board_moves.publish_moves(conn, [move], note="later", by=PAT, now=now)


async def test_a_lot_that_is_parked_later_is_there_after_every_repair_and_in_every_solve(
    planned: PlannedPlant,
) -> None:
    lot = (await _lots(planned))[-1]
    there = (lot.start_at + timedelta(hours=3)).replace(microsecond=0)
    move = HandMove(str(lot.lot_id), "press", None, lot.line, not_before=there)
    now = planned.clock.now()
    async with planned.database.read() as conn:
        _, tried = await board_moves.try_moves(conn, [move], now=now)
    bar = f"{lot.line}/{lot.subject_id}"
    assert tried.parked == {bar: there}
    start_s = next(row.start_s for row in tried.rows if row.bar == bar)
    assert tried.anchor + timedelta(seconds=start_s) >= there
    await _publish(planned, move)
    assert await _start_of(planned, lot) >= there
    async with planned.database.write() as conn:
        (kept,) = await locks.locks(conn)
        assert (kept.lot_id, kept.line, kept.to_at, kept.locked_by) == (
            lot.lot_id,
            lot.line,
            None,
            PAT,
        )
        await planning.repair(conn, now=now)
        net = await planning.network(conn)
        facts = await snapshots.load_facts(conn, net, now=now)
    assert await _start_of(planned, lot) >= there
    snap = bridge.snapshot(facts, net, horizon_s=400_000)
    solved = bridge.answer(snap, 0.2)
    assert not solved.violations
    made = next(x for x in solved.schedule.press if x.id == lot.lot_id)
    assert snap.anchor + timedelta(seconds=made.start_s) >= there


async def test_a_parked_lot_is_freed_by_unlocking_and_by_a_move_without_a_time(
    planned: PlannedPlant,
) -> None:
    lot = (await _lots(planned))[-1]
    there = (lot.start_at + timedelta(hours=3)).replace(microsecond=0)
    parked = HandMove(str(lot.lot_id), "press", None, lot.line, not_before=there)
    await _publish(planned, parked)
    now = planned.clock.now()
    async with planned.database.write() as conn:
        (kept,) = await locks.locks(conn)
        assert await locks.unlock(conn, [kept.id], by=SAM, now=now) == [kept]
        await planning.repair(conn, now=now)
    assert await _start_of(planned, lot) < there
    await _publish(planned, parked)
    await _publish(planned, HandMove(str(lot.lot_id), "press", None, lot.line))
    assert await _start_of(planned, lot) < there
    async with planned.database.read() as conn:
        assert await locks.locks(conn) == []


async def test_a_body_in_welding_is_parked_later_and_stays(planned: PlannedPlant) -> None:
    async with planned.database.read() as conn:
        first = (await planning.network(conn)).weld_lines[0].id
    rows = await _rows(planned, first)
    body = rows[4]
    there = (body.start_at + timedelta(hours=1)).replace(microsecond=0)
    before = next((x.car_id for x in rows if x.start_at >= there), None)
    move = HandMove(str(body.car_id), "weld", before, first, not_before=there)
    await _publish(planned, move)
    assert await _start_of(planned, body) >= there
    async with planned.database.write() as conn:
        (kept,) = await locks.locks(conn)
        await planning.repair(conn, now=planned.clock.now())
    assert (kept.order_number, kept.line) == (body.order_number, first)
    assert await _start_of(planned, body) >= there


async def test_lots_and_weld_starts_are_locked_like_cars_and_a_move_that_breaks_one_is_refused(
    planned: PlannedPlant,
) -> None:
    lots = await _lots(planned)
    lot = lots[0]
    now = planned.clock.now()
    async with planned.database.write() as conn:
        weld = (await planning.network(conn)).weld_lines[0].id
        body = (await _rows(planned, weld))[3]
        await locks.lock_cars(conn, [str(body.car_id)], weld, None, by=PAT, now=now)
        await locks.lock_lots(conn, [str(lot.lot_id)], None, by=PAT, now=now)
        await locks.lock_lots(conn, [str(lot.lot_id)], None, by=SAM, now=now)
        kept = {one.subject_id: one for one in await locks.locks(conn)}
    assert set(kept) == {lot.subject_id, body.subject_id}
    assert kept[lot.subject_id].locked_by == SAM
    assert kept[lot.subject_id].from_at < lot.start_at < (kept[lot.subject_id].to_at or now)
    late = lot.start_at + timedelta(hours=6)
    move = HandMove(str(lot.lot_id), "press", None, lot.line, not_before=late)
    async with planned.database.read() as conn:
        _, tried = await board_moves.try_moves(conn, [move], now=now)
    assert (lot.lot_id,) in [x.car_ids for x in tried.conflicts if x.code == "move.locked"]
    with pytest.raises(MovesRefused):
        await _publish(planned, move)
    async with planned.database.write() as conn:
        await planning.repair(conn, now=now)
    window = kept[lot.subject_id]
    assert window.from_at <= await _start_of(planned, lot) <= (window.to_at or now)


async def test_what_starts_on_a_press_in_view_is_locked_and_an_open_window_on_the_drum_is_not(
    planned: PlannedPlant,
) -> None:
    lots = await _lots(planned)
    now = planned.clock.now()
    async with planned.database.write() as conn:
        net = await planning.network(conn)
        drum = (await _rows(planned, net.drum_line.id))[2]
        with pytest.raises(WindowOpen):
            await locks.lock_cars(
                conn, [str(drum.car_id)], drum.line, (drum.start_at, None), by=PAT, now=now
            )
        with pytest.raises(NothingToLock):
            await locks.lock_lots(conn, ["nothing"], None, by=PAT, now=now)
        window = lots[0].start_at, lots[-1].start_at
        made = await locks.lock_window(conn, lots[0].line, window, by=PAT, now=now)
        ours = [row.lot_id for row in lots if row.line == lots[0].line]
        assert [one.lot_id for one in made] == ours
        assert await locks.forget_begun(conn, now=now) == 0
        await locks.lock_lots(conn, [str(made[0].lot_id)], (now, None), by=PAT, now=now)
        assert await locks.forget_begun(conn, now=now) == 1  # its hour has come
