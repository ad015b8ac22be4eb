from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from mes.platform.stream import Nudges


async def next_nudge(stream: AsyncIterator[str]) -> dict[str, object]:
    async for text in stream:
        for line in text.splitlines():
            if line.startswith("data: "):
                found: dict[str, object] = json.loads(line.removeprefix("data: "))
                return found
    raise AssertionError("the stream ended")


async def test_a_page_is_nudged_for_its_topics_only() -> None:
    nudges = Nudges()
    stream = nudges.stream(frozenset({"plan"}), last_seen=None)
    assert (await anext(stream)).startswith("retry")
    nudges.announce("map", 4)
    nudges.announce("plan", 5)
    assert await next_nudge(stream) == {"topic": "plan", "seq": 5}
    await stream.aclose()  # type: ignore[attr-defined]
    assert nudges.listeners == 0


async def test_a_burst_is_one_nudge() -> None:
    nudges = Nudges()
    stream = nudges.stream(frozenset({"plan"}), last_seen=None)
    await anext(stream)
    for seq in range(1, 100):
        nudges.announce("plan", seq)
    assert await next_nudge(stream) == {"topic": "plan", "seq": 99}


async def test_a_reconnect_catches_up_with_what_it_missed() -> None:
    nudges = Nudges()
    nudges.announce("plan", 7)
    late = nudges.stream(frozenset({"plan"}), last_seen=3)
    assert await next_nudge(late) == {"topic": "plan", "seq": 7}
    current = nudges.stream(frozenset({"plan"}), last_seen=7)
    await anext(current)
    waiting = asyncio.ensure_future(next_nudge(current))
    await asyncio.sleep(0)
    assert not waiting.done()
    nudges.announce("plan", 8)
    assert await waiting == {"topic": "plan", "seq": 8}
