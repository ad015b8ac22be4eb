"""Finds items of which nothing comes any more although their session lives.

A server that loses a node owes one notification with BadNodeIdUnknown; asyncua's never sends it, and a node that
is made again is then not the one that is monitored. So what is quiet is read now and then, a bounded number each
second: a node that is not there, or one whose value is another than the one told last and stays untold, is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping

import structlog
from asyncua import ua
from asyncua.ua.uaerrors import UaError

from edge.opcua.items import NO_NODE, Items
from edge.opcua.link import Link
from edge.opcua.wanted import Wanted

log = structlog.get_logger(__name__)

QUIET_S = 3.0
"""What changes more often is never read."""
CHECK_EVERY_S = 1.0
ITEMS_PER_CHECK = 200
FEWEST_PER_CHECK = 10
"""A server that cannot answer for many at once is asked for fewer, but not less than this."""
MOST_RENEWALS = 3
"""An item that was renewed so often and told nothing new reads otherwise than it tells (a deadband at the
server, say); from then on it is only looked for."""
SETTLE_S = 2.0
"""A change is told within this and two rounds of sampling and publishing."""
SLACK = 2.0
"""A busy agent or server looks later than it should."""
UNTOLD = "the server told no change any more"


def missed_within_s(items: int, *, round_s: float) -> float:
    """Return how long an item can be lost, in real seconds, before it is missed.

    Args:
        items: how many are watched; all of them may be quiet.
        round_s: of publishing.
    """
    pages = -(-items // ITEMS_PER_CHECK)
    found_s = QUIET_S + 2 * pages * CHECK_EVERY_S + CHECK_EVERY_S
    return SLACK * (found_s + SETTLE_S + 2 * round_s)


class Vigil:
    """Watches the quiet items of one session.

    Args:
        last_data: when anything came last (monotonic): while nothing comes, nothing is blamed.
        on_lost: called with the handles of lost items and the reason of each.
    """

    def __init__(
        self,
        link: Link,
        items: Items,
        *,
        last_data: Callable[[], float],
        on_lost: Callable[[Mapping[int, str]], None],
    ) -> None:
        self._link = link
        self._items = items
        self._last_data = last_data
        self._on_lost = on_lost
        self._suspects: dict[int, float] = {}
        self._renewals: Counter[Wanted] = Counter()
        self._page = ITEMS_PER_CHECK

    async def run(self) -> None:
        """Check for ever; pages in which something was lost follow on each other at once."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                while await self._check():
                    pass
            except (UaError, TimeoutError) as error:
                self._page = max(self._page // 2, FEWEST_PER_CHECK)
                log.info("items.check_failed", reason=repr(error), items=self._page)

    async def _check(self) -> int:
        """Read one page of quiet items; returns how many are lost."""
        asked = time.monotonic()
        handles = self._due(asked)
        if not handles:
            return 0
        nodes = [self._items.wanted(handle).node for handle in handles]
        answers = await self._link.read(nodes)
        lost = {}
        for handle, answer in zip(handles, answers, strict=True):
            reason = self._judge(handle, answer, asked)
            if reason is not None:
                lost[handle] = reason
                self._suspects.pop(handle, None)
        if lost:
            self._on_lost(lost)
        return len(lost)

    def _due(self, now: float) -> list[int]:
        """Return suspects whose time is over, and as many quiet items as fit."""
        for handle, since in list(self._suspects.items()):
            if not self._items.monitors(handle) or self._items.heard_since(handle, since):
                del self._suspects[handle]
        over = [
            handle
            for handle, since in self._suspects.items()
            if now - since > self._items.settle_s(handle) and self._last_data() > since
        ][: self._page]
        quiet = self._items.quiet(now=now, for_s=QUIET_S, most=self._page - len(over))
        return over + [handle for handle in quiet if handle not in self._suspects]

    def _judge(self, handle: int, answer: ua.DataValue, asked: float) -> str | None:
        """Say why an item is lost; None: it is not, or not yet."""
        if not self._items.monitors(handle) or self._items.heard_since(handle, asked):
            return None
        if answer.StatusCode is not None and answer.StatusCode.value in NO_NODE:
            return str(answer.StatusCode.name)
        item = self._items.wanted(handle)
        if self._items.has_news(handle):
            self._renewals.pop(item, None)
        if self._items.shows(handle, answer) or self._renewals[item] >= MOST_RENEWALS:
            self._suspects.pop(handle, None)
            return None
        if handle not in self._suspects:
            self._suspects[handle] = asked
            return None
        self._renewals[item] += 1
        return UNTOLD
