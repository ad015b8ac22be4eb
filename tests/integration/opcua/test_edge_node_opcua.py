"""The agent on a server of another make (node-opcua), through that server's own node ids."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from edge.alarms import AlarmDesk
from edge.commands import Executor, Inbox
from edge.images import ImageFolder
from edge.journal import Journal
from edge.ledger import LedgerReader
from edge.line import Line
from edge.models import ModelShelf
from edge.opcua.line_methods import LineMethods
from edge.opcua.link import open_link
from edge.plant_clock import LiveClock
from edge.telemetry import Collector
from mes.contracts.agent import AgentConfig
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.dispatch import Command, CommandKind, JobKind, JobOrder, JobState
from mes.contracts.line_records import line_record
from mes.contracts.plc import JobControlNodes, LineInterface, StationNodes, TagNode
from mes.contracts.wire import Stream, TelemetryColumns, decode, from_lines
from tests.support.processes import ROOT, Process, free_ports
from tests.support.waiting import eventually

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
MAKER = "urn:other-maker:plc"


def node_modules() -> Path | None:
    """Where node-opcua is installed: beside the interop tests, or where NODE_PATH says."""
    places = [ROOT / "tests" / "interop" / "node_modules", Path(os.environ.get("NODE_PATH") or "-")]
    return next((place for place in places if (place / "node-opcua").is_dir()), None)


pytestmark = pytest.mark.skipif(
    node_modules() is None or shutil.which("node") is None,
    reason="node-opcua is not installed: npm ci in tests/interop",
)


@dataclass
class OtherMaker:
    """The running server and what it says of itself."""

    process: Process
    port: int
    ready: dict[str, Any]

    def told(self) -> list[dict[str, Any]]:
        lines = [line for line in self.process.log.read_text().splitlines() if line[:1] == "{"]
        return [json.loads(line) for line in lines]

    def node(self, name: str) -> str:
        """The node id by namespace URI of what the server calls `ns=…` or has in its own namespace."""
        text = self.ready["nodes"][name]
        uri = MAKER
        if text.startswith("ns="):
            index, _, text = text[3:].partition(";")
            uri = self.ready["namespaces"][int(index)]
        return f"nsu={uri};{text}"

    def interface(self) -> LineInterface:
        jobs = JobControlNodes(
            receiver=self.node("receiver"),
            store_and_start=self.node("storeAndStart"),
            cancel=self.node("cancel"),
            job_order_list=self.node("list"),
            **dict.fromkeys(
                ("store", "start", "pause", "resume", "update", "stop", "abort", "clear"),
                f"nsu={MAKER};s=not-there",
            ),
        )
        absent = f"nsu={MAKER};s=absent"
        return LineInterface(
            line="line-7",
            endpoint=f"opc.tcp://127.0.0.1:{self.port}",
            line_state=absent,
            good_count=absent,
            stations=(
                StationNodes(
                    id="oven", state=self.node("state"), body_id=absent, job_order_id=absent,
                    cycle_count=absent,
                ),
            ),
            tags=(
                TagNode(tag_id=1, station="oven", name="Temp", node=self.node("temperature"), unit="°C"),
                TagNode(tag_id=2, station="oven", name="Gone", node=absent, unit="°C"),
            ),
            cameras=(),
            job_control=jobs,
            ledger=None,
            methods=None,
        )  # fmt: skip


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherMaker]:
    modules = node_modules()
    node = shutil.which("node")
    assert modules is not None
    assert node is not None
    os.environ["NODE_PATH"] = str(modules)
    port = free_ports(1)
    log = tmp_path_factory.mktemp("node") / "log"
    script = str(ROOT / "tests" / "interop" / "line_server.js")
    process = Process([script, str(port)], log, program=node)
    try:
        made = OtherMaker(process, port, {})
        asyncio.run(_ready(made))
        yield made
    finally:
        process.stop()


async def _ready(made: OtherMaker) -> None:
    await eventually(lambda: made.process.says('{"ready":true'), within_s=90)
    made.ready = next(entry for entry in made.told() if entry.get("ready"))


def a_job() -> JobOrder:
    return JobOrder(
        id=uuid4(), kind=JobKind.BODY, line="line-7", attempt=1, sequence=4, start_at=NOW,
        body_id=UUID(int=3), model="c1", color="red", options=("TOW", "ACC"),
    )  # fmt: skip


def a_command(kind: CommandKind, **facts: Any) -> Command:
    return Command(
        id=uuid4(), kind=kind, line="line-7", issued_at=NOW, actor="policy:dispatch", **facts
    )


async def test_a_job_order_arrives_field_by_field_and_stands_in_the_job_list(
    other: OtherMaker,
) -> None:
    job = a_job()
    async with open_link(f"opc.tcp://127.0.0.1:{other.port}") as link:
        line = LineMethods(link, other.interface())
        assert (await line.execute(a_command(CommandKind.STORE_JOB, job=job))).word == "ok"
        listed = await line.jobs()
        assert [
            (entry.job_order_id, entry.state)
            for entry in listed
            if entry.job_order_id == str(job.id)
        ] == [(str(job.id), JobState.READY)]
        cancel = a_command(CommandKind.CANCEL_JOB, job_order_id=job.id)
        assert (await line.execute(cancel)).word == "ok"
        assert (await line.execute(cancel)).word == "unknown_job_order"
        assert str(job.id) not in {entry.job_order_id for entry in await line.jobs()}
    stored = next(entry for entry in other.told() if entry.get("id") == str(job.id))
    assert stored["did"] == "StoreAndStart"
    assert stored["start"] == "2026-03-02T06:00:00.000Z"
    assert stored["comment"] == ["policy:dispatch"]
    assert stored["parameters"]["body_id"] == str(job.body_id)
    assert json.loads(stored["parameters"]["options"]) == ["TOW", "ACC"]
    assert stored["parameters"]["sequence"] == "4"


async def test_a_method_that_the_server_lacks_is_an_answer_not_a_crash(other: OtherMaker) -> None:
    async with open_link(f"opc.tcp://127.0.0.1:{other.port}") as link:
        line = LineMethods(link, other.interface())
        pause = a_command(CommandKind.PAUSE_JOB, job_order_id=uuid4())
        assert (await line.execute(pause)).word in {"BadMethodInvalid", "BadNodeIdUnknown"}
        hold = a_command(CommandKind.SET_HOLD, body_id=uuid4(), held=True)
        assert (await line.execute(hold)).word == "not_offered"


class NoMes:
    """A MES that is away: the inbox stays empty."""

    async def is_back(self) -> None:
        """Never."""
        await asyncio.Event().wait()


@pytest.fixture
async def reading(other: OtherMaker, tmp_path: Path) -> AsyncIterator[tuple[Journal, Line]]:
    """The agent's line part on that server, without a MES."""
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line="line-7", max_bytes=1 << 30)
    now = datetime.now(UTC)
    plant = PlantClock(segments=(ClockSegment(real_at=now, plant_at=now, factor=1.0),))
    clock = LiveClock(plant)
    config = AgentConfig(
        version=1, agent_id=UUID(int=1), epoch=1, interface=other.interface(), clock=plant
    )
    collector = Collector(journal, "line-7", linger_s=0.05)
    collector.resume()

    async def no_reload() -> None:
        return None

    inbox = Inbox(journal, NoMes(), on_config=lambda version: None)  # type: ignore[arg-type]
    executor = Executor(journal, clock, inbox, may_act=lambda: True, reload_config=no_reload)
    line = Line(
        config,
        journal=journal,
        clock=clock,
        collector=collector,
        ledger=LedgerReader(journal, "line-7"),
        executor=executor,
        shelf=ModelShelf(()),
        images=ImageFolder(journal, tmp_path / "images", max_bytes=1 << 20, keep_ok_every=1),
        may_act=lambda: True,
        alarms=AlarmDesk(journal, config.interface, clock),
    )
    tasks = [
        asyncio.create_task(work)
        for work in (journal.write_forever(), collector.write_forever(), line.run())
    ]
    yield journal, line
    for task in reversed(tasks):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    journal.close()


async def frames(journal: Journal, stream: Stream) -> list[bytes]:
    rows = await journal.read(
        lambda db: db.execute(
            "SELECT frame FROM batch WHERE stream = ? ORDER BY seq", (int(stream),)
        ).fetchall()
    )
    return [frame for (frame,) in rows]


async def test_its_values_and_states_are_read_and_a_missing_node_harms_nobody(
    reading: tuple[Journal, Line],
) -> None:
    journal, line = reading

    async def temperatures() -> list[float]:
        batches = [decode(frame) for frame in await frames(journal, Stream.TELEMETRY)]
        parts = [TelemetryColumns.from_payload(batch.payload, batch.count) for batch in batches]
        return [value for part in parts for value in part.value.tolist()]

    async def ten() -> bool:
        return len(await temperatures()) >= 10

    await eventually(ten, within_s=60)
    values = await temperatures()
    steps = {round(b - a, 6) for a, b in pairwise(values)}
    assert steps == {0.5}, "every step once, in order"

    async def states() -> list[str] | None:
        batches = [decode(frame) for frame in await frames(journal, Stream.EVENTS)]
        records = [line_record.validate_json(r) for batch in batches for r in from_lines(batch)]
        found = [record.state for record in records if record.kind == "station_state"]
        return found if len(found) >= 4 else None

    found = await eventually(states, within_s=60)
    assert {*found} == {"running", "starved"}
    assert all(a != b for a, b in pairwise(found))
    await eventually(lambda: line.health.bad_nodes == 1)


def test_the_interop_server_is_the_pinned_one() -> None:
    modules = node_modules()
    assert modules is not None
    found = json.loads((modules / "node-opcua" / "package.json").read_text())["version"]
    assert found == "2.182.0"
