"""Whose turn it is: batches of one stream that are on their way together take effect in their order.

An agent has several batches of a stream in flight. One that overtakes waits here for the one before it, if that
is on its way to this process too; if not, it is refused and sent again. One batch of a stream is at the database
at a time: the others of it wait here, without a connection.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from mes.contracts.wire import Batch
from mes.platform.errors import TooMany

PATIENCE_S = 2.0
"""How long a batch waits for the one before it."""
LOOK_AGAIN_S = 0.1
"""Another process may be taking in the one before it; nobody tells this one when that has ended."""
MOST_AT_ONCE = 64
"""Batches in one process at once; more are told to come again."""

StreamKey = tuple[object, int, int]


class IngestBusy(TooMany):
    """{waiting} batches are being taken in at once; send this one again a little later."""

    code = "ingest.busy"


class Turns:
    """The batches that this process is taking in."""

    def __init__(self, *, most_at_once: int = MOST_AT_ONCE) -> None:
        self._most = most_at_once
        self._inside = 0
        self._waiting: defaultdict[StreamKey, list[asyncio.Future[None]]] = defaultdict(list)
        self._queues: dict[StreamKey, list[tuple[int, int, asyncio.Future[None]]]] = {}
        """Who waits behind the batch that is at it, lowest number first; no key: nobody is."""
        self._arrivals = itertools.count()

    @contextmanager
    def inside(self, batch: Batch) -> Iterator[None]:
        """Count a batch while it is taken in, and let those that wait for it look again afterwards.

        Raises:
            IngestBusy: too many are already.
        """
        if self._inside >= self._most:
            raise IngestBusy(waiting=self._inside)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            for waiting in self._waiting.pop(_key(batch), []):
                if not waiting.done():
                    waiting.set_result(None)

    @asynccontextmanager
    async def turn(self, batch: Batch) -> AsyncIterator[None]:
        """Wait until no other batch of the stream is at it in this process; the lowest number goes first.

        At the lock of its watermark each would wait with a connection, and agents that drain would take them all.
        """
        key = _key(batch)
        if (queue := self._queues.get(key)) is None:
            self._queues[key] = []
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(queue, (batch.seq, next(self._arrivals), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # given away and given up in one moment
                    self._pass_on(key)
                raise
        try:
            yield
        finally:
            self._pass_on(key)

    def _pass_on(self, key: StreamKey) -> None:
        queue = self._queues[key]
        while queue:
            *_, turn = heapq.heappop(queue)
            if not turn.done():
                turn.set_result(None)
                return
        del self._queues[key]

    async def another_has_ended(self, batch: Batch, *, within_s: float) -> None:
        """Wait until another batch of the same stream has been taken in, or refused."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[_key(batch)].append(waiting)
        with suppress(TimeoutError):
            await asyncio.wait_for(waiting, within_s)


def _key(batch: Batch) -> StreamKey:
    return batch.agent_id, batch.epoch, int(batch.stream)
