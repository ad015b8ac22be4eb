"""Bodies of the identity API."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mes.identity.model import Role, Scope, Session, User


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Credentials(_Body):
    """What somebody signs in with."""

    user: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")
    password: str = Field(min_length=1, max_length=1000)


class SessionBody(_Body):
    """Who is signed in, and the token that changes must carry."""

    user: str
    roles: list[Role]
    csrf_token: str
    expires_at: datetime

    @classmethod
    def of(cls, session: Session) -> SessionBody:
        """Return the body of a session."""
        return cls(
            user=session.user.name,
            roles=sorted(session.user.roles),
            csrf_token=session.csrf_token,
            expires_at=session.expires_at,
        )


class NewToken(_Body):
    """A token to be made for a machine."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    scopes: list[Scope] = Field(min_length=1)
    channel: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    days: float = Field(default=90, gt=0, le=732)


class IssuedToken(_Body):
    """A token that was just made; it is shown this once."""

    id: UUID
    token: str


class TokenBody(_Body):
    """A token without its secret."""

    id: UUID
    name: str
    scopes: list[str]
    channel: str | None
    expires_at: datetime
    revoked_at: datetime | None


class NewUser(_Body):
    """A person to be added."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._@-]{1,63}$")
    password: str = Field(min_length=1, max_length=1000)
    roles: list[Role] = Field(min_length=1)


class UserBody(_Body):
    """A person."""

    name: str
    roles: list[Role]
    active: bool

    @classmethod
    def of(cls, user: User) -> UserBody:
        """Return the body of a person."""
        return cls(name=user.name, roles=sorted(user.roles), active=user.active)
