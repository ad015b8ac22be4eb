"""Wakes the long polls of one API process when a command for their line is committed."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from mes.platform.db import Database

CHANNEL = "c2m_command"


class CommandBell:
    """Who waits for which line; rung by PostgreSQL's NOTIFY."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.closed = False
        """The process stops: nobody should wait any longer."""

    def close(self) -> None:
        """Wake everybody for the last time."""
        self.closed = True
        self._ring_all()

    async def follow(self, database: Database) -> None:
        """Listen until the connection fails; then everybody looks once, for a ring may have been missed."""
        try:
            async with database.dedicated() as conn:
                await conn.execute(f"LISTEN {CHANNEL}")
                self._ring_all()
                async for notice in conn.notifies():
                    self.ring(notice.payload)
        finally:
            self._ring_all()

    def ring(self, line: str) -> None:
        """Wake everybody who waits for a line."""
        for waiter in self._waiting.get(line, ()):
            waiter.set()

    def listen(self, line: str) -> Ear:
        """Begin to listen for a line; use as a context, and look at the outbox inside it."""
        return Ear(self._waiting[line])

    def _ring_all(self) -> None:
        for line in list(self._waiting):
            self.ring(line)


class Ear:
    """One waiter."""

    def __init__(self, waiting: set[asyncio.Event]) -> None:
        self._waiting = waiting
        self._event = asyncio.Event()

    def __enter__(self) -> Ear:
        self._waiting.add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.discard(self._event)

    async def wait(self, seconds: float) -> bool:
        """Wait for a ring; say whether it came in time."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        self._event.clear()
        return True
