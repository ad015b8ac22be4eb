"""Down by call, up by event: named subscriptions, each with its own cursor row.

A handler sees the events of its types in commit order: its effects and its cursor commit together, so
every event acts exactly once. Events that wait together share a transaction, unless the handler wants each
alone; if one of them fails, it is undone and each gets its own. One worker at a time runs the handlers (an
advisory lock decides which); another takes over when it goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from mes.contracts.events import Payload
from mes.events import repository
from mes.events.model import BEGINNING, Cursor, Event
from mes.platform.clock import Clock
from mes.platform.db import Database, WriteConn
from mes.platform.settings import Settings

log = structlog.get_logger()

BATCH = 200
TOGETHER = 20
"""Events of a handler in one transaction at most."""
GATHER_S = 0.1
"""Real seconds between two looks for events, so that some wait together."""
RETRIES = 5
LEADER_LOCK = 0x43324D01
"""Key of the advisory lock of the worker that runs the handlers."""


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """What a handler may use beside its connection."""

    clock: Clock
    settings: Settings
    services: dict[str, Any]
    """Long-lived things the composition root made, by name (`executor`, …)."""


HandlerFunction = Callable[[WriteConn, Event, HandlerContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Handler:
    """A named subscription."""

    name: str
    types: frozenset[str]
    function: HandlerFunction
    alone: bool = False
    """Each event in a transaction of its own: it locks what the next one may lock in another order."""


class Handlers:
    """The subscriptions of this installation."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._handlers.values())

    def add(self, handler: Handler) -> None:
        """Register a subscription; its name must be new."""
        known = self._handlers.get(handler.name)
        if known is not None and known.function is not handler.function:
            raise ValueError(f"two handlers are named {handler.name!r}")
        self._handlers[handler.name] = handler


registry = Handlers()


def handles(
    name: str, *, on: tuple[type[Payload], ...], alone: bool = False
) -> Callable[[HandlerFunction], HandlerFunction]:
    """Subscribe a function to events under a name that never changes (the cursor hangs on it)."""

    def register(function: HandlerFunction) -> HandlerFunction:
        registry.add(Handler(name, frozenset(payload.type for payload in on), function, alone))
        return function

    return register


class HandlerRunner:
    """Reads the event table and runs every handler over it."""

    def __init__(
        self, database: Database, context: HandlerContext, handlers: Handlers = registry
    ) -> None:
        self._database = database
        self._context = context
        self._handlers = tuple(handlers)
        self._cursors: dict[str, Cursor] = {}
        self._attempts: dict[str, int] = {}
        self._unsaved = 0

    async def run(self, woken: asyncio.Event, *, poll_s: float = 1.0) -> None:
        """Run for ever, woken by `woken` and at least every `poll_s` real seconds."""
        while True:
            if await self.run_once():
                await asyncio.sleep(GATHER_S)
            else:
                try:
                    await asyncio.wait_for(woken.wait(), poll_s)
                except TimeoutError:
                    pass
                woken.clear()

    async def run_until_quiet(self) -> None:
        """Run until no event is left that a handler waits for: for tests and for seeding."""
        while await self.run_once():
            pass

    async def run_once(self) -> bool:
        """Hand the next events to every handler; say whether there were any."""
        if not self._cursors:
            self._cursors = await self._starting_points()
        async with self._database.read() as conn:
            start = min(self._cursors.values(), default=BEGINNING)
            events = await repository.after(conn, start, limit=BATCH)
        if not events:
            return False
        progress = await asyncio.gather(*(self._catch_up(h, events) for h in self._handlers))
        await self._save_idle_cursors(len(events))
        return any(progress)

    async def _starting_points(self) -> dict[str, Cursor]:
        """Take up the stored cursors; a handler that is new in an old plant starts with what comes."""
        async with self._database.write() as conn:
            stored = await repository.cursors(conn)
            fresh = await repository.horizon(conn) if stored else BEGINNING
            for handler in self._handlers:
                if handler.name not in stored:
                    await repository.save_cursor(conn, handler.name, fresh)
        return {handler.name: stored.get(handler.name, fresh) for handler in self._handlers}

    async def _save_idle_cursors(self, read: int) -> None:
        """Keep the cursors of handlers without work near the end, so that a restart re-reads little."""
        self._unsaved += read
        if self._unsaved < 10 * BATCH:
            return
        self._unsaved = 0
        async with self._database.write() as conn:
            for name, cursor in self._cursors.items():
                await repository.save_cursor(conn, name, cursor)

    async def _catch_up(self, handler: Handler, events: list[Event]) -> bool:
        """Act on what is ahead of a handler's cursor; say whether that moved it."""
        ahead = [event for event in events if event.cursor > self._cursors[handler.name]]
        own = [event for event in ahead if event.type in handler.types]
        size = 1 if handler.alone else TOGETHER
        for start in range(0, len(own), size):
            group = own[start : start + size]
            if len(group) > 1 and await self._act_together(handler, group):
                self._cursors[handler.name] = group[-1].cursor
                continue
            for event in group:
                if not await self._act(handler, event):
                    return event is not own[0]
                self._cursors[handler.name] = event.cursor
        if ahead:
            self._cursors[handler.name] = ahead[-1].cursor
        return bool(ahead)

    async def _act_together(self, handler: Handler, group: list[Event]) -> bool:
        """Run one handler on several events in one transaction; False when nothing of it stands."""
        try:
            async with self._database.write() as conn:
                for event in group:
                    await handler.function(conn, event, self._context)
                await repository.save_cursor(conn, handler.name, group[-1].cursor)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.info("handler.one_by_one", handler=handler.name, events=len(group), why=str(error))
            return False
        return True

    async def _act(self, handler: Handler, event: Event) -> bool:
        """Run one handler on one event; False when it has to be tried again later."""
        try:
            async with self._database.write() as conn:
                await handler.function(conn, event, self._context)
                await repository.save_cursor(conn, handler.name, event.cursor)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            attempt = self._attempts[handler.name] = self._attempts.get(handler.name, 0) + 1
            log.warning(
                "handler.failed",
                handler=handler.name,
                event_seq=event.seq,
                event_type=event.type,
                attempt=attempt,
                exc_info=error,
            )
            if attempt < RETRIES:
                await asyncio.sleep(min(0.1 * 2**attempt, 5))
                return False
            await self._give_up(handler, event, error)
        self._attempts.pop(handler.name, None)
        return True

    async def _give_up(self, handler: Handler, event: Event, error: Exception) -> None:
        async with self._database.write() as conn:
            await repository.save_failure(
                conn,
                handler.name,
                event,
                error=f"{type(error).__name__}: {error}",
                now=self._context.clock.real_now(),
            )
            await repository.save_cursor(conn, handler.name, event.cursor)
        log.error("handler.gave_up", handler=handler.name, event_seq=event.seq)
