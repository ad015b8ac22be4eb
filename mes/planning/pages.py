"""Screens of planning: the board, what is chosen on it, and the plan versions."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from mes.identity.model import Role
from mes.planning import service, views
from mes.planning.calibration import EDGES
from mes.planning.curve import traces
from mes.planning.locks import service as locks
from mes.planning.model import Plan, PlanState, UnknownPlan
from mes.planning.proposals import service as proposals
from mes.platform.db import ReadConn
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
WAYS = ("color", "model", "lateness", "criticality")
"""Ways of colouring; `option:CODE` is one more for each option."""


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
    net = await service.network(conn)
    unplaced = plan.unplaced if plan else []
    return shell.page(
        "planning/board.html",
        {
            "plan": plan,
            **await _acts(conn, plans),
            "unplaced": unplaced,
            "orders": await views.orders_of_cars(conn, unplaced),
            "catalog": await catalog_names(conn, shell.language, shell.now),
            "hours": hours,
            "drum": net.drum_line.id,
            "rows": len(net.press_lines) + len(net.way),
            "curves": len(views.drawn_stores(shell.plant)),
            "ahead": AHEAD,
            "by": by if by in WAYS or by.startswith("option:") else "color",
            "load": await views.load(
                conn,
                net.drum_line.id,
                shell.plant.ratio_rules,
                now=shell.now,
                until=shell.now + timedelta(hours=max(hours, 24)),
            ),
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
    net = await service.network(conn)
    decided = {
        **{line.id: "press" for line in net.press_lines},
        **{line.id: "weld" for line in net.weld_lines},
        net.paint_line.id: "paint",
        net.drum_line.id: "assembly",
    }
    answer = views.island(board, under, shell.plant, shell.names, catalog, shell.f, decided)
    answer["locks"] = [
        {
            "id": str(lock.id),
            "bar": f"{lock.line}/{lock.subject_id}",
            "from": int(lock.from_at.timestamp()),
            "to": None if lock.to_at is None else int(lock.to_at.timestamp()),
            "by": shell.actor(lock.locked_by),
            "since": shell.f.plain(lock.locked_at),
        }
        for lock in await locks.locks(conn)
    ]
    return answer


@router.get("/plan/orders/{number}")
async def order_pane(number: str, shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Explain a car chosen on the board: its plan, and why it is late."""
    why = await service.why(conn, number)
    return shell.page(
        "planning/pane.html",
        {
            "why": why,
            "locks": [one for one in await locks.locks(conn) if one.order_id == why.order.id],
            "catalog": await catalog_names(conn, shell.language, shell.now),
        },
    )


@router.get("/plan/orders/{number}/help")
async def order_help(number: str, shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Show what would bring a car in time, each change tried on the plan in force."""
    helps = await service.what_helps(conn, number)
    return shell.page("planning/help.html", {"helps": helps})


@router.get("/plan/lots/{lot_id}")
async def lot_pane(lot_id: str, shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Show a die lot chosen on the board."""
    lot = await views.die_lot(conn, lot_id)
    if lot is None:
        raise NoSuchLot(lot_id=lot_id)
    own = [one for one in await locks.locks(conn) if one.lot_id == lot_id]
    return shell.page("planning/lot.html", {"lot": lot, "locks": own})


@router.get("/plan/versions")
async def versions_page(shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """List the plan versions with their figures."""
    plans = await service.plans(conn, limit=60)
    return shell.page(
        "planning/versions.html",
        {"plans": plans, **await _acts(conn, plans[:5]), "topics": "plan"},
    )


async def _acts(conn: ReadConn, newest: list[Plan]) -> dict[str, Any]:
    """Return what the buttons of a planning page need: the solve under way, the draft, the proposal."""
    solving = next((one for one in newest if one.state is PlanState.SOLVING), None)
    return {
        "solving": solving,
        "course": traces(solving.progress, solving.budget_s) if solving else [],
        "draft": next((one for one in newest if one.state is PlanState.DRAFT), None),
        "proposal": await proposals.waiting(conn),
    }


@router.get("/plan/promises")
async def promises_page(shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Show what was promised beside what was met, by confidence and week."""
    report = await service.calibration(conn)
    return shell.page(
        "planning/promises.html",
        {"report": report, "edges": list(pairwise(EDGES)), "topics": "orders"},
    )


@router.get("/plan/versions/{plan_id}")
async def version_page(plan_id: UUID, shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Show a version, and what it moves against the plan in force."""
    plan = await service.plan(conn, plan_id)
    current = await service.find_published(conn)
    compared = await _compared(conn, plan, current)
    moves = await service.difference(conn, compared.id, plan.id) if compared else []
    return shell.page(
        "planning/version.html",
        {
            "plan": plan,
            "course": traces(plan.progress, plan.budget_s),
            "compared": compared,
            "line_of": (await service.network(conn)).weld_line_of_step,
            "moves": moves[:200],
            "moved": len(moves),
            "orders": await views.orders_of_cars(conn, plan.unplaced),
            "topics": "plan",
        },
    )


async def _compared(conn: ReadConn, plan: Plan, current: Plan | None) -> Plan | None:
    """Return what a version is laid beside: the plan in force, or what that one was made from."""
    if not _has_content(plan):
        return None
    if current is not None and current.id != plan.id:
        return current
    if plan.base_id is None:
        return None
    try:
        return await service.plan(conn, plan.base_id)
    except UnknownPlan:
        return None


def _has_content(plan: Plan) -> bool:
    return plan.state in (PlanState.DRAFT, PlanState.PUBLISHED, PlanState.SUPERSEDED)
