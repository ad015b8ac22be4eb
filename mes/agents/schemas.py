"""Bodies of the API of those who keep agents."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from mes.agents.authority import Issued
from mes.agents.model import AgentView, ClientCertificate, Decision, Held
from mes.contracts.agent import CertificatePlace


class CodeBody(BaseModel):
    """An enrolment code, shown once."""

    line: str
    code: str


class AgentBody(BaseModel):
    """One agent and how it is; times are real time."""

    line: str
    epoch: int
    lost: bool
    """Its line has not been heard of within the lease: what it does is unknown."""
    seen_at: datetime | None
    link_connected: bool
    link_detail: str
    heartbeat: dict[str, Any] | None
    open_commands: int

    @classmethod
    def of(cls, view: AgentView) -> Self:
        """Return the body of an agent."""
        return cls(**asdict(view))


class CertificateBody(BaseModel):
    """A certificate that the agent of a line holds, and what was decided about it; times are real time."""

    line: str
    thumbprint: str
    place: CertificatePlace
    subject: str
    uri: str
    not_before: datetime
    not_after: datetime
    days_left: int
    decision: Decision | None
    waits_for_approval: bool

    @classmethod
    def of(cls, held: Held, now: datetime) -> Self:
        """Return the body of a certificate."""
        return cls(
            line=held.line,
            decision=held.decision,
            days_left=held.days_left(now),
            waits_for_approval=held.waits_for_approval,
            **held.certificate.model_dump(),
        )


class CertifyBody(BaseModel):
    """For whom a client certificate is: with a request (PKCS 10, PEM) for its key, else for one made here."""

    request: str | None = Field(default=None, max_length=20_000)


class IssuedBody(BaseModel):
    """A client certificate, its authority and, where it was made here, its key, shown once; all PEM."""

    line: str
    fingerprint: str
    not_after: datetime
    """Real time."""
    certificate: str
    authority: str
    key: str | None

    @classmethod
    def of(cls, line: str, issued: Issued) -> Self:
        """Return the body of a new certificate."""
        return cls(
            line=line,
            fingerprint=issued.fingerprint.hex(),
            not_after=issued.certificate.not_valid_after_utc,
            certificate=issued.certificate_pem,
            authority=issued.authority_pem,
            key=issued.key.decode() if issued.key is not None else None,
        )


class ClientCertificateBody(BaseModel):
    """A certificate with which an agent proves who it is; times are real time."""

    line: str
    fingerprint: str
    subject: str
    issuer: str
    issued_by: str
    issued_at: datetime
    expires_at: datetime
    days_left: int

    @classmethod
    def of(cls, kept: ClientCertificate, now: datetime) -> Self:
        """Return the body of a certificate."""
        return cls(
            **{**asdict(kept), "fingerprint": kept.fingerprint.hex()}, days_left=kept.days_left(now)
        )


class DecisionBody(BaseModel):
    """What plant IT decides about a certificate."""

    decision: Decision
