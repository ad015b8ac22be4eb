"""Quotes over HTTP with a full order book: `python -m tests.bench.quotes [ORDERS] [QUOTES]`.

A real PostgreSQL, the demo plant, a book of ORDERS open orders in a plan in force, the API in a process of
its own on a loopback port. First the latency of inquiries and held quotes, one after another and four at a
time. Then a replay: QUOTES quotes, most of them held; confirmed, cancelled or left to expire, while
repairs publish new plans. After it the ledger is counted anew from its reservations: no shift, option or
part may be promised beyond what it takes, and no count may differ.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from mes.catalog import service as catalog
from mes.identity import service as identity
from mes.identity.model import Scope
from mes.orders import demo_book
from mes.planning import service as planning
from mes.platform.clock import ServerClock, read_plant_clock, set_speed
from mes.platform.db import Database
from mes.platform.settings import PlanSettings, Settings
from tests.bench.server import on_a_server
from tests.support.orders import PLANT_NOW, install_demo
from tests.support.processes import free_ports

WARM = 50
GOAL_MS = {"p50": 15.0, "p95": 50.0}


def quantile(values: list[float], share: float) -> float:
    """Return a quantile of measured values."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def fill(database: Database, count: int, settings: Settings) -> tuple[ServerClock, str]:
    """Install the demo plant, place the book, plan it, and return the clock and a token of sales."""
    async with database.write() as conn:
        await set_speed(conn, 1.0, plant_at=PLANT_NOW + timedelta(minutes=1))
        clock = ServerClock(await read_plant_clock(conn))
        await install_demo(conn, plant_name="demo")
    for start in range(0, count, 1000):
        async with database.write() as conn:
            size = min(1000, count - start)
            await demo_book.place(conn, count=size, seed=start + 1, now=clock.now())
    began = time.perf_counter()
    async with database.write() as conn:
        await planning.first_plan(conn, now=clock.now(), settings=settings)
        _, token = await identity.issue_token(
            conn,
            "bench",
            [Scope.ORDERS_WRITE, Scope.ORDERS_READ, Scope.PLAN_READ],
            life=timedelta(hours=4),
            now=clock.now(),
            real_now=datetime.now(UTC),
            actor="bench",
        )
    print(f"planned {count} orders in {time.perf_counter() - began:.1f} s", flush=True)
    return clock, token


async def cars(database: Database, clock: ServerClock, count: int) -> list[dict[str, Any]]:
    """Draw cars that can be built, as bodies of a question."""
    async with database.read() as conn:
        active = await catalog.active_catalog(conn, clock.now())
    dice = random.Random(7)
    found = [demo_book.a_car(active, dice, clock.now()) for _ in range(count)]
    return [{"model": c.model, "color": c.color, "options": list(c.options)} for c in found]


async def ask(client: httpx.AsyncClient, car: dict[str, Any], *, hold: bool) -> tuple[float, Any]:
    """Ask for one car; return the milliseconds it took and the answer."""
    began = time.perf_counter()
    answer = await client.post("/api/quotes", json={**car, "hold": hold})
    took = (time.perf_counter() - began) * 1000
    if answer.status_code not in (200, 201):
        raise RuntimeError(f"{answer.status_code}: {answer.text}")
    return took, answer.json()


async def latency(client: httpx.AsyncClient, wishes: list[dict[str, Any]]) -> None:
    """Print how long inquiries and held quotes take."""
    for car in wishes[:WARM]:
        await ask(client, car, hold=False)
    for name, hold, at_once in (
        ("inquiry, one at a time", False, 1),
        ("quote that holds, one at a time", True, 1),
        ("quote that holds, four at a time", True, 4),
    ):
        waiting = iter(wishes)
        times: list[float] = []

        async def dealer(
            hold: bool = hold, times: list[float] = times, waiting: Any = waiting
        ) -> None:
            while (car := next(waiting, None)) is not None:
                took, _ = await ask(client, car, hold=hold)
                times.append(took)

        await asyncio.gather(*(dealer() for _ in range(at_once)))
        p50, p95, p99 = statistics.median(times), quantile(times, 0.95), quantile(times, 0.99)
        met = "met" if p50 <= GOAL_MS["p50"] and p95 <= GOAL_MS["p95"] else "missed"
        load = os.getloadavg()[0]
        print(
            f"{name}: n={len(times)} p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms"
            f" (goal 15 / 50: {met}; load {load:.1f})",
            flush=True,
        )


async def replay(
    database: Database, clock: ServerClock, client: httpx.AsyncClient, wishes: list[dict[str, Any]]
) -> None:
    """Quote, confirm, cancel and repair; then count the ledger anew."""
    dice, ended = random.Random(11), {"refused": 0, "held": 0, "confirmed": 0, "cancelled": 0}
    waiting, done = iter(wishes), asyncio.Event()

    async def dealer() -> None:
        for car in waiting:
            answer = await client.post("/api/quotes", json={**car, "hold": dice.random() < 0.8})
            if answer.status_code == 409:
                ended["refused"] += 1
                continue
            answer.raise_for_status()
            quote = answer.json()["id"]
            if quote is None:
                continue
            ended["held"] += 1
            chance = dice.random()
            if chance < 0.45:
                body = {"channel": "bench", "customer": "bench"}
                confirmed = await client.post(f"/api/quotes/{quote}/confirm", json=body)
                confirmed.raise_for_status()
                ended["confirmed"] += 1
            elif chance < 0.65:
                (await client.post(f"/api/quotes/{quote}/cancel")).raise_for_status()
                ended["cancelled"] += 1

    async def repairs() -> None:
        while not done.is_set():
            async with database.write() as conn:
                await planning.repair(conn, now=clock.now())
            await asyncio.sleep(5)

    mending = asyncio.create_task(repairs())
    await asyncio.gather(*(dealer() for _ in range(4)))
    done.set()
    await mending
    async with database.read() as conn:
        broken = await planning.broken_ledger(conn, now=clock.now())
    print(f"replay of {len(wishes)} quotes: {ended}; over-promised or miscounted: {len(broken)}")
    for line in broken[:10]:
        print("  ", line)


async def measure(dsn: str, home: Path, orders: int, quotes: int) -> None:
    """Fill a plant, serve it, ask it."""
    settings = Settings(data_dir=home / "data", plan=PlanSettings(wall_s=20))
    async with Database(dsn, statement_timeout_s=600) as database:
        clock, token = await fill(database, orders, settings)
        wishes = await cars(database, clock, max(500, quotes))
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
                headers = {"Authorization": f"Bearer {token}"}
                async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
                    await ready(client)
                    await latency(client, wishes[:500])
                    if quotes:
                        await replay(database, clock, client, wishes[:quotes])
            finally:
                api.send_signal(signal.SIGINT)
                await api.wait()


async def ready(client: httpx.AsyncClient) -> None:
    """Wait until the API answers."""
    for _ in range(600):
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError("the API does not answer; see api.log")


def main() -> None:
    """Run the bench on an embedded PostgreSQL of its own."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    quotes = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    on_a_server(lambda dsn, home: measure(dsn, home, orders, quotes))


if __name__ == "__main__":
    main()
