"""What an agent says of itself, and of lines that keep no ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from edge.backoff import Trouble
from edge.derived import StateWatcher
from edge.health import HEARTBEAT_S, Health
from edge.journal import Journal
from edge.ledger import LedgerReader
from edge.line import LinkHealth
from edge.opcua.security import LinkSecurity, Login, Policy
from edge.plant_clock import LiveClock
from edge.telemetry import Collector
from mes.contracts.agent import AgentConfig, Heartbeat
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.line_layout import line_interface
from mes.contracts.line_records import StationStateChanged, line_record
from mes.contracts.plant import PlantModel
from mes.contracts.plc import StationStateCode
from mes.contracts.quality import Verdict
from mes.contracts.wire import decode, from_lines
from tests.support.waiting import eventually

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
CLOCK = PlantClock(segments=(ClockSegment(real_at=NOW, plant_at=NOW, factor=1.0),))


class StandingAlarms:
    """Two conditions stand; three states of them were not told one by one."""

    merged = 3
    dropped = 0

    def __len__(self) -> int:
        return 2


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    writing = asyncio.create_task(journal.write_forever())
    yield journal
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    journal.close()


def a_health(journal: Journal, plant: PlantModel, folder: Path, *, fenced: bool = False) -> Health:
    line: Any = SimpleNamespace(
        health=LinkHealth(connected=True, bad_nodes=2, reconnects=3, skew_ms=1500.0),
        shelf=SimpleNamespace(health=lambda: ()),
        alarms=StandingAlarms(),
        verdicts={Verdict.OK: 5, Verdict.NOK: 1, Verdict.UNFIT: 0, Verdict.LATE: 2},
        trouble=Trouble("line"),
        link_changed=asyncio.Event(),
    )
    collector = Collector(journal, "paint", 0.5)
    collector.values = 120
    collector.not_numbers.add("oven.Temp1")
    ledger = LedgerReader(journal, "paint", last=57)
    images: Any = SimpleNamespace(waiting=4, given_up=1)
    config = AgentConfig(
        version=7,
        agent_id=UUID(int=1),
        epoch=2,
        interface=line_interface(plant, plant.line("paint")),
        clock=CLOCK,
    )
    security = LinkSecurity(folder / "pki", "paint", policy=Policy.NONE, login=Login())
    return Health(
        config,
        line,
        collector,
        ledger,
        journal,
        images,
        security,
        fenced=lambda: fenced,
        refused=lambda: None,
    )


async def test_a_line_found_or_lost_is_told_at_once(
    journal: Journal, mini_plant: PlantModel, tmp_path: Path
) -> None:
    health = a_health(journal, mini_plant, tmp_path)
    told: list[bool] = []

    class Mes:
        async def heartbeat(self, beat: Heartbeat) -> None:
            told.append(beat.link.connected)

    mes: Any = Mes()
    sending = asyncio.create_task(health.send_forever(mes))
    await eventually(lambda: told == [True])
    health.line.health.connected = False
    health.line.link_changed.set()
    await eventually(lambda: told == [True, False], within_s=HEARTBEAT_S / 2)
    sending.cancel()


async def test_a_heartbeat_tells_what_is_wrong(
    journal: Journal, mini_plant: PlantModel, tmp_path: Path
) -> None:
    beat = a_health(journal, mini_plant, tmp_path, fenced=True).beat()
    assert (beat.epoch, beat.config_version, beat.inspections, beat.late) == (2, 7, 8, 2)
    assert beat.link.connected and beat.link.skew_ms == 1500.0
    assert beat.link.detail == (
        "2 nodes are refused; not a number: oven.Temp1; fenced: a newer copy of this agent exists"
    )


async def ask(port: int, head: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_prometheus_reads_the_same_and_strangers_find_nothing(
    journal: Journal, mini_plant: PlantModel, tmp_path: Path
) -> None:
    health, ports = a_health(journal, mini_plant, tmp_path), list[int]()
    serving = asyncio.create_task(health.serve_metrics(0, on_ready=ports.append))
    (port,) = await eventually(lambda: ports)
    page = (await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n")).decode()
    assert page.startswith("HTTP/1.1 200 OK")
    assert 'c2m_edge_connected{line="paint"} 1\n' in page
    assert 'c2m_edge_ledger_last{line="paint"} 57\n' in page
    assert 'c2m_edge_inspections_total{line="paint",verdict="LATE"} 2\n' in page
    assert b"404" in await ask(port, b"GET /secret HTTP/1.1\r\n\r\n")
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_states_of_a_line_without_a_ledger_become_numbered_records(journal: Journal) -> None:
    watcher = StateWatcher(journal, "paint", LiveClock(CLOCK))
    running = asyncio.create_task(watcher.run())
    for state in (StationStateCode.RUNNING, StationStateCode.RUNNING, StationStateCode.DOWN):
        watcher.take("oven", int(state))
    watcher.take("oven", 99)

    async def records() -> list[Any]:
        rows = await journal.read(
            lambda db: db.execute("SELECT frame FROM batch ORDER BY seq").fetchall()
        )
        return [
            line_record.validate_json(line)
            for (frame,) in rows
            for line in from_lines(decode(frame))
        ]

    async def both() -> bool:
        return len(await records()) == 2

    await eventually(both)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    found = await records()
    assert all(isinstance(record, StationStateChanged) for record in found)
    assert [record.state for record in found] == ["running", "down"]
    assert found[0].seq < found[1].seq
