"""Nodes that a server loses and makes again are heard again, and what they told meanwhile is in a gap row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from asyncua import Node, Server, ua
from structlog.testing import capture_logs

from edge.journal import Journal
from edge.opcua import subscriptions, vigil
from edge.opcua.link import Link, open_link
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.opcua.wanted import Sink, Wanted
from edge.refill import refill
from edge.telemetry import Collector
from mes.contracts.plc import SERVER_TIME_NODE
from mes.contracts.telemetry import Gap, GapCause, GapRepair
from mes.contracts.wire import decode, from_lines, to_filetime
from tests.support.processes import free_ports
from tests.support.waiting import eventually

# asyncua means to tell BadNodeIdUnknown when a node is deleted, and forgets to await it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:coroutine 'MonitoredItemService.datachange_callback' was never awaited"
)
TAGS = 200
NO_NODE = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNodeIdUnknown))


@dataclass
class Watched:
    """A server with tags, and the agent's table and collector on it."""

    server: Server
    endpoint: str
    link: Link
    journal: Journal
    collector: Collector
    table: SubscriptionTable
    nodes: dict[int, Node] = field(default_factory=dict)
    published: dict[int, list[int]] = field(default_factory=dict)
    """Source times (FILETIME) of all that each tag told."""
    heard: dict[int, list[int]] = field(default_factory=dict)
    statuses: set[int] = field(default_factory=set)
    creations: list[int] = field(default_factory=list)
    """How many items each request asked for."""
    running: asyncio.Task[None] | None = None
    """The table at work."""

    def take(self, notification: Notification) -> None:
        for telemetry in notification.telemetry:
            self.collector.take(telemetry, plant_now=datetime.now(UTC))
            self.statuses.update(telemetry.status.tolist())
            pairs = zip(telemetry.tag_id.tolist(), telemetry.source_ft.tolist(), strict=True)
            for tag, source_ft in pairs:
                self.heard.setdefault(tag, []).append(source_ft)
        self.table.acknowledge(notification)

    def listen(self, link: Link) -> None:
        """Subscribe to everything on a session."""
        self.link = link
        self.table = SubscriptionTable(
            link, self.take, lambda item, reason: self.collector.refused(item.tag_id, reason)
        )
        wanted = [Wanted(f"ns=1;s=t{n}", 100, Sink.TELEMETRY, f"t{n}", n, 50) for n in self.nodes]
        wanted.append(Wanted(SERVER_TIME_NODE, 1000, Sink.CANARY, "server", queue=1))
        self.running = asyncio.create_task(self.table.run(wanted))

    async def hang_up(self) -> None:
        """End the session as a line that fell silent is left."""
        assert self.running is not None
        assert not self.running.done(), "the session lives"
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        self.running = None
        self.collector.interrupted(GapCause.LINK_LOST, "cut")

    async def make(self, tags: Iterable[int]) -> None:
        for tag in tags:
            self.nodes[tag] = await self.server.nodes.objects.add_variable(
                ua.NodeId(f"t{tag}", 1), f"t{tag}", 0.0, ua.VariantType.Double
            )

    async def delete(self, tags: Iterable[int]) -> None:
        for tag in tags:
            await self.server.delete_nodes([self.nodes.pop(tag)])

    async def publish(self) -> None:
        """Tell another value of each node that is there."""
        for tag, node in self.nodes.items():
            now = datetime.now(UTC)
            value = ua.Variant(float(len(self.published.setdefault(tag, []))))
            await self.server.write_attribute_value(
                node.nodeid, ua.DataValue(value, SourceTimestamp=now)
            )
            self.published[tag].append(to_filetime(now))

    async def until_all_are_heard(self) -> None:
        """Tell values until one from now on has come of every tag."""
        began = to_filetime(datetime.now(UTC))

        async def heard() -> bool:
            await self.publish()
            await asyncio.sleep(0.1)
            return all(self.heard.get(tag, [0])[-1] > began for tag in self.nodes)

        await eventually(heard, within_s=60, what="every tag")

    async def gaps(self) -> list[Gap]:
        await self.collector.flush()
        frames = await self.journal.read(
            lambda db: db.execute("SELECT frame FROM batch WHERE stream = 4").fetchall()
        )
        lines = (line for (frame,) in frames for line in from_lines(decode(frame)))
        return [Gap.model_validate_json(line) for line in lines]

    async def lost_in_silence(self) -> list[tuple[int, int]]:
        """What was told before the newest value heard of its tag, and is neither heard nor in a gap row."""
        spans = [
            (set(gap.tag_ids or self.published), to_filetime(gap.from_at), to_filetime(gap.to_at))
            for gap in await self.gaps()
        ]
        return [
            (tag, moment)
            for tag, moments in self.published.items()
            for moment in set(moments) - set(self.heard[tag])
            if moment < self.heard[tag][-1]
            and not any(tag in tags and start <= moment <= end for tags, start, end in spans)
        ]


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(vigil, "QUIET_S", 0.5)
    monkeypatch.setattr(vigil, "CHECK_EVERY_S", 0.2)
    monkeypatch.setattr(subscriptions, "SETTLE_S", 0.5)
    monkeypatch.setattr(subscriptions, "RETRY_BAD_NODES_S", (0.2, 1.0))
    endpoint = f"opc.tcp://127.0.0.1:{free_ports(1)}"
    server = Server()
    await server.init()
    server.set_endpoint(endpoint)
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    collector = Collector(journal, "paint", linger_s=0.01)
    writing = asyncio.create_task(journal.write_forever())
    async with server, open_link(endpoint) as link:
        table = SubscriptionTable(link, lambda _: None)
        made = Watched(server, endpoint, link, journal, collector, table)
        await made.make(range(1, TAGS + 1))
        create = link.session.create_monitored_items

        async def counted(parameters: Any) -> Any:
            made.creations.append(len(parameters.ItemsToCreate))
            return await create(parameters)

        monkeypatch.setattr(link.session, "create_monitored_items", counted)
        made.listen(link)
        await made.until_all_are_heard()
        yield made
        if made.running is not None:
            await made.hang_up()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    journal.close()


async def test_a_node_that_is_made_again_without_a_word_is_heard_again(watched: Watched) -> None:
    await watched.delete([7])
    await watched.make([7])
    await watched.until_all_are_heard()
    assert await watched.lost_in_silence() == []
    (gap,) = [gap for gap in await watched.gaps() if gap.tag_ids == (7,)]
    assert gap.cause is GapCause.NODE_REFUSED
    assert watched.table.quarantined == {}


async def test_many_nodes_that_vanish_at_once_come_back_with_few_requests_and_words(
    watched: Watched,
) -> None:
    before = len(watched.creations)
    with capture_logs() as logs:
        await watched.delete(range(2, TAGS + 1))
        await eventually(
            lambda: len(watched.table.quarantined) == TAGS - 1, within_s=60, what="all set aside"
        )
        await watched.make(range(2, TAGS + 1))
        await watched.until_all_are_heard()
    assert await watched.lost_in_silence() == []
    tags = {tag for gap in await watched.gaps() for tag in gap.tag_ids or ()}
    assert tags >= set(range(2, TAGS + 1))
    assert max(watched.creations[before:]) > 1, "many bad nodes are not tried one by one"
    assert sum(entry["event"] == "node.bad" for entry in logs) < TAGS // 4


async def test_a_server_that_says_that_a_node_is_gone_is_believed_at_once(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vigil, "QUIET_S", 1e9)
    node = watched.nodes[9]
    await watched.server.write_attribute_value(node.nodeid, ua.DataValue(ua.Variant(), NO_NODE))
    await watched.delete([9])
    await eventually(lambda: len(watched.table.quarantined) == 1, what="it was set aside")
    await watched.make([9])
    await watched.until_all_are_heard()
    assert NO_NODE.value not in watched.statuses, "that was no value of the tag"
    assert await watched.lost_in_silence() == []
    (gap,) = [gap for gap in await watched.gaps() if gap.tag_ids == (9,)]
    assert gap.detail == "9: BadNodeIdUnknown"


async def test_a_quiet_node_that_is_there_is_left_alone(watched: Watched) -> None:
    before = list(watched.creations)
    kept = watched.table._items
    handles = range(1, TAGS + 1)
    await eventually(
        lambda: all(kept._checked[handle] > kept._heard[handle] for handle in handles),
        what="every quiet item was read",
    )
    assert watched.creations == before
    assert await watched.gaps() == []


async def test_what_a_lost_node_told_just_before_the_session_ended_is_in_a_gap_row(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session goes before anybody can have missed the node: nothing but the new session tells of it."""
    monkeypatch.setattr(vigil, "QUIET_S", 1e9)
    watched.collector.asks_history = True
    watched.collector.any_order_s = lambda: 2.0  # the test tells one tag after the other
    watched.collector.unheard_s = lambda: 60.0
    await watched.delete([7])
    await watched.make([7])
    begun = to_filetime(datetime.now(UTC)) + 4 * 10_000_000

    async def told_for_a_while() -> bool:
        await watched.publish()
        return watched.heard[8][-1] > begun

    await eventually(told_for_a_while, within_s=60, what="four seconds of its neighbours")
    assert watched.heard[7][-1] < begun, "nobody heard it"
    await watched.hang_up()
    async with open_link(watched.endpoint) as link:
        watched.listen(link)
        await watched.until_all_are_heard()
        await refill(link, watched.collector, {})
        assert await watched.lost_in_silence() == []
        (gap,) = [gap for gap in await watched.gaps() if gap.tag_ids is not None]
        assert gap.tag_ids == (7,)
        assert (gap.cause, gap.repair) == (GapCause.LINK_LOST, GapRepair.RESYNC)
        await watched.hang_up()
