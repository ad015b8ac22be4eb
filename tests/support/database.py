"""A real PostgreSQL for tests: one server a session, a migrated template, a clone of it per test."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from mes.db import migrate
from mes.platform.db import Database, WriteConn
from mes.platform.embedded import EmbeddedPostgres, prepare, remove

_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A running server of this test session, without fsync."""
    home = Path(tempfile.mkdtemp(prefix="c2m-test-"))
    server = prepare(home)
    process = server.spawn(log=home / "postgres.log", options=_FAST)
    try:
        server.wait_ready(alive=lambda: process.poll() is None, log=home / "postgres.log")
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        remove(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with the whole schema and no rows."""
    name = f"template_{os.getpid()}"
    _admin(postgres, f"CREATE DATABASE {name}")
    migrate.upgrade(postgres.dsn_of(name))
    return name


@pytest.fixture
def dsn(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """A database of the test's own, cloned from the template."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _admin(postgres, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield postgres.dsn_of(name)
    _admin(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """A pool over a database of the test's own."""
    async with Database(dsn, pool_max=8) as opened:
        yield opened


@pytest.fixture
async def conn(database: Database) -> AsyncIterator[WriteConn]:
    """A transaction that is rolled back at the end of the test."""
    async with database.write() as opened:
        yield opened
        await opened.rollback()


def _admin(postgres: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as connection:
        connection.execute(statement)
