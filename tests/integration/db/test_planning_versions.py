"""Plan versions on a real database: the first plan, publication, and what an unchanged plant means."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mes.execution import service as execution
from mes.orders import service as orders
from mes.planning import repository, versions
from mes.planning import service as planning
from mes.planning.model import PlanAlreadyPublished, PlanChanged, PlanState
from mes.platform.db import Database
from tests.support.planning import SETTINGS, planned_plant


async def test_the_first_plan_is_in_force_and_breaks_no_rule(database: Database) -> None:
    plant = await planned_plant(database)
    async with database.read() as conn:
        head = await planning.published(conn)
        rows = await planning.board(
            conn,
            plant.clock.now() - timedelta(hours=1),
            plant.clock.now() + timedelta(hours=12),
            now=plant.clock.now(),
        )
    assert head.number == 1
    assert head.violations == []
    assert head.kpis is not None
    assert head.kpis["cars_unplaced"] == 0
    assert {bar.line for bar in rows.bars} >= {"body-sub", "body-framing", "paint", "assembly", "eol"}
