"""PostgreSQL through psycopg 3: one pool, connections that say whether they may write."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NewType, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row, scalar_row
from psycopg_pool import AsyncConnectionPool

from mes.platform.sql import Query

ReadConn = NewType("ReadConn", AsyncConnection[Any])
"""A connection in a transaction that only looks."""
WriteConn = NewType("WriteConn", ReadConn)
"""A connection in a transaction that may change things; the door that opened it commits."""

Row = TypeVar("Row")
Params = Mapping[str, object] | None


TRUSTED_S = 1.0
"""A connection that was used so short a while ago is handed out without being asked whether it lives."""


class Database:
    """The pool of one process."""

    def __init__(
        self, dsn: str, *, pool_min: int = 1, pool_max: int = 10, statement_timeout_s: float = 60
    ):
        self.dsn = dsn
        self._used: WeakKeyDictionary[AsyncConnection[Any], float] = WeakKeyDictionary()
        self._pool = AsyncConnectionPool(
            dsn,
            min_size=pool_min,
            max_size=pool_max,
            open=False,
            timeout=30,
            check=self._check,
            kwargs={
                "autocommit": False,
                "options": f"-c timezone=UTC -c statement_timeout={int(statement_timeout_s * 1000)}",
                "application_name": "c2m",
            },
        )

    async def __aenter__(self) -> Database:
        await self._pool.open(wait=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def _check(self, conn: AsyncConnection[Any]) -> None:
        """Ask a connection that has rested whether it lives; in a busy pool that is one use in many."""
        now = time.monotonic()
        if now - self._used.get(conn, -TRUSTED_S) >= TRUSTED_S:
            await AsyncConnectionPool.check_connection(conn)
        self._used[conn] = now

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteConn]:
        """Open a transaction; commit at the end, roll back on an error."""
        async with self._pool.connection() as conn:
            yield WriteConn(ReadConn(conn))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadConn]:
        """Open a read-only transaction that sees one moment (repeatable read)."""
        async with self._pool.connection() as conn:
            await conn.set_read_only(True)
            await conn.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            try:
                yield ReadConn(conn)
            finally:
                await conn.rollback()
                await conn.set_read_only(None)
                await conn.set_isolation_level(None)

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[ReadConn]:
        """Open a connection for one question: a statement that is a transaction of its own."""
        async with self._pool.connection() as conn:
            await conn.set_autocommit(True)
            try:
                yield ReadConn(conn)
            finally:
                await conn.set_autocommit(False)

    @asynccontextmanager
    async def dedicated(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Open an autocommit connection of its own: LISTEN, advisory locks held for long."""
        conn = await AsyncConnection.connect(
            self.dsn, autocommit=True, application_name="c2m-listen", options="-c timezone=UTC"
        )
        try:
            yield conn
        finally:
            await conn.close()


async def fetch_all(conn: ReadConn, query: Query, params: Params, row: type[Row]) -> list[Row]:
    """Return every row as `row`, a dataclass whose fields are the columns."""
    async with conn.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(query.text, params)
        return await cursor.fetchall()


async def fetch_one(conn: ReadConn, query: Query, params: Params, row: type[Row]) -> Row | None:
    """Return the first row as `row`, or None when there is none."""
    async with conn.cursor(row_factory=class_row(row)) as cursor:
        await cursor.execute(query.text, params)
        return await cursor.fetchone()


async def fetch_dicts(conn: ReadConn, query: Query, params: Params = None) -> list[dict[str, Any]]:
    """Return every row as a dictionary: for screens and exports that pass the columns on."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.text, params)
        return await cursor.fetchall()


async def fetch_value(conn: ReadConn, query: Query, params: Params = None) -> Any:
    """Return the first column of the first row, or None."""
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(query.text, params)
        return await cursor.fetchone()


async def execute(conn: WriteConn, query: Query, params: Params = None) -> int:
    """Run a statement; return the number of rows it touched."""
    cursor = await conn.execute(query.text, params)
    return cursor.rowcount


async def execute_many(conn: WriteConn, query: Query, rows: Sequence[Mapping[str, object]]) -> None:
    """Run a statement for each row, in one round trip (pipeline)."""
    if rows:
        async with conn.cursor() as cursor:
            await cursor.executemany(query.text, rows)
