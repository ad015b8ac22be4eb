"""The plan in force compiled for quotes, and the kernels compiled for everything: ready before anybody asks."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from uuid import UUID

import structlog

from mes.planning import bridge, repository
from mes.planning.solvers import Solvers
from mes.platform.db import Database, ReadConn
from mes.resources import service as resources

log = structlog.get_logger()

POLL_S = 1.0
"""Real seconds between two looks for a newer plan."""
OLD_S = 60.0
"""Real seconds for which quotes are answered from the plan before, while the newest is being compiled."""

_Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class _Kept:
    plan_id: UUID
    book: bridge.Book
    since: float


_books: dict[_Place, _Kept] = {}
_compiling: set[_Place] = set()


async def book(conn: ReadConn, site: str) -> bridge.Book | None:
    """Return the plan in force, ready for insertions; None when there is none.

    While another task compiles a newer version, the one before answers: its dates differ by what one repair
    moves, and the ledger of places holds whatever the dates.
    """
    plan_id = await repository.published_id(conn, site)
    if plan_id is None:
        return None
    place = _place(conn, site)
    kept = _books.get(place)
    if kept is not None:
        waiting = place in _compiling and time.monotonic() - kept.since < OLD_S
        if kept.plan_id == plan_id or waiting:
            return kept.book
    return await _compile(conn, place, plan_id)


async def keep_ready(database: Database) -> None:
    """Compile every plan that comes into force, for ever, so that no quote waits for it."""
    while True:
        async with database.read() as conn:
            if await resources.has_plant(conn):
                await _refresh(conn, (await resources.active_plant(conn)).site.id)
        await asyncio.sleep(POLL_S)


async def warm_up(solvers: Solvers) -> None:
    """Have the kernels compiled: where solves run, which keeps them on disk, then loaded in this process.

    Solvers go first because the compiler would hold up everything else in this process.
    """
    began = time.perf_counter()
    try:
        await solvers.warm_up()
        await asyncio.to_thread(bridge.warm_up)
    except Exception as error:
        log.warning("planning.not_warm", error=f"{type(error).__name__}: {error}")
        return
    log.info("planning.warm", seconds=round(time.perf_counter() - began, 1))


async def _refresh(conn: ReadConn, site: str) -> None:
    plan_id, place = await repository.published_id(conn, site), _place(conn, site)
    kept = _books.get(place)
    if plan_id is None or (kept is not None and kept.plan_id == plan_id):
        return
    _compiling.add(place)
    try:
        await _compile(conn, place, plan_id)
    finally:
        _compiling.discard(place)


async def _compile(conn: ReadConn, place: _Place, plan_id: UUID) -> bridge.Book | None:
    head = await repository.plan(conn, plan_id)
    content = await repository.content(conn, plan_id)
    if head is None or content.problem is None or content.schedule is None:
        return None
    compiled = await asyncio.to_thread(
        bridge.Book.unpacked, content.problem, content.schedule, head.anchor_at
    )
    _books[place] = _Kept(plan_id, compiled, time.monotonic())
    return compiled


def _place(conn: ReadConn, site: str) -> _Place:
    """Return which site of which database: a process may serve several, as tests do."""
    return site, conn.info.dbname, conn.info.port
