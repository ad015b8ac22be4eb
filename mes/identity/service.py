"""Sign in, keep signed in, hand out tokens, count attempts, and write down who changed what."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from mes.contracts.ids import uuid7
from mes.identity import repository
from mes.identity.model import (
    SESSION_IDLE,
    SESSION_RENEW,
    TOKEN_PREFIX,
    Machine,
    Role,
    Scope,
    Session,
    User,
    new_secret,
    secret_hash,
)
from mes.identity.repository import AuditEntry, StoredToken
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict, Invalid, NotFound, TooMany, Unauthenticated

SIGN_IN_LIMIT = 5
"""Failed attempts of one user name from one address in a window, before it has to wait."""
ADDRESS_LIMIT = 50
"""Failed attempts from one address in a window, whatever the names."""
SIGN_IN_WINDOW = timedelta(minutes=10)
MIN_PASSWORD = 10

_argon2 = PasswordHash((Argon2Hasher(),))
_nobody = _argon2.hash(secrets.token_urlsafe(16))
"""Checked when there is no such user, so that the answer takes as long as for one that exists."""


class SignInFailed(Unauthenticated):
    """User name and password do not match."""

    code = "identity.sign_in_failed"


class TooManySignIns(TooMany):
    """Too many failed attempts to sign in; try again in {retry_after_s} seconds."""

    code = "identity.too_many_sign_ins"


class SessionEnded(Unauthenticated):
    """Your session has ended; sign in again."""

    code = "identity.session_ended"


class TokenUnknown(Unauthenticated):
    """This token is not known here."""

    code = "identity.token_unknown"


class TokenExpired(Unauthenticated):
    """This token expired at {expired_at}; ask the administrator for a new one."""

    code = "identity.token_expired"


class TokenRevoked(Unauthenticated):
    """This token was revoked at {revoked_at}."""

    code = "identity.token_revoked"


class UserNameTaken(Conflict):
    """There is a user {name} already."""

    code = "identity.name_taken"


class PasswordTooWeak(Invalid):
    """A password has at least {minimum} characters."""

    code = "identity.password_too_weak"


class NoSuchUser(NotFound):
    """There is no user {name}."""

    code = "identity.user_unknown"


class NoSuchToken(NotFound):
    """There is no token {token_id} that works."""

    code = "identity.no_such_token"


class TokenLifeInvalid(Invalid):
    """A token lives for at least a minute and at most two years."""

    code = "identity.token_life"


@dataclass(frozen=True, slots=True)
class SignInRefused:
    """Why nobody was signed in; a value and not an exception, so that the attempt stays counted."""

    problem: SignInFailed | TooManySignIns


async def sign_in(
    conn: WriteConn, name: str, password: str, *, address: str, real_now: datetime
) -> Session | SignInRefused:
    """Begin a session, or count a failed attempt; the caller commits before it raises the problem."""
    name = name.strip().lower()[:64]
    by_name, by_address = f"sign-in:{name}@{address}", f"sign-in@{address}"
    wait_s = await spend(
        conn, by_name, limit=SIGN_IN_LIMIT, window=SIGN_IN_WINDOW, real_now=real_now
    ) or await _wait_s(conn, by_address, ADDRESS_LIMIT, SIGN_IN_WINDOW, real_now)
    if wait_s:
        return SignInRefused(TooManySignIns(retry_after_s=wait_s))
    stored = await repository.user_by_name(conn, name)
    matches, newer_hash = await asyncio.to_thread(
        _argon2.verify_and_update, password[:1000], stored.password_hash if stored else _nobody
    )
    if stored is None or not matches or not stored.active:
        await _hit(conn, by_address, SIGN_IN_WINDOW, real_now)
        return SignInRefused(SignInFailed())
    if newer_hash is not None:
        await repository.set_password(conn, stored.id, newer_hash)
    await repository.clear_hits(conn, by_name)
    return await start_session(conn, stored.user(), real_now=real_now)


async def start_session(conn: WriteConn, user: User, *, real_now: datetime) -> Session:
    """Begin a session for a person who has proved who they are."""
    session = Session(new_secret(), user, real_now + SESSION_IDLE)
    await repository.add_session(
        conn,
        token_hash=secret_hash(session.token),
        user_id=user.id,
        now=real_now,
        expires_at=session.expires_at,
    )
    return session


async def session_of(conn: ReadConn, token: str, *, real_now: datetime) -> Session | None:
    """Return the session of a cookie; None when it has ended or never was."""
    stored = await repository.session(conn, secret_hash(token))
    if stored is None or not stored.active or stored.expires_at <= real_now:
        return None
    return Session(token, stored.user(), stored.expires_at)


def is_due_for_renewal(session: Session, *, real_now: datetime) -> bool:
    """Whether the end of a session in use has to be moved."""
    return session.expires_at < real_now + SESSION_IDLE - SESSION_RENEW


async def renew_session(conn: WriteConn, session: Session, *, real_now: datetime) -> None:
    """Move the end of a session that is being used."""
    await repository.renew_session(
        conn, secret_hash(session.token), expires_at=real_now + SESSION_IDLE
    )


async def sign_out(conn: WriteConn, token: str) -> None:
    """End a session; ending one that has ended changes nothing."""
    await repository.end_session(conn, secret_hash(token))


async def add_user(
    conn: WriteConn,
    name: str,
    password: str,
    roles: Iterable[Role],
    *,
    now: datetime,
    real_now: datetime,
    actor: str = "system",
) -> User:
    """Add a person.

    Raises:
        UserNameTaken, PasswordTooWeak
    """
    name = name.strip().lower()
    granted = frozenset(roles)
    hashed = await _hashed(password)
    user = User(uuid7(), name, granted)
    added = await repository.add_user(
        conn, user_id=user.id, name=name, password_hash=hashed, roles=granted, now=real_now
    )
    if not added:
        raise UserNameTaken(name=name)
    await audit(
        conn, actor, "user.added", f"user:{name}", None, {"roles": sorted(granted)}, now=now
    )
    return user


async def set_password(
    conn: WriteConn, name: str, password: str, *, now: datetime, actor: str
) -> None:
    """Give a person a new password and end all of their sessions.

    Raises:
        NoSuchUser, PasswordTooWeak
    """
    stored = await repository.user_by_name(conn, name)
    if stored is None:
        raise NoSuchUser(name=name)
    await repository.set_password(conn, stored.id, await _hashed(password))
    await repository.end_sessions(conn, stored.id)
    await audit(conn, actor, "user.password_set", f"user:{name}", None, None, now=now)


async def set_active(
    conn: WriteConn, name: str, *, active: bool, now: datetime, actor: str
) -> None:
    """Let a person in again, or out: their sessions end at once.

    Raises:
        NoSuchUser: there is none.
    """
    stored = await repository.user_by_name(conn, name)
    if stored is None:
        raise NoSuchUser(name=name)
    await repository.set_active(conn, stored.id, active=active)
    await repository.end_sessions(conn, stored.id)
    before, after = {"active": stored.active}, {"active": active}
    await audit(conn, actor, "user.active_set", f"user:{name}", before, after, now=now)


async def users(conn: ReadConn) -> list[User]:
    """Return everybody, by name."""
    return await repository.users(conn)


async def ensure_demo_users(
    conn: WriteConn, *, now: datetime, real_now: datetime
) -> dict[str, tuple[str, str]]:
    """Make one user for each role, named after it; return role → (user, password) of those made now.

    The passwords are generated and known only to who calls this.
    """
    made: dict[str, tuple[str, str]] = {}
    known = {user.name for user in await users(conn)}
    for role in Role:
        if role.value not in known:
            password = secrets.token_urlsafe(12)
            await add_user(conn, role.value, password, [role], now=now, real_now=real_now)
            made[role.value] = (role.value, password)
    return made


async def issue_token(
    conn: WriteConn,
    name: str,
    scopes: Iterable[Scope],
    *,
    life: timedelta,
    channel: str | None = None,
    now: datetime,
    real_now: datetime,
    actor: str,
) -> tuple[UUID, str]:
    """Make a token for a machine; return its id and the token, which is shown this once.

    Args:
        life: how long it is good, real time.
        channel: the only channel whose orders it may send; None: any.

    Raises:
        TokenLifeInvalid: shorter than a minute or longer than two years.
    """
    if not timedelta(minutes=1) <= life <= timedelta(days=732):
        raise TokenLifeInvalid
    token_id, token, granted = uuid7(), TOKEN_PREFIX + new_secret(), frozenset(scopes)
    await repository.add_token(
        conn,
        token_id=token_id,
        name=name,
        token_hash=secret_hash(token),
        scopes=granted,
        channel=channel,
        created_by=actor,
        now=real_now,
        expires_at=real_now + life,
    )
    after = {"name": name, "scopes": sorted(granted), "channel": channel}
    await audit(conn, actor, "token.issued", f"token:{token_id}", None, after, now=now)
    return token_id, token


async def machine_of(conn: ReadConn, token: str, *, real_now: datetime) -> Machine:
    """Return who a token belongs to.

    Raises:
        TokenUnknown, TokenExpired, TokenRevoked
    """
    stored = await repository.token(conn, secret_hash(token))
    if stored is None:
        raise TokenUnknown
    if stored.revoked_at is not None:
        raise TokenRevoked(revoked_at=stored.revoked_at.isoformat(timespec="seconds"))
    if stored.expires_at <= real_now:
        raise TokenExpired(expired_at=stored.expires_at.isoformat(timespec="seconds"))
    scopes = frozenset(Scope(scope) for scope in stored.scopes)
    return Machine(stored.id, stored.name, scopes, stored.channel)


async def tokens(conn: ReadConn) -> list[StoredToken]:
    """Return every token, without its secret."""
    return await repository.tokens(conn)


async def revoke_token(
    conn: WriteConn, token_id: UUID, *, now: datetime, real_now: datetime, actor: str
) -> None:
    """Make a token useless at once.

    Raises:
        NoSuchToken: there is none, or it is revoked already.
    """
    if not await repository.revoke_token(conn, token_id, now=real_now):
        raise NoSuchToken(token_id=token_id)
    await audit(conn, actor, "token.revoked", f"token:{token_id}", None, None, now=now)


async def spend(
    conn: WriteConn, subject: str, *, limit: int, window: timedelta, real_now: datetime
) -> int:
    """Count one use of something limited; return 0, or the seconds to wait when the limit is passed."""
    hits, wait_s = await _hit(conn, subject, window, real_now)
    return wait_s if hits > limit else 0


async def audit(
    conn: WriteConn,
    actor: str,
    action: str,
    subject: str,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
    *,
    now: datetime,
) -> None:
    """Write down who changed what, in the transaction that changes it; `now` is plant time."""
    await repository.add_audit(
        conn, actor=actor, action=action, subject=subject, before=before, after=after, now=now
    )


async def audit_of(conn: ReadConn, subject: str, *, limit: int = 200) -> list[AuditEntry]:
    """Return who changed one thing, oldest first."""
    return await repository.audit_of(conn, subject, limit=limit)


async def forget_what_ended(conn: WriteConn, *, real_now: datetime) -> None:
    """Delete sessions and windows of attempts that are over."""
    await repository.forget_sessions(conn, now=real_now)
    await repository.forget_hits(conn, before=real_now - timedelta(days=1))


async def _hashed(password: str) -> str:
    if len(password) < MIN_PASSWORD:
        raise PasswordTooWeak(minimum=MIN_PASSWORD)
    return await asyncio.to_thread(_argon2.hash, password)


async def _hit(
    conn: WriteConn, subject: str, window: timedelta, real_now: datetime
) -> tuple[int, int]:
    counted = await repository.hit(conn, subject, now=real_now, window_start=real_now - window)
    return counted.hits, _seconds_left(counted.started_at + window, real_now)


async def _wait_s(
    conn: ReadConn, subject: str, limit: int, window: timedelta, real_now: datetime
) -> int:
    counted = await repository.hits(conn, subject, window_start=real_now - window)
    if counted is None or counted.hits < limit:
        return 0
    return _seconds_left(counted.started_at + window, real_now)


def _seconds_left(end_at: datetime, real_now: datetime) -> int:
    return max(1, math.ceil((end_at - real_now).total_seconds()))
