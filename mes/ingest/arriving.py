"""The way of a batch from whichever door it came through into the database."""

from __future__ import annotations

import time

from mes.agents.model import Identity
from mes.contracts.agent import BatchReceipt
from mes.contracts.wire import Batch
from mes.ingest import service, turns
from mes.ingest.model import SequenceGap
from mes.ingest.turns import Turns
from mes.platform.clock import Clock
from mes.platform.db import Database


async def take_in_turn(
    database: Database,
    clock: Clock,
    own_turns: Turns,
    identity: Identity,
    batch: Batch,
    *,
    oldest: int | None,
) -> BatchReceipt:
    """Let a batch take effect; its receipt is returned after the commit.

    One that overtook the batch before it waits for that, if it is on its way too.

    Args:
        own_turns: the batches that this process is taking in.
        oldest: the oldest batch of the stream that the agent still has, if it said so.

    Raises:
        SequenceGap: the batch before it did not come.
        IngestBusy, WrongAgent, UnknownEpoch: it may not take effect (now).
    """
    until = time.monotonic() + turns.PATIENCE_S
    while True:
        try:
            with own_turns.inside(batch):
                async with own_turns.turn(batch), database.write() as conn:
                    return await service.take(
                        conn,
                        identity,
                        batch,
                        oldest=oldest,
                        now=clock.now(),
                        real_now=clock.real_now(),
                    )
        except SequenceGap:
            left_s = until - time.monotonic()
            if oldest is None or left_s <= 0:
                raise
            await own_turns.another_has_ended(batch, within_s=min(left_s, turns.LOOK_AGAIN_S))
