"""One line, one agent, the doors of a MES: real processes, and the line's own account to compare with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mes.contracts.agent import CameraModel
from mes.contracts.plant import PlantModel
from mes.contracts.plant_file import with_ports
from mes.platform.db import Database
from tests.support.agents import Doors, agent_doors
from tests.support.plant import PLANTS
from tests.support.processes import Process, free_ports
from tests.support.waiting import eventually

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
    nats_url: str | None = None
    line_arguments: list[str] = field(default_factory=list)

    async def models_now(self, *_: object) -> tuple[CameraModel, ...]:
        return tuple(self.models)

    def start_line(self) -> Process:
        arguments = ["-m", "tests.support.opc_line", "--plant", str(PLANTS / "mini.toml")]
        arguments += ["--line", LINE, "--base-port", str(self.base_port)]
        arguments += ["--account", str(self.folder / "account"), *self.line_arguments]
        self.line = Process(arguments, self.folder / "line.log")
        self.stack.callback(self.line.stop)
        return self.line

    def start_agent(self) -> Process:
        assert self.doors is not None
        if self.agents == 0:
            self.code_file.write_text(self.code + "\n")
        arguments = ["-m", "edge", "--mes", self.doors.url, "--data", str(self.folder / "edge")]
        arguments += ["--security", "None"]
        if self.nats_url is not None:
            arguments += ["--nats", self.nats_url]
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


@asynccontextmanager
async def edge_rig(
    database: Database, plant: PlantModel, folder: Path, *, line_arguments: Sequence[str] = ()
) -> AsyncIterator[Rig]:
    """Start the line and the doors; the agent is started by the test."""
    base = free_ports(16)
    with ExitStack() as stack:
        made = Rig(folder, base, stack, line_arguments=[*line_arguments])
        async with agent_doors(
            database, with_ports(plant, base), folder, factor=1, models=made.models_now
        ) as doors:
            made.doors = doors
            made.code = await doors.code(LINE)
            made.start_line()
            yield made
            stack.close()
