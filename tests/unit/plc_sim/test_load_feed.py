"""The load server's values can be accounted for one by one, and asyncua understands them."""

from __future__ import annotations

import time

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from plc_sim.load.feed import MIXED, UNIFORM, Feed

TAGS = 10


def a_feed(
    kinds: tuple[tuple[int, str], ...], *, queue: int = 100, taken: int, rate: float = 1e-3
) -> Feed:
    """A feed of which so many values are due, and for a long time no more."""
    handles = np.arange(1, TAGS + 1, dtype=np.uint32)
    return Feed(handles, rate, kinds, queue, started=time.time() - (taken + 0.5) / rate)


def decoded(feed: Feed) -> list[ua.MonitoredItemNotification]:
    message = struct_from_binary(ua.DataChangeNotification, Buffer(feed.body()))
    return list(message.MonitoredItems)


@pytest.mark.parametrize("kinds", [UNIFORM, MIXED])
def test_every_value_says_how_often_its_tag_was_sampled(kinds: tuple[tuple[int, str], ...]) -> None:
    feed = a_feed(kinds, taken=35)
    items = decoded(feed)
    assert [item.ClientHandle for item in items] == [n % TAGS + 1 for n in range(35)]
    assert [item.Value.Value.Value for item in items] == [n // TAGS for n in range(35)]
    assert [int(item.Value.Value.VariantType) for item in items] == [
        kinds[n % len(kinds)][0] for n in range(35)
    ]
    times = [item.Value.SourceTimestamp for item in items]
    assert times == sorted(times)
    assert (feed.published, feed.dropped, feed.due()) == (35, 0, 0)


def test_what_no_queue_holds_is_dropped_counted_and_said_in_the_overflow_bit() -> None:
    feed = a_feed(UNIFORM, queue=2, taken=50)
    items = decoded(feed)
    assert len(items) == 2 * TAGS
    assert feed.dropped == 50 - 2 * TAGS
    overflow = [item.Value.StatusCode.value for item in items]
    assert overflow == [0x480] * TAGS + [0] * TAGS, "the first value of each tag behind the loss"
