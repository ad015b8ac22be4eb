"""A planned plant for tests: orders, a first plan, warm lines, and the handlers that react."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mes.contracts.warm_start import WarmStart
from mes.events.handlers import HandlerContext, HandlerRunner, Handlers, registry
from mes.orders import service as orders
from mes.orders.model import Order
from mes.orders.service import OrderDraft
from mes.planning import service as planning
from mes.planning import tasks as planning_tasks  # noqa: F401 - subscribes the handlers
from mes.platform.db import Database, WriteConn
from mes.platform.jobs import JobContext
from mes.platform.settings import PlanSettings, Settings
from tests.support.orders import PLANT_NOW, REAL_NOW, install_demo

MODELS = ("C1", "S2", "U3")
COLORS = ("WHT", "BLK", "RED")
SETTINGS = Settings(plan=PlanSettings(wall_s=0.5))


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
    services: dict[str, Any] = field(default_factory=dict)

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
    await plant.react()
    return plant


def at(text: str) -> datetime:
    """Return a UTC time of the tests' Monday: `at("01:30")`."""
    hour, minute = (int(part) for part in text.split(":"))
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC)
