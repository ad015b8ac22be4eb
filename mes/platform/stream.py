"""Live pages: server-sent events that say which topics have news; the page then fetches its fragments.

One follower a process reads the event table (woken by NOTIFY), turns events into topics and nudges every
open stream. Bursts coalesce; a reconnect with `Last-Event-ID` is nudged at once for what it missed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

MIN_INTERVAL_S = 0.5
"""A stream is nudged at most twice a real second."""
HEARTBEAT_S = 5.0
"""A beat keeps the connection, so that the page can tell a quiet plant from a lost link."""


@dataclass(eq=False)
class _Listener:
    topics: frozenset[str]
    pending: dict[str, int] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Nudges:
    """Who listens to what, and the last sequence number of each topic."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._last: dict[str, int] = {}
        self._closing = False

    def close(self) -> None:
        """End every stream: the process stops, and pages connect to another or again."""
        self._closing = True
        for listener in self._listeners:
            listener.wake.set()

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._listeners)

    def announce(self, topic: str, seq: int) -> None:
        """Tell every stream that listens to `topic` that something up to `seq` happened."""
        self._last[topic] = max(seq, self._last.get(topic, 0))
        for listener in self._listeners:
            if topic in listener.topics:
                listener.pending[topic] = seq
                listener.wake.set()

    async def stream(self, topics: frozenset[str], *, last_seen: int | None) -> AsyncIterator[str]:
        """Yield server-sent events for one page until it goes away."""
        listener = _Listener(topics)
        if last_seen is not None:
            listener.pending = {
                topic: seq
                for topic, seq in self._last.items()
                if topic in topics and seq > last_seen
            }
        if listener.pending:
            listener.wake.set()
        self._listeners.add(listener)
        try:
            yield "retry: 2000\n\n"
            while not self._closing:
                try:
                    await asyncio.wait_for(listener.wake.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield "event: beat\ndata: {}\n\n"
                    continue
                listener.wake.clear()
                pending, listener.pending = listener.pending, {}
                for topic, seq in pending.items():
                    data = json.dumps({"topic": topic, "seq": seq})
                    yield f"id: {seq}\nevent: nudge\ndata: {data}\n\n"
                await asyncio.sleep(MIN_INTERVAL_S)
        finally:
            self._listeners.discard(listener)
