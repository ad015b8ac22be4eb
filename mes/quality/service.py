"""Defect → hold → rework → decision: every step an event whose cause is the step before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog

from mes.contracts.events import (
    BodyScrapped,
    DispositionDecided,
    DispositionUndone,
    HoldReleased,
    ReworkDone,
)
from mes.contracts.ids import uuid7
from mes.contracts.plant import PlantModel
from mes.contracts.quality import Disposition, DrawnRegion, Verdict
from mes.events import service as events
from mes.events.model import Event
from mes.execution import service as execution
from mes.execution.model import Body, Condition
from mes.inspection import service as inspection
from mes.inspection.model import Review
from mes.materials import service as materials
from mes.orders import production as orders
from mes.platform.db import ReadConn, WriteConn
from mes.quality import model, repository, reworks
from mes.quality.chain import POLICY, Chain, chain_of, place
from mes.quality.model import (
    DecisionIsFinal,
    Hold,
    HoldChangedMeanwhile,
    HoldState,
    NoReworkThere,
    UnknownHold,
)
from mes.resources import service as resources

log = structlog.get_logger()


async def hold_body(
    conn: WriteConn,
    body: Body,
    *,
    found_at: str,
    cause: str,
    verdict: Verdict,
    defect_kind: str | None,
    inspection_id: UUID | None,
    now: datetime,
    actor: str,
    because: Event,
) -> Hold | None:
    """Keep a body before its exit gate and assume a rework of standard minutes.

    Args:
        found_at: the line where the defect was found.
        verdict: NOK for a defect; UNFIT or LATE for a body that nobody could judge.
        because: the event that led here; the chain begins with its cause.

    Returns:
        the hold, or None when this inspection has placed it before, or the body is scrap.
    """
    if body.is_scrapped:
        return None
    plant = await resources.active_plant(conn)
    gate = model.gate_line(plant, found_at, body.place)
    kind, work_s = model.work_of(plant, found_at, verdict, defect_kind)
    hold = Hold(
        id=uuid7(),
        body_id=body.id,
        rack=None,
        order_id=body.order_id,
        line=gate.id,
        inspection_id=inspection_id,
        cause=cause,
        defect_kind=kind,
        risk=work_s / 60,
        placed_at=now,
        last_event_id=because.id,
    )
    if not await repository.add_hold(conn, hold):
        return None
    chain = Chain(conn, because, actor=actor, now=now, order=body.order_id)
    await place(hold, chain)
    await reworks.assume(conn, hold, gate, work_s, chain, now=now)
    await repository.extend_chain(conn, hold.id, chain.last_id)
    await _settle(conn, body.id)
    return hold


async def _settle(conn: WriteConn, body_id: UUID) -> None:
    """Let the body stand as all of its holds say together.

    The body is locked before its holds are read: two decisions about two holds at once must not both
    see the other one undecided.
    """
    await execution.lock_body(conn, body_id)
    wanted = model.condition_of(await repository.holds_of_body(conn, body_id))
    await execution.change_condition(conn, body_id, wanted)


async def decide(
    conn: WriteConn,
    hold_id: UUID,
    disposition: Disposition,
    *,
    reason: str = "",
    defect_code: str | None = None,
    regions: Sequence[DrawnRegion] | None = None,
    reviewer: str,
    row_version: int | None,
    now: datetime,
) -> Hold:
    """Take a person's decision about a hold.

    False call and use as is release it, rework sends it to the bay, scrap replaces a body by a successor
    (and takes a rack out of stock).

    Args:
        regions: where the defect is, as the person corrected it; None: as the model says.
        reviewer: the person's name, or `policy`.
        row_version: the version the person saw; None for the policy.

    Raises:
        UnknownHold, HoldChangedMeanwhile, HoldDecided, ReasonRequired, NoReworkThere, RegionOutside.
    """
    hold = await _seen(conn, hold_id, row_version)
    decided = hold.decide(
        disposition, reason=reason, defect_code=defect_code, reviewer=reviewer, now=now
    )
    rework = await repository.rework_of_hold(conn, hold.id)
    if disposition is Disposition.REWORK and rework is None:
        raise NoReworkThere(what="This body: its gate has no repair bay. It")
    chain = await chain_of(conn, hold, reviewer=reviewer, now=now)
    await chain.add(
        DispositionDecided(
            hold_id=hold.id,
            body_id=hold.body_id,
            line=hold.line,
            disposition=disposition,
            reason=decided.reason,
            reviewer=reviewer,
        )
    )
    match disposition:
        case Disposition.REWORK:
            await reworks.confirm(conn, rework, chain, by_policy=reviewer == POLICY)
        case Disposition.FALSE_CALL | Disposition.USE_AS_IS:
            await reworks.revert(conn, rework, chain, now=now)
            await _release(conn, decided, chain)
        case Disposition.SCRAP:
            await reworks.revert(conn, rework, chain, now=now)
    await repository.save_hold(conn, decided, last_event_id=chain.last_id)
    if reviewer != POLICY:
        await _remember_review(conn, decided, regions=regions, reviewer=reviewer, now=now)
    if disposition is Disposition.SCRAP:
        await _scrap(conn, decided, chain, now=now)
    elif decided.body_id is not None:
        await _settle(conn, decided.body_id)
    return await get_hold(conn, hold_id)


async def _seen(conn: WriteConn, hold_id: UUID, row_version: int | None) -> Hold:
    hold = await repository.hold_for_change(conn, hold_id)
    if hold is None:
        raise UnknownHold(hold=hold_id)
    if row_version is not None and hold.row_version != row_version:
        raise HoldChangedMeanwhile(
            found=hold.row_version,
            seen=row_version,
            state=hold.state.value,
            disposition=hold.disposition,
            reviewer=hold.reviewer,
            reason=hold.reason,
        )
    return hold


async def _release(conn: WriteConn, hold: Hold, chain: Chain) -> None:
    if hold.rack is not None:
        await materials.release_rack(conn, hold.rack)
    assert hold.disposition is not None  # noqa: S101 - released by a decision
    await chain.add(
        HoldReleased(
            hold_id=hold.id,
            body_id=hold.body_id,
            rack=hold.rack,
            line=hold.line,
            disposition=hold.disposition,
            reason=hold.reason,
        )
    )


async def _remember_review(
    conn: WriteConn,
    hold: Hold,
    *,
    regions: Sequence[DrawnRegion] | None,
    reviewer: str,
    now: datetime,
) -> None:
    """The reviewer's word on a camera's alarm is its next training label."""
    if hold.inspection_id is None or hold.cause == model.IN_DOUBT:
        return
    false = hold.disposition is Disposition.FALSE_CALL
    await inspection.review(
        conn,
        hold.inspection_id,
        Review.FALSE_CALL if false else Review.CONFIRMED,
        defect_code=hold.defect_code,
        regions=regions,
        reviewer=reviewer,
        now=now,
    )


async def _scrap(conn: WriteConn, hold: Hold, chain: Chain, *, now: datetime) -> None:
    """Take a rack out of stock, or a body out of its order, which goes on with a successor."""
    if hold.rack is not None:
        await materials.scrap_rack(conn, hold.rack, now=now)
        return
    assert hold.body_id is not None  # noqa: S101 - a hold is about a body or a rack
    for other in await repository.holds_of_body(conn, hold.body_id):
        if not other.is_closed:
            await _close_with_body(conn, other, hold, chain, now=now)
    body = await execution.change_condition(conn, hold.body_id, Condition.SCRAP)
    successor = await orders.replace_body(conn, body.id, now=now)
    await execution.register_successor(
        conn, body, successor_id=successor.body_id, number=successor.number, now=now
    )
    await chain.add(
        BodyScrapped(
            body_id=body.id,
            order_id=body.order_id,
            successor_id=successor.body_id,
            successor_number=successor.number,
        )
    )
    await repository.extend_chain(conn, hold.id, chain.last_id)


async def _close_with_body(
    conn: WriteConn, other: Hold, hold: Hold, chain: Chain, *, now: datetime
) -> None:
    """End another hold of a body that is scrapped: there is nothing left to decide about it."""
    await reworks.revert(conn, await repository.rework_of_hold(conn, other.id), chain, now=now)
    open_again = other.reopened() if other.disposition is not None else other
    closed = open_again.decide(
        Disposition.SCRAP,
        reason=hold.reason,
        defect_code=other.defect_code,
        reviewer=hold.reviewer or POLICY,
        now=now,
    )
    await repository.save_hold(conn, closed, last_event_id=chain.last_id)


async def undo(
    conn: WriteConn, hold_id: UUID, *, reviewer: str, row_version: int | None, now: datetime
) -> Hold:
    """Take a decision back while its effect has not reached the line: the hold stands again.

    Raises:
        UnknownHold, HoldChangedMeanwhile, HoldUndecided.
        DecisionIsFinal: it is scrap, the body passed the gate, or its rework has begun.
    """
    hold = await _seen(conn, hold_id, row_version)
    reopened = hold.reopened()
    plant = await resources.active_plant(conn)
    if hold.body_id is not None:
        await _require_undone_in_time(conn, plant, hold, hold.body_id)
    assert hold.disposition is not None  # noqa: S101 - `reopened` refuses an undecided hold
    chain = await chain_of(conn, hold, reviewer=reviewer, now=now)
    await chain.add(
        DispositionUndone(
            hold_id=hold.id,
            body_id=hold.body_id,
            line=hold.line,
            disposition=hold.disposition,
            reviewer=reviewer,
        )
    )
    before = await repository.rework_of_hold(conn, hold.id)
    await reworks.revert(conn, before, chain, now=now)
    await place(reopened, chain)
    work_s = before.work_s if before else hold.risk * 60
    await reworks.assume(conn, reopened, plant.line(hold.line), work_s, chain, now=now)
    await repository.note_undone(conn, hold, undone_by=reviewer, now=now)
    await repository.save_hold(conn, reopened, last_event_id=chain.last_id)
    if hold.inspection_id is not None and hold.cause != model.IN_DOUBT:
        await inspection.take_back_review(conn, hold.inspection_id)
    if hold.body_id is not None:
        await _settle(conn, hold.body_id)
    elif hold.rack is not None:
        rack = await materials.find_rack(conn, hold.rack)
        panel = rack.panel if rack else model.UNCLASSIFIED
        await materials.hold_rack(conn, hold.rack, panel=panel, line=hold.line)
    return await get_hold(conn, hold_id)


async def _require_undone_in_time(
    conn: WriteConn, plant: PlantModel, hold: Hold, body_id: UUID
) -> None:
    body = await execution.find_body(conn, body_id)
    if body is None or not model.is_before_gate(plant, hold.line, body.place):
        raise DecisionIsFinal(why="the body has passed the exit gate.")
    rework = await repository.rework_of_hold(conn, hold.id)
    if rework is not None and await reworks.has_begun(conn, rework):
        raise DecisionIsFinal(why="the rework has begun in the bay.")


async def on_rework_job_done(
    conn: WriteConn, job: UUID, body_id: UUID, *, now: datetime, actor: str
) -> None:
    """A rework job is completed in the bay: the rework is done and its hold released.

    A job that names no rework of the body finishes the one that was opened first.
    """
    confirmed = await reworks.reworks_to_do(conn, body_id)
    if not confirmed:
        return
    rework = next((r for r in confirmed if job in reworks.job_ids(r)), confirmed[0])
    hold = await repository.hold_for_change(conn, rework.hold_id)
    if hold is None or hold.state is not HoldState.REWORK:
        return
    last = await events.get(conn, hold.last_event_id)
    chain = Chain(conn, last, actor=actor, now=now, order=hold.order_id)
    await repository.save_rework(conn, rework.done(now))
    await chain.add(
        ReworkDone(rework_id=rework.id, hold_id=hold.id, body_id=rework.body_id, line=rework.line)
    )
    released = hold.reworked(now)
    await _release(conn, released, chain)
    await repository.save_hold(conn, released, last_event_id=chain.last_id)
    await _settle(conn, body_id)


async def confirm_unreviewed(conn: WriteConn, *, now: datetime) -> int:
    """Confirm the reworks that no person reviewed in time; return how many."""
    overdue = await repository.unreviewed(conn, now=now)
    for rework in overdue:
        await decide(
            conn,
            rework.hold_id,
            Disposition.REWORK,
            reason="not reviewed in time",
            reviewer=POLICY,
            row_version=None,
            now=now,
        )
    return len(overdue)


async def get_hold(conn: ReadConn, hold_id: UUID) -> Hold:
    """Return a hold; raises UnknownHold."""
    found = await repository.hold(conn, hold_id)
    if found is None:
        raise UnknownHold(hold=hold_id)
    return found


async def open_holds(conn: ReadConn) -> list[Hold]:
    """Return the holds that keep something back now, oldest first."""
    return await repository.not_closed(conn)


async def newest_holds(conn: ReadConn, *, limit: int = 100) -> list[Hold]:
    """Return the newest holds, open or not."""
    return await repository.newest(conn, limit=limit)


async def holds_of_body(conn: ReadConn, body_id: UUID) -> list[Hold]:
    """Return every hold a body had, in order of placing."""
    return await repository.holds_of_body(conn, body_id)


async def is_held(conn: ReadConn, body_id: UUID) -> bool:
    """Say whether any hold keeps a body before its gate: one that is released does not free the body."""
    return any(not hold.is_closed for hold in await repository.holds_of_body(conn, body_id))
