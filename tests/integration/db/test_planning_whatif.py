"""What-ifs: branches that live plans do not notice, side by side, and what publishing one means."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from mes.contracts.warm_start import WarmStart
from mes.planning import service as planning
from mes.planning import solving
from mes.planning.whatif import live
from mes.planning.whatif import service as whatif
from mes.planning.whatif.changes import (
    BatchChange,
    Breakdown,
    Change,
    ChangeImpossible,
    PartLate,
    PurgeChange,
    RuleChange,
    RushOrder,
    ShiftChange,
)
from mes.planning.whatif.model import (
    Branch,
    BranchClosed,
    BranchNotSolved,
    BranchOutdated,
    BranchState,
    UnknownBranch,
)
from mes.platform.db import Database
from mes.platform.embedded import EmbeddedPostgres
from mes.platform.settings import PlanSettings
from tests.support.planning import HERE, PlannedPlant, StandingClock, place_orders

QUICK = PlanSettings(wall_s=0.001)
"""The greedy pass alone: the same problem gives the same plan."""


@pytest.fixture
async def twin(
    postgres: EmbeddedPostgres, planned_template: tuple[str, WarmStart]
) -> AsyncIterator[PlannedPlant]:
    """The same plant once more, in a database of its own."""
    source, warm = planned_template
    name = f"{source}_twin_{os.getpid()}"
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
    async with Database(postgres.dsn_of(name), pool_max=4) as database:
        yield PlannedPlant(database, StandingClock(), warm)
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def branch_with(plant: PlannedPlant, name: str, *changes: Change) -> Branch:
    """Make a branch with changes."""
    async with plant.database.write() as conn:
        made = await whatif.create(conn, name, now=plant.clock.now(), actor="user:pat")
        return await whatif.change(conn, made.id, changes)


async def solved(
    plant: PlannedPlant, *branches: Branch, budget: PlanSettings = QUICK
) -> list[Branch]:
    """Solve branches as the worker does, with the time that `budget` gives each."""
    async with plant.database.write() as conn:
        for branch in branches:
            await whatif.request_solve(conn, branch.id)
    for branch in branches:
        await whatif.run(plant.database, plant.clock, HERE, budget, branch.id)
    async with plant.database.read() as conn:
        return [await whatif.get(conn, branch.id) for branch in branches]


async def rows_of(plant: PlannedPlant) -> list[tuple[object, ...]]:
    """Return what the plan in force says, line by line."""
    async with plant.database.read() as conn:
        cursor = await conn.execute(
            "SELECT line, coalesce(order_number, panel), sequence, start_at, end_at, finish_at"
            " FROM planned_operation ORDER BY line, sequence, start_at"
        )
        return list(await cursor.fetchall())


async def number_of(plant: PlannedPlant) -> int:
    async with plant.database.read() as conn:
        return (await planning.published(conn)).number


async def last_waiting(plant: PlannedPlant) -> tuple[str, datetime]:
    """Return the number of the order that assembly starts last, and when."""
    async with plant.database.read() as conn:
        cursor = await conn.execute(
            "SELECT order_number, start_at FROM planned_operation"
            " WHERE line = 'assembly' ORDER BY start_at DESC LIMIT 1"
        )
        row = await cursor.fetchone()
    assert row is not None
    return str(row[0]), row[1]


def every_kind(plant: PlannedPlant, order: str, shift: str) -> tuple[Change, ...]:
    """Return a change of each kind."""
    now = plant.clock.now()
    return (
        Breakdown(line="paint", until_at=now + timedelta(hours=1)),
        ShiftChange(shift=shift, end_later_min=60),
        PartLate(option="SUN", pieces=3, until_at=now + timedelta(hours=4)),
        RushOrder(order=order, due_at=now + timedelta(hours=5)),
        PurgeChange(purge_s=20),
        BatchChange(limit=3),
        RuleChange(rule="sunroof", n=1, p=4),
    )


async def a_shift(plant: PlannedPlant) -> str:
    """Return the last shift of the drum line that can be lengthened."""
    async with plant.database.read() as conn:
        net = await planning.network(conn)
        found = await planning.shifts_ahead(conn, net.drum_line.id, plant.clock.now())
    return found[-1].shift_id


async def a_rule(plant: PlannedPlant) -> str:
    async with plant.database.read() as conn:
        return (await planning.network(conn)).plant.ratio_rules[0].id


async def changes_of_every_kind(plant: PlannedPlant) -> tuple[Change, ...]:
    order, _ = await last_waiting(plant)
    changes = every_kind(plant, order, await a_shift(plant))
    rule = RuleChange(rule=await a_rule(plant), n=1, p=4)
    return (*changes[:-1], rule)


async def direct(plant: PlannedPlant, changes: Sequence[Change]) -> None:
    """Plan the same without a branch: enter the changes, solve, publish."""
    now = plant.clock.now()
    async with plant.database.write() as conn:
        net = await planning.network(conn)
        await live.enter(conn, net.plant.site.id, changes, by="user:pat", now=now)
        head = await planning.request_solve(
            conn, now=now, factor=plant.clock.factor, settings=QUICK, actor="user:pat"
        )
    await solving.run_solve(plant.database, plant.clock, HERE, QUICK, head.id)
    async with plant.database.write() as conn:
        await planning.publish(conn, head.id, now=now, by="user:pat", note="directly", zone=None)


async def publish(plant: PlannedPlant, branch_id: UUID) -> None:
    async with plant.database.write() as conn:
        await whatif.publish(
            conn, branch_id, now=plant.clock.now(), by="user:pat", note="as in the branch"
        )


async def test_publishing_a_branch_is_planning_the_same_directly(
    planned: PlannedPlant, twin: PlannedPlant
) -> None:
    changes = await changes_of_every_kind(planned)
    (branch,) = await solved(planned, await branch_with(planned, "all at once", *changes))
    assert branch.state is BranchState.SOLVED, branch.failure
    assert branch.violations == []
    await publish(planned, branch.id)
    await direct(twin, changes)
    assert await rows_of(planned) == await rows_of(twin)


async def test_branches_are_solved_side_by_side_and_the_live_plan_notices_nothing(
    planned: PlannedPlant,
) -> None:
    before, number = await rows_of(planned), await number_of(planned)
    until = planned.clock.now() + timedelta(hours=6)
    quiet = await branch_with(planned, "as it is")
    down = await branch_with(planned, "paint stands", Breakdown(line="paint", until_at=until))
    assert quiet.snapshot == down.snapshot
    same, worse = await solved(planned, quiet, down)
    assert same.kpis is not None
    assert worse.kpis is not None
    assert worse.kpis["total_tardiness_s"] > same.kpis["total_tardiness_s"]
    assert worse.outcome is not None
    assert worse.outcome["broken_count"] > 0
    assert worse.outcome["late_branch"] > worse.outcome["late_live"]
    assert await rows_of(planned) == before
    assert await number_of(planned) == number


async def test_a_rush_order_comes_sooner_in_its_branch(planned: PlannedPlant) -> None:
    async with planned.database.write() as conn:
        await place_orders(conn, 40, start=200)
    await planned.react()
    await planned.repair()
    await planned.repair()
    order, planned_start = await last_waiting(planned)
    wanted = planned.clock.now() + timedelta(minutes=10)
    rush = await branch_with(planned, "rush", RushOrder(order=order, due_at=wanted))
    await solved(planned, rush, budget=PlanSettings(wall_s=3))
    await publish(planned, rush.id)
    async with planned.database.read() as conn:
        why = await planning.why(conn, order)
    start = next(row.start_at for row in why.operations if row.line == "assembly")
    assert start < planned_start


async def test_a_change_that_names_nothing_of_the_plant_is_refused(planned: PlannedPlant) -> None:
    made = await branch_with(planned, "typing errors")
    later = planned.clock.now() + timedelta(hours=1)
    wrong: tuple[Change, ...] = (
        Breakdown(line="no-line", until_at=later),
        Breakdown(line="paint", station="no-station", until_at=later),
        Breakdown(line="paint", until_at=planned.clock.now()),
        PartLate(option="SUN", until_at=planned.clock.now() - timedelta(hours=1)),
        RushOrder(order="C2M-9999999"),
        RuleChange(rule="no-rule", n=1, p=2),
        RuleChange(rule=await a_rule(planned), n=3, p=2),
        ShiftChange(shift="no-shift"),
        ShiftChange(shift=await a_shift(planned), end_later_min=-720),
    )
    for change in wrong:
        async with planned.database.write() as conn:
            with pytest.raises(ChangeImpossible):
                await whatif.change(conn, made.id, (change,))


async def test_a_branch_is_published_once_solved_and_while_it_is_fresh(
    planned: PlannedPlant,
) -> None:
    made = await branch_with(planned, "later")
    with pytest.raises(BranchNotSolved):
        await publish(planned, made.id)
    await solved(planned, made)
    planned.clock.forward(hours=30)
    with pytest.raises(BranchOutdated):
        await publish(planned, made.id)
    async with planned.database.write() as conn:
        await whatif.discard(conn, made.id)
    async with planned.database.write() as conn:
        with pytest.raises(BranchClosed):
            await whatif.discard(conn, made.id)
        with pytest.raises(UnknownBranch):
            await whatif.get(conn, UUID(int=1))
        assert await whatif.newest(conn) == []


async def test_a_solver_that_fails_leaves_the_branch_with_its_reason(
    planned: PlannedPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await branch_with(planned, "unlucky")

    def no_memory(*_: object) -> None:
        raise MemoryError("the solver ran out of memory")

    monkeypatch.setattr("mes.planning.bridge.solve_packed", no_memory)
    (failed,) = await solved(planned, made)
    assert failed.state is BranchState.FAILED
    assert "memory" in str(failed.failure)


async def test_a_change_of_the_live_plan_is_followed_and_can_be_taken_back(
    planned: PlannedPlant,
) -> None:
    before = await rows_of(planned)
    until = planned.clock.now() + timedelta(hours=3)
    async with planned.database.write() as conn:
        change = Breakdown(line="assembly", until_at=until)
        await whatif.enter_live(conn, change, now=planned.clock.now(), actor="user:pat")
    await planned.repair()
    assert await rows_of(planned) != before
    async with planned.database.write() as conn:
        (entered,) = await live.in_force(conn, await whatif.site_of(conn))
        await whatif.take_back_live(conn, entered.id, now=planned.clock.now(), actor="user:pat")
    await planned.repair()
    assert await rows_of(planned) == before


async def test_a_changed_rule_of_the_paint_shop_is_the_live_plans_once_published(
    planned: PlannedPlant,
) -> None:
    async with planned.database.read() as conn:
        before = (await planning.network(conn)).plant.paint
    changes = (BatchChange(limit=1), PurgeChange(purge_s=before.purge_s + 9))
    (branch,) = await solved(planned, await branch_with(planned, "one by one", *changes))
    assert branch.violations == []
    await publish(planned, branch.id)
    async with planned.database.write() as conn:
        assert (await planning.network(conn)).plant.paint.batch_limit == 1
        assert (await planning.network(conn)).plant.paint.purge_s == before.purge_s + 9
        for entered in await live.in_force(conn, await whatif.site_of(conn)):
            await whatif.take_back_live(conn, entered.id, now=planned.clock.now(), actor="user:pat")
    async with planned.database.read() as conn:
        assert (await planning.network(conn)).plant.paint == before
