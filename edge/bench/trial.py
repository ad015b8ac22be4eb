"""A real MES for the length of a bench, as other processes (`python -m mes.entrypoints.trial`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

import mes.contracts
from edge.bench.subscribing import free_port
from mes.contracts.wire import Stream

PLANT = Path(mes.contracts.__file__).parent.parent / "resources" / "plants" / "mini.toml"
ONE_TAG_IN = 50


@dataclass(slots=True)
class Trial:
    """The MES: its address, its database, and the code with which the agent of `line` enrols."""

    url: str
    dsn: str
    code: str
    data: Path
    line: str
    base_port: int

    def rows(self) -> int:
        """Count what is committed."""
        return self._number("SELECT count(*) FROM telemetry")

    def doubled(self) -> int:
        """Count the doubled rows of every fiftieth tag: a batch taken twice doubles each of its tags."""
        query = (
            "SELECT count(*) - count(DISTINCT (tag_id, time)) FROM telemetry WHERE tag_id %% %s = 1"
        )
        return self._number(query, ONE_TAG_IN)

    def telemetry_watermark(self) -> int:
        """Return how many batches of telemetry have taken effect."""
        query = "SELECT coalesce(max(seq), 0) FROM ingest_watermark WHERE stream = %s"
        return self._number(query, int(Stream.TELEMETRY))

    def _number(self, query: str, *parameters: int) -> int:
        with psycopg.connect(self.dsn) as conn:
            found = conn.execute(query.encode(), parameters or None).fetchone()
        return int(found[0]) if found else 0


@contextlib.asynccontextmanager
async def mes_on_trial(folder: Path, line: str) -> AsyncIterator[Trial]:
    """Run database and doors of agents; `line` has no agent yet."""
    data = folder / "mes"
    port, base_port = free_port(), free_port()
    database = await trial("database", data)
    try:
        dsn = str((await answer(database))["dsn"])
        extra = ("--plant", str(PLANT), "--base-port", str(base_port), "--line", line)
        preparing = await trial("prepare", data, *extra)
        code = str((await answer(preparing))["code"])
        await preparing.wait()
        doors = await trial("doors", data, "--port", str(port))
        try:
            yield Trial(f"http://127.0.0.1:{port}", dsn, code, data, line, base_port)
        finally:
            doors.terminate()
            await doors.wait()
    finally:
        database.terminate()
        await database.wait()
        await (await trial("remove", data)).wait()


async def trial(command: str, data: Path, *extra: str) -> asyncio.subprocess.Process:
    """Start one of the commands of `mes.entrypoints.trial`."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "mes.entrypoints.trial", command, "--data", str(data), *extra),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def answer(process: asyncio.subprocess.Process) -> dict[str, object]:
    """Return the next object that it prints."""
    assert process.stdout is not None  # noqa: S101  # it was asked for
    async with asyncio.timeout(300):
        found: dict[str, object] = json.loads(await process.stdout.readline())
    return found
