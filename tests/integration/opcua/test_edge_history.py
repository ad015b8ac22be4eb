"""A gap is filled from the line's own history as far as that goes; what it does not give back is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from asyncua import Server, ua

from edge.journal import Journal
from edge.opcua.link import Link, open_link
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.opcua.wanted import Sink, Wanted
from edge.refill import refill
from edge.telemetry import Collector
from mes.contracts.telemetry import Gap, GapCause, GapRepair
from mes.contracts.wire import Stream, TelemetryColumns, decode, from_filetime, from_lines
from plc_sim.opcua.history import PAGE, TagHistory
from tests.support.processes import free_ports
from tests.support.waiting import eventually

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
TAGS = 3
ODD = 0x40930000
"""UncertainSensorNotAccurate."""


def at(number: float) -> datetime:
    return T0 + timedelta(seconds=number)


@dataclass
class Plant:
    """A server with three tags, and an agent's parts that listen in sessions."""

    server: Server
    endpoint: str
    history: TagHistory
    journal: Journal
    collector: Collector
    number: int = 0
    link: Link | None = None
    _session: AsyncExitStack = field(default_factory=AsyncExitStack)

    def node(self, tag: int) -> str:
        return f"ns=1;s=t{tag}"

    async def publish(self, count: int) -> None:
        for _ in range(count):
            self.number += 1
            for tag in range(1, TAGS + 1):
                node, value = ua.NodeId.from_string(self.node(tag)), float(self.number)
                self.history.ring(node).keep(value, at(self.number))
                stamped = ua.DataValue(
                    ua.Variant(value), SourceTimestamp=at(self.number), ServerTimestamp=at(0)
                )
                await self.server.write_attribute_value(node, stamped)

    async def listen(self) -> None:
        """Open a session and wait until every tag's current value has come."""

        def take(notification: Notification) -> None:
            for telemetry in notification.telemetry:
                self.collector.take(telemetry, plant_now=at(self.number))
                heard.update(telemetry.tag_id.tolist())

        heard: set[int] = set()
        self.link = await self._session.enter_async_context(open_link(self.endpoint))
        table = SubscriptionTable(self.link, take)
        wanted = [Wanted(self.node(n), 50, Sink.TELEMETRY, f"t{n}", n) for n in range(1, TAGS + 1)]
        running = asyncio.create_task(table.run(wanted))

        async def stop() -> None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        self._session.push_async_callback(stop)
        await eventually(lambda: len(heard) == TAGS)

    async def hang_up(self) -> None:
        await self._session.aclose()
        self.collector.interrupted(GapCause.LINK_LOST, "cut")

    async def refill(self) -> None:
        assert self.link is not None
        await refill(self.link, self.collector, {n: self.node(n) for n in range(1, TAGS + 1)})
        await self.collector.flush()

    async def kept(self) -> dict[int, list[float]]:
        """The numbers of each tag in the journal, in the order of their source times."""
        rows = await self.rows()
        order = rows.source_ft.argsort(kind="stable")
        for value, time in zip(rows.value.tolist(), rows.source_ft.tolist(), strict=True):
            assert from_filetime(time) == at(value), "with the time at which it was measured"
        found: dict[int, list[float]] = {tag: [] for tag in range(1, TAGS + 1)}
        for row in order.tolist():
            found[int(rows.tag_id[row])].append(float(rows.value[row]))
        return found

    async def rows(self) -> TelemetryColumns:
        batches = [decode(frame) for frame in await self._frames(Stream.TELEMETRY)]
        return TelemetryColumns.joined(
            [TelemetryColumns.from_payload(batch.payload, batch.count) for batch in batches]
        )

    async def gaps(self) -> list[Gap]:
        frames = await self._frames(Stream.GAPS)
        return [Gap.model_validate_json(line) for f in frames for line in from_lines(decode(f))]

    async def _frames(self, stream: Stream) -> list[bytes]:
        query = "SELECT frame FROM batch WHERE stream = ? ORDER BY seq"
        found = await self.journal.read(lambda db: db.execute(query, (int(stream),)).fetchall())
        return [frame for (frame,) in found]


def a_collector(journal: Journal, *, epoch: int = 1) -> Collector:
    collector = Collector(journal, "paint", linger_s=0.01, asks_history=True, epoch=epoch)
    collector.resume()
    return collector


@pytest.fixture(params=[600])
async def plant(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Plant]:
    endpoint = f"opc.tcp://127.0.0.1:{free_ports(1)}"
    server = Server()
    await server.init()
    server.set_endpoint(endpoint)
    history = TagHistory(request.param)
    server.iserver.history_manager.set_storage(history)
    for tag in range(1, TAGS + 1):
        node = ua.NodeId.from_string(f"ns=1;s=t{tag}")
        await server.nodes.objects.add_variable(node, f"t{tag}", 0.0, ua.VariantType.Double)
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    writing = asyncio.create_task(journal.write_forever())
    async with server:
        made = Plant(server, endpoint, history, journal, a_collector(journal))
        await made.publish(1)
        await made.listen()
        yield made
        await made.hang_up()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    journal.close()


async def test_a_gap_is_filled_from_history_and_nothing_is_doubled(plant: Plant) -> None:
    await plant.hang_up()
    await plant.publish(PAGE + 50)  # more than one answer of the server holds
    await plant.listen()
    await plant.publish(5)
    await eventually(lambda: plant.collector.values == TAGS * 7)
    await plant.refill()
    everything = [float(n) for n in range(1, PAGE + 57)]
    assert await plant.kept() == dict.fromkeys(range(1, TAGS + 1), everything)
    assert await plant.gaps() == []
    assert plant.collector.filled == TAGS * (PAGE + 49)


@pytest.mark.parametrize("plant", [20], indirect=True)
async def test_what_a_bounded_history_has_no_more_stays_a_gap(plant: Plant) -> None:
    await plant.hang_up()
    await plant.publish(50)
    await plant.listen()
    await plant.refill()
    numbers = [1.0, *(float(n) for n in range(32, 52))]
    assert await plant.kept() == dict.fromkeys(range(1, TAGS + 1), numbers)
    (gap,) = await plant.gaps()
    assert (gap.from_at, gap.to_at) == (at(1), at(32))
    assert (gap.cause, gap.repair) == (GapCause.LINK_LOST, GapRepair.HISTORY)
    assert gap.tag_ids == (1, 2, 3)


@pytest.mark.parametrize("plant", [0], indirect=True)
async def test_without_a_history_the_values_are_read_again_and_the_gap_says_so(
    plant: Plant,
) -> None:
    await plant.hang_up()
    await plant.publish(50)
    await plant.listen()
    await plant.refill()
    assert await plant.kept() == {n: [1.0, 51.0] for n in range(1, TAGS + 1)}
    (gap,) = await plant.gaps()
    assert (gap.from_at, gap.to_at, gap.tag_ids) == (at(1), at(51), None)
    assert gap.repair is GapRepair.RESYNC


async def test_a_gap_is_filled_after_the_agent_has_died_on_the_way(plant: Plant) -> None:
    await plant.hang_up()
    await plant.publish(10)
    await plant.listen()
    await plant.collector.flush()  # and here it dies: nothing is filled yet
    await plant.hang_up()
    plant.collector = a_collector(plant.journal)
    await plant.publish(10)
    await plant.listen()
    await plant.refill()
    everything = [float(n) for n in range(1, 22)]
    assert await plant.kept() == dict.fromkeys(range(1, TAGS + 1), everything)
    assert await plant.gaps() == []
    again = a_collector(plant.journal)
    assert again.repairs == [], "and it is forgotten"


async def test_a_copy_of_an_agent_does_not_ask_for_what_the_other_has_delivered(
    plant: Plant,
) -> None:
    """Found by the campaign (two_agents_with_one_id): the first had read on until it was fenced."""
    await plant.hang_up()
    await plant.publish(10)
    await plant.listen()
    await plant.collector.flush()
    await plant.hang_up()
    plant.collector = a_collector(plant.journal, epoch=2)
    await plant.publish(10)
    await plant.listen()
    await plant.refill()
    assert plant.collector.filled == 0
    assert [gap.repair for gap in await plant.gaps()] == [GapRepair.RESYNC] * 2
    await plant.hang_up()
    await plant.publish(10)
    await plant.listen()
    await plant.refill()
    assert plant.collector.filled == TAGS * 9, "and asks for its own gaps as any other does"


async def test_a_line_that_began_anew_shows_an_old_value_and_the_gap_stays(plant: Plant) -> None:
    await plant.publish(5)
    await eventually(lambda: plant.collector.values == TAGS * 6)
    await plant.hang_up()
    await plant.publish(5)
    for tag in range(1, TAGS + 1):
        node = ua.NodeId.from_string(plant.node(tag))
        plant.history.forget(node)
        old = ua.DataValue(ua.Variant(2.0), SourceTimestamp=at(2), ServerTimestamp=at(2))
        await plant.server.write_attribute_value(node, old)
    await plant.listen()
    await plant.refill()
    (gap,) = await plant.gaps()
    assert (gap.from_at, gap.to_at, gap.tag_ids) == (at(6), at(11), None)
