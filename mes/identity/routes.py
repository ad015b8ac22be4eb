"""The API of sessions, people and tokens."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response, status

from mes.identity import access, service
from mes.identity.access import MaybeSession, NotSignedIn, require
from mes.identity.model import Role, User
from mes.identity.schemas import (
    Credentials,
    IssuedToken,
    NewToken,
    NewUser,
    SessionBody,
    TokenBody,
    UserBody,
)
from mes.platform.http import ClockDep, DatabaseDep, ReadDb, SettingsDep, WriteDb

router = APIRouter(prefix="/api", tags=["identity"])

Admin = Annotated[User, Depends(require(Role.ADMIN))]


@router.post("/session")
async def sign_in(
    credentials: Credentials,
    request: Request,
    response: Response,
    database: DatabaseDep,
    clock: ClockDep,
    settings: SettingsDep,
) -> SessionBody:
    """Sign in; the answer sets the session cookie and carries the CSRF token."""
    access.refuse_cross_site(request)
    async with database.write() as conn:
        outcome = await service.sign_in(
            conn,
            credentials.user,
            credentials.password,
            address=access.address_of(request),
            real_now=clock.real_now(),
        )
    if isinstance(outcome, service.SignInRefused):
        raise outcome.problem
    access.remember(response, outcome, settings)
    return SessionBody.of(outcome)


@router.get("/session")
async def who_am_i(session: MaybeSession) -> SessionBody:
    """Say who is signed in."""
    if session is None:
        raise NotSignedIn
    return SessionBody.of(session)


@router.delete("/session", status_code=status.HTTP_204_NO_CONTENT)
async def sign_out(session: MaybeSession, conn: WriteDb, response: Response) -> None:
    """Sign out; the session ends at once."""
    if session is not None:
        await service.sign_out(conn, session.token)
    access.forget(response)


@router.get("/users")
async def users(admin: Admin, conn: ReadDb) -> list[UserBody]:
    """List everybody."""
    return [UserBody.of(user) for user in await service.users(conn)]


@router.post("/users", status_code=status.HTTP_201_CREATED)
async def add_user(body: NewUser, admin: Admin, conn: WriteDb, clock: ClockDep) -> UserBody:
    """Add a person."""
    user = await service.add_user(
        conn,
        body.name,
        body.password,
        body.roles,
        now=clock.now(),
        real_now=clock.real_now(),
        actor=admin.actor,
    )
    return UserBody.of(user)


@router.get("/tokens")
async def tokens(admin: Admin, conn: ReadDb) -> list[TokenBody]:
    """List the tokens of machines, without their secrets."""
    return [TokenBody(**asdict(token)) for token in await service.tokens(conn)]


@router.post("/tokens", status_code=status.HTTP_201_CREATED)
async def issue_token(body: NewToken, admin: Admin, conn: WriteDb, clock: ClockDep) -> IssuedToken:
    """Make a token for a machine; it is shown this once."""
    token_id, token = await service.issue_token(
        conn,
        body.name,
        body.scopes,
        life=timedelta(days=body.days),
        channel=body.channel,
        now=clock.now(),
        real_now=clock.real_now(),
        actor=admin.actor,
    )
    return IssuedToken(id=token_id, token=token)


@router.delete("/tokens/{token_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_token(token_id: UUID, admin: Admin, conn: WriteDb, clock: ClockDep) -> None:
    """Make a token useless at once."""
    await service.revoke_token(
        conn, token_id, now=clock.now(), real_now=clock.real_now(), actor=admin.actor
    )
