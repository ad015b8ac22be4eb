"""Screens of sign-in, and of users and tokens."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mes.identity import service
from mes.identity.model import Role, Scope
from mes.identity.views import recent_changes
from mes.platform.http import ClockDep, ReadDb
from mes.web.reader import OpenPage, page_for
from mes.web.shell import Shell

router = APIRouter()

AdminPage = Annotated[Shell, Depends(page_for(Role.ADMIN))]


def inside(address: str) -> str:
    """Return an address of this site as it is, and anything else as empty."""
    parts = urlsplit(address)
    local = not parts.scheme and not parts.netloc and address.startswith("/")
    return address if local and not address.startswith(("//", "/\\")) else ""


@router.get("/sign-in")
async def sign_in(shell: OpenPage, next: str = "") -> Response:
    """Ask who it is; who is signed in goes on."""
    if shell.user is not None:
        return RedirectResponse(inside(next) or shell.home, 303)
    return shell.page("identity/sign_in.html", {"next": inside(next)})


@router.get("/start")
async def start(shell: Annotated[Shell, Depends(page_for())]) -> Response:
    """Go where this role begins."""
    return RedirectResponse(shell.home, 303)


@router.get("/admin")
async def admin(shell: AdminPage, conn: ReadDb, clock: ClockDep) -> HTMLResponse:
    """Show who may do what, which machines have tokens, and who changed what."""
    return shell.page(
        "identity/admin.html",
        {
            "users": await service.users(conn),
            "tokens": await service.tokens(conn),
            "changes": await recent_changes(conn),
            "roles": list(Role),
            "scopes": list(Scope),
            "real_now": clock.real_now(),
        },
    )
