"""What a server drops from a full queue is noticed, and what got lost on its way is asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from asyncua import Server, ua

from edge.opcua.link import open_link
from edge.opcua.publication import Publication
from edge.opcua.publish import Publisher
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.opcua.wanted import Sink, Wanted
from tests.support.processes import free_ports
from tests.support.waiting import eventually

QUEUE = 5


@dataclass
class Heard:
    """A server with one tag, and what a subscription table hears of it."""

    server: Server
    node: ua.NodeId
    publisher: Publisher | None = None
    values: list[float] = field(default_factory=list)
    overflow: list[bool] = field(default_factory=list)
    missed: int = 0

    def take(self, notification: Notification) -> None:
        self.missed += notification.missed
        for telemetry in notification.telemetry:
            self.values += telemetry.value.tolist()
            self.overflow += telemetry.overflow.tolist()

    async def publish(self, count: int) -> None:
        """Write values faster than they are published, and wait for the last of them."""
        before = len(self.values)
        for number in range(1, count + 1):
            await self.server.write_attribute_value(
                self.node, ua.DataValue(ua.Variant(before + number / 100))
            )
        last = before + count / 100
        await eventually(lambda: self.values[-1:] == [last])


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    endpoint = f"opc.tcp://127.0.0.1:{free_ports(1)}"
    server = Server()
    await server.init()
    server.set_endpoint(endpoint)
    tag = await server.nodes.objects.add_variable(
        ua.NodeId.from_string("ns=1;s=tag"), "tag", 0.0, ua.VariantType.Double
    )
    async with server, open_link(endpoint) as link:
        made = Heard(server, tag.nodeid)
        table = SubscriptionTable(link, made.take)
        wanted = Wanted("ns=1;s=tag", 200, Sink.TELEMETRY, "tag", 1, QUEUE)
        running = asyncio.create_task(table.run([wanted]))
        await eventually(lambda: len(made.values) == 1)
        made.publisher = table._intake._publisher
        yield made
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_full_queue_is_taken_for_an_overflow(heard: Heard) -> None:
    await heard.publish(QUEUE * 4)
    dropped = heard.overflow[1:]
    assert len(dropped) == QUEUE, "the server dropped the rest and set no bit"
    assert dropped == [True] + [False] * (QUEUE - 1)


async def test_a_queue_that_was_not_full_has_dropped_nothing(heard: Heard) -> None:
    await heard.publish(QUEUE - 1)
    assert heard.overflow == [False] * QUEUE


class LosesOne:
    """Stands before a publisher, and loses the first publication with values; the server has it still, or not."""

    def __init__(self, publisher: Publisher, *, forgotten: bool) -> None:
        self._publisher, self._forgotten = publisher, forgotten
        self._publish, self._republish = publisher.publish, publisher.republish
        self.lost: Publication | None = None

    async def publish(self, acks: Sequence[ua.SubscriptionAcknowledgement]) -> Publication:
        publication = await self._publish(acks)
        if self.lost is None and len(publication):
            self.lost = publication
            return await self._publish([])
        return publication

    async def republish(self, subscription_id: int, sequence: int) -> Publication | None:
        return None if self._forgotten else await self._republish(subscription_id, sequence)


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_publication_that_never_came_is_asked_for_again_or_said_to_be_missing(
    heard: Heard, forgotten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert heard.publisher is not None
    loser = LosesOne(heard.publisher, forgotten=forgotten)
    monkeypatch.setattr(heard.publisher, "publish", loser.publish)
    monkeypatch.setattr(heard.publisher, "republish", loser.republish)
    write = heard.server.write_attribute_value
    for number in range(1, 1000):
        await write(heard.node, ua.DataValue(ua.Variant(float(number))))
        if loser.lost is not None and heard.values[-1] > loser.lost.values[-1].value[-1]:
            break
        await asyncio.sleep(0.05)
    assert loser.lost is not None
    (lost,) = [values.value.tolist() for values in loser.lost.values]
    assert heard.missed == forgotten
    assert (lost[0] in heard.values) is not forgotten
    assert heard.values == sorted(heard.values), "in their order"
