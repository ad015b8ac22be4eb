"""The home page, the explanation of an event, and the reader's preferences."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse

from mes.identity.model import Role
from mes.identity.pages import inside
from mes.platform.errors import NotFound
from mes.platform.http import ClockDep, ReadDb
from mes.web import alarms, views
from mes.web.happenings import happening
from mes.web.names import catalog_names
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

YEAR_S = 365 * 86_400


class NoSuchEvent(NotFound):
    """There is no event {event_id}."""

    code = "event.unknown"


@router.get("/", response_model=None)
async def home(
    shell: Annotated[Shell, Depends(page_for())], conn: ReadDb
) -> HTMLResponse | RedirectResponse:
    """Show what needs attention; roles without it go to their own first page."""
    if not shell.may(Role.PLANNER, Role.QUALITY, Role.MAINTENANCE):
        return RedirectResponse(shell.home, 303)
    local = shell.f.local(shell.now)
    day_start = datetime.combine(local.date(), time(0), local.tzinfo)
    seen = await views.attention(conn, now=shell.now, day_start=day_start)
    return shell.page(
        "home.html",
        {
            "a": seen,
            "catalog": await catalog_names(conn, shell.language, shell.now),
            "changes": [happening(row, shell.f, shell.names) for row in seen.changes],
            "topics": "plan,orders,holds,map,agents",
        },
    )


@router.get("/alarms")
async def alarms_page(
    shell: Annotated[Shell, Depends(page_for(Role.PLANNER, Role.QUALITY, Role.MAINTENANCE))],
    conn: ReadDb,
    clock: ClockDep,
) -> HTMLResponse:
    """List everything that needs somebody, with what to do."""
    real_now = clock.real_now()
    found = await alarms.alarms(conn, shell.f, shell.names, now=shell.now, real_now=real_now)
    return shell.page(
        "alarms.html",
        {"alarms": found, "real_now": real_now, "topics": "plan,orders,holds,map,agents"},
    )


@router.get("/events/{event_id}")
async def event(
    event_id: UUID, shell: Annotated[Shell, Depends(page_for())], conn: ReadDb
) -> HTMLResponse:
    """Explain an event: what led to it, link by link, and what it led to."""
    found = await views.explained(conn, event_id)
    if found is None:
        raise NoSuchEvent(event_id=event_id)
    told = [
        [happening(row, shell.f, shell.names) for row in rows]
        for rows in (found.causes, [found.event], found.effects)
    ]
    return shell.page(
        "event.html",
        {
            "causes": told[0],
            "event": told[1][0],
            "effects": told[2],
            "subject": found.subject,
            "payload": found.event.payload,
        },
    )


@router.get("/preferences/language/{language}")
async def choose_language(language: Literal["en", "zh"], back: str = "/") -> RedirectResponse:
    """Remember the language of this browser and go back."""
    answer = RedirectResponse(inside(back) or "/", 303)
    answer.set_cookie("lang", language, max_age=YEAR_S, samesite="lax", path="/")
    return answer
