"""Delivery: each stream's batches in order, one after the other; only the MES's receipt releases one."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from edge.backoff import Trouble
from edge.journal import Journal
from edge.mes_client import MesAway, MesClient, MesRefused
from edge.store import StoredBatch
from mes.contracts.wire import Stream, WireError, decode

log = structlog.get_logger(__name__)


class Uplink:
    """Sends one stream until cancelled. Streams have a sender each, so telemetry never blocks a result.

    Args:
        on_fenced: called when the MES says that a newer copy of this agent exists.
    """

    def __init__(
        self, journal: Journal, mes: MesClient, stream: Stream, *, on_fenced: Callable[[int], None]
    ) -> None:
        self._journal = journal
        self._mes = mes
        self._stream = stream
        self._on_fenced = on_fenced
        self.trouble = Trouble(f"uplink.{stream.name.lower()}")

    async def run(self) -> None:
        """Deliver whatever is in the journal, for ever."""
        while True:
            batch = await self._journal.wait_for(self._stream)
            if await self._deliver(batch):
                self.trouble.over()
            else:
                await self.trouble.wait()

    async def _deliver(self, batch: StoredBatch) -> bool:
        try:
            receipt = await self._mes.send_batch(batch.frame, oldest=batch.seq)
        except MesAway as error:
            self.trouble.failed(str(error))
            return False
        except MesRefused as refusal:
            return await self._refused(batch, refusal)
        if receipt.fenced:
            self._on_fenced(batch.epoch)
        await self._journal.release(self._stream, epoch=batch.epoch, up_to=receipt.watermark)
        return receipt.watermark >= batch.seq

    async def _refused(self, batch: StoredBatch, refusal: MesRefused) -> bool:
        """Give up a batch that this disk has damaged; anything else the MES refuses is tried again."""
        try:
            decode(batch.frame)
        except WireError as damage:
            log.error(
                "journal.batch_damaged", stream=self._stream.name, seq=batch.seq, reason=str(damage)
            )
            await self._journal.give_up(batch, reason=str(damage))
            return True
        self.trouble.failed(str(refusal))
        return False
