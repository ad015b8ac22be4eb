"""Defect → hold → rework → decision, and every way out of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from mes.contracts.dispatch import JobKind, JobState
from mes.contracts.events import (
    BodyEnteredLine,
    BodyLeftLine,
    BodyScrapped,
    JobStateRecorded,
    OperatorReported,
)
from mes.contracts.ids import job_order_id
from mes.contracts.plant import PlantModel
from mes.contracts.quality import Disposition, Region, Verdict
from mes.events.handlers import HandlerContext
from mes.events.model import Event
from mes.execution import service as execution
from mes.execution import tasks as execution_tasks
from mes.execution.model import Body, Condition
from mes.inspection import service as inspection
from mes.inspection.model import Review
from mes.materials import service as materials
from mes.materials.model import RackReceipt
from mes.orders import service as order_service
from mes.orders.model import OrderStage
from mes.platform.db import WriteConn
from mes.platform.settings import Settings
from mes.quality import containment, queue, reworks, service, tasks
from mes.quality.model import (
    DecisionIsFinal,
    Hold,
    HoldChangedMeanwhile,
    HoldState,
    ReworkState,
    UnknownHold,
)
from tests.support import floor
from tests.support import orders as order_support
from tests.support.floor import FakeLine, StandingClock, a_body, a_job, a_result, at

D = Disposition
CONTEXT = HandlerContext(clock=StandingClock(at(6)), settings=Settings(), services={})


@pytest.fixture(autouse=True)
async def _plant(conn: WriteConn, mini_plant: PlantModel) -> None:
    await floor.install(conn, mini_plant)


async def a_body_at_the_camera(conn: WriteConn) -> Body:
    body = a_body()
    await floor.register(conn, body)
    line = FakeLine("body-framing")
    assert await floor.report(conn, line.entered(body, "framing", 1)) == []
    return body


async def judged(
    conn: WriteConn, verdict: Verdict = Verdict.NOK, kind: str | None = "spatter", **given: Any
) -> Event:
    """A camera judges, and quality hears of it."""
    regions = (Region(x=1, y=1, w=9, h=9, score=0.9, label=kind),) if kind else ()
    event = await inspection.on_result(conn, a_result(verdict, regions=regions, **given), now=at(6))
    assert event is not None
    await tasks.hold_after_inspection(conn, event, CONTEXT)
    return event


async def a_held_body(conn: WriteConn) -> tuple[Body, Hold]:
    body = await a_body_at_the_camera(conn)
    await judged(conn, body_id=body.id)
    (hold,) = await service.holds_of_body(conn, body.id)
    return body, hold


async def decide(conn: WriteConn, hold: Hold, disposition: Disposition, **given: Any) -> Hold:
    fields = {"reason": "seen", "reviewer": "mei", "row_version": hold.row_version, "now": at(7)}
    return await service.decide(conn, hold.id, disposition, **(fields | given))


async def condition(conn: WriteConn, body: Body) -> Condition:
    found = await execution.find_body(conn, body.id)
    assert found is not None
    return found.condition


async def chain_after(conn: WriteConn, first: str) -> list[str]:
    """Return the types of the newest chain that begins with `first`, checking every link."""
    events = await floor.recorded(conn)
    start = max(n for n, e in enumerate(events) if e.type == first)
    links = events[start:]
    for before, after in pairwise(links):
        assert after.causation_id == before.id, f"{after.type} is not caused by {before.type}"
    return [event.type for event in links]


async def test_a_defect_holds_the_body_and_assumes_its_repair_at_once(conn: WriteConn) -> None:
    body, hold = await a_held_body(conn)
    assert (hold.state, hold.line, hold.cause) == (HoldState.OPEN, "body-framing", "nok")
    assert await condition(conn, body) is Condition.HELD
    (rework,) = await reworks.reworks_alive(conn)
    assert (rework.state, rework.work_s, rework.bay) == (ReworkState.PROVISIONAL, 180, "body-bay")
    assert rework.review_by_at == at(16)
    assert await chain_after(conn, "inspection.recorded") == [
        "inspection.recorded",
        "hold.placed",
        "rework.opened",
    ]
    placed = next(e for e in await floor.recorded(conn) if e.type == "hold.placed")
    assert placed.correlation_id == body.order_id
    assert await service.is_held(conn, body.id)


async def test_a_good_picture_holds_nothing_and_a_repeated_event_holds_once(
    conn: WriteConn,
) -> None:
    body = await a_body_at_the_camera(conn)
    await judged(conn, Verdict.OK, None, body_id=body.id)
    assert await service.holds_of_body(conn, body.id) == []
    event = await judged(conn, body_id=body.id)
    await tasks.hold_after_inspection(conn, event, CONTEXT)
    assert len(await service.holds_of_body(conn, body.id)) == 1
    stranger = floor.inspection_event(a_result(body_id=uuid4()))
    await tasks.hold_after_inspection(conn, await floor.an_event(conn, stranger), CONTEXT)
    assert len(await service.open_holds(conn)) == 1


@pytest.mark.parametrize("verdict", [Verdict.UNFIT, Verdict.LATE])
async def test_a_body_that_nobody_could_judge_is_held_for_a_recheck(
    conn: WriteConn, verdict: Verdict
) -> None:
    body = await a_body_at_the_camera(conn)
    await judged(conn, verdict, None, body_id=body.id)
    (hold,) = await service.holds_of_body(conn, body.id)
    assert (hold.cause, hold.defect_kind) == (verdict.value.lower(), "recheck")


async def test_a_false_call_returns_everything_as_it_was(conn: WriteConn) -> None:
    body, hold = await a_held_body(conn)
    released = await decide(conn, hold, D.FALSE_CALL)
    assert (released.state, released.row_version) == (HoldState.RELEASED, 2)
    assert await condition(conn, body) is Condition.OK
    assert not await service.is_held(conn, body.id)
    assert await reworks.reworks_alive(conn) == []
    assert await chain_after(conn, "inspection.recorded") == [
        "inspection.recorded",
        "hold.placed",
        "rework.opened",
        "disposition.decided",
        "rework.reverted",
        "hold.released",
    ]
    assert hold.inspection_id is not None
    assert (await inspection.get(conn, hold.inspection_id)).review is Review.FALSE_CALL


async def test_a_confirmed_rework_is_done_in_the_bay_and_releases_the_body(
    conn: WriteConn,
) -> None:
    body, hold = await a_held_body(conn)
    await decide(conn, hold, D.REWORK, defect_code="W12")
    assert await condition(conn, body) is Condition.REWORK
    (rework,) = await reworks.reworks_to_do(conn, body.id)
    job = a_job(
        "body-framing",
        JobKind.REWORK,
        id=job_order_id(str(rework.id), rework.line, 1),
        body_id=body.id,
        work_s=rework.work_s,
        defect_kind=rework.defect_kind,
    )
    for state in (JobState.RUNNING, JobState.COMPLETED, JobState.COMPLETED):
        done = await floor.an_event(
            conn,
            JobStateRecorded(
                job_order_id=job.id,
                kind=JobKind.REWORK,
                line="body-framing",
                body_id=body.id,
                state=state,
            ),
        )
        await tasks.release_after_rework(conn, done, CONTEXT)
    assert await condition(conn, body) is Condition.RELEASED
    assert (await service.get_hold(conn, hold.id)).state is HoldState.RELEASED
    happened = await floor.recorded(conn)
    (reworked,) = [e for e in happened if e.type == "rework.done"]
    (confirmed,) = [e for e in happened if e.type == "rework.confirmed"]
    (released,) = [e for e in happened if e.type == "hold.released"]
    assert reworked.causation_id == confirmed.id
    assert released.causation_id == reworked.id
    with pytest.raises(DecisionIsFinal, match="rework is done"):
        await service.undo(conn, hold.id, reviewer="mei", row_version=None, now=at(9))


async def test_use_as_is_is_released_with_its_reason(conn: WriteConn) -> None:
    body, hold = await a_held_body(conn)
    await decide(conn, hold, D.USE_AS_IS, reason="under the carpet")
    assert await condition(conn, body) is Condition.RELEASED
    (released,) = [e for e in await floor.recorded(conn) if e.type == "hold.released"]
    assert released.payload.model_dump()["reason"] == "under the carpet"
    assert hold.inspection_id is not None
    assert (await inspection.get(conn, hold.inspection_id)).review is Review.CONFIRMED


async def test_a_body_with_two_defects_is_free_only_after_both_decisions(conn: WriteConn) -> None:
    body, first = await a_held_body(conn)
    await judged(conn, kind="porosity", body_id=body.id)
    second = next(h for h in await service.holds_of_body(conn, body.id) if h.id != first.id)
    await decide(conn, first, D.FALSE_CALL)
    assert await condition(conn, body) is Condition.HELD
    assert await service.is_held(conn, body.id)
    await decide(conn, second, D.FALSE_CALL)
    assert await condition(conn, body) is Condition.OK


async def test_two_reviewers_do_not_overwrite_each_other(conn: WriteConn) -> None:
    _, hold = await a_held_body(conn)
    await decide(conn, hold, D.REWORK)
    with pytest.raises(HoldChangedMeanwhile) as problem:
        await decide(conn, hold, D.FALSE_CALL, reviewer="li")
    assert problem.value.facts["reviewer"] == "mei"
    with pytest.raises(UnknownHold):
        await service.get_hold(conn, uuid4())


async def test_a_decision_is_taken_back_before_the_gate_and_not_after(conn: WriteConn) -> None:
    body, hold = await a_held_body(conn)
    released = await decide(conn, hold, D.FALSE_CALL)
    back = await service.undo(
        conn, hold.id, reviewer="mei", row_version=released.row_version, now=at(8)
    )
    assert (back.state, back.disposition) == (HoldState.OPEN, None)
    assert await condition(conn, body) is Condition.HELD
    (rework,) = await reworks.reworks_alive(conn)
    assert (rework.state, rework.work_s) == (ReworkState.PROVISIONAL, 180)
    assert hold.inspection_id is not None
    assert (await inspection.get(conn, hold.inspection_id)).review is None
    assert (await chain_after(conn, "disposition.undone"))[1:] == ["hold.placed", "rework.opened"]

    await decide(conn, back, D.FALSE_CALL)
    gone = FakeLine("body-framing")
    gone.says(
        "body_read", 0, station="framing", expected_body_id=None, read_body_id=body.id, matches=True
    )
    await floor.report(conn, gone.left(body, "wbs", 9))
    with pytest.raises(DecisionIsFinal, match="passed the exit gate"):
        await service.undo(conn, hold.id, reviewer="mei", row_version=None, now=at(10))


async def test_a_rework_that_has_begun_is_not_taken_back(conn: WriteConn) -> None:
    body, hold = await a_held_body(conn)
    await decide(conn, hold, D.REWORK)
    (rework,) = await reworks.reworks_to_do(conn, body.id)
    back = await service.undo(conn, hold.id, reviewer="mei", row_version=None, now=at(8))
    assert (await reworks.find_rework(conn, rework.id)).state is ReworkState.REVERTED  # type: ignore[union-attr]  # just read
    await decide(conn, back, D.REWORK)
    (rework,) = await reworks.reworks_to_do(conn, body.id)
    job = a_job(
        "body-framing",
        JobKind.REWORK,
        id=job_order_id(str(rework.id), rework.line, 1),
        body_id=body.id,
    )
    await execution.register_job(conn, job, now=at(8))
    line = FakeLine("body-framing")
    line.says("job_state", 0, job_order_id=job.id, state="Ready")
    await floor.report(conn, line.says("job_state", 9, job_order_id=job.id, state="Running"))
    with pytest.raises(DecisionIsFinal, match="begun in the bay"):
        await service.undo(conn, hold.id, reviewer="mei", row_version=None, now=at(10))


async def test_what_nobody_reviews_in_time_is_reworked_by_policy(conn: WriteConn) -> None:
    body, hold = await a_held_body(conn)
    assert await service.confirm_unreviewed(conn, now=at(15.9)) == 0
    assert await service.confirm_unreviewed(conn, now=at(16)) == 1
    assert await service.confirm_unreviewed(conn, now=at(17)) == 0
    decided = await service.get_hold(conn, hold.id)
    assert (decided.state, decided.reviewer) == (HoldState.REWORK, "policy")
    (confirmed,) = [e for e in await floor.recorded(conn) if e.type == "rework.confirmed"]
    assert confirmed.actor == "policy:review-timeout"
    assert confirmed.payload.model_dump()["by_policy"] is True
    assert hold.inspection_id is not None
    assert (await inspection.get(conn, hold.inspection_id)).review is None, "no person has seen it"
    assert await condition(conn, body) is Condition.REWORK


async def test_the_queue_begins_with_what_is_most_worth_a_look(conn: WriteConn) -> None:
    for score, kind in ((0.99, "spatter"), (0.55, "burn_through"), (0.6, "spatter")):
        body = await a_body_at_the_camera(conn)
        await judged(conn, kind=kind, body_id=body.id, score=score)
    waiting = await queue.review_queue(conn)
    scores = [item.inspection.score for item in waiting if item.inspection]
    assert scores == [0.55, 0.6, 0.99]
    assert all(item.body and item.rework for item in waiting)
    await decide(conn, waiting[0].hold, D.FALSE_CALL)
    assert len(await queue.review_queue(conn)) == 2


async def test_an_operators_report_holds_the_body_and_counts_the_escape(conn: WriteConn) -> None:
    body = await a_body_at_the_camera(conn)
    await judged(conn, Verdict.OK, None, body_id=body.id)
    for outcome in ("good", "rework"):
        said = OperatorReported.model_validate(
            {
                "body_id": body.id,
                "line": "body-framing",
                "station": "framing",
                "outcome": outcome,
                "defect_kind": "missing_weld",
            }
        )
        await tasks.hold_after_report(conn, await floor.an_event(conn, said), CONTEXT)
    (hold,) = await service.holds_of_body(conn, body.id)
    assert (hold.cause, hold.defect_kind, hold.inspection_id) == ("operator", "missing_weld", None)
    (figures,) = await inspection.figures(conn, since_at=at(0))
    assert (figures.inspected, figures.escapes, figures.escape_ratio) == (1, 1, 1.0)
    assert [h.id for h in await service.newest_holds(conn)] == [hold.id]


async def some_racks(conn: WriteConn) -> None:
    racks = [("R1", 1), ("R2", 2), ("R3", 3), ("R4", 4)]
    await materials.receive_racks(
        conn,
        [
            RackReceipt(name, "c1-hood", "press-1", None, 20, held=False, at=at(minutes))
            for name, minutes in racks
        ],
    )


def of_panel(lot: str, minutes: float) -> dict[str, Any]:
    return {
        "line": "press-1",
        "station": "press-1-exit",
        "camera": "press-1-camera",
        "lot": lot,
        "triggered_at": at(minutes),
    }


async def test_a_bad_panel_holds_its_racks_back_to_the_last_good_check(conn: WriteConn) -> None:
    await some_racks(conn)
    await judged(conn, Verdict.OK, None, **of_panel("R2", 2.5))
    await judged(conn, kind="crack", **of_panel("R4", 4.5))
    held = {h.rack: h.cause for h in await service.open_holds(conn)}
    assert held == {"R4": "nok", "R3": "in_doubt"}
    (stock,) = await materials.panel_stock(conn)
    assert (stock.usable, stock.held) == (40, 40)
    (found,) = await containment.nonconformances(conn)
    items = await containment.items_of(conn, found.id)
    assert {hold.rack for hold in items} == {"R3", "R4"}
    assert found.title == "c1-hood: crack"

    with pytest.raises(containment.ItemsUndecided, match="2 of its items"):
        await containment.close_nonconformance(conn, found.id, actor="user:mei", now=at(9))
    by_rack = {hold.rack: hold for hold in items}
    await decide(conn, by_rack["R3"], D.FALSE_CALL)
    await decide(conn, by_rack["R4"], D.SCRAP)
    for _ in range(2):
        closed = await containment.close_nonconformance(conn, found.id, actor="user:mei", now=at(9))
        assert closed.state == "closed"
    (stock,) = await materials.panel_stock(conn)
    assert (stock.usable, stock.held) == (60, 0)


async def test_a_rack_that_is_being_filled_is_held_from_the_start(conn: WriteConn) -> None:
    job = a_job("press-1", JobKind.DIE_LOT, panel="c1-hood", quantity=60)
    await execution.register_job(conn, job, now=at(0))
    await judged(conn, kind="crack", **of_panel("R9", 4.5), job_order_id=job.id)
    await some_racks(conn)
    await materials.receive_racks(
        conn, [RackReceipt("R9", "c1-hood", "press-1", job.id, 20, held=False, at=at(6))]
    )
    rack = await materials.find_rack(conn, "R9")
    assert rack is not None and rack.held
    (hold,) = await service.open_holds(conn)
    back = await decide(conn, hold, D.USE_AS_IS)
    assert (await materials.find_rack(conn, "R9")).usable == 20  # type: ignore[union-attr]  # received
    await service.undo(conn, hold.id, reviewer="mei", row_version=back.row_version, now=at(8))
    assert (await materials.find_rack(conn, "R9")).usable == 0  # type: ignore[union-attr]  # received


async def test_a_panel_that_could_not_be_judged_holds_its_own_rack_only(conn: WriteConn) -> None:
    await some_racks(conn)
    await judged(conn, Verdict.UNFIT, None, **of_panel("R4", 4.5))
    await judged(conn, Verdict.UNFIT, None, **of_panel("R4", 4.6))
    assert [h.rack for h in await service.open_holds(conn)] == ["R4"]
    assert await containment.nonconformances(conn) == []


async def test_a_nonconformance_is_about_something(conn: WriteConn) -> None:
    with pytest.raises(containment.NothingContained):
        await containment.open_nonconformance(conn, [], title="t", actor="user:mei", now=at(1))
    with pytest.raises(UnknownHold):
        await containment.open_nonconformance(
            conn, [uuid4()], title="t", actor="user:mei", now=at(1)
        )
    with pytest.raises(containment.UnknownNonconformance):
        await containment.get_nonconformance(conn, uuid4())


async def a_locked_body(conn: WriteConn) -> Body:
    """An order was locked, and execution has heard of its body."""
    await order_support.install_demo(conn)
    await order_support.locked(conn)
    await execution_tasks.register_body(conn, await floor.newest(conn, "order.locked"), CONTEXT)
    order = await floor.newest(conn, "order.locked")
    (body,) = await execution.bodies_by_vin(conn, order.payload.model_dump()["vin"])
    return body


async def test_a_scrapped_body_gets_a_successor_that_re_enters_the_plan(conn: WriteConn) -> None:
    body = await a_locked_body(conn)
    line = FakeLine("body-framing")
    await floor.report(conn, line.entered(body, "framing", 1))
    for kind in ("spatter", "porosity", "missing_weld"):
        await judged(conn, kind=kind, body_id=body.id)
    first, second, third = await service.holds_of_body(conn, body.id)
    await decide(conn, second, D.REWORK)
    await decide(conn, third, D.FALSE_CALL)

    scrapped = await decide(conn, first, D.SCRAP, reason="burnt")
    assert scrapped.state is HoldState.SCRAPPED
    states = {h.id: h.state for h in await service.holds_of_body(conn, body.id)}
    assert states[second.id] is HoldState.SCRAPPED, "nothing is left to decide about it"
    assert states[third.id] is HoldState.RELEASED
    assert await reworks.reworks_alive(conn) == []
    assert await condition(conn, body) is Condition.SCRAP

    event = await floor.newest(conn, "body.scrapped")
    payload = event.of(BodyScrapped)
    successor = await execution.find_body(conn, payload.successor_id)
    assert successor is not None
    assert (successor.vin, successor.predecessor_id) == (body.vin, body.id)
    assert successor.number != body.number
    order = await order_service.order_by_id(conn, body.order_id)
    assert order is not None
    assert (order.body_id, order.stage) == (successor.id, OrderStage.LOCKED)
    assert event.correlation_id == body.order_id

    with pytest.raises(DecisionIsFinal, match="scrap"):
        await service.undo(conn, first.id, reviewer="mei", row_version=None, now=at(9))
    refused = await floor.report(conn, line.left(body, "wbs", 9))
    assert [r.problem.code for r in refused] == ["body.cannot_move"]
    await judged(conn, kind="run", body_id=body.id)
    assert len(await service.holds_of_body(conn, body.id)) == 3, "scrap is not held again"


async def test_the_orders_milestones_follow_the_body(conn: WriteConn) -> None:
    body = await a_locked_body(conn)

    async def stage() -> OrderStage:
        order = await order_service.order_by_id(conn, body.order_id)
        assert order is not None
        return order.stage

    async def heard(payload: BodyEnteredLine | BodyLeftLine) -> None:
        await execution_tasks.move_order(conn, await floor.an_event(conn, payload), CONTEXT)

    def entered(line: str) -> BodyEnteredLine:
        return BodyEnteredLine(
            body_id=body.id, order_id=body.order_id, line=line, station="s", job_order_id=uuid4()
        )

    def left(line: str, store: str) -> BodyLeftLine:
        return BodyLeftLine(body_id=body.id, order_id=body.order_id, line=line, store=store)

    await heard(entered("body-sub"))
    assert await stage() is OrderStage.IN_PRODUCTION
    await heard(left("paint", "pbs"))
    assert await stage() is OrderStage.IN_PRODUCTION
    await heard(left("assembly", "line-off"))
    assert await stage() is OrderStage.LINE_OFF
    await heard(left("eol", "yard"))
    assert await stage() is OrderStage.SHIPPED
