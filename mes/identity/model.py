"""Roles, scopes, and what a secret looks like; pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a person is in the plant."""

    PLANNER = "planner"
    QUALITY = "quality"
    OPERATOR = "operator"
    MAINTENANCE = "maintenance"
    DEALER = "dealer"
    ADMIN = "admin"
    """May do everything."""


class Scope(StrEnum):
    """What a machine's token allows."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    PLAN_READ = "plan:read"
    PLAN_WRITE = "plan:write"
    QUALITY_READ = "quality:read"
    METRICS_READ = "metrics:read"


SESSION_IDLE = timedelta(hours=12)
"""A session ends when nothing was done for so long (real time); every use moves its end."""
SESSION_RENEW = timedelta(minutes=5)
"""Its end is moved when it would move at least so far, so that reading a page rarely writes."""
TOKEN_PREFIX = "c2m_"  # noqa: S105 - what tokens begin with, not one of them


@dataclass(frozen=True, slots=True)
class User:
    """A person who is signed in, or may sign in."""

    id: UUID
    name: str
    roles: frozenset[Role]
    active: bool = True

    @property
    def actor(self) -> str:
        """How events and audit rows name this person."""
        return f"user:{self.name}"

    @property
    def channel(self) -> str | None:
        """People order through any channel."""
        return None

    def may(self, *roles: Role) -> bool:
        """Whether this person has one of the roles; an administrator has all of them."""
        return Role.ADMIN in self.roles or bool(self.roles & set(roles))


@dataclass(frozen=True, slots=True)
class Machine:
    """A program that came with a token."""

    token_id: UUID
    name: str
    scopes: frozenset[Scope]
    channel: str | None
    """The only channel whose orders it may send; None: any."""

    @property
    def actor(self) -> str:
        """How events and audit rows name this program."""
        return f"token:{self.name}"


Caller = User | Machine


@dataclass(frozen=True, slots=True)
class Session:
    """A person's session, as the browser holds it: the token is nowhere else."""

    token: str
    user: User
    expires_at: datetime

    @property
    def csrf_token(self) -> str:
        """What forms and scripts of this session must send along."""
        return csrf_token(self.token)


def new_secret() -> str:
    """Return 256 random bits, safe in headers and cookies."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """Return what is stored of a secret: it is random and long, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_token(session_token: str) -> str:
    """Derive the CSRF token from the session token, which no other site can read."""
    digest = hmac.digest(session_token.encode(), b"c2m csrf", "sha256")
    return base64.urlsafe_b64encode(digest[:24]).decode()


def csrf_matches(session_token: str, given: str | None) -> bool:
    """Say whether a request carries the CSRF token of its session."""
    wanted = csrf_token(session_token).encode()
    return given is not None and hmac.compare_digest(wanted, given.encode("utf-8", "replace"))
