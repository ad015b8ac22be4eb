"""An agent process between a real OPC UA server and a real MES door, with each of them failing in turn."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from mes.agents import service as agents
from mes.contracts.agent import CameraModel
from mes.contracts.plant import PlantModel
from mes.contracts.plant_file import with_ports
from mes.platform.db import Database
from tests.support.agents import Doors, agent_doors, no_models
from tests.support.plant import PLANTS
from tests.support.processes import Process, free_ports
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

LINE = "body-sub"
FIRST_TAG = (
    "SELECT t.value, t.time FROM telemetry t"
    " WHERE t.tag_id = (SELECT min(id) FROM telemetry_tag WHERE line = %s) ORDER BY t.time"
)


GAP_ROW_S = 15.0
"""Real seconds: the longest wait between two tries of a stream, and some more."""


@dataclass
class Rig:
    """A line, an agent, the doors of a MES."""

    folder: Path
    base_port: int
    stack: ExitStack
    doors: Doors | None = None
    code: str = ""
    agents: int = 0
    line: Process | None = None
    agent: Process | None = None
    logs: list[Path] = field(default_factory=list)
    models: list[CameraModel] = field(default_factory=list)

    async def models_now(self, *_: object) -> tuple[CameraModel, ...]:
        return tuple(self.models)

    def start_line(self) -> Process:
        arguments = ["-m", "tests.support.opc_line", "--plant", str(PLANTS / "mini.toml")]
        arguments += ["--line", LINE, "--base-port", str(self.base_port)]
        arguments += ["--account", str(self.folder / "account")]
        self.line = Process(arguments, self.folder / "line.log")
        self.stack.callback(self.line.stop)
        return self.line

    def start_agent(self) -> Process:
        assert self.doors is not None
        if self.agents == 0:
            self.code_file.write_text(self.code + "\n")
        arguments = ["-m", "edge", "--mes", self.doors.url, "--data", str(self.folder / "edge")]
        arguments += ["--security", "None"]
        self.agents += 1
        log = self.folder / f"agent-{self.agents}.log"
        self.agent = Process([*arguments, "--code-file", str(self.code_file)], log)
        self.stack.callback(self.agent.stop)
        self.logs.append(log)
        return self.agent

    @property
    def code_file(self) -> Path:
        return self.folder / "enrolment-code"

    def events(self, name: str) -> int:
        """How often the agents have logged an event."""
        lines = [line for log in self.logs for line in log.read_text().splitlines()]
        return Counter(json.loads(line)["event"] for line in lines if line.startswith("{"))[name]

    def published(self) -> tuple[dict[float, datetime], int]:
        """The line's own account: when each value was published, and how many records."""
        values: dict[float, datetime] = {}
        records = 0
        account = self.folder / "account"
        for text in account.read_text().splitlines() if account.exists() else ():
            entry = json.loads(text)
            if "r" in entry:
                records = entry["r"]["seq"]
            else:
                values[float(entry["v"])] = datetime.fromisoformat(entry["at"])
        return values, records

    async def stored(self) -> list[tuple[float, datetime]]:
        assert self.doors is not None
        async with self.doors.database.read() as conn:
            return [
                (value, time)
                for value, time in await (await conn.execute(FIRST_TAG, (LINE,))).fetchall()
            ]

    async def newest(self) -> float:
        rows = await self.stored()
        return max((value for value, _ in rows), default=0.0)

    async def record_count(self) -> int:
        assert self.doors is not None
        async with self.doors.database.read() as conn:
            query = "SELECT count(*) FROM line_record WHERE line = %s"
            row = await (await conn.execute(query, (LINE,))).fetchone()
        return 0 if row is None else int(row[0])

    async def flows(self, *, within_s: float = 20.0) -> None:
        """Wait until a value published from now on is in the database, and all records until now."""
        values, records = self.published()
        target = max(values, default=0.0) + 1

        async def seen() -> bool:
            for process in (self.line, self.agent):
                if process is not None:
                    process.must_run()
            return await self.newest() >= target and await self.record_count() >= records

        await eventually(seen, within_s=within_s, what=f"value {target:g} in the database")

    async def check(self) -> None:
        """Compare the line's account with the database."""
        assert self.doors is not None
        stored = await self.stored()
        assert max(Counter(stored).values()) == 1, "no value is stored twice"
        newest = max(value for value, _ in stored)

        async def covered() -> bool:
            return await self._lost_in_silence(newest) == []

        # Streams are delivered side by side: a gap row can come later than the values behind it.
        await eventually(covered, within_s=GAP_ROW_S, what="each missing value is in a gap row")
        async with self.doors.database.read() as conn:
            query = "SELECT seq FROM line_record WHERE line = %s ORDER BY seq"
            seqs = [seq for (seq,) in await (await conn.execute(query, (LINE,))).fetchall()]
            aside = await (await conn.execute("SELECT reason FROM ingest_quarantine")).fetchall()
        assert seqs == list(range(1, len(seqs) + 1)), "every record once and in order"
        assert aside == []

    async def _lost_in_silence(self, newest: float) -> list[float]:
        """The values up to `newest` that are neither stored nor in a gap row."""
        assert self.doors is not None
        values, _ = self.published()
        have = {value for value, _ in await self.stored()}
        async with self.doors.database.read() as conn:
            query = "SELECT from_at, to_at FROM telemetry_gap WHERE line = %s"
            gaps = await (await conn.execute(query, (LINE,))).fetchall()
        return [
            value
            for value, at in values.items()
            if min(have) <= value <= newest
            and value not in have
            and not any(start <= at <= end for start, end in gaps)
        ]


@pytest.fixture
async def rig(database: Database, mini_plant: PlantModel, tmp_path: Path):  # type: ignore[no-untyped-def]
    base = free_ports(16)
    with ExitStack() as stack:
        made = Rig(tmp_path, base, stack)
        plant = with_ports(mini_plant, base)
        async with agent_doors(
            database, plant, tmp_path, factor=1, models=made.models_now
        ) as doors:
            made.doors = doors
            made.code = await doors.code(LINE)
            made.start_line()
            yield made
            stack.close()


async def test_values_flow_again_within_seconds_after_the_server_has_hung(rig: Rig) -> None:
    rig.start_agent()
    await rig.flows(within_s=90)
    assert rig.line is not None
    rig.line.freeze()
    await eventually(lambda: rig.events("line.disconnected") == 1, what="the silence was noticed")
    rig.line.thaw()
    await rig.flows(within_s=15)
    await rig.check()
    await eventually(
        lambda: rig.events("line.failed") == rig.events("line.recovered"),
        what="each failure was logged once, and its end once",
    )


async def test_an_agent_that_hung_says_what_the_line_dropped_meanwhile(rig: Rig) -> None:
    agent = rig.start_agent()
    await rig.flows(within_s=90)
    agent.freeze()
    hung_at = max(rig.published()[0])
    await eventually(lambda: max(rig.published()[0]) > hung_at + 200, within_s=60)
    agent.thaw()
    await rig.flows(within_s=30)
    await rig.check()


async def test_other_models_are_taken_without_letting_go_of_the_line(rig: Rig) -> None:
    rig.start_agent()
    await rig.flows(within_s=90)
    assert rig.doors is not None
    rig.models.append(CameraModel(camera="cam", package="welding", version="1", sha256="0" * 64))
    async with rig.doors.database.write() as conn:
        assert await agents.refresh_configs(conn, models=rig.models_now) == [LINE]
    await eventually(lambda: rig.events("config.models_changed") == 1)
    await rig.flows()
    assert rig.events("agent.running") == 1
    # A starved machine may lose the line for reasons of its own, which the log then says.
    assert rig.events("line.connected") == 1 + rig.events("line.disconnected")
    async with rig.doors.database.read() as conn:
        query = "SELECT count(*) FROM telemetry_gap WHERE cause = 'agent_down'"
        gaps = await (await conn.execute(query)).fetchone()
    assert gaps == (0,)
    await rig.check()


async def test_a_server_that_restarts_is_read_on_from_the_last_record(rig: Rig) -> None:
    rig.start_agent()
    await rig.flows(within_s=90)
    assert rig.line is not None
    rig.line.kill()
    await eventually(lambda: rig.events("line.disconnected") == 1)
    rig.start_line()
    await rig.flows(within_s=90)
    await rig.check()


async def test_an_agent_that_is_killed_loses_no_record_and_says_what_it_missed(rig: Rig) -> None:
    for _ in range(3):
        agent = rig.start_agent()
        await rig.flows(within_s=90)
        agent.kill()
    rig.start_agent()
    await rig.flows(within_s=90)
    await rig.check()
    assert rig.doors is not None
    async with rig.doors.database.read() as conn:
        query = "SELECT DISTINCT cause FROM telemetry_gap"
        causes = await (await conn.execute(query)).fetchall()
        epoch = await (
            await conn.execute("SELECT epoch FROM agent WHERE line = %s", (LINE,))
        ).fetchone()
    assert causes == [("agent_down",)]
    assert epoch == (1,), "a restart does not fence"
    assert not rig.code_file.exists(), "a code that was used is not left lying about"


async def test_an_agent_starts_and_collects_with_the_mes_away_and_delivers_later(
    database: Database, mini_plant: PlantModel, tmp_path: Path
) -> None:
    base = free_ports(16)
    plant = with_ports(mini_plant, base)
    door_port = free_ports(1)
    with ExitStack() as stack:
        rig = Rig(tmp_path, base, stack)
        rig.start_line()
        async with agent_doors(
            database, plant, tmp_path, factor=1, models=no_models, port=door_port
        ) as doors:
            rig.doors = doors
            rig.code = await doors.code(LINE)
            rig.start_agent()
            await rig.flows(within_s=90)
        assert rig.agent is not None
        rig.agent.kill()
        rig.start_agent()
        await eventually(lambda: rig.events("config.cached") == 1)
        await eventually(lambda: rig.events("line.connected") == 2)
        before, _ = rig.published()
        later = max(before) + 40
        await eventually(lambda: max(rig.published()[0]) > later)
        async with agent_doors(
            database, plant, tmp_path, factor=1, models=no_models, port=door_port
        ) as doors:
            rig.doors = doors
            await rig.flows(within_s=90)
            await rig.check()
        stack.close()
    assert rig.events("uplink.telemetry.failed") >= 1


async def test_a_stopped_agent_ends_in_order_and_leaves_nothing_undelivered(rig: Rig) -> None:
    agent = rig.start_agent()
    await rig.flows(within_s=90)
    assert agent.stop() == 0
    agent = rig.start_agent()
    await rig.flows(within_s=90)
    await rig.check()
