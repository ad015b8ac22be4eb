"""What keeps itself up while nobody looks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mes.identity.tasks import forget_what_ended
from mes.orders import idempotency
from mes.orders.tasks import forget_answers
from mes.platform.db import Database
from mes.platform.jobs import JobContext
from mes.platform.settings import Settings
from mes.resources import service as resources
from mes.resources.tasks import AHEAD, keep_shifts_ahead
from tests.support.orders import PLANT_NOW, REAL_NOW, install_demo, plant
from tests.support.orders_api import HeldClock


@pytest.fixture
def context(database: Database) -> JobContext:
    """What the worker gives to periodic work."""
    return JobContext(database, HeldClock(), Settings(), {})


async def test_shift_rows_run_ahead_of_the_plant_clock(context: JobContext) -> None:
    await keep_shifts_ahead(context)
    async with context.database.write() as conn:
        await install_demo(conn)
    await keep_shifts_ahead(context)
    async with context.database.read() as conn:
        end = PLANT_NOW + AHEAD
        rows = await resources.shifts(conn, plant().lines[0].calendar, PLANT_NOW, end)
    assert rows[-1].end_at >= end


async def test_what_has_ended_is_forgotten(context: JobContext) -> None:
    async def act() -> tuple[int, object]:
        return 201, {}

    for age in (timedelta(days=8), timedelta(days=1)):
        async with context.database.write() as conn:
            await idempotency.once(
                conn,
                client="token:erp",
                key=str(age.days),
                request="hash",
                now=REAL_NOW - age,
                act=act,
            )
    await forget_answers(context)
    await forget_what_ended(context)
    async with context.database.read() as conn:
        cursor = await conn.execute("SELECT key FROM idempotent_answer")
        assert await cursor.fetchall() == [("1",)]
