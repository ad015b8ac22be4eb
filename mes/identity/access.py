"""Who is asking: the dependencies by which routes and pages authorise.

People come with the session cookie, and prove with the CSRF token (header `X-CSRF-Token` or form field
`csrf_token`) that a change was meant; machines come with `Authorization: Bearer TOKEN`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Response

from mes.identity import service
from mes.identity.model import Caller, Machine, Role, Scope, Session, User, csrf_matches
from mes.platform.errors import Forbidden, Unauthenticated
from mes.platform.http import Context, ContextDep
from mes.platform.settings import Settings

SESSION_COOKIE = "c2m_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class NotSignedIn(Unauthenticated):
    """Sign in first."""

    code = "identity.not_signed_in"


class CsrfMissing(Forbidden):
    """The request does not carry this session's CSRF token; reload the page and try again."""

    code = "identity.csrf"


class CrossSite(Forbidden):
    """Another site must not sign you in."""

    code = "identity.cross_site"


class RoleMissing(Forbidden):
    """This needs one of the roles {needed}; {user} does not have one."""

    code = "identity.role_missing"


class ScopeMissing(Forbidden):
    """This needs a token with the scope {needed}; the one of {name} does not have it."""

    code = "identity.scope_missing"


async def current_session(request: Request, context: ContextDep) -> Session | None:
    """Return the session of the request, or None; a request that changes something needs its CSRF token."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        return None
    session = await _session(context, token)
    if session is not None and request.method not in _SAFE:
        await _require_csrf(request, session)
    return session


MaybeSession = Annotated[Session | None, Depends(current_session)]


async def current_user(request: Request, session: MaybeSession) -> User:
    """Return who is signed in.

    Raises:
        NotSignedIn: nobody is.
        SessionEnded: somebody was.
    """
    if session is not None:
        return session.user
    if request.cookies.get(SESSION_COOKIE):
        raise service.SessionEnded
    raise NotSignedIn


CurrentUser = Annotated[User, Depends(current_user)]


def require(*roles: Role | str) -> Callable[[User], Awaitable[User]]:
    """Make a dependency that lets in who has one of the roles, and gives the user."""
    wanted = tuple(Role(role) for role in roles)

    async def user_with_role(user: CurrentUser) -> User:
        if not user.may(*wanted):
            raise RoleMissing(needed=", ".join(wanted), user=user.name)
        return user

    return user_with_role


def require_scope(scope: Scope | str, *roles: Role | str) -> Callable[..., Awaitable[Caller]]:
    """Make a dependency that lets in a token with the scope, or a person with one of the roles.

    Without roles every person who is signed in may.
    """
    wanted, people = Scope(scope), tuple(Role(role) for role in roles)

    async def caller(request: Request, context: ContextDep) -> Caller:
        token = bearer_token(request)
        if token is not None:
            return await _machine(context, token, wanted)
        user = await current_user(request, await current_session(request, context))
        if people and not user.may(*people):
            raise RoleMissing(needed=", ".join(people), user=user.name)
        return user

    return caller


def bearer_token(request: Request) -> str | None:
    """Return the token of the Authorization header, or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def refuse_cross_site(request: Request) -> None:
    """Refuse a sign-in that another site's page sends.

    Raises:
        CrossSite: the browser says that it comes from elsewhere.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CrossSite


def address_of(request: Request) -> str:
    """Return the network address a request comes from."""
    return request.client.host if request.client else "unknown"


def remember(response: Response, session: Session, settings: Settings) -> None:
    """Give the browser its session cookie, which scripts cannot read and other sites cannot send."""
    response.set_cookie(
        SESSION_COOKIE,
        session.token,
        httponly=True,
        samesite="lax",
        secure=settings.http.secure_cookies or settings.http.tls.is_on,
        path="/",
    )


def forget(response: Response) -> None:
    """Take the session cookie from the browser."""
    response.delete_cookie(SESSION_COOKIE, path="/")


async def _session(context: Context, token: str) -> Session | None:
    real_now = context.clock.real_now()
    async with context.database.read() as conn:
        session = await service.session_of(conn, token, real_now=real_now)
    if session is not None and service.is_due_for_renewal(session, real_now=real_now):
        async with context.database.write() as conn:
            await service.renew_session(conn, session, real_now=real_now)
    return session


async def _require_csrf(request: Request, session: Session) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith(_FORMS):
        field = (await request.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    if not csrf_matches(session.token, given):
        raise CsrfMissing


async def _machine(context: Context, token: str, scope: Scope) -> Machine:
    async with context.database.read() as conn:
        machine = await service.machine_of(conn, token, real_now=context.clock.real_now())
    if scope not in machine.scopes:
        raise ScopeMissing(needed=scope.value, name=machine.name)
    return machine
