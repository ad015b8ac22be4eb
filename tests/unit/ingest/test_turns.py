"""Batches of a stream that overtake each other wait for their turn; too many at once are told to come again."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from mes.contracts.wire import Batch, Stream
from mes.ingest.turns import IngestBusy, Turns


def a_batch(seq: int, *, stream: Stream = Stream.TELEMETRY) -> Batch:
    return Batch(UUID(int=1), 1, stream, seq, 0, b"")


async def test_a_batch_that_overtook_goes_on_when_the_one_before_it_has_ended() -> None:
    turns = Turns()
    with turns.inside(a_batch(1)):
        waiting = asyncio.create_task(turns.another_has_ended(a_batch(2), within_s=600))
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 30)


async def test_a_batch_of_another_stream_wakes_nobody() -> None:
    turns = Turns()
    waiting = asyncio.create_task(turns.another_has_ended(a_batch(2), within_s=600))
    await asyncio.sleep(0)
    with turns.inside(a_batch(1, stream=Stream.EVENTS)):
        pass
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_patience_ends() -> None:
    await asyncio.wait_for(Turns().another_has_ended(a_batch(2), within_s=0.01), 30)


def test_more_than_it_can_take_at_once_is_refused_and_counted_rightly() -> None:
    turns = Turns(most_at_once=1)
    with turns.inside(a_batch(1)), pytest.raises(IngestBusy), turns.inside(a_batch(2)):
        pass
    with turns.inside(a_batch(2)):
        pass
