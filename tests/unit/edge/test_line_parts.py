"""Smaller parts: the ledger reader, job control in binary, node references, models, health, start-up."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from edge.journal import Journal
from edge.ledger import LedgerReader
from edge.models import ModelShelf, NoModel
from edge.opcua.job_types import decode_job_list, encode_job_order
from edge.opcua.link import CallRefused
from edge.opcua.nodes import Namespaces, UnknownNode
from edge.opcua.wanted import FAST_MS, Sink, by_rate, wanted_items
from edge.plant_clock import LiveClock
from mes.contracts.agent import CameraModel
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.dispatch import JobKind, JobOrder, JobState
from mes.contracts.line_layout import line_interface
from mes.contracts.plant import PlantModel
from mes.contracts.plc import LedgerNodes
from mes.contracts.wire import Stream, decode, from_lines
from tests.support.processes import ROOT
from tests.support.waiting import eventually

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LEDGER = LedgerNodes(parent="parent", last_seq="last", read="read")


@dataclass
class FakeRing:
    """A line's ring: `read(from, max)`; the oldest records fall out of it."""

    records: dict[int, str] = field(default_factory=dict)
    calls: int = 0
    looks: int = 0

    async def call(self, parent: str, method: str, *arguments: ua.Variant) -> list[Any]:
        self.calls += 1
        first, count = (argument.Value for argument in arguments)
        found = [self.records[seq] for seq in sorted(self.records) if seq >= first]
        return [found[:count]]

    async def read(self, references: list[str]) -> list[ua.DataValue]:
        assert references == [LEDGER.last_seq]
        self.looks += 1
        return [ua.DataValue(ua.Variant(max(self.records), ua.VariantType.UInt64))]


def a_record(seq: int) -> str:
    return json.dumps({"seq": seq, "line": "paint", "kind": "x"}, indent=1)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal(tmp_path / "journal")
    opened.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    writing = asyncio.create_task(opened.write_forever())
    yield opened
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    opened.close()


async def kept(journal: Journal) -> list[Any]:
    rows = await journal.read(
        lambda db: db.execute("SELECT frame FROM batch WHERE stream = 2 ORDER BY seq").fetchall()
    )
    return [json.loads(line) for (frame,) in rows for line in from_lines(decode(frame))]


async def read_to(journal: Journal, ring: FakeRing, announced: int) -> LedgerReader:
    reader = LedgerReader(journal, "paint")
    reader.resume()
    running = asyncio.create_task(reader.run(ring, LEDGER))  # type: ignore[arg-type]
    reader.announce(announced)
    await eventually(lambda: reader.last == announced or reader.problem)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return reader


async def test_records_are_read_in_pages_and_a_restart_goes_on_behind_the_last(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.ledger.PACE_S", 0.0)
    ring = FakeRing({seq: a_record(seq) for seq in range(1, 451)})
    await read_to(journal, ring, 450)
    assert ring.calls == 3
    ring.records.update({seq: a_record(seq) for seq in range(451, 461)})
    await read_to(journal, ring, 460)
    assert [record["seq"] for record in await kept(journal)] == list(range(1, 461))
    batch = await journal.wait_for(Stream.EVENTS)
    assert decode(batch.frame).count == 200


async def test_a_record_that_is_not_json_is_passed_on_for_the_mes_to_set_aside(
    journal: Journal,
) -> None:
    ring = FakeRing({1: a_record(1), 2: "half a rec", 3: a_record(3)})
    await read_to(journal, ring, 3)
    found = await kept(journal)
    assert found[1] == "half a rec"
    assert [found[0]["seq"], found[2]["seq"]] == [1, 3]


async def test_a_ring_that_turned_over_is_said(journal: Journal) -> None:
    await read_to(journal, FakeRing({1: a_record(1)}), 1)
    reader = await read_to(journal, FakeRing({9: a_record(9)}), 9)
    assert reader.problem is not None
    assert "2-8 are lost" in reader.problem


async def test_a_ledger_that_went_back_is_said_and_nothing_is_read_twice(journal: Journal) -> None:
    await read_to(journal, FakeRing({1: a_record(1), 2: a_record(2)}), 2)
    reader = await read_to(journal, FakeRing({1: a_record(1)}), 1)
    assert reader.problem is not None
    assert "went back from 2 to 1" in reader.problem
    assert len(await kept(journal)) == 2


async def test_a_counter_that_is_merely_late_is_no_alarm(journal: Journal) -> None:
    ring = FakeRing({1: a_record(1), 2: a_record(2)})
    reader = LedgerReader(journal, "paint")
    running = asyncio.create_task(reader.run(ring, LEDGER))  # type: ignore[arg-type]
    reader.announce(2)
    await eventually(lambda: reader.last == 2)
    reader.announce(1)
    await eventually(lambda: ring.looks == 1)
    ring.records[3] = a_record(3)
    reader.announce(3)
    await eventually(lambda: reader.last == 3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert reader.problem is None


async def test_a_line_that_refuses_its_records_does_not_end_the_session(journal: Journal) -> None:
    class Refusing(FakeRing):
        async def call(self, parent: str, method: str, *arguments: ua.Variant) -> list[Any]:
            raise CallRefused("BadUserAccessDenied")

    reader = await read_to(journal, Refusing(), 4)
    assert reader.problem is not None
    assert "BadUserAccessDenied" in reader.problem


@given(
    st.text(max_size=30).filter(lambda text: "\x00" not in text),
    st.lists(st.text("ABCXYZ", min_size=1, max_size=4), max_size=5),
    st.sampled_from([(1,), (2,), (3,), (4, 1), (5, 2), (9, 9)]),
)
def test_an_encoded_job_order_is_read_back_from_a_job_list(
    number: str, options: list[str], state: tuple[int, ...]
) -> None:
    job = JobOrder(
        id=uuid4(), kind=JobKind.BODY, line="paint", attempt=1, sequence=3, start_at=NOW,
        body_number=number, options=tuple(options),
    )  # fmt: skip
    body = encode_job_order(job, namespace=4)
    assert body.Body is not None
    level = b"\x00" * 4 + b"\x02" + (2).to_bytes(4, "little") + b"ok"
    states = len(state).to_bytes(4, "little") + b"".join(
        level + number_.to_bytes(4, "little") for number_ in state
    )
    entry = ua.ExtensionObject(
        TypeId=ua.NodeId(ua.Int32(5032), ua.Int16(4)), Body=ua.ByteString(body.Body + states)
    )
    (listed,) = decode_job_list([entry])
    assert listed.job_order_id == str(job.id)
    expected = {
        (1,): JobState.WAITING,
        (2,): JobState.READY,
        (3,): JobState.RUNNING,
        (4, 1): JobState.HELD,
        (5, 2): JobState.CLOSED,
    }
    assert listed.state is expected.get(state)


@pytest.mark.parametrize("value", [["text"], [ua.ExtensionObject(Body=b"\x01")]])  # type: ignore[arg-type]
def test_a_job_list_that_is_none_is_refused_in_words(value: list[Any]) -> None:
    with pytest.raises(ValueError, match="not an entry of a job list"):
        decode_job_list(value)


def test_node_references_follow_the_namespace_uri_wherever_the_server_puts_it() -> None:
    reference = "nsu=urn:c2m:plant;s=paint.LineState"
    assert Namespaces(["a", "urn:c2m:plant"]).resolve(reference).NamespaceIndex == 1
    assert Namespaces(["a", "b", "urn:c2m:plant"]).resolve(reference).NamespaceIndex == 2
    assert Namespaces(["a"]).resolve("i=2258").Identifier == 2258


@pytest.mark.parametrize("reference", ["nsu=urn:unknown;s=a", "nsu=urn:a", "nonsense"])
def test_a_reference_that_cannot_be_resolved_is_named(reference: str) -> None:
    with pytest.raises(UnknownNode, match=r"urn|nonsense"):
        Namespaces(["x"]).resolve(reference)


def test_wanted_items_are_grouped_by_rate(demo_plant: PlantModel) -> None:
    line = next(line for line in demo_plant.lines if any(s.camera for s in line.stations))
    interface = line_interface(demo_plant, line)
    items = wanted_items(interface, publish_interval_ms=250)
    groups = by_rate(items)
    assert {item.sink for item in groups[FAST_MS]} == {Sink.CAMERA}
    assert {item.sink for item in groups[250]} == {Sink.TELEMETRY, Sink.LEDGER}
    assert [item.sink for item in groups[1000]] == [Sink.CANARY]
    bare = interface.model_copy(update={"ledger": None})
    states = [
        i for i in wanted_items(bare, publish_interval_ms=250) if i.sink is Sink.STATION_STATE
    ]
    assert len(states) == len(line.stations)


def test_a_package_that_is_not_there_or_another_version_is_no_model(tmp_path: Path) -> None:
    wrong = CameraModel(camera="cam", package="nowhere", version="1", sha256="0" * 64)
    shelf = ModelShelf((wrong,), tmp_path)
    shelf.warm()
    with pytest.raises(NoModel, match="cannot be used"):
        shelf.choose("cam", "red", 1)
    with pytest.raises(NoModel, match="no model for variant"):
        shelf.choose("other", "red", 1)


def test_a_deadline_in_plant_time_is_a_moment_of_this_machine() -> None:
    real = datetime.now(UTC)
    clock = LiveClock(PlantClock(segments=(ClockSegment(real_at=real, plant_at=NOW, factor=60),)))
    before = time.monotonic()
    moment = clock.deadline(clock.now() + timedelta(seconds=60))
    assert before + 0.99 < moment < time.monotonic() + 1.01
    standing = LiveClock(PlantClock(segments=(ClockSegment(real_at=real, plant_at=NOW, factor=0),)))
    assert standing.deadline(NOW + timedelta(seconds=1)) == float("inf")
    assert standing.deadline(NOW - timedelta(seconds=1)) <= time.monotonic()


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge", "--mes", "http://127.0.0.1:9", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_an_agent_without_token_and_code_says_what_it_needs(tmp_path: Path) -> None:
    ended = started("--data", str(tmp_path))
    assert ended.returncode == 1
    assert "give the enrolment code" in ended.stderr


def test_an_agent_without_a_folder_says_so() -> None:
    ended = started()
    assert ended.returncode == 2
    assert "data: Field required" in ended.stderr
