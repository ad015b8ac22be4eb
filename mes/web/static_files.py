"""Serve the static files: addressed with their hash they never change, so browsers keep them."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from mes.web.shell import STATIC


class _HashedFiles(StaticFiles):
    """Files asked for with `?v=` are immutable; others are checked again every time."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        hashed = b"v=" in scope.get("query_string", b"")
        answer.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if hashed else "no-cache"
        )
        return answer


def install(app: FastAPI) -> None:
    """Mount `/static`."""
    app.mount("/static", _HashedFiles(directory=STATIC), name="static")
