"""Batches through a real NATS JetStream server into a real database: once, in order, whatever dies."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx
import nats
import pytest
from prometheus_client import REGISTRY

from edge import nats_door
from edge.backoff import Trouble
from edge.journal import Journal
from edge.mes_client import MesAway, MesClient, MesRefused
from edge.nats_door import NatsDoor
from edge.uplink import Uplink
from mes.agents import service as agents
from mes.contracts import broker
from mes.contracts.agent import BatchReceipt
from mes.contracts.broker import Subjects
from mes.contracts.line_records import StationStateChanged
from mes.contracts.plant import PlantModel
from mes.contracts.telemetry import Gap, GapCause
from mes.contracts.wire import Batch, Stream, decode, encode
from mes.entrypoints.bootstrap import keep_running
from mes.entrypoints.check import check
from mes.ingest import by_nats, metrics, turns
from mes.ingest.by_nats import NatsIntake
from mes.platform.clock import ServerClock
from mes.platform.db import Database
from mes.platform.settings import Settings
from tests.support.agents import agent_app, no_models, seed_plant
from tests.support.nats import NatsServer, nats_server
from tests.support.waiting import eventually

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SUBJECTS = Subjects("c2m")
PERMITTED = """
authorization { users = [
  { user: mes, password: secret, permissions: {
      publish: ["$JS.API.>", "$JS.ACK.>", "c2m.receipts.>", "_INBOX.>"],
      subscribe: ["c2m.watermarks.*", "_INBOX.>"] } }
  { user: paint, password: secret, permissions: {
      publish: ["c2m.batches.AGENT", "c2m.watermarks.AGENT"], subscribe: ["c2m.receipts.AGENT.>"] } }
] }
"""
STATIONS = {"paint": "primer", "eol": "dyno"}


def a_gap(number: int, line: str) -> str:
    at = NOW + timedelta(seconds=number)
    return Gap(line=line, from_at=at, to_at=at, cause=GapCause.LINK_LOST).model_dump_json()


def a_record(seq: int, line: str) -> str:
    state = "running" if seq % 2 else "starved"
    at = NOW + timedelta(seconds=seq)
    return StationStateChanged(
        seq=seq, line=line, at=at, station=STATIONS[line], state=state
    ).model_dump_json()


class QuickTrouble(Trouble):
    def __init__(self, name: str, **more: Any) -> None:
        super().__init__(name, first_s=0.05, longest_s=0.2, **more)


@dataclass
class AnAgent:
    """The delivering half of one agent: journal, connection, a sender for each of two streams."""

    line: str
    mes: MesClient
    door: NatsDoor
    journal: Journal
    id: UUID
    epoch: int
    recorded: int = 0
    gaps: int = 0

    async def write(self, count: int) -> None:
        """Keep so many batches, of records and of gaps by turns."""
        for _ in range(count):
            self.recorded += 2
            records = [a_record(seq, self.line) for seq in (self.recorded - 1, self.recorded)]
            await self.journal.append_records(Stream.EVENTS, records)
            self.gaps += 1
            await self.journal.append_records(Stream.GAPS, [a_gap(self.gaps, self.line)])

    def frame(self, seq: int) -> bytes:
        return encode(Batch(self.id, self.epoch, Stream.RESULTS, seq, 0, b""))


@dataclass
class Plant:
    """A database with a plant, a broker, any number of workers and agents."""

    database: Database
    clock: ServerClock
    broker: NatsServer
    folder: Path
    stack: AsyncExitStack
    http: httpx.ASGITransport
    workers: list[asyncio.Task[None]] = field(default_factory=list)

    def start_worker(self, **more: object) -> asyncio.Task[None]:
        intake = NatsIntake(self.database, self.clock, self.broker.settings(**more))
        self.workers.append(asyncio.create_task(keep_running("ingest.nats", intake.run)))
        return self.workers[-1]

    async def stop_worker(self) -> None:
        await ended(self.workers.pop())

    async def start_agent(self, line: str = "paint", *, sends: bool = True) -> AnAgent:
        async with self.database.write() as conn:
            code = await agents.issue_code(conn, line, real_now=datetime.now(UTC))
        mes = MesClient("http://mes", instance=f"{line}-copy", transport=self.http)
        await self.stack.enter_async_context(mes)
        mes.authenticate((await mes.enrol(code)).token)
        config = await mes.config()
        journal = Journal(self.folder / f"{line}.sqlite")
        self.stack.callback(journal.close)
        facts = {"epoch": config.epoch, "line": line, "max_bytes": 1 << 30}
        journal.identify(agent_id=config.agent_id, **facts)  # type: ignore[arg-type]
        door = NatsDoor(self.broker.settings(), mes, config.agent_id)
        self.run(journal.write_forever())
        self.run(door.run())
        for stream in (Stream.EVENTS, Stream.GAPS) if sends else ():
            self.run(Uplink(journal, door, stream, on_fenced=lambda _: None).run())
        return AnAgent(line, mes, door, journal, config.agent_id, config.epoch)

    def run(self, work: Any) -> None:
        self.stack.push_async_callback(ended, asyncio.create_task(work))

    async def stored(self) -> int:
        """How many messages the broker has kept."""
        client = await nats.connect(self.broker.url)
        try:
            info = await client.jetstream().stream_info("C2M")
            return info.state.messages
        finally:
            await client.close()

    async def all(self, query: str) -> list[tuple[Any, ...]]:
        async with self.database.read() as conn:
            return await (await conn.execute(query.encode())).fetchall()

    async def delivered(self, agent: AnAgent, *, within_s: float = 60) -> None:
        """Wait until the agent's journal is empty, and find everything it kept once in the database."""
        await eventually(
            lambda: agent.journal.size.batches == 0, within_s=within_s, what="the journal is empty"
        )
        seqs = await self.all("SELECT line, seq FROM line_record ORDER BY line, seq")
        mine = [seq for line, seq in seqs if line == agent.line]
        assert mine == list(range(1, agent.recorded + 1)), "every record once, none lost"
        gaps = [line for (line,) in await self.all("SELECT line FROM telemetry_gap")]
        assert gaps.count(agent.line) == agent.gaps
        assert await self.all("SELECT reason FROM ingest_quarantine") == []
        assert await self.all("SELECT from_seq FROM ingest_loss") == []


async def ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def plant(
    database: Database, mini_plant: PlantModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Plant]:
    monkeypatch.setattr("edge.uplink.Trouble", QuickTrouble)
    monkeypatch.setattr("edge.nats_door.Trouble", QuickTrouble)
    for module, wait in ((nats_door, "STORED_S"), (nats_door, "ASK_S"), (by_nats, "PULL_S")):
        monkeypatch.setattr(module, wait, 1.0)
    monkeypatch.setattr(nats_door, "RECEIPT_S", 2.0)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(nats_server(tmp_path / "nats"))
        clock = await seed_plant(database, mini_plant)
        http = httpx.ASGITransport(
            agent_app(database, clock, tmp_path / "images", models=no_models)
        )
        made = Plant(database, clock, server, tmp_path, stack, http)
        yield made
        for worker in made.workers:
            await ended(worker)


async def test_what_the_broker_has_stored_stays_in_the_journal_until_the_mes_has_committed_it(
    plant: Plant,
) -> None:
    worker = plant.start_worker()
    agent = await plant.start_agent()
    await agent.write(1)
    await plant.delivered(agent)
    plant.workers.remove(worker)
    await ended(worker)
    await agent.write(10)
    await eventually(plant.stored, what="the broker has a batch")
    assert agent.journal.size.batches == 20, "a JetStream acknowledgement releases nothing"
    plant.start_worker()
    await plant.delivered(agent)
    await eventually(lambda: _is_empty(plant), what="nothing waits at the broker")


async def _is_empty(plant: Plant) -> bool:
    return await plant.stored() == 0


@pytest.mark.parametrize("keeps", [True, False], ids=["with its data", "without its data"])
async def test_a_broker_that_dies_in_the_middle_loses_and_doubles_nothing(
    plant: Plant, keeps: bool
) -> None:
    plant.start_worker()
    agent = await plant.start_agent()
    for _ in range(3):
        await agent.write(15)
        await eventually(
            lambda: agent.journal.size.batches < 30, within_s=60, what="some are delivered"
        )
        plant.broker.kill()
        if not keeps:
            plant.broker.forget()
        await agent.write(5)
        await plant.broker.start()
    await plant.delivered(agent)


async def test_two_workers_share_the_batches_of_two_agents_and_keep_their_order(
    plant: Plant,
) -> None:
    plant.start_worker()
    plant.start_worker()
    both = [await plant.start_agent("paint"), await plant.start_agent("eol")]
    await asyncio.gather(*(agent.write(40) for agent in both))
    await plant.stop_worker()
    await asyncio.gather(*(agent.write(10) for agent in both))
    for agent in both:
        await plant.delivered(agent)


async def test_a_worker_that_dies_after_its_commit_has_taken_the_batch_once(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt never comes: the agent asks how far the MES is, and is told."""
    monkeypatch.setattr(nats_door, "RECEIPT_S", 0.5)
    monkeypatch.setattr(nats_door, "ASK_S", 0.5)
    monkeypatch.setattr(by_nats, "TAKEN_FOR_DEAD_S", 1.0)
    say, told = by_nats._answer, itertools.count()

    def dies_at_first(*facts: Any) -> tuple[dict[str, str], bytes]:
        answer = say(*facts)
        if next(told) in (0, 4):
            raise ConnectionError("killed between commit and receipt")
        return answer

    monkeypatch.setattr(by_nats, "_answer", dies_at_first)
    plant.start_worker()
    agent = await plant.start_agent()
    await agent.write(6)
    await plant.delivered(agent)


async def test_a_batch_that_comes_again_in_any_order_changes_nothing(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.0)
    plant.start_worker()
    agent = await plant.start_agent(sends=False)
    await _connected(agent)
    dice = Random(5)
    high = 0
    for seq in [1, 1, 2, *(dice.randint(1, 6) for _ in range(30))]:
        try:
            receipt = await _publish(agent, agent.frame(seq))
        except MesRefused as refusal:
            assert refusal.code == "ingest.sequence_gap"
            assert seq > high + 1
        else:
            assert receipt.duplicate == (seq <= high)
            high = max(high, seq)
            assert receipt.watermark == high


async def _connected(agent: AnAgent) -> None:
    await eventually(lambda: agent.door._client is not None, what="the agent is connected")


async def _publish(agent: AnAgent, frame: bytes) -> BatchReceipt:
    client = agent.door._client
    assert client is not None
    return await eventually(lambda: _if_there(agent, frame), what="an answer")


async def _if_there(agent: AnAgent, frame: bytes) -> BatchReceipt | None:
    client = agent.door._client
    assert client is not None
    try:
        return await agent.door._publish(client, frame, 1)
    except MesAway:
        return None


async def test_a_batch_damaged_on_the_agents_disk_is_set_aside_and_the_rest_goes_on(
    plant: Plant,
) -> None:
    agent = await plant.start_agent()
    await agent.write(1)
    await agent.journal.append_records(Stream.EVENTS, [a_record(3, "paint"), '{"no":"record"}'])
    await agent.journal.append_records(Stream.EVENTS, [a_record(4, "paint")])
    spoil = "UPDATE batch SET frame = substr(frame, 1, 100) WHERE stream = 2 AND seq = 1"
    await agent.journal.read(lambda db: db.execute(spoil).rowcount)
    plant.start_worker()
    await eventually(lambda: agent.journal.size.batches == 0, what="the journal is empty")
    aside = await agent.journal.read(lambda db: db.execute("SELECT seq FROM set_aside").fetchall())
    assert aside == [(1,)]
    assert await plant.all("SELECT seq FROM line_record ORDER BY seq") == [(3,), (4,)]
    codes = await plant.all("SELECT reason_code, record_no FROM ingest_quarantine")
    assert ("record.unreadable", 1) in codes


async def test_an_agent_cannot_speak_for_another_one_nor_with_a_token_that_was_revoked(
    plant: Plant,
) -> None:
    plant.start_worker()
    paint = await plant.start_agent("paint", sends=False)
    eol = await plant.start_agent("eol", sends=False)
    for agent in (paint, eol):
        await _connected(agent)
        await _publish(agent, agent.frame(1))
    with pytest.raises(MesRefused, match=r"agent\.wrong_agent"):
        await _publish(eol, paint.frame(2))
    impostor = NatsDoor(plant.broker.settings(), eol.mes, paint.id)
    plant.run(impostor.run())
    with pytest.raises(MesRefused, match=r"agent\.token_refused"):
        await eventually(lambda: _offered(impostor, paint.frame(2)), what="an answer")
    async with plant.database.write() as conn:
        await agents.revoke(conn, "paint", actor="user:ann", now=NOW, real_now=datetime.now(UTC))
    with pytest.raises(MesRefused, match=r"agent\.token_refused"):
        await _publish(paint, paint.frame(2))
    assert await plant.all("SELECT seq FROM ingest_watermark ORDER BY seq") == [(1,), (1,)]


async def _offered(door: NatsDoor, frame: bytes) -> BatchReceipt | None:
    try:
        return await door.send_batch(frame, oldest=1)
    except MesAway:
        return None


async def test_nobody_but_the_mes_can_make_an_agent_forget_a_batch(plant: Plant) -> None:
    """Whoever got into the broker answers in the MES's place."""
    agent = await plant.start_agent(sends=False)
    await _connected(agent)
    client = await nats.connect(plant.broker.url)
    plant.stack.push_async_callback(client.close)
    await by_nats.provide_stream(client.jetstream(), plant.broker.settings())
    receipt = BatchReceipt(stream=Stream.RESULTS, watermark=9).model_dump_json().encode()

    async def forge(message: Any) -> None:
        request = message.headers[broker.REQUEST]
        facts = {broker.STATUS: "200", broker.PROOF: message.headers[broker.PROOF]}
        await client.publish(SUBJECTS.receipts(agent.id, request), receipt, headers=facts)

    await client.subscribe(SUBJECTS.batches("*"), cb=forge)
    await client.flush()
    connection = agent.door._client
    assert connection is not None
    with pytest.raises(MesAway, match="does not prove"):
        await agent.door._publish(connection, agent.frame(1), 1)


async def test_a_batch_larger_than_the_brokers_messages_goes_over_http(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.start_worker()
    agent = await plant.start_agent(sends=False)
    await _connected(agent)
    sent: list[int] = []
    over_http = agent.mes.send_batch

    async def counted(frame: bytes, *, oldest: int) -> BatchReceipt:
        sent.append(decode(frame).seq)
        return await over_http(frame, oldest=oldest)

    monkeypatch.setattr(agent.mes, "send_batch", counted)
    dice = Random(1)
    large = encode(Batch(agent.id, agent.epoch, Stream.RESULTS, 2, 1, dice.randbytes(1 << 20)))
    assert (await _publish(agent, agent.frame(1))).watermark == 1
    assert (await agent.door.send_batch(large, oldest=2)).watermark == 2
    assert sent == [2]


async def test_a_full_stream_makes_agents_wait_and_loses_nothing(plant: Plant) -> None:
    small = plant.broker.settings(max_bytes=2048)
    client = await nats.connect(plant.broker.url)
    plant.stack.push_async_callback(client.close)
    await by_nats.provide_stream(client.jetstream(), small)
    agent = await plant.start_agent(sends=False)
    await _connected(agent)
    for _ in range(8):
        with pytest.raises(MesAway) as refused:
            await _refused_soon(agent)
    assert "maximum bytes exceeded" in str(refused.value)
    plant.start_worker()
    assert (await _publish(agent, agent.frame(1))).watermark == 1
    info = await client.jetstream().stream_info("C2M")
    assert info.config.max_bytes == plant.broker.settings().max_bytes, (
        "settings win over the stream"
    )


async def _refused_soon(agent: AnAgent) -> None:
    client = agent.door._client
    assert client is not None
    try:
        async with asyncio.timeout(0.3):
            await agent.door._publish(client, agent.frame(1), 1)
    except TimeoutError as error:
        raise MesAway("stored, and nobody answers") from error


async def test_users_with_the_permissions_that_are_documented_suffice(plant: Plant) -> None:
    agent = await plant.start_agent(sends=False)
    secret = plant.folder / "password"
    secret.write_text("secret\n")
    plant.broker.kill()
    plant.broker.configure(PERMITTED.replace("AGENT", str(agent.id)))
    await plant.broker.start()
    mine = plant.broker.settings(user="paint", password_file=secret)
    door = NatsDoor(mine, agent.mes, agent.id)
    plant.run(door.run())
    plant.start_worker(user="mes", password_file=secret)
    receipt = await eventually(lambda: _offered(door, agent.frame(1)), what="a receipt")
    assert receipt.watermark == 1
    other = await nats.connect(
        plant.broker.url,
        user="paint",
        password="secret",
        inbox_prefix=SUBJECTS.inbox(agent.id),
        error_cb=_quiet,
    )
    plant.stack.push_async_callback(other.close)
    with pytest.raises(TimeoutError):
        await other.jetstream(timeout=0.5).publish(SUBJECTS.batches(UUID(int=7)), b"")


async def _quiet(_: Exception) -> None:
    """What the server refuses is told to this connection too."""


async def test_check_says_whether_the_broker_can_be_worked_with(
    plant: Plant, tmp_path: Path
) -> None:
    await asyncio.to_thread(_check, plant.broker, tmp_path, True, "stream C2M, 0 batch")
    client = await nats.connect(plant.broker.url)
    await client.jetstream().delete_stream("C2M")
    await client.jetstream().add_stream(name="C2M", subjects=["other.*"])
    await client.close()
    await asyncio.to_thread(_check, plant.broker, tmp_path, False, "takes other.*, not c2m.batches")
    plant.broker.kill()
    await asyncio.to_thread(_check, plant.broker, tmp_path, False, "Is it up")


def _check(server: NatsServer, folder: Path, ok: bool, words: str) -> None:
    settings = Settings(data_dir=folder, nats=server.settings())
    findings = check(settings, "host=127.0.0.1 port=1 connect_timeout=1")
    (found,) = (finding for finding in findings if finding.subject == "nats")
    assert (found.ok, words in found.sentence) == (ok, True), found.sentence


async def test_prometheus_learns_how_far_behind_a_worker_is_and_what_came_again(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_nats, "LAG_EVERY_S", 0.05)

    def told(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    names = ("c2m_nats_redelivered_total", "c2m_nats_lag_seconds_count")
    again, before = (told(name) for name in names)
    taken = told("c2m_nats_batches_total", answer="receipt")
    worker = plant.start_worker()
    agent = await plant.start_agent()
    await agent.write(3)
    await plant.delivered(agent)
    assert told("c2m_nats_connected") == 1
    assert told("c2m_nats_batches_total", answer="receipt") == taken + 6
    assert told("c2m_nats_lag_seconds_count") == before + 6
    assert told("c2m_nats_redelivered_total") == again
    metrics.WAITING.set(99)
    await eventually(lambda: told("c2m_nats_waiting") == 0, what="the broker was asked")
    await plant.stop_worker()
    assert worker.done()
    assert told("c2m_nats_connected") == 0
