"""Problems as pages: who asked for a page gets one, with what to do next; programs get problem+json."""

from __future__ import annotations

from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from mes.identity.access import current_session
from mes.platform.errors import NotFound, Problem, Unauthenticated
from mes.platform.http import context, invalid_request, language, problem_response
from mes.web import problem_words
from mes.web.reader import open_page
from mes.web.translations import Language

log = structlog.get_logger()


class NoSuchPage(NotFound):
    """There is no page at this address."""

    code = "page.unknown"


def _answer(request: Request, problem: Problem) -> Response:
    """Answer a program, or a form of a page, in its reader's language."""
    spoken: Language = "zh" if language(request) == "zh" else "en"
    return problem_response(
        problem,
        detail=problem_words.detail(problem, spoken),
        errors=problem_words.errors(problem, spoken),
        language=spoken,
    )


def _wants_page(request: Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


async def _as_page(request: Request, problem: Problem) -> Response:
    found = context(request)
    try:
        session = await current_session(request, found)
        shell = await open_page(request, found, session, language(request))
    except Problem as error:
        return _answer(request, error)
    said = problem_words.detail(problem, shell.language)
    return shell.page("problem.html", {"problem": problem, "said": said}, status=problem.status)


def install(app: FastAPI) -> None:
    """Answer browsers with pages; send who must sign in to the sign-in page and back."""

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 - registered for this class only
        if error.status >= 500:
            log.error("http.problem", path=request.url.path, code=error.code, exc_info=error)
        if not _wants_page(request):
            return _answer(request, error)
        if isinstance(error, Unauthenticated):
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/sign-in?next={quote(here, safe='')}", 303)
        return await _as_page(request, error)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
        return await on_problem(request, invalid_request(error))

    before = app.exception_handlers[HTTPException]

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
        if error.status_code == 404 and _wants_page(request):
            return await _as_page(request, NoSuchPage())
        spoken: Language = "zh" if language(request) == "zh" else "en"
        said = problem_words.http_detail(error.status_code, str(error.detail), spoken)
        error = HTTPException(error.status_code, said, error.headers)
        answer: Response = await before(request, error)  # type: ignore[misc]
        return answer

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
