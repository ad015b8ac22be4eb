"""The API of orders: for channels with tokens, for people, and for the customer with a link."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import (
    APIRouter,
    Depends,
    Form,
    Header,
    Path,
    Query,
    Request,
    Response,
    UploadFile,
    status,
)
from fastapi.responses import JSONResponse

from mes.identity.access import address_of, require, require_scope
from mes.identity.model import Caller, Machine, Role, Scope, User
from mes.orders import catalog_routes, customer, idempotency, links, service
from mes.orders.imports import import_order_file
from mes.orders.model import Order, OrderStage
from mes.orders.schemas import (
    Channel,
    CustomerLink,
    ImportOut,
    Line,
    OrderIn,
    OrderOut,
    OrderPage,
    OrderPatch,
    PartOut,
    PromiseOut,
    ReasonIn,
    StepOut,
    customer_body,
)
from mes.platform.clock import Clock
from mes.platform.db import ReadConn
from mes.platform.errors import Forbidden, Invalid, Problem
from mes.platform.http import ClockDep, DatabaseDep, ReadDb, SettingsDep, WriteDb
from mes.platform.settings import Settings
from mes.resources import service as resources

router = APIRouter(prefix="/api", tags=["orders"])
router.include_router(catalog_routes.router)

Reader = Annotated[Caller, Depends(require_scope(Scope.ORDERS_READ))]
Writer = Annotated[Caller, Depends(require_scope(Scope.ORDERS_WRITE, Role.PLANNER, Role.DEALER))]
Planner = Annotated[User, Depends(require(Role.PLANNER))]
Number = Annotated[str, Path(max_length=20, pattern=r"^[A-Za-z0-9-]+$")]
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key")]


class ChannelForbidden(Forbidden):
    """The token of {name} sends orders of channel {allowed}, not of {channel}."""

    code = "order.channel_forbidden"


class PreconditionRequired(Problem):
    """Send the version that you saw in the header If-Match; the ETag of the order has it."""

    status = 428
    code = "order.if_match_required"


class VersionUnreadable(Invalid):
    """If-Match has the version of the order in quotation marks, as "3", not {given}."""

    code = "order.if_match_unreadable"


@router.post("/orders", status_code=status.HTTP_201_CREATED, response_model=OrderOut)
async def post_order(
    body: OrderIn,
    caller: Writer,
    conn: WriteDb,
    clock: ClockDep,
    settings: SettingsDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Place an order. Programs send an Idempotency-Key: the same request again gets the same answer."""
    body = body.model_copy(update={"channel": _channel(caller, body)})
    plant = await resources.active_plant(conn)
    draft = body.draft(time_zone=plant.site.time_zone)
    now, real_now = clock.now(), clock.real_now()

    async def act() -> tuple[int, Any]:
        take = service.place_order if body.confirm else service.register_order
        order = await take(conn, draft, now=now, real_now=real_now, actor=caller.actor)
        out = await _single(conn, order, clock, settings)
        return status.HTTP_201_CREATED, out.model_dump(mode="json")

    if idempotency_key is None and isinstance(caller, User):
        answer = idempotency.Answered(*await act(), again=False)
    else:
        answer = await idempotency.once(
            conn,
            client=caller.actor,
            key=idempotency_key or "",
            request=idempotency.request_hash(b"POST /api/orders", body.model_dump_json().encode()),
            now=real_now,
            act=act,
        )
    headers = {"Location": f"/api/orders/{answer.body['number']}"}
    if answer.again:
        headers["Idempotent-Replay"] = "true"
    return JSONResponse(answer.body, answer.status, headers)


@router.get("/orders")
async def get_orders(
    caller: Reader,
    conn: ReadDb,
    clock: ClockDep,
    stage: OrderStage | None = None,
    model: Annotated[Line | None, Query(max_length=20)] = None,
    channel: Annotated[Line | None, Query(max_length=40)] = None,
    search: Annotated[Line | None, Query(max_length=80)] = None,
    after: Annotated[Line | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> OrderPage:
    """List orders by number, page by page."""
    only = caller.channel or channel
    found = await service.orders(
        conn,
        stage=stage,
        model=model,
        channel=only,
        search=search,
        after=after,
        limit=limit + 1,
    )
    page = found[:limit]
    return OrderPage(
        orders=[OrderOut.of(order, now=clock.now()) for order in page],
        next=page[-1].number if len(found) > limit else None,
    )


@router.post("/orders/import")
async def import_orders(
    caller: Writer,
    file: UploadFile,
    conn: WriteDb,
    clock: ClockDep,
    channel: Annotated[Channel, Form()] = "file",
) -> ImportOut:
    """Place the orders of a CSV file; bad rows are told with row, field and reason."""
    report = await import_order_file(
        conn,
        await file.read(),
        channel=_allowed_channel(caller, channel),
        now=clock.now(),
        real_now=clock.real_now(),
        actor=caller.actor,
        only_channel=caller.channel,
    )
    return ImportOut.of(report)


@router.get("/orders/{number}")
async def get_order(
    number: Number,
    caller: Reader,
    conn: ReadDb,
    clock: ClockDep,
    settings: SettingsDep,
    response: Response,
) -> OrderOut:
    """Show one order; its ETag is what a change sends as If-Match."""
    order = await _visible(conn, number, caller)
    response.headers["ETag"] = f'"{order.row_version}"'
    return await _single(conn, order, clock, settings)


@router.patch("/orders/{number}")
async def patch_order(
    number: Number,
    body: OrderPatch,
    caller: Writer,
    conn: WriteDb,
    clock: ClockDep,
    response: Response,
    if_match: Annotated[str | None, Header(alias="If-Match")] = None,
) -> OrderOut:
    """Change an order that is not locked; 409 with the difference when somebody else changed it."""
    version = _version(if_match)
    plant = await resources.active_plant(conn)
    order = await _visible(conn, number, caller)
    changed = await service.change_order(
        conn,
        number,
        body.applied_to(order, time_zone=plant.site.time_zone),
        row_version=version,
        now=clock.now(),
        actor=caller.actor,
    )
    response.headers["ETag"] = f'"{changed.row_version}"'
    return OrderOut.of(changed, now=clock.now())


@router.post("/orders/{number}/confirm")
async def confirm_order(number: Number, caller: Writer, conn: WriteDb, clock: ClockDep) -> OrderOut:
    """The customer agrees: the plant plans the order."""
    await _visible(conn, number, caller)
    order = await service.confirm_order(conn, number, now=clock.now(), actor=caller.actor)
    return OrderOut.of(order, now=clock.now())


@router.post("/orders/{number}/cancel")
async def cancel_order(
    number: Number, body: ReasonIn, caller: Writer, conn: WriteDb, clock: ClockDep
) -> OrderOut:
    """End an order before production of its car begins."""
    await _visible(conn, number, caller)
    order = await service.cancel_order(
        conn, number, reason=body.reason, now=clock.now(), actor=caller.actor
    )
    return OrderOut.of(order, now=clock.now())


@router.post("/orders/{number}/hold")
async def hold_order(
    number: Number, body: ReasonIn, planner: Planner, conn: WriteDb, clock: ClockDep
) -> OrderOut:
    """Let an order wait; planning leaves it out."""
    order = await service.hold_order(
        conn, number, reason=body.reason, now=clock.now(), actor=planner.actor
    )
    return OrderOut.of(order, now=clock.now())


@router.post("/orders/{number}/resume")
async def resume_order(
    number: Number, planner: Planner, conn: WriteDb, clock: ClockDep
) -> OrderOut:
    """Let a held order go on where it was."""
    order = await service.resume_order(conn, number, now=clock.now(), actor=planner.actor)
    return OrderOut.of(order, now=clock.now())


@router.get("/orders/{number}/promises")
async def get_promises(number: Number, caller: Reader, conn: ReadDb) -> list[PromiseOut]:
    """Show every date that was promised for an order, with its reasons."""
    order = await _visible(conn, number, caller)
    return [PromiseOut.of(promise) for promise in await service.promises(conn, order.id)]


@router.get("/orders/{number}/bom")
async def get_bom(number: Number, caller: Reader, conn: ReadDb) -> list[PartOut]:
    """Show the 100 % BOM that was frozen at lock; empty before."""
    order = await _visible(conn, number, caller)
    return [PartOut.of(part) for part in await service.frozen_bom(conn, order.id)]


@router.get("/orders/{number}/routing")
async def get_routing(number: Number, caller: Reader, conn: ReadDb) -> list[StepOut]:
    """Show the routing that was frozen at lock; empty before."""
    order = await _visible(conn, number, caller)
    return [StepOut.of(step) for step in await service.frozen_routing(conn, order.id)]


@router.get("/orders/{number}/customer-link")
async def get_customer_link(
    number: Number, caller: Writer, conn: ReadDb, settings: SettingsDep
) -> CustomerLink:
    """Give the link that an order's customer may have."""
    order = await _visible(conn, number, caller)
    token = await links.customer_token(conn, order)
    return CustomerLink(
        token=token, url=_customer_url(settings, token), expires_at=order.link_expires_at
    )


@router.get("/customer/{token}")
async def get_customer_view(
    token: str, request: Request, database: DatabaseDep, clock: ClockDep
) -> dict[str, Any]:
    """Show an order to its customer: stage, promise, and its history with reasons."""
    async with database.write() as conn:
        view = await customer.customer_view(
            conn,
            token[:200],
            address=address_of(request),
            now=clock.now(),
            real_now=clock.real_now(),
        )
    if isinstance(view, Problem):
        raise view
    return customer_body(view)


async def _visible(conn: ReadConn, number: str, caller: Caller) -> Order:
    """Return an order if the caller may know of it: a channel's token sees that channel only."""
    order = await service.order(conn, number)
    if caller.channel not in (None, order.channel):
        raise service.NoSuchOrder(number=number)
    return order


async def _single(conn: ReadConn, order: Order, clock: Clock, settings: Settings) -> OrderOut:
    token = await links.customer_token(conn, order)
    return OrderOut.of(order, now=clock.now(), customer_url=_customer_url(settings, token))


def _customer_url(settings: Settings, token: str) -> str:
    return f"{settings.http.url}/customer/{token}"


def _channel(caller: Caller, body: OrderIn) -> str:
    if "channel" not in body.model_fields_set and caller.channel is not None:
        return caller.channel
    return _allowed_channel(caller, body.channel)


def _allowed_channel(caller: Caller, channel: str) -> str:
    if isinstance(caller, Machine) and caller.channel not in (None, channel):
        raise ChannelForbidden(name=caller.name, allowed=caller.channel, channel=channel)
    return channel


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise PreconditionRequired
    bare = if_match.strip().removeprefix("W/").strip('"')
    if not (bare.isascii() and bare.isdigit() and len(bare) < 10):
        raise VersionUnreadable(given=if_match[:40])
    return int(bare)
