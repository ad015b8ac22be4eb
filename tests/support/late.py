"""A plan in force whose last car is wanted sooner than it comes: for what would help it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aps.problem import Stage
from aps.repair import rebase
from mes.planning import bridge
from mes.platform.db import Database

SOONER_S = 1800
_CONTENT = "SELECT problem, schedule FROM plan WHERE state = 'published'"
_STORE = "UPDATE plan SET problem = %s, schedule = %s WHERE state = 'published'"


@asynccontextmanager
async def a_late_car(database: Database) -> AsyncIterator[str]:
    """Let the plan in force finish its last car half an hour late; its number, put back at the end."""
    async with database.write() as conn:
        row = await (await conn.execute(_CONTENT)).fetchone()
        assert row is not None
        kept = tuple(row.values()) if isinstance(row, dict) else tuple(row)
        problem, schedule = bridge.unpack_problem(kept[0]), bridge.unpack_schedule(kept[1])
        free = {car.id for car in problem.cars if car.at is Stage.NOT_STARTED}
        slot = [one for one in schedule.assembly if one.car_id in free][-1]
        cars = tuple(
            replace(car, due_s=slot.end_s - SOONER_S) if car.id == slot.car_id else car
            for car in problem.cars
        )
        wanted = replace(problem, cars=cars)
        late = rebase(wanted, schedule)
        await conn.execute(_STORE, (bridge.pack_problem(wanted), bridge.pack_schedule(late)))
    try:
        yield slot.car_id
    finally:
        async with database.write() as conn:
            await conn.execute(_STORE, kept)
