"""Screens of orders: the list, the form, one order, and the customer's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from mes.catalog import service as catalog_service
from mes.identity.access import address_of
from mes.identity.model import Role
from mes.orders import customer, links, service, views
from mes.orders.model import OrderStage
from mes.platform.errors import Problem
from mes.platform.http import ClockDep, DatabaseDep, ReadDb
from mes.web.happenings import happening
from mes.web.listing import MAX_EXPORT, PAGE_SIZE, csv_answer, page_of
from mes.web.names import catalog_names
from mes.web.reader import OpenPage, page_for
from mes.web.shell import Shell

router = APIRouter()

OrdersPage = Annotated[Shell, Depends(page_for(Role.PLANNER, Role.QUALITY, Role.DEALER))]
OrderForm = Annotated[Shell, Depends(page_for(Role.PLANNER, Role.DEALER))]

WAY_OF_A_CUSTOMER = ("confirmed", "locked", "in_production", "line_off", "shipped", "delivered")
EXPORTED = (
    "number",
    "channel",
    "external_id",
    "customer",
    "model",
    "color",
    "options",
    "stage",
    "stage_at",
    "body_number",
    "vin",
    "requested_at",
    "promised_at",
    "promise_confidence",
    "finish_at",
    "late",
    "created_at",
)


def _filter(
    stage: Annotated[str, Query(max_length=20)] = "",
    model: Annotated[str, Query(max_length=20)] = "",
    color: Annotated[str, Query(max_length=20)] = "",
    channel: Annotated[str, Query(max_length=40)] = "",
    search: Annotated[str, Query(max_length=80)] = "",
    late: bool = False,
) -> views.Filter:
    return views.Filter(stage, model, color, channel, search, late)


FilterDep = Annotated[views.Filter, Depends(_filter)]


@router.get("/orders")
async def order_list(
    request: Request,
    shell: OrdersPage,
    conn: ReadDb,
    wanted: FilterDep,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """List orders; every filter stands in the URL."""
    total = await views.count(conn, wanted, now=shell.now)
    return shell.page(
        "orders/list.html",
        {
            "orders": await views.orders(
                conn, wanted, now=shell.now, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE
            ),
            "page": page_of(request, total, page),
            "wanted": wanted,
            "stages": list(OrderStage),
            "channels": await views.channels(conn),
            "catalog": await catalog_names(conn, shell.language, shell.now),
            "topics": "orders",
        },
    )


@router.get("/orders.csv")
async def order_export(shell: OrdersPage, conn: ReadDb, wanted: FilterDep) -> Response:
    """Give the same list as CSV."""
    rows = await views.orders(conn, wanted, now=shell.now, limit=MAX_EXPORT, offset=0)
    return csv_answer("orders", EXPORTED, rows, shell.f)


@router.get("/orders/new")
async def new_order(shell: OrderForm, conn: ReadDb) -> HTMLResponse:
    """Configure a car and order it."""
    catalog = await catalog_service.active_catalog(conn, shell.now)
    return shell.page("orders/new.html", {"catalog": catalog, "order": None})


@router.get("/orders/import")
async def import_orders(shell: OrderForm) -> HTMLResponse:
    """Send a CSV file of orders."""
    return shell.page("orders/import.html")


@router.get("/orders/import/template.csv")
async def import_template(shell: OrderForm, conn: ReadDb) -> Response:
    """Give a file with the headings and a row to write over."""
    catalog = await catalog_service.active_catalog(conn, shell.now)
    sample = {
        "external_id": "A-1001",
        "customer": shell._("Customer"),
        "language": shell.language,
        "model": catalog.models[0].code,
        "color": catalog.colors[0].code,
        "options": "",
        "requested_at": f"{shell.f.local(shell.now + timedelta(days=14)):%Y-%m-%d}",
        "priority": "",
    }
    return csv_answer("orders", tuple(sample), [sample], shell.f)


@router.get("/orders/{number}")
async def order_page(number: str, shell: OrdersPage, conn: ReadDb) -> HTMLResponse:
    """Show one order: stages, promises with their reasons, way, BOM, genealogy, history."""
    order = await service.order(conn, number)
    found = await views.detail(conn, order)
    return shell.page(
        "orders/order.html",
        {
            "order": order,
            "d": found,
            "promises": list(reversed(await service.promises(conn, order.id))),
            "bom": await service.frozen_bom(conn, order.id),
            "history": [happening(row, shell.f, shell.names) for row in found.history],
            "catalog": await catalog_names(conn, shell.language, shell.now),
            "customer_token": await links.customer_token(conn, order),
            "stages": WAY_OF_A_CUSTOMER,
            "reached": _reached(order.held_stage or order.stage),
            "topics": "orders,map,holds",
        },
    )


@router.get("/orders/{number}/change")
async def change_order(number: str, shell: OrderForm, conn: ReadDb) -> HTMLResponse:
    """Change the configuration of an order that is not locked."""
    order = await service.order(conn, number)
    catalog = await catalog_service.active_catalog(conn, shell.now)
    return shell.page("orders/new.html", {"catalog": catalog, "order": order})


@router.get("/c/{token}")
@router.get("/customer/{token}")
async def customer_page(
    token: str, request: Request, shell: OpenPage, database: DatabaseDep, clock: ClockDep
) -> HTMLResponse:
    """Show an order to its customer, who has a link and no account."""
    async with database.write() as conn:
        view = await customer.customer_view(
            conn,
            token[:200],
            address=address_of(request),
            now=shell.now,
            real_now=clock.real_now(),
        )
    if isinstance(view, Problem):
        raise view
    return shell.page("orders/customer.html", {"view": view, "topics": "orders"})


def _reached(stage: OrderStage) -> int:
    """Return how many of the stages of `WAY_OF_A_CUSTOMER` are reached."""
    place = {
        OrderStage.CONFIRMED: 1,
        OrderStage.RECONFIGURED: 1,
        OrderStage.LOCKED: 2,
        OrderStage.IN_PRODUCTION: 3,
        OrderStage.LINE_OFF: 4,
        OrderStage.QUALITY_RELEASED: 4,
        OrderStage.SHIPPED: 5,
        OrderStage.DELIVERED: 6,
    }
    return place.get(stage, 0)
