"""Plan versions on a real database: the first plan, publication, and what an unchanged plant means."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mes.entrypoints import commands
from mes.planning import bridge, repository, solving
from mes.planning import service as planning
from mes.planning.model import (
    FrozenZone,
    NoSnapshotKept,
    Plan,
    PlanAlreadyPublished,
    PlanBroken,
    PlanChanged,
    PlanOutdated,
    PlanState,
    SolveRunning,
    UnknownPlan,
)
from tests.support.planning import HERE, SETTINGS, PlannedPlant, place_orders

BROKEN = {
    "code": "weld.overlap",
    "subject": "framing",
    "facts": {"start_s": 60},
    "reason": "Two bodies stand on framing at once.",
}


async def asked(plant: PlannedPlant, actor: str = "user:pat") -> Plan:
    """Ask for a full solve."""
    async with plant.database.write() as conn:
        return await planning.request_solve(
            conn,
            now=plant.clock.now(),
            factor=plant.clock.factor,
            settings=SETTINGS.plan,
            actor=actor,
        )


async def solved(plant: PlannedPlant, plan_id: UUID) -> Plan:
    """Run a queued solve in this process."""
    await solving.run_solve(plant.database, plant.clock, HERE, SETTINGS.plan, plan_id)
    async with plant.database.read() as conn:
        return await planning.plan(conn, plan_id)


async def publish(plant: PlannedPlant, plan_id: UUID, row_version: int | None = None) -> Plan:
    async with plant.database.write() as conn:
        return await planning.publish(
            conn,
            plan_id,
            now=plant.clock.now(),
            by="user:pat",
            note="tonight's sequence",
            zone=FrozenZone(1800),
            row_version=row_version,
        )


async def test_the_first_plan_is_in_force_and_breaks_no_rule(planned: PlannedPlant) -> None:
    now = planned.clock.now()
    async with planned.database.read() as conn:
        head = await planning.published(conn)
        board = await planning.board(
            conn, now - timedelta(hours=1), now + timedelta(hours=12), now=now
        )
    assert head.number == 1
    assert head.violations == []
    assert head.kpis is not None
    assert head.kpis["cars_unplaced"] == 0
    assert {bar.line for bar in board.bars} >= {"body-sub", "body-framing", "paint", "assembly"}
    compact = board.compact()
    assert len(compact["bars"]) == len(board.bars)
    assert {len(bar) for bar in compact["bars"]} == {len(compact["fields"])}
    assert compact["colors"]["WHT"].startswith("#")


async def test_the_problem_of_the_newest_plan_can_be_planned_again_elsewhere(
    planned: PlannedPlant,
) -> None:
    head, text = await commands.newest_problem(planned.database.dsn)
    assert head.number == 1
    async with planned.database.read() as conn:
        assert head.snapshot_hash == hashlib.sha256(text.encode()).hexdigest()
        stored = await repository.content(conn, head.id)
    assert stored.problem is not None
    assert bridge.pack_problem(bridge.unpack_problem(stored.problem)) == stored.problem
    async with planned.database.write() as conn:
        await conn.execute("UPDATE plan SET problem = NULL")
    with pytest.raises(NoSnapshotKept, match="c2m plan --solve"):
        await commands.newest_problem(planned.database.dsn)


async def test_a_body_stands_at_every_station_when_the_plant_starts(planned: PlannedPlant) -> None:
    async with planned.database.read() as conn:
        net = await planning.network(conn)
    stations = {station.id for line in net.way for station in line.stations}
    assert {body.station for body in planned.warm.on_line} == stations
    assert {body.store for body in planned.warm.stored} == {"subs", "wbs", "pbs", "line-off"}
    assert {rack.panel for rack in planned.warm.racks} == {panel.code for panel in net.plant.panels}


async def test_planning_an_unchanged_plant_again_changes_nothing(planned: PlannedPlant) -> None:
    async with planned.database.read() as conn:
        first = await planning.published(conn)
    draft = await solved(planned, (await asked(planned)).id)
    assert draft.state is PlanState.DRAFT
    assert draft.kpis is not None
    assert draft.kpis["moved_cars"] == 0
    async with planned.database.read() as conn:
        assert await planning.difference(conn, first.id, draft.id) == []
    again = await planned.repair()
    async with planned.database.read() as conn:
        assert await planning.difference(conn, first.id, again.id) == []


async def test_work_of_cars_that_left_does_not_stand_before_what_is_next(
    planned: PlannedPlant,
) -> None:
    """What no version has any more and nobody has begun would starve the line: it is never done."""
    async with planned.database.write() as conn:
        (first, *_) = await planning.next_on_line(conn, "body-sub", limit=1)
        left = "UPDATE planned_operation SET order_id = %s, subject_id = %s WHERE subject_id = %s"
        gone = UUID(int=7)
        await conn.execute(left, [gone, gone, first.subject_id])
    planned.clock.forward(hours=2)
    draft = await solved(planned, (await asked(planned)).id)
    await publish(planned, draft.id)
    async with planned.database.read() as conn:
        rows = await planning.next_on_line(conn, "body-sub", limit=5)
    assert rows and gone not in {row.subject_id for row in rows}


async def test_a_version_writes_only_the_operations_that_it_changes(planned: PlannedPlant) -> None:
    """Written anew at every repair, ten thousand rows would wait for whoever notes a start in one of them."""

    async def written() -> dict[tuple[str, UUID], str]:
        query = "SELECT line, subject_id, xmin::text AS by FROM planned_operation"
        async with planned.database.read() as conn:
            rows = await (await conn.execute(query)).fetchall()
        return {(line, subject): by for line, subject, by in rows}

    await planned.repair()
    before = await written()
    await planned.repair()
    assert await written() == before
    async with planned.database.write() as conn:
        (first, *_) = await planning.next_on_line(conn, "body-sub", limit=1)
        one = "UPDATE planned_operation SET color = 'of-yesterday' WHERE line = %s AND subject_id = %s"
        await conn.execute(one, [first.line, first.subject_id])
    await planned.repair()
    after = await written()
    assert {key for key in after if after[key] != before[key]} == {(first.line, first.subject_id)}
    async with planned.database.read() as conn:
        (again, *_) = await planning.next_on_line(conn, "body-sub", limit=1)
    assert again == first


async def test_a_planner_publishes_a_draft_once(planned: PlannedPlant) -> None:
    draft = await solved(planned, (await asked(planned)).id)
    in_force = await publish(planned, draft.id, draft.row_version)
    assert in_force.note == "tonight's sequence"
    with pytest.raises(PlanAlreadyPublished, match="already published"):
        await publish(planned, draft.id)
    async with planned.database.read() as conn:
        states = {plan.number: plan.state for plan in await planning.plans(conn)}
    assert states == {1: PlanState.SUPERSEDED, 2: PlanState.PUBLISHED}


async def test_a_draft_that_somebody_changed_is_not_published_unseen(planned: PlannedPlant) -> None:
    draft = await solved(planned, (await asked(planned)).id)
    with pytest.raises(PlanChanged):
        await publish(planned, draft.id, draft.row_version - 1)


async def test_a_draft_older_than_the_frozen_zone_is_refused(planned: PlannedPlant) -> None:
    draft = await solved(planned, (await asked(planned)).id)
    planned.clock.forward(minutes=31)
    with pytest.raises(PlanOutdated, match="frozen zone of 30 min"):
        await publish(planned, draft.id)


async def test_a_plan_that_breaks_a_rule_is_never_published(
    planned: PlannedPlant, tmp_path: Path
) -> None:
    queued = await asked(planned)
    async with planned.database.write() as conn:
        content = await repository.content(conn, queued.id)
        assert content.problem is not None
        packed, _, _ = bridge.solve_packed(content.problem, None, 0, str(tmp_path))
        broken = await solving.take_result(
            conn,
            queued.id,
            packed,
            [BROKEN],
            1.0,
            now=planned.clock.now(),
            settings=SETTINGS.plan,
            factor=60,
        )
    with pytest.raises(PlanBroken, match="Two bodies"):
        await publish(planned, broken.id)
    async with planned.database.read() as conn:
        assert (await planning.published(conn)).number == 1


async def test_two_solves_do_not_run_at_once(planned: PlannedPlant) -> None:
    await asked(planned)
    with pytest.raises(SolveRunning):
        await asked(planned)


async def test_a_solve_of_the_policy_publishes_itself_inside_the_frozen_zone(
    planned: PlannedPlant,
) -> None:
    draft = await solved(planned, (await asked(planned, "policy:shift")).id)
    assert draft.state is PlanState.PUBLISHED
    assert draft.automatic


async def test_a_solve_that_took_too_long_is_discarded(planned: PlannedPlant) -> None:
    queued = await asked(planned, "policy:shift")
    planned.clock.forward(hours=3)
    late = await solved(planned, queued.id)
    assert late.state is PlanState.DISCARDED


async def test_a_solver_that_fails_leaves_the_plan_in_force(planned: PlannedPlant) -> None:
    queued = await asked(planned)
    async with planned.database.write() as conn:
        await conn.execute("UPDATE plan SET problem = 'rubbish' WHERE id = %s", [queued.id])
    failed = await solved(planned, queued.id)
    assert failed.state is PlanState.FAILED
    assert failed.failure
    async with planned.database.read() as conn:
        assert (await planning.published(conn)).number == 1


async def test_new_orders_are_promised_at_once_and_join_the_plan(planned: PlannedPlant) -> None:
    async with planned.database.write() as conn:
        fresh = await place_orders(conn, 3, start=900)
    await planned.react()
    async with planned.database.read() as conn:
        promised = [await planning.why(conn, order.number) for order in fresh]
    assert all(why.order.promised_at is not None for why in promised)
    await planned.repair()
    async with planned.database.read() as conn:
        planned = [await planning.why(conn, order.number) for order in fresh]
        last = await planning.difference(
            conn, (await planning.plans(conn))[1].id, (await planning.plans(conn))[0].id
        )
    assert all(why.finish_at is not None and (why.late_s or 0) <= 0 for why in planned)
    assert {move.order_number for move in last if move.old_start_at is None} == {
        order.number for order in fresh
    }


async def test_an_unknown_plan_is_named(planned: PlannedPlant) -> None:
    async with planned.database.read() as conn:
        with pytest.raises(UnknownPlan):
            await planning.plan(conn, UUID(int=1))
