"""The HTTP side of every door: the request's context, problems, limits and security headers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from psycopg import errors as pg
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mes.platform.clock import Clock
from mes.platform.db import Database, ReadConn, WriteConn
from mes.platform.errors import FieldError, Malformed, Problem, TooLarge, Unavailable
from mes.platform.settings import Settings

log = structlog.get_logger()

PROBLEM_MEDIA = "application/problem+json"
LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Context:
    """What the composition root gives to every request."""

    database: Database
    clock: Clock
    settings: Settings
    services: dict[str, Any] = field(default_factory=dict)


def context(request: Request) -> Context:
    """Return the context of the running application."""
    found: Context = request.app.state.context
    return found


ContextDep = Annotated[Context, Depends(context)]


def _clock(context: ContextDep) -> Clock:
    return context.clock


def _settings(context: ContextDep) -> Settings:
    return context.settings


def _database(context: ContextDep) -> Database:
    return context.database


async def _read(context: ContextDep) -> AsyncIterator[ReadConn]:
    async with context.database.read() as conn:
        yield conn


async def _write(context: ContextDep) -> AsyncIterator[WriteConn]:
    async with context.database.write() as conn:
        yield conn


ClockDep = Annotated[Clock, Depends(_clock)]
SettingsDep = Annotated[Settings, Depends(_settings)]
DatabaseDep = Annotated[Database, Depends(_database)]
ReadDb = Annotated[ReadConn, Depends(_read, scope="function")]
"""A read-only transaction for this request."""
WriteDb = Annotated[WriteConn, Depends(_write, scope="function")]
"""A transaction for this request; it commits before the answer is sent, and rolls back on an error."""


def language(request: Request) -> str:
    """Return the language to answer in: the cookie `lang`, else what the browser prefers, else English."""
    chosen = request.cookies.get("lang")
    if chosen in LANGUAGES:
        return chosen
    accepted = request.headers.get("accept-language", "")
    for part in accepted.split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "en"


Language = Annotated[str, Depends(language)]


def problem_response(
    problem: Problem, *, detail: str = "", errors: Sequence[FieldError] = (), language: str = ""
) -> JSONResponse:
    """Answer a problem as RFC 9457 problem+json.

    Args:
        detail, errors: the same in the reader's language; without them as it was raised.
        language: of these words.
    """
    body = problem_body(problem, detail=detail)
    if problem.errors:
        body["errors"] = [
            {"field": error.field, "rule": error.rule, "message": error.message}
            for error in errors or problem.errors
        ]
    headers = {"Content-Language": language} if language else {}
    if "retry_after_s" in problem.facts:
        headers["Retry-After"] = str(problem.facts["retry_after_s"])
    return JSONResponse(body, problem.status, headers, media_type=PROBLEM_MEDIA)


def problem_body(problem: Problem, *, detail: str = "") -> dict[str, Any]:
    """Return the document that says a problem (RFC 9457), without the errors of single fields."""
    return {
        **{key: _plain(value) for key, value in problem.facts.items()},
        "type": f"urn:c2m:problem:{problem.code}",
        "title": type(problem).__name__,
        "status": problem.status,
        "detail": detail or problem.detail,
        "code": problem.code,
    }


class InvalidRequest(Problem):
    """The request breaks {count} rule(s); the first: {first}"""

    status = 422
    code = "invalid"


def invalid_request(error: RequestValidationError) -> Problem:
    """Return what is wrong with a request, field by field."""
    errors = [
        FieldError(
            field=".".join(str(part) for part in found["loc"] if part != "body") or "body",
            rule=str(found["type"]),
            message=str(found["msg"]),
            context=found.get("ctx") or {},
        )
        for found in error.errors()
    ]
    first = f"{errors[0].field}: {errors[0].message}"
    if any(one.rule == "json_invalid" for one in errors):
        return Malformed(errors=errors, why=first)
    return InvalidRequest(errors=errors, count=len(errors), first=first)


def install(app: FastAPI, settings: Settings) -> None:
    """Give an application the problem answers, the size limit and the security headers."""

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 - registered for this class only
        if error.status >= 500:
            log.error("http.problem", path=request.url.path, code=error.code, exc_info=error)
        return problem_response(error)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
        return problem_response(invalid_request(error))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, StarletteHTTPException)  # noqa: S101 - registered for this class only
        body = {
            "type": f"urn:c2m:problem:http.{error.status_code}",
            "title": str(error.detail),
            "status": error.status_code,
            "detail": str(error.detail),
            "code": f"http.{error.status_code}",
        }
        return JSONResponse(body, error.status_code, error.headers, media_type=PROBLEM_MEDIA)

    async def on_database_away(request: Request, error: Exception) -> Response:
        log.warning("http.database_away", path=request.url.path, error=str(error))
        return problem_response(Unavailable())

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(StarletteHTTPException, on_http)
    for away in (PoolTimeout, pg.OperationalError):
        app.add_exception_handler(away, on_database_away)
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(SecurityHeaders)


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)


UPLOAD_PATHS = (
    "/api/orders/import",
    "/orders/import",
    "/api/models",
    "/api/pipelines/pictures",
    "/agent/v1/",
)
"""Paths that may carry files; everything else is held to the smaller limit."""


class BodyLimit:
    """Refuse a request body over the limit before it is read into memory."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._settings = settings.http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = str(scope["path"]).startswith(UPLOAD_PATHS)
        limit = self._settings.max_upload_bytes if upload else self._settings.max_body_bytes
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            await problem_response(TooLarge(limit_bytes=limit))(scope, receive, send)
            return
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise TooLarge(limit_bytes=limit)
            return message

        async def answered(message: Message) -> None:
            if seen <= limit:
                await send(message)
            elif message["type"] == "http.response.start":
                # What the application makes of the cut body is not the reason: the size is.
                await problem_response(TooLarge(limit_bytes=limit))(scope, receive, send)

        await self._app(scope, limited, answered)


_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; style-src 'self'; "
        b"object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    ),
]


class SecurityHeaders:
    """Add the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
