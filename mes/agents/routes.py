"""The doors that agents knock at, but for what they deliver (`mes.ingest`), and those of their keepers."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from mes.agents import certificates, client_certificates, service
from mes.agents.authority import Authority
from mes.agents.bell import CommandBell
from mes.agents.model import Identity
from mes.agents.schemas import (
    AgentBody,
    CertificateBody,
    CertifyBody,
    ClientCertificateBody,
    CodeBody,
    DecisionBody,
    IssuedBody,
)
from mes.contracts.agent import (
    AgentConfig,
    Certified,
    CertifyRequest,
    CommandPage,
    Enrolled,
    EnrolRequest,
    Heartbeat,
    ProofKey,
)
from mes.contracts.clock import PlantClock
from mes.identity.access import require
from mes.identity.model import Role, User
from mes.platform.clock import read_plant_clock
from mes.platform.http import ClockDep, ContextDep, DatabaseDep, ReadDb, SettingsDep, WriteDb
from mes.platform.tls import peer_certificate

router = APIRouter(tags=["agents"])

MAX_WAIT_S = 60.0
PREFIX = "bearer "


async def identity(
    request: Request,
    database: DatabaseDep,
    clock: ClockDep,
    authorization: Annotated[str | None, Header()] = None,
    c2m_instance: Annotated[str | None, Header(max_length=100)] = None,
) -> Identity:
    """Return which agent asks, by its bearer token, else its client certificate, and its instance header."""
    token = None
    if authorization is not None and authorization.lower().startswith(PREFIX):
        token = authorization[len(PREFIX) :].strip()
    shown = peer_certificate(request.scope) if token is None else None
    async with database.glance() as conn:
        if shown is not None:
            return await client_certificates.identify(
                conn, shown, c2m_instance, real_now=clock.real_now()
            )
        return await service.identify(conn, token, c2m_instance, real_now=clock.real_now())


def authority(settings: SettingsDep, clock: ClockDep) -> Authority:
    """Return the authority that signs the certificates of agents; the first use makes it."""
    return Authority.open(settings.authority_dir, now=clock.real_now())


AuthorityDep = Annotated[Authority, Depends(authority)]


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


@router.post("/agent/v1/certificate", status_code=201)
async def renew_certificate(
    body: CertifyRequest, agent: AgentDep, authority: AuthorityDep, conn: WriteDb, clock: ClockDep
) -> Certified:
    """Answer the successor of an agent's client certificate; the one before stays valid until its end."""
    issued = await client_certificates.renew(
        conn, authority, agent, body, now=clock.now(), real_now=clock.real_now()
    )
    return Certified(
        certificate=issued.certificate_pem,
        authority=issued.authority_pem,
        not_after=issued.certificate.not_valid_after_utc,
    )


@router.post("/agent/v1/proof-key")
async def proof_key(request: Request, agent: AgentDep, conn: WriteDb) -> ProofKey:
    """Answer what an agent that shows a client certificate proves its batches with that come through NATS."""
    shown = None if "authorization" in request.headers else peer_certificate(request.scope)
    return ProofKey(key=(await client_certificates.proof_key(conn, shown)).hex())


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
    """Make the device tokens and client certificates of a line's agent invalid."""
    await service.revoke(conn, line, actor=user.actor, now=clock.now(), real_now=clock.real_now())
    return Response(status_code=204)


@router.get("/api/agents/client-certificates")
async def valid_client_certificates(
    user: Onlooker, conn: ReadDb, clock: ClockDep
) -> list[ClientCertificateBody]:
    """Answer the certificates with which agents prove who they are, as far as they count now."""
    now = clock.real_now()
    found = await client_certificates.valid(conn, real_now=now)
    return [ClientCertificateBody.of(one, now) for one in found]


@router.post("/api/agents/{line}/client-certificates", status_code=201)
async def issue_certificate(
    line: str,
    body: CertifyBody,
    user: Keeper,
    authority: AuthorityDep,
    conn: WriteDb,
    clock: ClockDep,
) -> IssuedBody:
    """Issue a client certificate for a line's agent; a key that is made here is shown this once."""
    issued = await client_certificates.issue(
        conn,
        authority,
        line,
        request=body.request,
        actor=user.actor,
        now=clock.now(),
        real_now=clock.real_now(),
    )
    return IssuedBody.of(line, issued)


@router.delete("/api/agents/{line}/client-certificates/{fingerprint}", status_code=204)
async def withdraw_certificate(
    line: str, fingerprint: str, user: Keeper, conn: WriteDb, clock: ClockDep
) -> Response:
    """Believe a client certificate no more, from its next request on."""
    await client_certificates.withdraw(
        conn,
        line,
        fingerprint,
        actor=user.actor,
        now=clock.now(),
        real_now=clock.real_now(),
    )
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
