"""Which live topics an event is news for, and the follower that announces them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mes.events import repository
from mes.platform.db import Database

TOPICS: dict[str, tuple[str, ...]] = {
    "order": ("orders",),
    "promise": ("orders", "plan"),
    "plan": ("plan",),
    "job": ("jobs", "map"),
    "command": ("jobs", "agents"),
    "body": ("map", "bodies"),
    "operation": ("map",),
    "rack": ("map", "materials"),
    "inspection": ("inspections", "quality"),
    "model": ("quality",),
    "pipeline": ("quality",),
    "hold": ("holds", "quality", "map"),
    "rework": ("holds", "quality"),
    "disposition": ("holds", "quality"),
    "nonconformance": ("quality",),
    "equipment": ("map",),
    "line": ("map", "plan"),
    "agent": ("agents", "map"),
    "clock": ("clock",),
    "andon": ("map",),
}
"""First word of an event's type → topics of the pages."""


def topics_of(event_type: str) -> tuple[str, ...]:
    """Return the topics an event of this type is news for."""
    return TOPICS.get(event_type.split(".")[0], ())


async def follow_topics(database: Database, announce: Callable[[str, int], None]) -> None:
    """Announce the topics of every event committed from now on, for ever."""
    async with database.dedicated() as listener:
        await listener.execute("LISTEN c2m_event")
        async with database.read() as conn:
            cursor = await repository.horizon(conn)
        while True:
            async with database.read() as conn:
                found = await repository.types_after(conn, cursor, limit=1000)
            for kind in found:
                cursor = kind.cursor
                for topic in topics_of(kind.type):
                    announce(topic, kind.seq)
            if len(found) < 1000:
                async for _ in listener.notifies(timeout=1.0, stop_after=1):
                    pass
                await asyncio.sleep(0.1)
