"""The planner's desk on the screen: the repair that waits, what became of others, what needs no planner."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from mes.identity.model import Role
from mes.planning.proposals import service
from mes.planning.proposals.model import Breach, Occasion, ProposalState
from mes.platform.http import ReadDb
from mes.web.reader import page_for
from mes.web.shell import Shell
from mes.web.translations import mark as _

router = APIRouter()

PlanPage = Annotated[Shell, Depends(page_for(Role.PLANNER))]
SHOWN = 40

OCCASIONS: Mapping[Occasion, str] = {
    Occasion.LINE: _("A line is down or runs again"),
    Occasion.PART: _("A part comes late"),
    Occasion.SCRAP: _("A body is scrapped"),
    Occasion.REWORK: _("A body is held, reworked or released"),
    Occasion.RUSH: _("An order is urgent"),
    Occasion.ORDER: _("An order comes, changes or is cancelled"),
    Occasion.CHANGE: _("The planner changes a shift, a stop or a rule"),
    Occasion.TIMES: _("Nothing new: the plan's times follow the plant"),
    Occasion.SHIFT: _("A new shift begins and is planned anew"),
}
_LIMITS: Mapping[str, str] = {
    "cars_moved": _("It moves %(value)s cars; %(limit)s are permitted."),
    "minutes": _("One car finishes %(value)s min later; %(limit)s min are permitted."),
    "promises_later": _("It breaks %(value)s promises; %(limit)s are permitted."),
    "locks_broken": _("It breaks %(value)s locked starts; %(limit)s are permitted."),
}


def breach_words(breach: Breach, shell: Shell) -> str:
    """Return why a repair needs the planner, as a sentence."""
    if breach.what in _LIMITS:
        facts = {"value": shell.f.number(int(breach.value)), "limit": breach.limit}
        return shell._(_LIMITS[breach.what]) % facts
    said = shell._(OCCASIONS[Occasion(str(breach.value))])
    return shell._(_("Not permitted without the planner: %(occasion)s.")) % {"occasion": said}


@router.get("/plan/proposals")
async def proposals_page(shell: PlanPage, conn: ReadDb) -> HTMLResponse:
    """Show the repair that waits with its difference, what became of others, and the permit."""
    found = await service.newest(conn, limit=SHOWN)
    waiting = [one for one in found if one.state is ProposalState.OPEN]
    return shell.page(
        "planning/proposals.html",
        {
            "waiting": waiting[0] if waiting else None,
            "why": [breach_words(one, shell) for one in waiting[0].breaches] if waiting else [],
            "settled": [one for one in found if one.state is not ProposalState.OPEN],
            "permit": await service.permit(conn),
            "occasions": [(one.value, shell._(word)) for one, word in OCCASIONS.items()],
            "at": datetime.fromisoformat,
            "topics": "plan",
        },
    )
