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


async def test_one_batch_of_a_stream_is_at_it_at_a_time_and_the_lowest_number_goes_next() -> None:
    turns, at_it, order = Turns(), asyncio.Event(), list[int]()

    async def take(batch: Batch) -> None:
        async with turns.turn(batch):
            order.append(batch.seq)
            if batch.seq == 1:
                await at_it.wait()

    taking = [asyncio.create_task(take(a_batch(seq))) for seq in (1, 4, 3, 2)]
    other = asyncio.create_task(take(a_batch(7, stream=Stream.EVENTS)))
    await asyncio.wait_for(other, 30)
    assert order == [1, 7], "another stream waits for nobody here"
    taking[2].cancel()
    at_it.set()
    await asyncio.gather(*taking, return_exceptions=True)
    assert order == [1, 7, 2, 4], "one that gave up is passed over"
    await asyncio.wait_for(take(a_batch(5)), 30)


async def test_a_turn_that_is_given_up_as_it_comes_goes_to_the_next() -> None:
    turns = Turns()

    async def take(batch: Batch) -> None:
        async with turns.turn(batch):
            pass

    async with turns.turn(a_batch(1)):
        second, third = (asyncio.create_task(take(a_batch(seq))) for seq in (2, 3))
        await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait_for(third, 30)
