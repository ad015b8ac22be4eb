"""Whose turn it is: batches of one stream that are on their way together take effect in their order.

An agent has several batches of a stream in flight. One that overtakes waits here for the one before it, if that
is on its way to this process too; if not, it is refused and sent again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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

    async def another_has_ended(self, batch: Batch, *, within_s: float) -> None:
        """Wait until another batch of the same stream has been taken in, or refused."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[_key(batch)].append(waiting)
        with suppress(TimeoutError):
            await asyncio.wait_for(waiting, within_s)


def _key(batch: Batch) -> StreamKey:
    return batch.agent_id, batch.epoch, int(batch.stream)
