"""A served plant and a browser, once for each file of page tests."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from mes.contracts.plant import PlantModel
from mes.platform.embedded import EmbeddedPostgres
from tests.support.browser import chromium_sync
from tests.support.screens import Screens, screens

expect.set_options(timeout=15_000)

T = TypeVar("T")
_numbers = itertools.count(1)


class Plant:
    """A plant served from a thread of its own, and what a test does to it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, shown: Screens, browser: Browser) -> None:
        self._loop = loop
        self.shown = shown
        self.browser = browser
        self.url = shown.url
        self.errors: list[str] = []
        self.contexts: list[BrowserContext] = []

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine where the plant lives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def value(self, sql: str, *parameters: object) -> Any:
        """Ask the plant's database for one value."""
        with psycopg.connect(self.shown.database.dsn) as conn:
            row = conn.execute(sql, parameters or None).fetchone()
        return row[0] if row else None

    def page(
        self, role: str = "", *, language: str = "en", width: int = 1440, dark: bool = False
    ) -> Page:
        """Open a page for somebody who is signed in with this role; nobody for an empty one."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self.contexts.append(context)
        context.set_default_timeout(20_000)
        context.add_cookies([{"name": "lang", "value": language, "url": self.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "console",
            lambda said: (
                self.errors.append(said.text)
                if said.type == "error" and not said.text.startswith("Failed to load resource")
                else None
            ),
        )
        if role:
            answer = context.request.post(
                f"{self.url}/api/session", data={"user": role, "password": self.shown.people[role]}
            )
            assert answer.ok, answer.text()
        return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_sync() as opened:
        yield opened


@pytest.fixture(scope="module")
def plant(
    postgres: EmbeddedPostgres,
    template: str,
    mini_plant: PlantModel,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Plant]:
    """The mini plant in the middle of a shift; its clock stands."""
    name = f"pages_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    folder = tmp_path_factory.mktemp("plant")
    ready: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, Screens]] = []
    failed: list[BaseException] = []
    up = threading.Event()

    async def serve() -> None:
        over = asyncio.Event()
        try:
            async with screens(postgres.dsn_of(name), Path(folder), mini_plant) as shown:
                ready.append((asyncio.get_running_loop(), over, shown))
                up.set()
                await over.wait()
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            up.set()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    up.wait(120)
    if not ready:
        thread.join(5)
        raise failed[0]
    loop, over, shown = ready[0]
    yield Plant(loop, shown, browser)
    loop.call_soon_threadsafe(over.set)
    thread.join(30)
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(autouse=True)
def no_errors_in_the_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    """A page that throws, or breaks the policy of its headers, fails its test."""
    yield
    if "plant" in request.fixturenames:
        served = request.getfixturevalue("plant")
        if isinstance(served, Plant):
            while served.contexts:
                served.contexts.pop().close()
            found, served.errors = served.errors, []
            assert not found
