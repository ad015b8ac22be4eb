"""Fill a plant for the first time: plant, catalogue, people, order book, a day's plan, bodies at every station."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from mes.agents import service as agents
from mes.catalog import service as catalog
from mes.catalog.file import load_catalog
from mes.contracts.plant import PlantModel
from mes.entrypoints.demo import sign_in
from mes.entrypoints.demo.options import DemoOptions
from mes.identity import service as identity
from mes.orders import demo_book, roadef
from mes.planning import service as planning
from mes.platform import clock as plant_clock
from mes.platform.db import Database
from mes.platform.settings import Settings
from mes.resources import service as resources

DEMO_CATALOG = Path(catalog.__file__).parent / "data" / "demo.toml"


def seed(
    settings: Settings,
    dsn: str,
    plant: PlantModel,
    options: DemoOptions,
    folder: Path,
    console: Console,
) -> dict[str, str]:
    """Seed an empty plant; return enrolment codes by line."""
    return asyncio.run(_seed(settings, dsn, plant, options, folder, console))


async def _seed(
    settings: Settings,
    dsn: str,
    plant: PlantModel,
    options: DemoOptions,
    folder: Path,
    console: Console,
) -> dict[str, str]:
    async with Database(dsn, pool_max=4, statement_timeout_s=300) as database:
        start = first_monday_shift(plant, datetime.now(UTC))
        console.print("Seeding the plant: catalogue, people, order book …")
        async with database.write() as conn:
            real_now = datetime.now(UTC)
            await plant_clock.set_speed(conn, 0, plant_at=start)
            await resources.install_plant(conn, plant, now=start)
            await resources.ensure_shifts(
                conn, start - timedelta(days=2), start + timedelta(days=30)
            )
            await catalog.install_catalog(
                conn,
                load_catalog(DEMO_CATALOG),
                effective_from=start - timedelta(days=30),
                now=start,
            )
            people = await identity.ensure_demo_users(conn, now=start, real_now=real_now)
            codes = {
                line.id: await agents.issue_code(conn, line.id, real_now=real_now)
                for line in plant.lines
            }
            sign_in.keep(folder, people)
            if options.orders is not None:
                await roadef.import_book(conn, options.orders, seed=options.seed, now=start)
            else:
                await demo_book.place(conn, count=options.cars, seed=options.seed, now=start)
            console.print("Planning the first days …")
            warm = await planning.first_plan(conn, now=start, settings=settings)
            (folder / "sim").mkdir(exist_ok=True)
            warm.save(folder / "sim")
        return codes


def first_monday_shift(plant: PlantModel, real_now: datetime) -> datetime:
    """Return 06:00 site time of this week's Monday: a plant's week begins there."""
    zone = ZoneInfo(plant.site.time_zone)
    today = real_now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    return datetime.combine(monday, time(6), zone).astimezone(UTC)
