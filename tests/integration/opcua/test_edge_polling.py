"""A line whose server has no subscriptions for us is read instead, with nothing lost in silence."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from asyncua import Server, ua

from edge.journal import Journal
from edge.opcua import polling
from edge.opcua.link import Link, open_link
from edge.opcua.offered import NoSubscriptions, offers_subscription
from edge.opcua.polling import PollTable
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.opcua.wanted import Sink, Wanted
from edge.telemetry import Collector
from mes.contracts.plant import PlantModel
from mes.contracts.plc import SERVER_TIME_NODE
from mes.contracts.telemetry import Gap, GapCause
from mes.contracts.wire import decode, from_lines
from mes.platform.db import Database
from tests.support.edge_rig import edge_rig
from tests.support.processes import free_ports
from tests.support.waiting import eventually

TAGS = 30
GONE = 7
DULL = 9
"""Its changes of no more than 1 are not wanted."""
WANTED = [
    *(
        Wanted(f"ns=1;s=t{n}", 50, Sink.TELEMETRY, f"t{n}", n, 50, 1.0 if n == DULL else 0.0)
        for n in range(1, TAGS + 1)
    ),
    Wanted(SERVER_TIME_NODE, 200, Sink.CANARY, "server", queue=1),
]


@dataclass
class Polled:
    """A server with tags, and what the agent read of it."""

    server: Server
    link: Link
    journal: Journal
    collector: Collector
    heard: dict[int, list[float]] = field(default_factory=dict)
    skews_ft: list[int] = field(default_factory=list)

    def take(self, notification: Notification) -> None:
        self.skews_ft.append(notification.published_ft)
        for telemetry in notification.telemetry:
            self.collector.take(telemetry, plant_now=datetime.now(UTC))
            pairs = zip(telemetry.tag_id.tolist(), telemetry.value.tolist(), strict=True)
            for tag, value in pairs:
                self.heard.setdefault(tag, []).append(value)

    def missed(self, tags: Any, since_s: float, until_s: float) -> None:
        now = datetime.now(UTC)
        self.collector.missed(
            tags, since=now - timedelta(seconds=since_s), until=now - timedelta(seconds=until_s)
        )

    async def tell(self, tag: int, value: float) -> None:
        data = ua.DataValue(ua.Variant(value), SourceTimestamp=datetime.now(UTC))
        await self.server.write_attribute_value(ua.NodeId(f"t{tag}", 1), data)

    async def gaps(self) -> list[Gap]:
        await self.collector.flush()
        frames = await self.journal.read(
            lambda db: db.execute("SELECT frame FROM batch WHERE stream = 4").fetchall()
        )
        return [Gap.model_validate_json(line) for (f,) in frames for line in from_lines(decode(f))]


@pytest.fixture
async def polled(tmp_path: Path) -> AsyncIterator[Polled]:
    endpoint = f"opc.tcp://127.0.0.1:{free_ports(1)}"
    server = Server()
    await server.init()
    server.set_endpoint(endpoint)
    server.iserver.max_subscriptions = 0
    for tag in range(1, TAGS + 1):
        await add_tag(server, tag)
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    names = {n: f"t{n}" for n in range(1, TAGS + 1)}
    writing = asyncio.create_task(journal.write_forever())
    async with server, open_link(endpoint) as link:
        yield Polled(server, link, journal, Collector(journal, "paint", 0.01, names))
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    journal.close()


async def add_tag(server: Server, tag: int) -> None:
    await server.nodes.objects.add_variable(
        ua.NodeId(f"t{tag}", 1), f"t{tag}", 0.0, ua.VariantType.Double
    )


@pytest.fixture
async def polling_table(polled: Polled) -> AsyncIterator[PollTable]:
    table = PollTable(
        polled.link,
        polled.take,
        lambda item, reason: polled.collector.refused(item.tag_id, reason),
        polled.missed,
    )
    running = asyncio.create_task(table.run(WANTED))
    await eventually(lambda: len(polled.heard) == TAGS, what="every tag was read")
    yield table
    assert not running.done(), "the session lives"
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_server_without_subscriptions_says_so_at_once(polled: Polled) -> None:
    table = SubscriptionTable(polled.link, polled.take)
    with pytest.raises(NoSubscriptions, match="BadTooManySubscriptions") as refusal:
        await table.run(WANTED)
    assert refusal.value.passing, "it may have one for us later"
    assert not await offers_subscription(polled.link)
    polled.server.iserver.max_subscriptions = 10
    assert await offers_subscription(polled.link)


async def test_a_server_that_publishes_far_slower_than_asked_is_not_subscribed_to(
    polled: Polled, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled.server.iserver.max_subscriptions = 10
    create = polled.link.session.create_monitored_items

    async def lazy(parameters: Any) -> Any:
        results = await create(parameters)
        for result in results:
            result.RevisedSamplingInterval = 5000.0
        return results

    monkeypatch.setattr(polled.link.session, "create_monitored_items", lazy)
    with pytest.raises(NoSubscriptions, match="every 5000 ms where 50 ms") as refusal:
        await SubscriptionTable(polled.link, polled.take).run(WANTED)
    assert not refusal.value.passing


async def test_a_change_within_the_deadband_of_what_was_told_last_is_no_news(
    polled: Polled, polling_table: PollTable
) -> None:
    for creeping in (0.4, 0.8, 1.2):
        await polled.tell(DULL, creeping)
        await polled.tell(1, creeping)
        await eventually(lambda new=creeping: polled.heard[1][-1] == new, what="a round")
    assert polled.heard[DULL] == [0.0, 1.2]
    await polled.tell(DULL, math.nan)
    await eventually(lambda: math.isnan(polled.heard[DULL][-1]), what="what is no number")


@pytest.mark.parametrize("offered", [True, False])
async def test_a_subscription_has_the_deadband_where_the_server_offers_it(
    polled: Polled, monkeypatch: pytest.MonkeyPatch, offered: bool
) -> None:
    polled.server.iserver.max_subscriptions = 10
    create = polled.link.session.create_monitored_items

    async def without_filters(parameters: Any) -> Any:
        results = await create(parameters)
        for item, result in zip(parameters.ItemsToCreate, results, strict=True):
            if item.RequestedParameters.Filter is not None:
                result.StatusCode = ua.StatusCode(ua.StatusCodes.BadFilterNotAllowed)
        return results

    if not offered:
        monkeypatch.setattr(polled.link.session, "create_monitored_items", without_filters)
    table = SubscriptionTable(polled.link, polled.take)
    running = asyncio.create_task(table.run(WANTED))
    await eventually(lambda: len(polled.heard) == TAGS, what="every tag was told")
    for value in (0.4, 8.0):
        await polled.tell(DULL, value)
        await polled.tell(1, value)
        await eventually(lambda new=value: polled.heard[1][-1] == new, what="the change beside it")
    await eventually(lambda: polled.heard[DULL][-1] == 8.0, what="the change")
    assert polled.heard[DULL] == ([0.0, 8.0] if offered else [0.0, 0.4, 8.0])
    assert not table.quarantined
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_only_what_changed_is_kept(polled: Polled, polling_table: PollTable) -> None:
    await polled.tell(1, 5.0)
    await eventually(lambda: polled.heard[1][-1] == 5.0, what="the change")
    await eventually(lambda: len(polled.skews_ft) > 3, what="some rounds more")
    assert polled.heard[1] == [0.0, 5.0]
    assert polled.heard[2] == [0.0]
    assert any(polled.skews_ft), "the server's clock was read as well"
    assert polling_table.heard.is_set()


async def test_a_server_that_takes_few_nodes_in_a_call_is_asked_for_few(
    polled: Polled, polling_table: PollTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, sizes = polled.link.session.read, []

    async def choosy(parameters: ua.ReadParameters) -> Any:
        sizes.append(len(parameters.NodesToRead))
        if len(parameters.NodesToRead) > 16:
            raise ua.uaerrors.BadTooManyOperations
        return await read(parameters)

    monkeypatch.setattr(polled.link.session, "read", choosy)
    await polled.tell(TAGS, 3.0)
    await eventually(lambda: polled.heard[TAGS][-1] == 3.0, what="the last tag's change")
    await eventually(lambda: len(sizes) > 6, what="some rounds more")
    assert max(sizes[-4:]) <= 16


async def test_a_node_that_was_gone_has_a_gap_row_when_it_is_back(
    polled: Polled, polling_table: PollTable
) -> None:
    await polled.tell(GONE, 1.0)
    await eventually(lambda: polled.heard[GONE][-1] == 1.0, what="a value before")
    await polled.server.delete_nodes([polled.server.get_node(ua.NodeId(f"t{GONE}", 1))])
    await eventually(lambda: len(polling_table.quarantined) == 1, what="the node is missed")
    await add_tag(polled.server, GONE)
    await polled.tell(GONE, 2.0)
    await eventually(lambda: polled.heard[GONE][-1] == 2.0, what="a value after")
    assert polling_table.quarantined == {}
    causes = [(gap.cause, gap.tag_ids) for gap in await polled.gaps()]
    assert (GapCause.NODE_REFUSED, (GONE,)) in causes


async def test_rounds_that_were_missed_are_one_gap_row(
    polled: Polled, polling_table: PollTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, until = polled.link.session.read, asyncio.Event()
    held = asyncio.Event()

    async def slow(parameters: ua.ReadParameters) -> Any:
        held.set()
        await until.wait()
        return await read(parameters)

    monkeypatch.setattr(polled.link.session, "read", slow)
    await held.wait()
    began = datetime.now(UTC)
    late_s = 2 * polling.LATE_AT_LEAST_S
    monkeypatch.setattr(polling, "time", SimpleNamespace(monotonic=lambda: monotonic() + late_s))
    until.set()

    async def told() -> bool:
        return any(gap.from_at <= began <= gap.to_at for gap in await polled.gaps())

    await eventually(told, what="the gap row")
    assert {gap.cause for gap in await polled.gaps()} == {GapCause.POLL_MISSED}


@pytest.mark.slow
async def test_an_agent_collects_from_a_line_that_refuses_subscriptions(
    database: Database, mini_plant: PlantModel, tmp_path: Path
) -> None:
    async with edge_rig(
        database, mini_plant, tmp_path, line_arguments=["--subscriptions", "0"]
    ) as rig:
        rig.start_agent()
        await rig.flows(within_s=90)
        assert rig.events("line.polled") == 1
        assert rig.doors is not None

        async def said() -> bool:
            assert rig.doors is not None
            async with rig.doors.database.read() as conn:
                query = "SELECT heartbeat->'link'->>'polled' FROM agent"
                rows = await (await conn.execute(query)).fetchall()
            return any("BadTooManySubscriptions" in (said or "") for (said,) in rows)

        await eventually(said, within_s=15, what="the heartbeat says that the line is polled")
