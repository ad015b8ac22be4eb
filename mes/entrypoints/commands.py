"""What the command line does with a running plant's database: orders in, plans out."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from mes.inspection import bridge, registry
from mes.inspection.images import FolderImageStore
from mes.inspection.rollout import Model
from mes.orders import imports
from mes.orders.imports import ImportReport
from mes.planning import service as planning
from mes.planning.model import Plan, PlanState, UnknownPlan
from mes.platform.clock import read_plant_clock
from mes.platform.db import Database, WriteConn
from mes.platform.settings import Settings


@asynccontextmanager
async def writing(dsn: str) -> AsyncIterator[tuple[WriteConn, datetime, float]]:
    """Open a transaction; yields it with plant time and the plant clock's factor."""
    async with (
        Database(dsn, pool_max=1, statement_timeout_s=300) as database,
        database.write() as conn,
    ):
        clock = await read_plant_clock(conn)
        yield conn, clock.at(datetime.now(UTC)), clock.factor


def actor() -> str:
    return f"user:{getpass.getuser()}"


async def import_orders(dsn: str, path: Path, *, channel: str, seed: int) -> ImportReport:
    """Place the orders of a CSV file or of a ROADEF 2005 instance directory."""
    async with writing(dsn) as (conn, now, _):
        return await imports.import_path(
            conn,
            path,
            channel=channel,
            seed=seed,
            now=now,
            real_now=datetime.now(UTC),
            actor=actor(),
        )


async def latest_plans(dsn: str, *, limit: int) -> list[Plan]:
    """Return the newest plan versions, newest first."""
    async with writing(dsn) as (conn, _, _):
        return await planning.plans(conn, limit=limit)


async def newest_problem(dsn: str) -> tuple[Plan, str]:
    """Return the newest plan version whose problem is kept, and that problem as JSON."""
    async with writing(dsn) as (conn, _, _):
        return await planning.newest_problem(conn)


async def solve(dsn: str, settings: Settings) -> Plan:
    """Ask the worker for a full solve and wait until it has ended; returns the version it made."""
    async with writing(dsn) as (conn, now, factor):
        asked = await planning.request_solve(
            conn, now=now, factor=factor, settings=settings.plan, actor=actor()
        )
    while True:
        await asyncio.sleep(0.5)
        async with writing(dsn) as (conn, _, _):
            plan = await planning.plan(conn, asked.id)
        if plan.state is not PlanState.SOLVING:
            return plan


async def publish(dsn: str, settings: Settings, number: int, *, note: str) -> Plan:
    """Put a draft in force.

    Raises:
        UnknownPlan: there is no version of this number among the newest hundred.
    """
    async with writing(dsn) as (conn, now, factor):
        found = [plan for plan in await planning.plans(conn, limit=100) if plan.number == number]
        if not found:
            raise UnknownPlan(plan=number)
        zone = planning.frozen_zone(await planning.network(conn), settings.plan, factor)
        return await planning.publish(conn, found[0].id, now=now, by=actor(), note=note, zone=zone)


async def register_model(dsn: str, settings: Settings, package: Path) -> Model:
    """Register a model package from its folder.

    Raises:
        PackageRefused, PackageTooLarge: it cannot be used.
    """
    settings.image_dir.mkdir(parents=True, exist_ok=True)
    archive = await asyncio.to_thread(bridge.packed, package)
    async with writing(dsn) as (conn, _, _):
        return await registry.register(
            conn,
            FolderImageStore(settings.image_dir),
            archive,
            actor=actor(),
            now=datetime.now(UTC),
        )
