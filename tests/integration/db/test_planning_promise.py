"""Defect → rework minutes → missed slot → new date, each link an event; and back when it was a false call."""

from __future__ import annotations

from uuid import UUID

from mes.contracts.events import InspectionRecorded
from mes.contracts.ids import uuid7
from mes.contracts.quality import Disposition, Verdict
from mes.events import service as events
from mes.execution import service as execution
from mes.orders import service as orders
from mes.orders.repository import Promise
from mes.planning import service as planning
from mes.planning import versions
from mes.quality import service as quality
from tests.support.planning import PlannedPlant


async def defect_on(plant: PlannedPlant, body_id: UUID, line: str, kind: str) -> UUID:
    """Let a camera find a defect on a body; return the hold."""
    async with plant.database.write() as conn:
        body = await execution.find_body(conn, body_id)
        assert body is not None
        inspection = InspectionRecorded(
            inspection_id=uuid7(),
            body_id=body_id,
            lot=None,
            line=line,
            station=f"{line}-camera",
            camera=f"{line}-camera-1",
            verdict=Verdict.NOK,
            score=0.97,
            defect_kind=kind,
        )
        seen = await events.record(
            conn,
            inspection,
            now=plant.clock.now(),
            actor=f"agent:{line}",
            correlation=body.order_id,
        )
        hold = await quality.hold_body(
            conn,
            body,
            found_at=line,
            cause="nok",
            verdict=Verdict.NOK,
            defect_kind=kind,
            inspection_id=inspection.inspection_id,
            now=plant.clock.now(),
            actor="policy:quality",
            because=seen,
        )
    assert hold is not None
    return hold.id


async def decide(plant: PlannedPlant, hold_id: UUID, what: Disposition, reason: str = "") -> None:
    """Let the quality engineer decide."""
    async with plant.database.write() as conn:
        hold = await quality.get_hold(conn, hold_id)
        await quality.decide(
            conn,
            hold_id,
            what,
            reason=reason,
            reviewer="quinn",
            row_version=hold.row_version,
            now=plant.clock.now(),
        )


def body_on(plant: PlannedPlant, line: str) -> UUID:
    """Return the body at the last station of a line."""
    found = next(one for one in plant.warm.on_line if one.line == line)
    assert found.job.body_id is not None
    return found.job.body_id


async def promises_of(plant: PlannedPlant, body_id: UUID) -> list[Promise]:
    async with plant.database.read() as conn:
        order = await orders.order_of_body(conn, body_id)
        assert order is not None
        return await orders.promises(conn, order.id)


async def drum_order(plant: PlannedPlant) -> list[str]:
    """Return the numbers of the orders in the sequence of the drum line."""
    async with plant.database.read() as conn:
        net = await versions.network(conn)
        current = await versions.in_force(conn, net.plant.site.id)
    assert current is not None
    return [slot.car_id for slot in current.schedule.assembly]


async def test_a_defect_moves_the_promise_and_says_why_link_by_link(planned: PlannedPlant) -> None:
    body = body_on(planned, "paint")
    before = await promises_of(planned, body)
    await defect_on(planned, body, "paint", "color_mismatch")
    await planned.react()
    await planned.repair()
    after = await promises_of(planned, body)
    assert len(after) == len(before) + 1
    changed = after[-1]
    assert changed.promised_at > before[-1].promised_at
    assert [reason.code for reason in changed.reasons] == [
        "defect.found",
        "rework.minutes",
        "slot.missed",
        "promise.date",
    ]
    async with planned.database.read() as conn:
        kinds = []
        for reason in changed.reasons:
            assert reason.event_id is not None
            event = await events.get(conn, reason.event_id)
            assert event is not None
            kinds.append(event.type)
        announced = await events.get(conn, changed.event_id)
        assert announced is not None
        causes = [event.type for event in await events.causes(conn, announced)]
    assert kinds == ["inspection.recorded", "rework.opened", "plan.slot_missed", "plan.published"]
    assert causes[-3:] == ["rework.opened", "plan.slot_missed", "promise.changed"]
    assert "15 min" in changed.reasons[1].text.en
    assert "15分钟" in changed.reasons[1].text.zh


async def test_a_false_call_puts_everything_back_as_it_was(planned: PlannedPlant) -> None:
    body = body_on(planned, "paint")
    before, sequence = await promises_of(planned, body), await drum_order(planned)
    hold = await defect_on(planned, body, "paint", "color_mismatch")
    await planned.react()
    await planned.repair()
    assert await drum_order(planned) != sequence
    planned.clock.forward(seconds=30)
    await decide(planned, hold, Disposition.FALSE_CALL)
    await planned.react()
    await planned.repair()
    assert await drum_order(planned) == sequence
    after = await promises_of(planned, body)
    assert after[-1].promised_at == before[-1].promised_at
    assert [reason.code for reason in after[-1].reasons] == [
        "defect.reverted",
        "slot.restored",
        "promise.date",
    ]


async def test_small_noise_moves_no_promise(planned: PlannedPlant) -> None:
    async with planned.database.read() as conn:
        before = {o.number: o.promised_at for o in await orders.open_orders(conn)}
        kept = [o for o in before.values() if o is not None]
    assert len(kept) == len(before)
    planned.clock.forward(seconds=45)
    repaired = await planned.repair()
    assert repaired.number == 2
    async with planned.database.read() as conn:
        after = {o.number: o.promised_at for o in await orders.open_orders(conn)}
    assert after == before


async def test_a_scrapped_body_has_a_successor_planned_from_the_start(
    planned: PlannedPlant,
) -> None:
    body = body_on(planned, "assembly")
    before = await promises_of(planned, body)
    hold = await defect_on(planned, body, "assembly", "gap")
    await decide(planned, hold, Disposition.SCRAP)
    await planned.react()
    await planned.repair()
    async with planned.database.read() as conn:
        order = await orders.order_by_id(conn, before[0].order_id)
        assert order is not None
        rows = await planning.operations_of_order(conn, order.id)
    assert order.body_id != body
    assert {row.line for row in rows} >= {"body-sub", "paint", "assembly", "eol"}
    assert all(row.body_id == order.body_id for row in rows)
    after = await promises_of(planned, body)
    assert after[-1].promised_at > before[-1].promised_at
    assert "body.scrapped" in [reason.code for reason in after[-1].reasons]


async def test_the_same_news_heard_twice_changes_the_promise_once(planned: PlannedPlant) -> None:
    body = body_on(planned, "paint")
    await defect_on(planned, body, "paint", "color_mismatch")
    await planned.react()
    await planned.repair()
    once = await promises_of(planned, body)
    await planned.react()
    await planned.repair()
    planned.clock.forward(seconds=5)
    await planned.repair()
    assert await promises_of(planned, body) == once
