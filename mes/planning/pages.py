"""Screens of planning: the board, what is chosen on it, and the plan versions."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from mes.identity.model import Role
from mes.planning import service, views
from mes.planning.model import Plan, PlanState
from mes.platform.errors import NotFound
from mes.platform.http import ReadDb
from mes.web.names import catalog_names
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

PlanPage = Annotated[Shell, Depends(page_for(Role.PLANNER))]
BEFORE = timedelta(hours=6)
AHEAD = (24, 48, 96, 168)
"""Hours of plan that the board can show."""


class NoSuchLot(NotFound):
    """The plan has no die lot {lot_id} any more."""

    code = "plan.lot_unknown"


@router.get("/plan")
async def board_page(
    shell: PlanPage,
    conn: ReadDb,
    hours: Annotated[int, Query(ge=1, le=240)] = 24,
    by: str = "color",
) -> HTMLResponse:
    """Show the plan board with its tray of cars that have no place."""
    plan = await service.find_published(conn)
    plans = await service.plans(conn, limit=5)
    unplaced = plan.unplaced if plan else []
    return shell.page(
        "planning/board.html",
        {
            "plan": plan,
            "solving": next((one for one in plans if one.state is PlanState.SOLVING), None),
            "draft": next((one for one in plans if one.state is PlanState.DRAFT), None),
            "unplaced": unplaced,
            "orders": await views.orders_of_cars(conn, unplaced),
            "catalog": await catalog_names(conn, shell.language, shell.now),
            "hours": hours,
            "ahead": AHEAD,
            "by": by if by in ("color", "model", "lateness") else "color",
            "topics": "plan,map",
        },
    )


@router.get("/plan/board.json")
async def board_json(
    shell: PlanPage, conn: ReadDb, hours: Annotated[int, Query(ge=1, le=240)] = 24
) -> dict[str, Any]:
    """Answer the bars for the board's island."""
    board = await service.board(
        conn, shell.now - BEFORE, shell.now + timedelta(hours=hours), now=shell.now
    )
    under = await views.around(conn, board)
    catalog = await catalog_names(conn, shell.language, shell.now)
    return views.island(board, under, shell.plant, shell.names, catalog, shell.f)


@router.get("/plan/orders/{number}")
async def order_pane(number: str, shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Explain a car chosen on the board: its plan, and why it is late."""
    why = await service.why(conn, number)
    return shell.page(
        "planning/pane.html",
        {"why": why, "catalog": await catalog_names(conn, shell.language, shell.now)},
    )


@router.get("/plan/lots/{lot_id}")
async def lot_pane(lot_id: str, shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Show a die lot chosen on the board."""
    lot = await views.die_lot(conn, lot_id)
    if lot is None:
        raise NoSuchLot(lot_id=lot_id)
    return shell.page("planning/lot.html", {"lot": lot})


@router.get("/plan/versions")
async def versions_page(shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """List the plan versions with their figures."""
    return shell.page(
        "planning/versions.html",
        {"plans": await service.plans(conn, limit=60), "topics": "plan"},
    )


@router.get("/plan/versions/{plan_id}")
async def version_page(plan_id: UUID, shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Show a version, and what it moves against the plan in force."""
    plan = await service.plan(conn, plan_id)
    current = await service.find_published(conn)
    compared = current if current and current.id != plan.id and _has_content(plan) else None
    moves = await service.difference(conn, compared.id, plan.id) if compared else []
    return shell.page(
        "planning/version.html",
        {
            "plan": plan,
            "compared": compared,
            "moves": moves[:200],
            "moved": len(moves),
            "orders": await views.orders_of_cars(conn, plan.unplaced),
            "topics": "plan",
        },
    )


def _has_content(plan: Plan) -> bool:
    return plan.state in (PlanState.DRAFT, PlanState.PUBLISHED, PlanState.SUPERSEDED)
