"""What seven agents cost at the demo's load: `python -m tests.bench.edge_load [SECONDS]`.

Seven lines of the mini plant on real OPC UA servers, an agent each, the MES's doors over a real PostgreSQL.
Prints processor time, memory, values and records per second, and lag from the line to the committed row.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from mes.contracts.plant_file import load_plant, with_ports
from mes.db import migrate
from mes.equipment import timeseries
from mes.platform.db import Database
from mes.platform.embedded import prepare, remove
from tests.support.agents import agent_doors, no_models
from tests.support.plant import PLANTS
from tests.support.processes import Process, free_ports

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Processor seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    """Resident memory in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def measure(dsn: str, folder: Path, seconds: float) -> None:
    base = free_ports(16)
    plant = with_ports(load_plant(PLANTS / "mini.toml"), base)
    with ExitStack() as stack:
        async with (
            Database(dsn) as database,
            agent_doors(database, plant, folder, factor=1, models=no_models) as doors,
        ):
            async with database.write() as conn:
                await timeseries.make_room(conn, now=datetime.now(UTC))
            agents = []
            for line in plant.lines:
                home = folder / line.id
                home.mkdir()
                arguments = ["-m", "tests.support.opc_line", "--plant", str(PLANTS / "mini.toml")]
                arguments += ["--line", line.id, "--base-port", str(base)]
                arguments += ["--account", str(home / "account")]
                stack.callback(Process(arguments, home / "line.log").stop)
                arguments = ["-m", "edge", "--mes", doors.url, "--data", str(home / "edge")]
                arguments += ["--security", "None"]
                arguments += ["--code", await doors.code(line.id)]
                agents.append(Process(arguments, home / "agent.log"))
                stack.callback(agents[-1].stop)
            await asyncio.sleep(60)

            async def counts() -> tuple[int, int]:
                async with database.read() as conn:
                    query = "SELECT (SELECT count(*) FROM telemetry), (SELECT count(*) FROM line_record)"
                    row = await (await conn.execute(query)).fetchone()
                assert row is not None
                return row

            before, began = [cpu_s(agent.pid) for agent in agents], time.monotonic()
            values, records = await counts()
            lags = []
            for _ in range(int(seconds * 2)):
                await asyncio.sleep(0.5)
                async with database.read() as conn:
                    row = await (await conn.execute("SELECT max(time) FROM telemetry")).fetchone()
                assert row is not None
                lags.append((datetime.now(UTC) - row[0]).total_seconds())
            took = time.monotonic() - began
            used = [cpu_s(agent.pid) - first for agent, first in zip(agents, before, strict=True)]
            values_after, records_after = await counts()
            memory = [rss_mb(agent.pid) for agent in agents]
            print(
                f"{len(agents)} agents, {took:.0f} s: {(values_after - values) / took:.0f} values/s,"
                f" {(records_after - records) / took:.0f} records/s;"
                f" cores {sum(used) / took:.3f} (most {max(used) / took:.3f});"
                f" RSS {sum(memory):.0f} MiB (most {max(memory):.0f});"
                f" newest row {sorted(lags)[len(lags) // 2]:.2f} s old (worst {max(lags):.2f})"
            )


def main() -> None:
    """Run the bench on an embedded PostgreSQL of its own."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30
    home = Path(tempfile.mkdtemp(prefix="c2m-bench-"))
    server = prepare(home)
    process = server.spawn(log=home / "postgres.log")
    try:
        server.wait_ready(alive=lambda: process.poll() is None, log=home / "postgres.log")
        server.create_database()
        migrate.upgrade(server.dsn)
        asyncio.run(measure(server.dsn, home, seconds))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        remove(home)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
