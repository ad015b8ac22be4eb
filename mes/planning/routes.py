"""The API of planning: versions, the board, why an order is late, quotes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response, status
from pydantic import AwareDatetime

from mes.identity.access import require, require_scope
from mes.identity.model import Caller, Role, Scope, User
from mes.orders.service import OrderDraft
from mes.planning import service
from mes.planning.calibration import Calibration
from mes.planning.schemas import (
    ConfirmIn,
    HelpsOut,
    MoveOut,
    OrderRef,
    PlanOut,
    PublishIn,
    QuoteOut,
    WhyOut,
    WishIn,
)
from mes.platform.errors import Invalid, Problem
from mes.platform.http import ClockDep, ReadDb, SettingsDep, WriteDb

router = APIRouter(prefix="/api", tags=["planning"])

Reader = Annotated[Caller, Depends(require_scope(Scope.PLAN_READ))]
Planner = Annotated[User, Depends(require(Role.PLANNER))]
PlanWriter = Annotated[Caller, Depends(require_scope(Scope.PLAN_WRITE, Role.PLANNER))]
Sales = Annotated[Caller, Depends(require_scope(Scope.ORDERS_WRITE, Role.PLANNER, Role.DEALER))]
OrderReader = Annotated[Caller, Depends(require_scope(Scope.ORDERS_READ))]
MAX_BOARD = timedelta(days=14)


class BoardTooWide(Invalid):
    """The board shows at most {days} days at once, and from before to; ask for less."""

    code = "board.too_wide"


class PlanVersionMissing(Problem):
    """Send the version of the plan that you saw in the header If-Match; the ETag of the plan has it."""

    status = 428
    code = "plan.if_match_required"


class PlanVersionUnreadable(Invalid):
    """If-Match has the version of the plan in quotation marks, as "3", not {given}."""

    code = "plan.if_match_unreadable"


@router.get("/plan")
async def get_published(_: Reader, conn: ReadDb, response: Response) -> PlanOut:
    """Show the plan in force."""
    found = await service.published(conn)
    response.headers["ETag"] = f'"{found.row_version}"'
    return PlanOut.of(found)


@router.get("/plans")
async def get_plans(
    _: Reader, conn: ReadDb, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> list[PlanOut]:
    """List the newest plan versions, newest first."""
    return [PlanOut.of(plan) for plan in await service.plans(conn, limit=limit)]


@router.post("/plans", status_code=status.HTTP_202_ACCEPTED)
async def post_plan(
    caller: PlanWriter,
    conn: WriteDb,
    clock: ClockDep,
    settings: SettingsDep,
    response: Response,
) -> PlanOut:
    """Solve now; the version shows its progress and becomes a draft."""
    plan = await service.request_solve(
        conn,
        now=clock.now(),
        factor=clock.factor,
        settings=settings.plan,
        actor=caller.actor,
    )
    response.headers["Location"] = f"/api/plans/{plan.id}"
    return PlanOut.of(plan)


@router.get("/plan/board")
async def get_board(
    _: Reader,
    conn: ReadDb,
    clock: ClockDep,
    from_at: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    to_at: Annotated[AwareDatetime | None, Query(alias="to")] = None,
) -> dict[str, Any]:
    """Answer the bars of the plan board between two instants of plant time, compactly."""
    now = clock.now()
    begin = from_at or now - timedelta(hours=4)
    end = to_at or begin + timedelta(hours=24)
    if not timedelta(0) < end - begin <= MAX_BOARD:
        raise BoardTooWide(days=MAX_BOARD.days)
    return (await service.board(conn, begin, end, now=now)).compact()


@router.get("/plans/{plan_id}")
async def get_plan(plan_id: UUID, _: Reader, conn: ReadDb, response: Response) -> PlanOut:
    """Show one version; while it is being solved, its progress."""
    plan = await service.plan(conn, plan_id)
    response.headers["ETag"] = f'"{plan.row_version}"'
    return PlanOut.of(plan)


@router.get("/plans/{plan_id}/difference")
async def get_difference(
    plan_id: UUID, _: Reader, conn: ReadDb, to: Annotated[UUID | None, Query()] = None
) -> list[MoveOut]:
    """List what moved from this version to another one (`to`; without it: the plan in force)."""
    other = to or (await service.published(conn)).id
    return [MoveOut.of(move) for move in await service.difference(conn, plan_id, other)]


@router.post("/plans/{plan_id}/publish")
async def publish_plan(
    plan_id: UUID,
    body: PublishIn,
    planner: Planner,
    conn: WriteDb,
    clock: ClockDep,
    settings: SettingsDep,
    if_match: Annotated[str | None, Header(alias="If-Match")] = None,
) -> PlanOut:
    """Put a draft in force, with a note; twice is a conflict that says so."""
    net = await service.network(conn)
    plan = await service.publish(
        conn,
        plan_id,
        now=clock.now(),
        by=planner.actor,
        note=body.note,
        zone=service.frozen_zone(net, settings.plan, clock.factor),
        row_version=_version(if_match),
    )
    return PlanOut.of(plan)


@router.post("/plans/{plan_id}/cancel")
async def cancel_plan(plan_id: UUID, _: Planner, conn: WriteDb) -> PlanOut:
    """Stop a solve; its best plan so far becomes the draft."""
    return PlanOut.of(await service.cancel_solve(conn, plan_id))


@router.get("/orders/{number}/why")
async def get_why(number: str, _: Reader, conn: ReadDb) -> WhyOut:
    """Explain when an order comes: its plan, what holds it, and every change of its promise."""
    return WhyOut.of(await service.why(conn, number))


@router.get("/orders/{number}/help")
async def get_help(number: str, _: Reader, conn: ReadDb) -> HelpsOut:
    """List changes that would bring a late order in time, each tried on the plan in force."""
    return HelpsOut.of(await service.what_helps(conn, number))


@router.get("/promises/calibration")
async def get_calibration(_: Reader, conn: ReadDb) -> Calibration:
    """Report how often promises were kept, beside how sure they were said to be."""
    return await service.calibration(conn)


@router.post("/quotes", status_code=status.HTTP_201_CREATED)
async def post_quote(
    body: WishIn, caller: Sales, conn: WriteDb, clock: ClockDep, response: Response
) -> QuoteOut:
    """Ask what can be promised; with `hold` the place is kept until the quote expires."""
    now = clock.now()
    if not body.hold:
        response.status_code = status.HTTP_200_OK
        return QuoteOut.of_offer(await service.inquire(conn, body.wish(), now=now))
    quote = await service.hold_quote(conn, body.wish(), now=now, actor=caller.actor)
    return QuoteOut.of(quote)


@router.get("/quotes/{quote_id}")
async def get_quote(quote_id: UUID, _: OrderReader, conn: ReadDb) -> QuoteOut:
    """Show a quote."""
    return QuoteOut.of(await service.get_quote(conn, quote_id))


@router.post("/quotes/{quote_id}/confirm", status_code=status.HTTP_201_CREATED)
async def confirm_quote(
    quote_id: UUID, body: ConfirmIn, caller: Sales, conn: WriteDb, clock: ClockDep
) -> OrderRef:
    """Make a quote an order that keeps its place and its date."""
    draft = OrderDraft(
        channel=body.channel,
        model="",
        color="",
        external_id=body.external_id,
        customer=body.customer,
        language=body.language,
    )
    order = await service.confirm_quote(
        conn,
        quote_id,
        draft,
        now=clock.now(),
        real_now=clock.real_now(),
        actor=caller.actor,
    )
    return OrderRef(id=order.id, number=order.number)


@router.post("/quotes/{quote_id}/cancel")
async def cancel_quote(quote_id: UUID, _: Sales, conn: WriteDb, clock: ClockDep) -> QuoteOut:
    """Give a quote up; its place is free at once."""
    return QuoteOut.of(await service.cancel_quote(conn, quote_id, now=clock.now()))


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise PlanVersionMissing
    bare = if_match.strip().removeprefix("W/").strip('"')
    if not (bare.isascii() and bare.isdigit() and len(bare) < 10):
        raise PlanVersionUnreadable(given=if_match[:40])
    return int(bare)
