"""People, sessions, tokens, attempts and audit rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.identity.model import Role, Scope, User
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A person with the hash of the password."""

    id: UUID
    name: str
    password_hash: str
    active: bool
    roles: list[str]

    def user(self) -> User:
        """Return the person without the hash."""
        return User(self.id, self.name, frozenset(Role(role) for role in self.roles), self.active)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Whose session it is and until when."""

    id: UUID
    name: str
    active: bool
    expires_at: datetime
    roles: list[str]

    def user(self) -> User:
        """Return the person."""
        return User(self.id, self.name, frozenset(Role(role) for role in self.roles), self.active)


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A machine's token without its secret."""

    id: UUID
    name: str
    scopes: list[str]
    channel: str | None
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Window:
    """Attempts since the window began."""

    started_at: datetime
    hits: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what."""

    id: int
    actor: str
    action: str
    subject: str
    before: Any
    after: Any
    plant_at: datetime
    recorded_at: datetime


async def user_by_name(conn: ReadConn, name: str) -> StoredUser | None:
    return await db.fetch_one(conn, queries["user_by_name"], {"name": name}, StoredUser)


async def users(conn: ReadConn) -> list[User]:
    rows = await db.fetch_all(conn, queries["users"], None, StoredUser)
    return [row.user() for row in rows]


async def add_user(
    conn: WriteConn,
    *,
    user_id: UUID,
    name: str,
    password_hash: str,
    roles: Iterable[Role],
    now: datetime,
) -> bool:
    """Add a person; False when the name is taken."""
    added = await db.execute(
        conn,
        queries["add_user"],
        {"id": user_id, "name": name, "password_hash": password_hash, "now": now},
    )
    if not added:
        return False
    await db.execute_many(
        conn,
        queries["add_role"],
        [{"user_id": user_id, "role": role.value} for role in roles],
    )
    return True


async def set_password(conn: WriteConn, user_id: UUID, password_hash: str) -> None:
    await db.execute(conn, queries["set_password"], {"id": user_id, "password_hash": password_hash})


async def set_active(conn: WriteConn, user_id: UUID, *, active: bool) -> None:
    await db.execute(conn, queries["set_active"], {"id": user_id, "active": active})


async def add_session(
    conn: WriteConn, *, token_hash: bytes, user_id: UUID, now: datetime, expires_at: datetime
) -> None:
    await db.execute(
        conn,
        queries["add_session"],
        {"token_hash": token_hash, "user_id": user_id, "now": now, "expires_at": expires_at},
    )


async def session(conn: ReadConn, token_hash: bytes) -> StoredSession | None:
    return await db.fetch_one(conn, queries["session"], {"token_hash": token_hash}, StoredSession)


async def renew_session(conn: WriteConn, token_hash: bytes, *, expires_at: datetime) -> None:
    await db.execute(
        conn, queries["renew_session"], {"token_hash": token_hash, "expires_at": expires_at}
    )


async def end_session(conn: WriteConn, token_hash: bytes) -> bool:
    return await db.execute(conn, queries["end_session"], {"token_hash": token_hash}) == 1


async def end_sessions(conn: WriteConn, user_id: UUID) -> None:
    await db.execute(conn, queries["end_sessions"], {"user_id": user_id})


async def forget_sessions(conn: WriteConn, *, now: datetime) -> int:
    return await db.execute(conn, queries["forget_sessions"], {"now": now})


async def add_token(
    conn: WriteConn,
    *,
    token_id: UUID,
    name: str,
    token_hash: bytes,
    scopes: Iterable[Scope],
    channel: str | None,
    created_by: str,
    now: datetime,
    expires_at: datetime,
) -> None:
    await db.execute(
        conn,
        queries["add_token"],
        {
            "id": token_id,
            "name": name,
            "token_hash": token_hash,
            "scopes": sorted(scope.value for scope in scopes),
            "channel": channel,
            "created_by": created_by,
            "now": now,
            "expires_at": expires_at,
        },
    )


async def token(conn: ReadConn, token_hash: bytes) -> StoredToken | None:
    return await db.fetch_one(conn, queries["token"], {"token_hash": token_hash}, StoredToken)


async def tokens(conn: ReadConn) -> list[StoredToken]:
    return await db.fetch_all(conn, queries["tokens"], None, StoredToken)


async def revoke_token(conn: WriteConn, token_id: UUID, *, now: datetime) -> bool:
    return await db.execute(conn, queries["revoke_token"], {"id": token_id, "now": now}) == 1


async def hit(conn: WriteConn, subject: str, *, now: datetime, window_start: datetime) -> Window:
    window = await db.fetch_one(
        conn,
        queries["hit"],
        {"subject": subject, "now": now, "window_start": window_start},
        Window,
    )
    if window is None:
        raise RuntimeError("INSERT … RETURNING gave no row")
    return window


async def hits(conn: ReadConn, subject: str, *, window_start: datetime) -> Window | None:
    return await db.fetch_one(
        conn, queries["hits"], {"subject": subject, "window_start": window_start}, Window
    )


async def clear_hits(conn: WriteConn, subject: str) -> None:
    await db.execute(conn, queries["clear_hits"], {"subject": subject})


async def forget_hits(conn: WriteConn, *, before: datetime) -> int:
    return await db.execute(conn, queries["forget_hits"], {"before": before})


async def add_audit(
    conn: WriteConn,
    *,
    actor: str,
    action: str,
    subject: str,
    before: object,
    after: object,
    now: datetime,
) -> None:
    await db.execute(
        conn,
        queries["add_audit"],
        {
            "actor": actor,
            "action": action,
            "subject": subject,
            "before": None if before is None else json.dumps(before, default=str),
            "after": None if after is None else json.dumps(after, default=str),
            "now": now,
        },
    )


async def audit_of(conn: ReadConn, subject: str, *, limit: int) -> list[AuditEntry]:
    return await db.fetch_all(
        conn, queries["audit_of"], {"subject": subject, "limit": limit}, AuditEntry
    )
