"""Bodies of the API of those who keep agents."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from mes.agents.model import AgentView, Decision, Held
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


class DecisionBody(BaseModel):
    """What plant IT decides about a certificate."""

    decision: Decision
