"""What the plan in force takes of places, options and parts: the other half of the ledger of quotes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from mes.planning import bridge, capacity_repository, snapshots
from mes.planning.bridge import Schedule
from mes.planning.network import PlantNetwork
from mes.planning.quotes import OptionCapacity, ShiftCapacity, Shortage, option_cap
from mes.planning.slots import need_of
from mes.platform.db import WriteConn
from mes.resources import service as resources


async def count_plan(
    conn: WriteConn,
    net: PlantNetwork,
    snap: bridge.Snapshot,
    schedule: Schedule,
    *,
    now: datetime,
) -> None:
    """Debit each shift of the drum line, its options and short parts by the cars that the plan starts in it."""
    line = net.drum_line
    until = now + timedelta(seconds=snap.problem.horizon_s)
    rows = await resources.shifts(conn, line.calendar, now, until)
    capacity = [
        ShiftCapacity(
            line=line.id,
            shift_id=snapshots.shift_fact(row).id,
            start_at=row.start_at,
            end_at=row.end_at,
            places=int(sum(piece.seconds for piece in row.working) // line.takt_s),
            planned=0,
            reserved=0,
        )
        for row in rows
    ]
    await capacity_repository.save_capacity(conn, capacity)
    real = {car_id: car for car_id, car in snap.cars.items() if not car.quoted}
    starts = [slot for slot in schedule.slots if slot.car_id in real]
    planned = Counter(slot.shift_id for slot in starts)
    await capacity_repository.lock_all_parts(conn)
    await capacity_repository.set_planned(conn, line.id, dict(planned), now=now)
    taken = Counter((slot.shift_id, code) for slot in starts for code in need_of(real[slot.car_id]))
    options = [
        OptionCapacity(
            line=line.id,
            shift_id=shift.shift_id,
            rule=rule.id,
            option=rule.option,
            cap=option_cap(shift.places, rule.n, rule.p),
            planned=taken[shift.shift_id, rule.option],
        )
        for shift in capacity
        for rule in net.plant.ratio_rules
        if rule.line == line.id
    ]
    await capacity_repository.set_planned_options(conn, line.id, options)
    short = await capacity_repository.shortages(conn)
    if short:
        needs = _needs_before(snap, schedule, short)
        await capacity_repository.set_planned_parts(conn, needs)


def _needs_before(
    snap: bridge.Snapshot, schedule: Schedule, short: Sequence[Shortage]
) -> dict[str, int]:
    """Return how many cars the plan starts on the drum with each short part before its next delivery."""
    starts = {
        slot.car_id: snap.anchor + timedelta(seconds=slot.start_s)
        for slot in schedule.assembly
        if slot.start_s > 0
    }
    return {
        one.option: sum(
            1
            for car_id, start in starts.items()
            if start < one.until_at
            and (car := snap.cars.get(car_id)) is not None
            and not car.quoted
            and one.option in need_of(car)
        )
        for one in short
    }
