"""Delivery: each stream's batches in order, several on their way; only the MES's receipt releases one.

The window is how many batches are on their way at once. It grows by one with each receipt that comes soon and
falls to one when the MES is away, says that it is busy, or takes long: so its back-pressure reaches the journal.
Batches that overtake each other are put in order by the MES; what it does not take is sent again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from edge.backoff import Trouble
from edge.journal import Journal
from edge.mes_client import MesAway, MesRefused
from edge.store import StoredBatch
from mes.contracts.agent import BatchReceipt
from mes.contracts.wire import Stream, WireError, decode

log = structlog.get_logger(__name__)

WINDOW = 4
"""Batches of a stream on their way at most."""
SLOW_S = 1.0
"""A receipt that takes longer narrows the window."""
POISON_AFTER = 10
"""So many refusals of one intact batch as malformed set it aside."""
MALFORMED = "ingest.batch_malformed"


class BatchDoor(Protocol):
    """A way to the MES for batches: HTTP (`MesClient`) or NATS (`NatsDoor`)."""

    async def send_batch(self, frame: bytes, *, oldest: int) -> BatchReceipt:
        """Deliver one wire frame; the receipt means that the MES has committed it.

        Raises:
            MesAway, MesRefused: it has not, as far as this side knows.
        """
        ...

    async def is_back(self) -> None:
        """Wait until a MES that could not be reached gives a sign of life."""
        ...


@dataclass(slots=True)
class _Sent:
    batch: StoredBatch
    receipt: asyncio.Task[BatchReceipt]
    at: float


class Uplink:
    """Sends one stream until cancelled. Streams have a sender each, so telemetry never blocks a result.

    Args:
        on_fenced: called when the MES says that a newer copy of this agent exists.
    """

    def __init__(
        self, journal: Journal, mes: BatchDoor, stream: Stream, *, on_fenced: Callable[[int], None]
    ) -> None:
        self._journal = journal
        self._mes = mes
        self._stream = stream
        self._on_fenced = on_fenced
        self._on_way: deque[_Sent] = deque()
        self._refusals = 0
        self.window = 1
        self.trouble = Trouble(f"uplink.{stream.name.lower()}", sooner=mes.is_back)

    async def run(self) -> None:
        """Deliver whatever is in the journal, for ever."""
        try:
            while True:
                if not self._on_way:
                    self._send(await self._journal.wait_for(self._stream))
                await self._fill()
                if not await self._settle_oldest():
                    await self._call_back()
                    await self.trouble.wait()
        finally:
            await self._call_back()

    async def _fill(self) -> None:
        """Send what follows, as far as the window and the epoch go."""
        while len(self._on_way) < self.window:
            last = self._on_way[-1].batch
            following = await self._journal.after(last)
            if following is None:
                return
            self._send(following)

    def _send(self, batch: StoredBatch) -> None:
        oldest = self._on_way[0].batch.seq if self._on_way else batch.seq
        sending = asyncio.create_task(self._mes.send_batch(batch.frame, oldest=oldest))
        self._on_way.append(_Sent(batch, sending, time.monotonic()))

    async def _settle_oldest(self) -> bool:
        """Wait for the receipt of the oldest batch on its way; False when it has to be sent again later."""
        sent = self._on_way[0]
        try:
            receipt = await sent.receipt
        except MesAway as error:
            self.trouble.failed(str(error))
            return False
        except MesRefused as refusal:
            return await self._refused(sent.batch, refusal)
        self._on_way.popleft()
        slow = time.monotonic() - sent.at > SLOW_S
        self.window = max(self.window - 1, 1) if slow else min(self.window + 1, WINDOW)
        self._refusals = 0
        if receipt.fenced:
            self._on_fenced(sent.batch.epoch)
        await self._journal.release(self._stream, epoch=sent.batch.epoch, up_to=receipt.watermark)
        if receipt.watermark < sent.batch.seq:
            self.trouble.failed(f"the MES has {receipt.watermark}, not yet {sent.batch.seq}")
            return False
        self.trouble.over()
        return True

    async def _call_back(self) -> None:
        """Begin again at the oldest batch: what is on its way may arrive, which does no harm."""
        given_up = [sent.receipt for sent in self._on_way]
        self._on_way.clear()
        self.window = 1
        for receipt in given_up:
            receipt.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)

    async def _refused(self, batch: StoredBatch, refusal: MesRefused) -> bool:
        """Set aside a batch that this disk has damaged or that the MES can never take; try others again."""
        reason = _damage(batch)
        if reason is None and refusal.code == MALFORMED:
            self._refusals += 1
            if self._refusals >= POISON_AFTER:
                reason = str(refusal)
        if reason is None:
            self.trouble.failed(str(refusal))
            return False
        log.error("journal.batch_set_aside", stream=self._stream.name, seq=batch.seq, reason=reason)
        self._refusals = 0
        await self._call_back()
        await self._journal.set_aside(batch, reason=reason)
        return True


def _damage(batch: StoredBatch) -> str | None:
    try:
        decode(batch.frame)
    except WireError as damage:
        return str(damage)
    return None
