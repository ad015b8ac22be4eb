"""A planned plant for tests: orders, a first plan, warm lines, and the handlers that react."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from mes.contracts.warm_start import WarmStart
from mes.dispatching import tasks as dispatching_tasks  # noqa: F401 - subscribes the handlers
from mes.events.handlers import HandlerContext, HandlerRunner, Handlers, registry
from mes.execution import tasks as execution_tasks  # noqa: F401 - subscribes the handlers
from mes.orders import service as orders
from mes.orders.model import Order
from mes.orders.service import OrderDraft
from mes.planning import repairs
from mes.planning import service as planning
from mes.planning import tasks as planning_tasks  # noqa: F401 - subscribes the handlers
from mes.planning.solvers import PoolSolvers
from mes.platform.db import Database, WriteConn
from mes.platform.embedded import EmbeddedPostgres
from mes.platform.jobs import JobContext
from mes.platform.settings import PlanSettings, Settings
from tests.support.orders import PLANT_NOW, REAL_NOW, install_demo

MODELS = ("C1", "S2", "U3")
COLORS = ("WHT", "BLK", "RED")
_numbers = itertools.count(1)
SETTINGS = Settings(plan=PlanSettings(wall_s=0.5))
HERE = PoolSolvers(partial(ThreadPoolExecutor, 1))
"""Solves in a thread of the test."""


@dataclass
class StandingClock:
    """A plant clock that stands until a test moves it."""

    plant: datetime = PLANT_NOW
    real: datetime = REAL_NOW
    factor: float = 60.0

    def now(self) -> datetime:
        return self.plant

    def real_now(self) -> datetime:
        return self.real

    def forward(self, **span: float) -> datetime:
        """Let plant time pass."""
        self.plant += timedelta(**span)
        return self.plant


@dataclass
class PlannedPlant:
    """A plant with a plan in force, and what is needed to let it react."""

    database: Database
    clock: StandingClock
    warm: WarmStart
    services: dict[str, Any] = field(default_factory=lambda: {"solvers": HERE})

    async def react(self, *names: str) -> None:
        """Let the handlers with these prefixes hear everything that has happened."""
        chosen = Handlers()
        for handler in registry:
            if handler.name.startswith(names or ("planning",)):
                chosen.add(handler)
        context = HandlerContext(self.clock, SETTINGS, self.services)
        await HandlerRunner(self.database, context, chosen).run_until_quiet()

    async def repair(self) -> Any:
        """Let planning answer the news."""
        async with self.database.write() as conn:
            return await planning.repair(conn, now=self.clock.now())

    @property
    def job_context(self) -> JobContext:
        """What jobs get."""
        return JobContext(self.database, self.clock, SETTINGS, self.services)


async def place_orders(conn: WriteConn, count: int, *, start: int = 0) -> list[Order]:
    """Place orders of every model and colour in turn."""
    drafts = [
        OrderDraft(
            channel="dealer",
            model=MODELS[n % len(MODELS)],
            color=COLORS[(n // 4) % len(COLORS)],
            external_id=f"order-{n}",
        )
        for n in range(start, start + count)
    ]
    placed = await orders.place_orders(
        conn, drafts, now=PLANT_NOW, real_now=REAL_NOW, actor="user:planner"
    )
    return [order for order in placed if isinstance(order, Order)]


async def planned_plant(database: Database, *, cars: int = 60) -> PlannedPlant:
    """Install the mini plant, order cars, plan them, and start warm."""
    clock = StandingClock()
    async with database.write() as conn:
        await install_demo(conn)
        await place_orders(conn, cars)
        warm = await planning.first_plan(conn, now=clock.now(), settings=SETTINGS)
    plant = PlannedPlant(database, clock, warm)
    await plant.react("body-after-lock", "planning", "dispatching")
    return plant


@pytest.fixture(scope="session")
def planned_template(postgres: EmbeddedPostgres, template: str) -> tuple[str, WarmStart]:
    """The name of a database with the mini plant planned, and what its lines start with."""
    name = f"planned_{os.getpid()}"
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")

    async def plan() -> WarmStart:
        async with Database(postgres.dsn_of(name), pool_max=4) as database:
            return (await planned_plant(database)).warm

    return name, asyncio.run(plan())


@pytest.fixture
async def planned(
    postgres: EmbeddedPostgres,
    planned_template: tuple[str, WarmStart],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[PlannedPlant]:
    """The mini plant with its first plan in force, in a database of the test's own; no repair rests."""
    monkeypatch.setattr(repairs, "REST", 0.0)
    source, warm = planned_template
    name = f"{source}_{next(_numbers)}"
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
    async with Database(postgres.dsn_of(name), pool_max=8) as database:
        yield PlannedPlant(database, StandingClock(), warm)
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
