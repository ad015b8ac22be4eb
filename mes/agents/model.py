"""Who an agent is and what it may still do. Decides, never asks."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from mes.contracts.agent import CertificatePlace, CertificateState
from mes.contracts.broker import token_key
from mes.contracts.plc import LineInterface
from mes.platform.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated

CODE_LIFETIME = timedelta(days=7)
TOKEN_LIFETIME = timedelta(days=730)
LEASE = timedelta(seconds=15)
"""Real time without a word of a connected line after which the line is unknown."""
ALARM_DAYS = (60, 30, 7, 0)
"""A certificate's end is announced so many days before it, real time."""


class UnknownLine(NotFound):
    """The plant has no line {line}."""

    code = "agent.unknown_line"


class CodeRefused(Unauthenticated):
    """The enrolment code is unknown, used or expired; have a new one issued for the line."""

    code = "agent.code_refused"


class TokenRefused(Unauthenticated):
    """The device token is unknown, expired or revoked; enrol the agent of its line again with a new code."""

    code = "agent.token_refused"


class NoCertificateShown(Invalid):
    """Only an agent that proves who it is by a client certificate gets a key for its batches through NATS; one
    with a device token has it in its token."""

    code = "agent.no_certificate_shown"


class CertificateRefused(Unauthenticated):
    """The client certificate {fingerprint} is not known to this MES, withdrawn or past its end; have one issued
    for the agent of its line."""

    code = "agent.certificate_refused"


class NotOfAgent(Conflict):
    """The certificate is not of the agent of {line}: it names {named}."""

    code = "agent.certificate_of_another"


class UnknownClientCertificate(NotFound):
    """The agent of {line} has no valid client certificate {fingerprint}."""

    code = "agent.unknown_client_certificate"


class InstanceMissing(Invalid):
    """The request has no header C2M-Instance; it tells two copies of one agent apart."""

    code = "agent.instance_missing"


class Fenced(Forbidden):
    """Epoch {epoch} of the agent of {line} is over: epoch {current} belongs to a newer copy.
    What this copy still holds may be delivered; it gets no commands."""

    code = "agent.fenced"


class WrongAgent(Conflict):
    """The batch belongs to agent {found}; this token belongs to agent {agent}."""

    code = "agent.wrong_agent"


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent, as stored. Times are real time."""

    id: UUID
    line: str
    epoch: int
    config_version: int
    config_digest: str
    lost: bool
    seen_at: datetime | None
    heard_at: datetime | None
    link_connected: bool
    link_detail: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of an agent: issued once, ended by the next."""

    epoch: int
    instance: str | None
    fenced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a copy of an agent that asks for its configuration gets: its epoch, new or kept."""

    epoch: int
    is_new: bool
    adopts_enrolment: bool


def claim(
    agent: Agent, epochs: Sequence[Epoch], instance: str, *, token_epoch: int, newest_token: int
) -> Claim:
    """Decide which epoch `instance` works under.

    A restart keeps its epoch; the first copy after an enrolment adopts the epoch of that enrolment; any
    other copy (a copied folder, another host, a lost journal) gets a new epoch and fences the former.

    Raises:
        Fenced: this copy has been replaced, or its token is older than the last enrolment.
    """
    known = next((e for e in epochs if e.instance == instance), None)
    if known is not None and known.epoch == agent.epoch:
        return Claim(agent.epoch, is_new=False, adopts_enrolment=False)
    if known is not None or token_epoch < newest_token:
        epoch = known.epoch if known is not None else token_epoch
        raise Fenced(epoch=epoch, current=agent.epoch, line=agent.line)
    current = next((e for e in epochs if e.epoch == agent.epoch), None)
    if current is not None and current.instance is None:
        return Claim(agent.epoch, is_new=False, adopts_enrolment=True)
    return Claim(agent.epoch + 1, is_new=True, adopts_enrolment=False)


def new_secret() -> str:
    """Return 256 random bits as text: a code or a token. Hex, so that it never looks like an option."""
    return secrets.token_hex(32)


def secret_hash(secret: str) -> bytes:
    """Return what is stored of a secret. 256 random bits need no salt and no slow hash."""
    return token_key(secret)


def numbered_tags(
    interface: LineInterface, numbers: Mapping[tuple[str, str], int]
) -> LineInterface:
    """Return the interface with the tag numbers that the plant's history uses."""
    tags = tuple(
        tag.model_copy(update={"tag_id": numbers[tag.station, tag.name]}) for tag in interface.tags
    )
    return interface.model_copy(update={"tags": tags})


def digest(document: str) -> str:
    """Return a short name of a configuration's content."""
    return hashlib.sha256(document.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request comes from, by its token and its instance header."""

    agent: Agent
    token_epoch: int
    instance: str
    epoch: int | None
    """The epoch of this copy; None until it has asked for its configuration."""

    @property
    def actor(self) -> str:
        """As events name it."""
        return f"agent:{self.agent.line}"

    def require_current(self) -> None:
        """Refuse a copy that has been replaced.

        Raises:
            Fenced: it has.
        """
        if self.epoch is not None and self.epoch < self.agent.epoch:
            raise Fenced(epoch=self.epoch, current=self.agent.epoch, line=self.agent.line)


@dataclass(frozen=True, slots=True)
class TagNumber:
    """A stored tag number."""

    id: int
    station: str
    name: str


@dataclass(frozen=True, slots=True)
class AgentView:
    """What the page of agents shows."""

    line: str
    epoch: int
    lost: bool
    seen_at: datetime | None
    link_connected: bool
    link_detail: str
    heartbeat: dict[str, Any] | None
    config_version: int
    """Of the newest configuration that the MES has for it."""
    open_commands: int


class UnknownCertificate(NotFound):
    """The agent of {line} has told of no certificate {thumbprint}."""

    code = "agent.unknown_certificate"


class Decision(StrEnum):
    """What plant IT says of a certificate."""

    TRUSTED = "trusted"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision, as stored."""

    line: str
    thumbprint: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Held:
    """One certificate that the agent of a line holds, and what was decided about it."""

    line: str
    certificate: CertificateState
    decision: Decision | None

    @property
    def waits_for_approval(self) -> bool:
        """Whether a line is not reached because nobody has approved its certificate."""
        return self.certificate.place is CertificatePlace.REJECTED and self.decision is None

    def days_left(self, now: datetime) -> int:
        """Return the whole days until its end, real time; negative once it has ended."""
        return (self.certificate.not_after - now) // timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate with which an agent proves who it is to the MES; times are real time."""

    fingerprint: bytes
    """SHA-256 of the DER bytes."""
    line: str
    subject: str
    issuer: str
    issued_by: str
    issued_at: datetime
    expires_at: datetime

    def days_left(self, now: datetime) -> int:
        """Return the whole days until its end, real time; negative once it has ended."""
        return (self.expires_at - now) // timedelta(days=1)


def alarm_of(certificate: CertificateState, now: datetime) -> int | None:
    """Return which of `ALARM_DAYS` a certificate in use has reached, real time; None while its end is far."""
    if certificate.place not in (CertificatePlace.OWN, CertificatePlace.TRUSTED):
        return None
    return alarm_days(certificate.not_after, now)


def alarm_days(end: datetime, now: datetime) -> int | None:
    """Return which of `ALARM_DAYS` the time before an end has reached; None while it is far."""
    left = end - now
    reached = [days for days in ALARM_DAYS if left <= timedelta(days=days)]
    return min(reached) if reached else None
