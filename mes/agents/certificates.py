"""OPC UA certificates as plant IT keeps them: approve, withdraw, be told before one ends.

An agent tells in its heartbeat which certificates it has and which it was shown and did not trust. A decision
travels with its configuration, so it reaches an agent whose line is not reachable.
"""

from __future__ import annotations

from datetime import datetime

from mes.agents import repository
from mes.agents.model import Decided, Decision, Held, UnknownCertificate, alarm_of
from mes.contracts.agent import Heartbeat
from mes.contracts.events import CertificateEnds
from mes.events import service as events
from mes.identity import service as identity_service
from mes.platform.db import ReadConn, WriteConn


async def held(conn: ReadConn) -> list[Held]:
    """Return the certificates of every agent, those that wait for approval first."""
    decided = {(row.line, row.thumbprint): row.decision for row in await repository.decisions(conn)}
    found = [
        Held(view.line, certificate, decided.get((view.line, certificate.thumbprint)))
        for view in await repository.overview(conn)
        if view.heartbeat is not None
        for certificate in Heartbeat.model_validate(view.heartbeat).certificates
    ]
    return sorted(
        found,
        key=lambda one: (
            not one.waits_for_approval,
            one.line,
            one.certificate.place,
            one.certificate.not_after,
        ),
    )


async def decide(
    conn: WriteConn,
    line: str,
    thumbprint: str,
    decision: Decision,
    *,
    actor: str,
    now: datetime,
    real_now: datetime,
) -> None:
    """Approve a certificate for the agent of a line, or withdraw it; the agent hears it with its configuration.

    Raises:
        UnknownCertificate: the agent has not told of it.
    """
    known = {(one.line, one.certificate.thumbprint): one for one in await held(conn)}
    before = known.get((line, thumbprint))
    if before is None:
        raise UnknownCertificate(line=line, thumbprint=thumbprint)
    await repository.save_decision(
        conn, Decided(line, thumbprint, decision), actor=actor, now=real_now
    )
    await identity_service.audit(
        conn,
        actor,
        "agent.certificate_decided",
        f"line:{line}",
        {"thumbprint": thumbprint, "decision": before.decision},
        {"thumbprint": thumbprint, "decision": decision},
        now=now,
    )


async def watch(conn: WriteConn, *, now: datetime, real_now: datetime) -> list[Held]:
    """Announce certificates that end soon, each alarm once; return those announced now."""
    announced = []
    for one in await held(conn):
        days = alarm_of(one.certificate, real_now)
        if days is None or not await repository.raise_certificate_alarm(
            conn, one.line, one.certificate.thumbprint, days, now=real_now
        ):
            continue
        ends = CertificateEnds(
            line=one.line,
            thumbprint=one.certificate.thumbprint,
            certificate=one.certificate.subject,
            days_left=one.days_left(real_now),
        )
        await events.record(conn, ends, now=now, actor="system")
        announced.append(one)
    return announced
