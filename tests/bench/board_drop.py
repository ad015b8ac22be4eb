"""From a drop on the plan board to its conflicts: `python -m tests.bench.board_drop [CARS] [DROPS]`.

A real PostgreSQL, the demo plant with CARS open orders planned, the API in a process of its own. A planner
who is signed in sends one drop after another, each the sum of the moves so far, as the board does; what is
printed is the time of the whole request, with the answer read, and the bars on the board.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from mes.identity import service as identity
from mes.identity.model import Role
from mes.platform.db import Database
from mes.platform.settings import PlanSettings, Settings
from tests.bench.quotes import fill, quantile, ready
from tests.bench.server import on_a_server
from tests.support.processes import free_ports

PASSWORD = "a drop on the board"
MOVES = 5
"""Moves that a planner makes before giving them up and beginning anew."""


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def drops(client: httpx.AsyncClient, count: int, pid: int) -> None:
    """Send drops; print how long they take, and what they cost the process that answers."""
    board = (await client.get("/plan/board.json", params={"hours": 240})).json()
    drum = next(at for at, row in enumerate(board["rows"]) if row["order"] == "assembly")
    rows = zip(board["bars"]["row"], board["bars"]["frozen"], board["bars"]["car"], strict=True)
    cars = [car for row, frozen, car in rows if row == drum and not frozen and car]
    dice = random.Random(3)
    times: list[float] = []
    tried: list[float] = []
    moves: list[dict[str, str]] = []
    used = 0.0
    began = time.perf_counter()
    (await client.post("/api/plan/board/tries", json={"moves": []})).raise_for_status()
    reading = (time.perf_counter() - began) * 1000  # as the board does when moving by hand begins
    for number in range(count + 5):
        if number == 5:
            used = cpu_s(pid)
        car, before = dice.sample(cars, 2)
        moves = [
            *(moves if len(moves) < MOVES else []),
            {"car": car, "line": "assembly", "before": before},
        ]
        began = time.perf_counter()
        answer = await client.post("/api/plan/board/tries", json={"moves": moves})
        answer.raise_for_status()
        tried.append(answer.json()["seconds"] * 1000)
        times.append((time.perf_counter() - began) * 1000)
    used = (cpu_s(pid) - used) * 1000 / count
    p50, p95 = statistics.median(times[5:]), quantile(times[5:], 0.95)
    print(
        f"{len(board['bars']['id'])} bars, {count} drops of up to {MOVES} moves:"
        f" p50 {p50:.0f} ms, p95 {p95:.0f} ms, of which the trial p50"
        f" {statistics.median(tried[5:]):.0f} ms (first {times[0]:.0f} ms,"
        f" the plan read before it in {reading:.0f} ms; goal 100;"
        f" {used:.0f} ms CPU a drop;"
        f" load {os.getloadavg()[0]:.1f})",
        flush=True,
    )


async def measure(dsn: str, home: Path, cars: int, count: int) -> None:
    """Fill a plant, serve it, drop cars on its board."""
    settings = Settings(data_dir=home / "data", plan=PlanSettings(wall_s=5))
    async with Database(dsn, statement_timeout_s=600) as database:
        clock, _ = await fill(database, cars, settings)
        async with database.write() as conn:
            await identity.add_user(
                conn,
                "planner",
                PASSWORD,
                [Role.PLANNER],
                now=clock.now(),
                real_now=datetime.now(UTC),
                actor="bench",
            )
        port = free_ports(1)
        environment = {
            **os.environ,
            "C2M_DB__DSN": dsn,
            "C2M_HTTP__PORT": str(port),
            "C2M_DATA_DIR": str(home / "data"),
        }
        with (home / "api.log").open("wb") as log:
            arguments = [sys.executable, "-m", "mes", "serve"]
            api = await asyncio.create_subprocess_exec(
                *arguments, env=environment, stdout=log, stderr=log
            )
            try:
                url = f"http://127.0.0.1:{port}"
                async with httpx.AsyncClient(base_url=url, timeout=60) as client:
                    await ready(client)
                    body = {"user": "planner", "password": PASSWORD}
                    (await client.post("/api/session", json=body)).raise_for_status()
                    page = (await client.get("/plan")).text
                    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
                    client.headers["X-CSRF-Token"] = found[1] if found else ""
                    await drops(client, count, api.pid)
            finally:
                api.send_signal(signal.SIGINT)
                await api.wait()


def main() -> None:
    """Run the bench on an embedded PostgreSQL of its own."""
    cars = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    on_a_server(lambda dsn, home: measure(dsn, home, cars, count))


if __name__ == "__main__":
    main()
