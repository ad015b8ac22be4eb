"""Repairs that are larger than the planner permits wait as proposals; within the permit the plant acts alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mes.contracts.events import LineDown, LineUp, Payload
from mes.events import service as events
from mes.identity import service as identity
from mes.planning import repairs
from mes.planning import service as planning
from mes.planning.locks import service as locks
from mes.planning.proposals import service as proposals
from mes.planning.proposals.model import (
    Occasion,
    Permit,
    PermitChanged,
    Proposal,
    ProposalChanged,
    ProposalClosed,
    ProposalState,
    UnknownProposal,
)
from mes.planning.proposals.service import Verdict
from tests.support.planning import PlannedPlant, place_orders

PLANNER = "user:planner"


async def happen(plant: PlannedPlant, payload: Payload) -> None:
    """Let something happen, and planning hear of it."""
    async with plant.database.write() as conn:
        await events.record(conn, payload, now=plant.clock.now(), actor="agent:test")
    await plant.react()


async def stop(plant: PlannedPlant, line: str = "assembly") -> None:
    """Stop a line."""
    now = plant.clock.now()
    await happen(plant, LineDown(line=line, station=None, since=now, reason="conveyor"))


async def order(plant: PlannedPlant, number: int) -> None:
    """Have one more car ordered."""
    async with plant.database.write() as conn:
        await place_orders(conn, 1, start=number)
    await plant.react()


async def permit_only(plant: PlannedPlant, *occasions: Occasion, **limits: Any) -> Permit:
    """Permit these kinds of event within these limits."""
    none = {"max_cars_moved": None, "max_minutes": None, "max_promises": None}
    async with plant.database.write() as conn:
        seen = await proposals.permit(conn)
        return await proposals.set_permit(
            conn,
            occasions=occasions,
            **{**none, **limits},
            row_version=seen.row_version,
            now=plant.clock.now(),
            actor=PLANNER,
        )


async def mend(plant: PlannedPlant) -> Any:
    """Do what the worker does every second."""
    now = plant.clock.now()
    async with plant.database.write() as conn:
        return await planning.repair(conn, now=now) if await repairs.due(conn, now=now) else None


async def waiting(plant: PlannedPlant) -> Proposal | None:
    async with plant.database.read() as conn:
        return await proposals.waiting(conn)


async def in_force(plant: PlannedPlant) -> int:
    async with plant.database.read() as conn:
        return (await planning.published(conn)).number


async def a_proposal(plant: PlannedPlant) -> Proposal:
    """Stop assembly where that needs the planner."""
    await permit_only(plant, Occasion.ORDER, Occasion.TIMES)
    await stop(plant)
    assert await mend(plant) is None
    found = await waiting(plant)
    assert found is not None
    return found


def yes(found: Proposal, note: str = "do it") -> Verdict:
    return Verdict(found.row_version, PLANNER, note)


async def test_without_a_word_of_the_planner_every_repair_happens_by_itself(
    planned: PlannedPlant,
) -> None:
    before = await in_force(planned)
    await stop(planned)
    repaired = await mend(planned)
    assert repaired.number > before
    assert await waiting(planned) is None


async def test_orders_gather_while_a_repair_rests_and_a_stop_does_not_wait(
    planned: PlannedPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordered car has its promise; a plant that repairs for every one of them does nothing else."""
    monkeypatch.setattr(repairs, "REST", 3600.0)
    monkeypatch.setattr(repairs, "_rested", {})
    await order(planned, 101)
    first = await mend(planned)
    assert first is not None
    await order(planned, 102)
    assert await mend(planned) is None
    await stop(planned)
    second = await mend(planned)
    assert second.cause == "down, order"
    monkeypatch.setattr(repairs, "REST", 0.0)
    await order(planned, 103)
    assert (await planned.repair()).cause == "order"
    await order(planned, 104)
    assert await mend(planned) is not None


async def test_an_event_that_is_not_permitted_waits_and_the_plan_in_force_stays(
    planned: PlannedPlant,
) -> None:
    before = await in_force(planned)
    found = await a_proposal(planned)
    assert [one.what for one in found.breaches] == ["occasion"]
    assert found.difference.cars_later > 0
    assert found.difference.cars_moved == 0, "the order of work stays; times move"
    assert await in_force(planned) == before
    assert await mend(planned) is None, "what waits is not worked out again and again"
    async with planned.database.read() as conn:
        proposed = await events.get(conn, found.event_id)
    assert proposed is not None
    assert proposed.causation_id is not None, "it says which event it answers"


async def test_a_limit_makes_a_large_repair_wait_and_lets_a_small_one_through(
    planned: PlannedPlant,
) -> None:
    await permit_only(planned, *Occasion, max_minutes=0)
    await stop(planned)
    assert await mend(planned) is None
    found = await waiting(planned)
    assert found is not None
    (breach,) = found.breaches
    assert (breach.what, breach.limit) == ("minutes", 0)
    assert breach.value == found.difference.minutes > 0


async def test_an_accepted_proposal_is_put_in_force_with_its_note_and_its_chain(
    planned: PlannedPlant,
) -> None:
    found = await a_proposal(planned)
    async with planned.database.write() as conn:
        plan = await proposals.accept(conn, found.id, yes(found), now=planned.clock.now())
    assert (plan.note, plan.automatic, plan.published_by) == ("do it", False, PLANNER)
    assert await in_force(planned) == plan.number
    async with planned.database.read() as conn:
        (settled,) = await proposals.newest(conn)
        row = await (
            await conn.execute(
                "SELECT decided.causation_id FROM event AS published JOIN event AS decided"
                " ON decided.id = published.causation_id WHERE published.type = 'plan.published'"
                " AND published.payload ->> 'number' = %s",
                [str(plan.number)],
            )
        ).fetchone()
    assert (settled.state, settled.plan_id) == (ProposalState.ACCEPTED, plan.id)
    assert row == (found.event_id,), "published because of the verdict, which answers the proposal"
    with pytest.raises(ProposalClosed):
        async with planned.database.write() as conn:
            late = replace(found, row_version=settled.row_version)
            await proposals.reject(conn, found.id, yes(late), now=planned.clock.now())


async def test_a_rejected_proposal_leaves_the_plan_and_is_not_made_again_for_the_same_event(
    planned: PlannedPlant,
) -> None:
    before = await in_force(planned)
    found = await a_proposal(planned)
    async with planned.database.write() as conn:
        verdict = yes(found, "maintenance says five minutes")
        rejected = await proposals.reject(conn, found.id, verdict, now=planned.clock.now())
    assert rejected.state is ProposalState.REJECTED
    planned.clock.forward(minutes=30)
    assert await mend(planned) is None
    assert await waiting(planned) is None
    assert await in_force(planned) == before
    async with planned.database.write() as conn:
        await place_orders(conn, 1, start=900)
    await planned.react()
    assert await mend(planned) is not None, "a new order is permitted, and the plant has gone on"


async def test_what_happens_meanwhile_is_added_to_the_proposal_and_must_be_seen_before_it_is_accepted(
    planned: PlannedPlant,
) -> None:
    found = await a_proposal(planned)
    await stop(planned, "paint")
    with pytest.raises(ProposalChanged):
        async with planned.database.write() as conn:
            await proposals.accept(conn, found.id, yes(found), now=planned.clock.now())
    assert await mend(planned) is None
    grown = await waiting(planned)
    assert grown is not None
    assert (grown.id, grown.row_version) == (found.id, found.row_version + 1)
    with pytest.raises(ProposalChanged):
        async with planned.database.write() as conn:
            await proposals.reject(conn, found.id, yes(found), now=planned.clock.now())


async def test_a_proposal_that_events_have_made_needless_is_overtaken(
    planned: PlannedPlant,
) -> None:
    await permit_only(planned, *Occasion, max_minutes=2)
    await stop(planned)
    assert await mend(planned) is None
    assert await waiting(planned) is not None
    await happen(planned, LineUp(line="assembly", down_s=10))
    assert await mend(planned) is not None
    assert await waiting(planned) is None
    async with planned.database.read() as conn:
        (settled,) = await proposals.newest(conn)
    assert settled.state is ProposalState.OVERTAKEN


async def test_a_wider_permit_lets_what_waited_happen_and_is_written_down(
    planned: PlannedPlant,
) -> None:
    await a_proposal(planned)
    await permit_only(planned, *Occasion)
    assert await mend(planned) is not None
    async with planned.database.read() as conn:
        rows = await identity.audit_of(conn, "site:mini")
    assert [row.action for row in rows] == ["plan.permit_set", "plan.permit_set"]


async def test_a_repair_that_breaks_a_locked_start_waits_where_none_may_be_broken(
    planned: PlannedPlant,
) -> None:
    now = planned.clock.now()
    async with planned.database.write() as conn:
        net = await planning.network(conn)
        board = await planning.board(conn, now, now + timedelta(days=1), now=now)
        free = [x for x in board.bars if x.line == net.drum_line.id and not (x.frozen or x.started)]
        row = min(free, key=lambda x: x.start_at)
        await locks.lock_cars(conn, [str(row.car_id)], row.line, None, by=PLANNER, now=now)
    await permit_only(planned, *Occasion, max_locks=0)
    await stop(planned)
    assert await mend(planned) is None
    found = await waiting(planned)
    assert found is not None
    assert [(one.what, one.value, one.limit) for one in found.breaches] == [("locks_broken", 1, 0)]
    await permit_only(planned, *Occasion)
    assert await mend(planned) is not None


async def test_two_planners_do_not_overwrite_each_others_permit(planned: PlannedPlant) -> None:
    await permit_only(planned, Occasion.ORDER)
    with pytest.raises(PermitChanged):
        async with planned.database.write() as conn:
            await proposals.set_permit(
                conn,
                occasions=[],
                max_cars_moved=1,
                max_minutes=None,
                max_promises=None,
                row_version=0,
                now=planned.clock.now(),
                actor="user:another",
            )


async def test_a_proposal_that_nobody_made_cannot_be_accepted(planned: PlannedPlant) -> None:
    found = await a_proposal(planned)
    with pytest.raises(UnknownProposal):
        async with planned.database.write() as conn:
            other = replace(found, id=found.event_id)
            await proposals.accept(conn, other.id, yes(found), now=planned.clock.now())
