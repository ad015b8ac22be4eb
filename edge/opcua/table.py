"""What a session brings of a line: its server tells it (`subscriptions`), or is asked (`polling`)."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.opcua.items import Change, Items, Telemetry
from edge.opcua.link import Link, LinkFailed
from edge.opcua.wanted import Wanted


class SubscriptionLost(Exception):
    """This session will bring nothing more; the message says why."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What came at once: process values by column, and the rest one by one.

    `missed`: a publication before it never came. `published_ft`: the server's clock then, or 0. `events`: as they
    came, for `edge.opcua.events` to read.
    """

    subscription_id: int
    sequence: int
    telemetry: tuple[Telemetry, ...]
    changes: tuple[Change, ...]
    missed: bool
    published_ft: int = 0
    events: tuple[bytes, ...] = ()


class ItemTable(ABC):
    """The items of one session.

    Args:
        deliver: called for each notification in its order; must not block.
        on_refused: called when the server will not have an item, with its reason.
    """

    def __init__(
        self,
        link: Link,
        deliver: Callable[[Notification], None],
        on_refused: Callable[[Wanted, str], None] = lambda _item, _reason: None,
    ) -> None:
        self._link = link
        self._deliver = deliver
        self._on_refused = on_refused
        self._items = Items()
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.quarantined: dict[Wanted, str] = {}
        self.last_data = time.monotonic()
        self.heard = asyncio.Event()
        """Set with the first data of the session."""

    @abstractmethod
    async def run(self, wanted: Sequence[Wanted]) -> None:
        """Bring what is wanted until the session fails."""

    @abstractmethod
    async def change(self, wanted: Sequence[Wanted]) -> None:
        """Want these items from now on."""

    @abstractmethod
    def acknowledge(self, notification: Notification) -> None:
        """Let the server forget a notification: it is on disk."""

    @property
    @abstractmethod
    def publish_round_trip_s(self) -> float:
        """How long the last publish request, or the last round of reading, took."""

    def lose(self, reason: str) -> None:
        """End the session; the first reason stands."""
        if not self._lost.done():
            self._lost.set_result(reason)

    async def _watch_loss(self) -> None:
        raise SubscriptionLost(await self._lost)

    async def _stated_limit(self, node: str, *, unstated: int) -> int:
        """Return a limit that the server states of itself (OperationLimits), `unstated` where it states none."""
        try:
            stated = (await self._link.read([node]))[0]
        except LinkFailed:
            return unstated
        limit = stated.Value.Value if stated.Value is not None else None
        return int(limit) if isinstance(limit, int) and limit > 0 else unstated
