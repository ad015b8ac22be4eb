"""How fast a day of one tag at ten values a second opens: `python -m tests.bench.trend_day [TIMES]`.

864,000 values go in as batches do, and are summed up as the worker does it. Then `c2m serve` in a process of its
own answers the trends page: over HTTP (the page, the values of the day, those of 40 minutes by second), and in a
headless Chromium from the click to the drawn day.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import numpy as np
from rich.console import Console

from mes.agents import repository as agents
from mes.contracts.plant import Line, PlantModel, Station
from mes.contracts.plant_file import load_plant
from mes.contracts.plc import TagNode
from mes.contracts.wire import TelemetryColumns, to_filetime
from mes.entrypoints.demo import seed
from mes.entrypoints.demo.options import DemoOptions
from mes.equipment import partitions, telemetry, timeseries
from mes.platform.clock import ServerClock, read_plant_clock
from mes.platform.db import Database
from mes.platform.settings import PlanSettings, Settings
from tests.bench.server import on_a_server
from tests.support.browser import chromium
from tests.support.plant import PLANTS
from tests.support.processes import free_ports

VALUES_A_SECOND = 10
BATCH_ROWS = 50_000
GOAL_MS = 200.0
PART_S = 2_400
TAG = 900


def told(name: str, ms: list[float], goal_ms: float | None) -> None:
    """Print a measured distribution beside its goal."""
    p50, p95 = np.percentile(ms, 50), np.percentile(ms, 95)
    goal = f" goal {goal_ms:.0f}: {'met' if p95 < goal_ms else 'MISSED'}" if goal_ms else ""
    print(f"{name:<44} p50 {p50:6.1f}  p95 {p95:6.1f} ms  ({len(ms)} times){goal}")


async def fill(database: Database, line: Line, station: Station, begin: datetime) -> None:
    """Bring in a day of one value, and say how fast that and its summing up were."""
    tag = station.tags[0]
    node = TagNode(tag_id=TAG, station=station.id, name=tag.name, node="i=1", unit=tag.unit)
    count = 86_400 * VALUES_A_SECOND
    source = to_filetime(begin) + np.arange(count) * (10_000_000 // VALUES_A_SECOND)
    value = tag.nominal + np.sin(np.arange(count) / 9_000)
    async with database.write() as conn:
        await agents.add_tags(conn, line.id, [node])
        await timeseries.make_room(conn, now=begin)
    began = time.perf_counter()
    for first in range(0, count, BATCH_ROWS):
        part = slice(first, first + BATCH_ROWS)
        rows = len(source[part])
        columns = TelemetryColumns(
            np.full(rows, TAG, np.uint32),
            source[part],
            source[part],
            value[part],
            np.zeros(rows, np.uint32),
        )
        async with database.write() as conn:
            await telemetry.store_telemetry(conn, line.id, columns)
    took = time.perf_counter() - began
    print(f"stored {count} values, {count / took:,.0f} rows/s")
    began, minutes = time.perf_counter(), 0
    while True:
        async with database.write() as conn:
            done = await partitions.sum_up(conn, before=begin + timedelta(days=2))
        minutes += done
        if not done:
            break
    took = time.perf_counter() - began
    print(f"summed up {minutes} minutes, {1000 * took / minutes:.2f} ms a minute")


async def over_http(client: httpx.AsyncClient, query: str, begin: datetime, times: int) -> None:
    """Ask for the page and its values, one after another."""
    noon = int(begin.timestamp()) + 43_200
    part = f"&from={noon}&to={noon + PART_S}"
    pages, days, parts, both = [], [], [], []
    for _ in range(times):
        started = time.perf_counter()
        (await client.get(f"/trends?{query}")).raise_for_status()
        page = time.perf_counter()
        (await client.get(f"/trends/values.json?{query}")).raise_for_status()
        day = time.perf_counter()
        answer = (await client.get(f"/trends/values.json?{query}{part}")).raise_for_status()
        parts.append(1000 * (time.perf_counter() - day))
        pages.append(1000 * (page - started))
        days.append(1000 * (day - page))
        both.append(1000 * (day - started))
    told("HTTP: the page", pages, None)
    told("HTTP: the values of the day", days, None)
    told("HTTP: page, then values", both, GOAL_MS)
    points = len(answer.json()["tags"][0]["times"])
    told(f"HTTP: {PART_S // 60} minutes of it, {points} points", parts, GOAL_MS)


async def in_a_browser(url: str, people: dict[str, str], query: str, times: int) -> None:
    """Open the page again and again, from the navigation to the drawn day."""
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        await context.request.post(f"{url}/api/session", data=people)
        page = await context.new_page()
        drawn = []
        for _ in range(times + 1):
            await page.goto(f"{url}/trends?{query}", wait_until="commit")
            await page.wait_for_selector("mes-trend[data-shown]")
            drawn.append(
                await page.evaluate("performance.getEntriesByName('trend-drawn')[0].startTime")
            )
        told("browser: from the click to the drawn day", drawn[1:], GOAL_MS)


async def measure(dsn: str, home: Path, times: int) -> None:
    """Seed, fill, serve, ask."""
    plant: PlantModel = load_plant(PLANTS / "mini.toml")
    settings = Settings(data_dir=home / "data", plan=PlanSettings(wall_s=2))
    settings.data_dir.mkdir()
    options = DemoOptions(cars=40)
    await seed._seed(settings, dsn, plant, options, settings.data_dir, Console(quiet=True))
    line = next(one for one in plant.lines if one.stations[0].tags)
    station = line.stations[0]
    async with Database(dsn, statement_timeout_s=600) as database:
        async with database.read() as conn:
            now = ServerClock(await read_plant_clock(conn)).now()
        zone = ZoneInfo(plant.site.time_zone)
        yesterday = now.astimezone(zone).date() - timedelta(days=1)
        begin = datetime.combine(yesterday, clock_time(0), zone)
        await fill(database, line, station, begin)
    query = f"station={station.id}&tags={station.tags[0].name}&day={yesterday}"
    lines = (settings.data_dir / "sign-in.txt").read_text().splitlines()
    role, user, password = next(one.split("\t") for one in lines if one.startswith("quality"))
    people = {"user": user or role, "password": password}
    port = free_ports(1)
    environment = {
        **os.environ,
        "C2M_DB__DSN": dsn,
        "C2M_HTTP__PORT": str(port),
        "C2M_DATA_DIR": str(settings.data_dir),
    }
    with (home / "api.log").open("wb") as log:
        api = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mes", "serve"), env=environment, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=60) as client:
                while True:
                    try:
                        (await client.get("/readyz")).raise_for_status()
                        break
                    except httpx.HTTPError:
                        await asyncio.sleep(0.2)
                (await client.post("/api/session", json=people)).raise_for_status()
                await over_http(client, query, begin, times)
            await in_a_browser(url, people, query, max(times // 5, 5))
        finally:
            api.send_signal(signal.SIGINT)
            await api.wait()


def main() -> None:
    """Measure so many openings, 100 if not told."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    on_a_server(lambda dsn, home: measure(dsn, home, times))


if __name__ == "__main__":
    main()
