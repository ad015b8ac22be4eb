"""The doors that agents knock at, but for what they deliver (`mes.ingest`), and those of their keepers."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from mes.agents import certificates, service
from mes.agents.bell import CommandBell
from mes.agents.model import Identity
from mes.agents.schemas import AgentBody, CertificateBody, CodeBody, DecisionBody
from mes.contracts.agent import AgentConfig, CommandPage, Enrolled, EnrolRequest, Heartbeat
from mes.contracts.clock import PlantClock
from mes.identity.access import require
from mes.identity.model import Role, User
from mes.platform.clock import read_plant_clock
from mes.platform.http import ClockDep, ContextDep, DatabaseDep, ReadDb, WriteDb

router = APIRouter(tags=["agents"])

MAX_WAIT_S = 60.0
PREFIX = "bearer "


async def identity(
    database: DatabaseDep,
    clock: ClockDep,
    authorization: Annotated[str | None, Header()] = None,
    c2m_instance: Annotated[str | None, Header(max_length=100)] = None,
) -> Identity:
    """Return which agent asks, by its bearer token and its instance header."""
    token = None
    if authorization is not None and authorization.lower().startswith(PREFIX):
        token = authorization[len(PREFIX) :].strip()
    async with database.glance() as conn:
        return await service.identify(conn, token, c2m_instance, real_now=clock.real_now())


AgentDep = Annotated[Identity, Depends(identity)]
Keeper = Annotated[User, Depends(require(Role.ADMIN))]
Onlooker = Annotated[User, Depends(require(Role.ADMIN, Role.MAINTENANCE))]


@router.post("/agent/v1/enrol", status_code=201)
async def enrol(body: EnrolRequest, conn: WriteDb, clock: ClockDep) -> Enrolled:
    """Trade a one-time code for a device token, which is shown this once."""
    return await service.enrol(conn, body.code, now=clock.now(), real_now=clock.real_now())


@router.get("/agent/v1/config")
async def config(
    agent: AgentDep, conn: WriteDb, clock: ClockDep, context: ContextDep
) -> AgentConfig:
    """Answer an agent's configuration and the epoch of this copy of it."""
    models: service.ModelsOf = context.services["camera_models"]
    return await service.config(conn, agent, models=models, real_now=clock.real_now())


@router.get("/agent/v1/clock")
async def clock(conn: ReadDb) -> PlantClock:
    """Answer the plant clock, to anybody: lines and simulators follow it without an enrolment."""
    return await read_plant_clock(conn)


@router.get("/agent/v1/commands")
async def commands(
    request: Request,
    agent: AgentDep,
    context: ContextDep,
    after: Annotated[int, Query(ge=0)],
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S)] = 0,
) -> CommandPage:
    """Answer the commands behind a cursor, as soon as there is one or the time is over."""
    agent.require_current()
    bell: CommandBell = context.services["command_bell"]
    until = asyncio.get_running_loop().time() + wait_s
    with bell.listen(agent.agent.line) as ear:
        while True:
            async with context.database.read() as conn:
                page = await service.commands(conn, agent.agent, after=after)
            left_s = until - asyncio.get_running_loop().time()
            if page.commands or page.config_version != agent.agent.config_version or left_s <= 0:
                return page
            await ear.wait(left_s)
            if bell.closed or await request.is_disconnected():
                return page


@router.post("/agent/v1/heartbeat", status_code=204)
async def heartbeat(beat: Heartbeat, agent: AgentDep, conn: WriteDb, clock: ClockDep) -> Response:
    """Take how an agent is."""
    agent.require_current()
    await service.heartbeat(conn, agent.agent, beat, now=clock.now(), real_now=clock.real_now())
    return Response(status_code=204)


@router.get("/api/agents")
async def agents(user: Onlooker, conn: ReadDb) -> list[AgentBody]:
    """Answer every agent and how it is."""
    return [AgentBody.of(view) for view in await service.overview(conn)]


@router.post("/api/agents/{line}/codes", status_code=201)
async def issue_code(line: str, user: Keeper, conn: WriteDb, clock: ClockDep) -> CodeBody:
    """Issue a one-time enrolment code for a line's agent; it is shown this once."""
    code = await service.issue_code_by(
        conn, line, actor=user.actor, now=clock.now(), real_now=clock.real_now()
    )
    return CodeBody(line=line, code=code)


@router.delete("/api/agents/{line}/tokens", status_code=204)
async def revoke(line: str, user: Keeper, conn: WriteDb, clock: ClockDep) -> Response:
    """Make the device tokens of a line's agent invalid."""
    await service.revoke(conn, line, actor=user.actor, now=clock.now(), real_now=clock.real_now())
    return Response(status_code=204)


@router.get("/api/agents/certificates")
async def held_certificates(user: Onlooker, conn: ReadDb, clock: ClockDep) -> list[CertificateBody]:
    """Answer the OPC UA certificates of every agent, those that wait for approval first."""
    now = clock.real_now()
    return [CertificateBody.of(one, now) for one in await certificates.held(conn)]


@router.put("/api/agents/{line}/certificates/{thumbprint}", status_code=204)
async def decide_certificate(
    line: str,
    thumbprint: str,
    body: DecisionBody,
    user: Keeper,
    conn: WriteDb,
    clock: ClockDep,
    context: ContextDep,
) -> Response:
    """Approve a certificate for the agent of a line, or withdraw it; the agent is told at once."""
    await certificates.decide(
        conn,
        line,
        thumbprint,
        body.decision,
        actor=user.actor,
        now=clock.now(),
        real_now=clock.real_now(),
    )
    await service.refresh_configs(conn, models=context.services["camera_models"])
    return Response(status_code=204)
