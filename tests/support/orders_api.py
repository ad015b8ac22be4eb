"""The API of identity and orders over a real database, and clients that have signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from mes.identity import routes as identity_routes
from mes.identity import service as identity
from mes.identity.model import Role, Scope
from mes.orders import routes as orders_routes
from mes.platform import http
from mes.platform.db import Database
from mes.platform.http import Context
from mes.platform.settings import HttpSettings, Settings
from tests.support.orders import PLANT_NOW, REAL_NOW, install_demo

PASSWORD = "correct horse battery"


@dataclass
class HeldClock:
    """Both times stand until a test moves them."""

    plant: datetime = PLANT_NOW
    real: datetime = REAL_NOW
    factor: float = field(default=1.0)

    def now(self) -> datetime:
        return self.plant

    def real_now(self) -> datetime:
        return self.real

    def pass_real(self, span: timedelta) -> None:
        """Let real time pass."""
        self.real += span


@dataclass
class OrdersApi:
    """An application, its database and its clock."""

    app: FastAPI
    database: Database
    clock: HeldClock

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a browser or program that has not signed in."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://plant", headers=headers)

    async def person(self, role: Role) -> httpx.AsyncClient:
        """Return the browser of a person with this role, signed in, CSRF header set."""
        async with self.database.write() as conn:
            known = {user.name for user in await identity.users(conn)}
            if role.value not in known:
                await identity.add_user(
                    conn,
                    role.value,
                    PASSWORD,
                    [role],
                    now=self.clock.now(),
                    real_now=self.clock.real,
                )
        client = self.client()
        answer = await client.post("/api/session", json={"user": role.value, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return client

    async def machine(
        self, *scopes: Scope, channel: str | None = None, life: timedelta = timedelta(days=1)
    ) -> httpx.AsyncClient:
        """Return a program with a token."""
        async with self.database.write() as conn:
            _, token = await identity.issue_token(
                conn,
                "erp",
                scopes,
                life=life,
                channel=channel,
                now=self.clock.now(),
                real_now=self.clock.real,
                actor="user:admin",
            )
        return self.client(Authorization=f"Bearer {token}")


@pytest.fixture
async def api(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OrdersApi]:
    """The API over a plant with its catalogue; argon2 as in life, but with less memory and time."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    monkeypatch.setattr(identity, "_argon2", quick)
    monkeypatch.setattr(identity, "_nobody", quick.hash("nobody"))
    async with database.write() as conn:
        await install_demo(conn)
    settings = Settings(http=HttpSettings(max_body_bytes=4096, max_upload_bytes=65536))
    app, clock = FastAPI(), HeldClock()
    http.install(app, settings)
    app.include_router(identity_routes.router)
    app.include_router(orders_routes.router)
    app.state.context = Context(database, clock, settings)
    yield OrdersApi(app, database, clock)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem of an answer after checking that it is the expected one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert body["detail"]
    return body
