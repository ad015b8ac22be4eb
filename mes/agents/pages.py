"""The screen of plant IT."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response

from mes.agents import certificates, client_certificates, views
from mes.agents.routes import AuthorityDep, Keeper
from mes.identity.model import Role
from mes.platform.http import ClockDep, ReadDb, SettingsDep, WriteDb
from mes.web.listing import csv_answer
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

ItPage = Annotated[Shell, Depends(page_for(Role.MAINTENANCE))]
EXPORTED = ("line", "link", "epoch", "config_version", "seen_at", "heard_at", "link_detail")


@router.get("/it")
async def it_page(
    shell: ItPage, conn: ReadDb, clock: ClockDep, settings: SettingsDep
) -> HTMLResponse:
    """Show agents and their links, what is in quarantine, what failed, how far workers are."""
    return shell.page(
        "agents/it.html",
        {
            "h": await views.health(conn),
            "certificates": await certificates.held(conn),
            "proofs": await client_certificates.valid(conn, real_now=clock.real_now()),
            "speaks_tls": settings.http.tls.is_on,
            "may_decide": shell.user is not None and Role.ADMIN in shell.user.roles,
            "real_now": clock.real_now(),
            "topics": "agents,map,jobs",
        },
    )


@router.post("/it/certificates")
async def issue_certificate(
    line: Annotated[str, Form()],
    user: Keeper,
    authority: AuthorityDep,
    conn: WriteDb,
    clock: ClockDep,
) -> Response:
    """Give a new certificate for a line's agent as a file, with its key, this once."""
    issued = await client_certificates.issue(
        conn,
        authority,
        line,
        request=None,
        actor=user.actor,
        now=clock.now(),
        real_now=clock.real_now(),
    )
    return Response(
        issued.bundle,
        media_type="application/x-pem-file",
        headers={
            "Content-Disposition": f'attachment; filename="{line}-agent.pem"',
            "Cache-Control": "no-store",
        },
    )


@router.get("/it.csv")
async def it_export(shell: ItPage, conn: ReadDb) -> Response:
    """Give the agents as CSV."""
    return csv_answer("agents", EXPORTED, await views.agents(conn), shell.f)
