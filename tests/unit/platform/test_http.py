"""The doors of an application without a database: limits, headers, problems, languages."""

from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from fastapi import Body, FastAPI
from psycopg import OperationalError
from pydantic import BaseModel

from mes.platform import http
from mes.platform.errors import NotFound
from mes.platform.http import Language
from mes.platform.settings import HttpSettings, Settings


class Wish(BaseModel):
    model: str
    doors: int


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    http.install(app, Settings(http=HttpSettings(max_body_bytes=1000, max_upload_bytes=5000)))

    @app.post("/wish")
    async def wish(wish: Annotated[Wish, Body()]) -> dict[str, str]:
        return {"model": wish.model}

    @app.get("/missing")
    async def missing() -> None:
        raise NotFound()

    @app.get("/away")
    async def away() -> None:
        raise OperationalError("server closed the connection")

    @app.get("/language")
    async def language(language: Language) -> str:
        return language

    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://plant")


async def test_malformed_json_is_told_from_a_broken_rule(client: httpx.AsyncClient) -> None:
    malformed = await client.post(
        "/wish", content=b'{"model": ', headers={"content-type": "application/json"}
    )
    assert malformed.status_code == 400
    assert malformed.headers["content-type"] == http.PROBLEM_MEDIA
    broken = await client.post("/wish", json={"model": "S2", "doors": "many"})
    assert broken.status_code == 422
    assert broken.json()["errors"][0]["field"] == "doors"


async def test_an_oversized_body_is_refused_by_its_announced_length(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/wish", json={"model": "S" * 2000, "doors": 4})
    assert answer.status_code == 413
    assert answer.json()["limit_bytes"] == 1000


async def test_an_oversized_body_without_a_length_is_refused_while_it_comes(
    client: httpx.AsyncClient,
) -> None:
    async def endless():  # type: ignore[no-untyped-def]
        for _ in range(10):
            yield b"x" * 500

    answer = await client.post(
        "/wish", content=endless(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


async def test_unknown_paths_and_missing_things_are_problems_too(client: httpx.AsyncClient) -> None:
    for path in ("/missing", "/nowhere"):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == http.PROBLEM_MEDIA


async def test_a_database_that_is_away_is_said_to_be_away(client: httpx.AsyncClient) -> None:
    answer = await client.get("/away")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/missing")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("accept", "cookie", "expected"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", None, "zh"),
        ("fr,en;q=0.5", None, "en"),
        ("", None, "en"),
        ("zh-CN", "en", "en"),
        ("en", "xx", "en"),
    ],
)
async def test_the_language_is_the_chosen_one_else_the_browsers(
    client: httpx.AsyncClient, accept: str, cookie: str | None, expected: str
) -> None:
    headers = {"accept-language": accept}
    if cookie:
        headers["cookie"] = f"lang={cookie}"
    assert (await client.get("/language", headers=headers)).json() == expected
