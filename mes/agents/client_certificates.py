"""Certificates with which agents prove who they are instead of by a token: issued, renewed, withdrawn, believed.

One counts when TLS has verified it, the MES knows it by its fingerprint, and nobody has withdrawn it. That is
looked up with every request: what is withdrawn is refused with the next one. It stands beside the tokens of the
last enrolment, in its epoch.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from cryptography import x509

from mes.agents import model, repository, service
from mes.agents.authority import Authority, Issued, agent_uri, fingerprint_of
from mes.agents.model import (
    CertificateRefused,
    ClientCertificate,
    Identity,
    InstanceMissing,
    NoCertificateShown,
    NotOfAgent,
    UnknownClientCertificate,
)
from mes.contracts.agent import CertifyRequest
from mes.contracts.events import CertificateEnds
from mes.events import service as events
from mes.identity import service as identity_service
from mes.platform.db import ReadConn, WriteConn


async def issue(
    conn: WriteConn,
    authority: Authority,
    line: str,
    *,
    request: str | None,
    actor: str,
    now: datetime,
    real_now: datetime,
) -> Issued:
    """Issue a certificate for a line's agent; those it has stay valid. Without a request the key is made here.

    Raises:
        UnknownLine: the plant in force has no such line.
        RequestRefused: the request cannot be signed.
    """
    agent = await service.agent_of(conn, line)
    if request is None:
        issued = authority.issue(agent.id, line, now=real_now)
    else:
        issued = authority.answer(request, agent.id, line, now=real_now)
    epoch = await _epoch(conn, agent, real_now)
    await _keep(conn, agent, issued.certificate, epoch=epoch, actor=actor, real_now=real_now)
    await _audit(conn, actor, "agent.certificate_issued", line, issued.certificate, now)
    return issued


async def register(
    conn: WriteConn,
    line: str,
    certificate: x509.Certificate,
    *,
    actor: str,
    now: datetime,
    real_now: datetime,
) -> None:
    """Let a certificate that another authority has signed speak for the agent of a line.

    Raises:
        UnknownLine: the plant in force has no such line.
        NotOfAgent: it names another agent of this plant.
    """
    agent = await service.agent_of(conn, line)
    named = _named_agents(certificate)
    if named and agent_uri(agent.id) not in named:
        raise NotOfAgent(line=line, named=", ".join(named))
    epoch = await _epoch(conn, agent, real_now)
    await _keep(conn, agent, certificate, epoch=epoch, actor=actor, real_now=real_now)
    await _audit(conn, actor, "agent.certificate_registered", line, certificate, now)


async def renew(
    conn: WriteConn,
    authority: Authority,
    identity: Identity,
    asked: CertifyRequest,
    *,
    now: datetime,
    real_now: datetime,
) -> Issued:
    """Answer an agent that asks for the successor of its certificate; the one it has stays valid until its end.

    Raises:
        Fenced: a newer copy has taken over.
        RequestRefused: the request cannot be signed.
    """
    identity.require_current()
    agent = identity.agent
    issued = authority.answer(asked.request, agent.id, agent.line, now=real_now)
    await _keep(
        conn,
        agent,
        issued.certificate,
        epoch=identity.token_epoch,
        actor=identity.actor,
        real_now=real_now,
    )
    await _audit(
        conn, identity.actor, "agent.certificate_renewed", agent.line, issued.certificate, now
    )
    return issued


async def withdraw(
    conn: WriteConn, line: str, fingerprint: str, *, actor: str, now: datetime, real_now: datetime
) -> None:
    """Believe a certificate no more, from the next request on.

    Raises:
        UnknownClientCertificate: no valid one of the line's agent has this fingerprint.
    """
    if not await repository.withdraw_client_certificate(
        conn, line, _bytes(fingerprint), now=real_now
    ):
        raise UnknownClientCertificate(line=line, fingerprint=fingerprint)
    await identity_service.audit(
        conn,
        actor,
        "agent.certificate_withdrawn",
        f"line:{line}",
        {"fingerprint": fingerprint},
        None,
        now=now,
    )


async def identify(
    conn: ReadConn, shown: bytes, instance: str | None, *, real_now: datetime
) -> Identity:
    """Return who shows a certificate (DER) that TLS has verified.

    Raises:
        CertificateRefused: it is not known here, withdrawn, or past its end.
        InstanceMissing: the request does not say which copy it comes from.
    """
    fingerprint = hashlib.sha256(shown).digest()
    row = await repository.certified(conn, fingerprint, instance=instance or "", now=real_now)
    if row is None:
        raise CertificateRefused(fingerprint=fingerprint.hex())
    if not instance:
        raise InstanceMissing
    return Identity(row, row.token_epoch, instance, row.copy_epoch)


async def proof_key(conn: WriteConn, shown: bytes | None) -> bytes:
    """Return what the agent that shows a certificate proves its batches with that come through NATS.

    Every copy of the agent gets the same key, which is as valid as the certificate: who withdraws it ends both.

    Raises:
        NoCertificateShown: the request came with a token.
    """
    if shown is None:
        raise NoCertificateShown
    fingerprint = hashlib.sha256(shown).digest()
    return await repository.proof_key(conn, fingerprint, fresh=secrets.token_bytes(32))


async def valid(conn: ReadConn, *, real_now: datetime) -> list[ClientCertificate]:
    """Return the certificates that count now, line by line, the one that lasts longest first."""
    return await repository.client_certificates(conn, now=real_now)


async def watch(conn: WriteConn, *, now: datetime, real_now: datetime) -> list[ClientCertificate]:
    """Announce lines whose last certificate ends soon, each alarm once; return those announced now."""
    announced = []
    lasting = {one.line: one for one in reversed(await valid(conn, real_now=real_now))}
    for one in lasting.values():
        days = model.alarm_days(one.expires_at, real_now)
        name = one.fingerprint.hex()
        if days is None or not await repository.raise_certificate_alarm(
            conn, one.line, name, days, now=real_now
        ):
            continue
        ends = CertificateEnds(
            line=one.line,
            thumbprint=name,
            certificate=one.subject,
            days_left=one.days_left(real_now),
        )
        await events.record(conn, ends, now=now, actor="system")
        announced.append(one)
    return announced


async def _epoch(conn: WriteConn, agent: model.Agent, real_now: datetime) -> int:
    """Return the epoch of the last enrolment; a certificate is one where there was none yet."""
    if agent.epoch == 0:
        await repository.begin_epoch(conn, agent.id, 1, instance=None, now=real_now)
        return 1
    return max(await repository.newest_token(conn, agent.id), 1)


async def _keep(
    conn: WriteConn,
    agent: model.Agent,
    certificate: x509.Certificate,
    *,
    epoch: int,
    actor: str,
    real_now: datetime,
) -> None:
    kept = ClientCertificate(
        fingerprint=fingerprint_of(certificate),
        line=agent.line,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        issued_by=actor,
        issued_at=real_now,
        expires_at=certificate.not_valid_after_utc,
    )
    await repository.add_client_certificate(conn, agent.id, kept, epoch=epoch)


async def _audit(
    conn: WriteConn,
    actor: str,
    action: str,
    line: str,
    certificate: x509.Certificate,
    now: datetime,
) -> None:
    facts = {
        "fingerprint": fingerprint_of(certificate).hex(),
        "expires_at": certificate.not_valid_after_utc.isoformat(),
    }
    await identity_service.audit(conn, actor, action, f"line:{line}", None, facts, now=now)


def _named_agents(certificate: x509.Certificate) -> list[str]:
    """Return the agents that a certificate names in its alternative names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return [uri for uri in uris if uri.startswith("urn:c2m:agent:")]


def _bytes(fingerprint: str) -> bytes:
    try:
        return bytes.fromhex(fingerprint)
    except ValueError:
        return b""
