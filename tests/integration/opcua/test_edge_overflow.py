"""What a server drops from a full queue is noticed, whether the server says so or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from asyncua import Server, ua

from edge.opcua.link import open_link
from edge.opcua.subscriptions import Notification, SubscriptionTable
from edge.opcua.wanted import Sink, Wanted
from tests.support.processes import free_ports
from tests.support.waiting import eventually

QUEUE = 5


@dataclass
class Heard:
    """A server with one tag, and what a subscription table hears of it."""

    server: Server
    node: ua.NodeId
    values: list[float] = field(default_factory=list)
    overflow: list[bool] = field(default_factory=list)

    def take(self, notification: Notification) -> None:
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
