"""The doors of the MES that agents knock at, over a real database, for tests of agents and of ingest."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from mes.agents import routes as agent_routes
from mes.agents import service as agents
from mes.agents.bell import CommandBell
from mes.contracts.agent import CameraModel
from mes.contracts.plant import Line, PlantModel
from mes.ingest import routes as ingest_routes
from mes.inspection.registry import camera_models
from mes.platform import http
from mes.platform.clock import ServerClock, read_plant_clock, set_speed
from mes.platform.db import Database, ReadConn
from mes.platform.http import Context
from mes.platform.settings import Settings
from mes.resources import service as resources


@dataclass
class Doors:
    """A running server: its address, its database, its clock."""

    url: str
    database: Database
    clock: ServerClock

    async def code(self, line: str) -> str:
        """Issue an enrolment code for a line."""
        async with self.database.write() as conn:
            return await agents.issue_code(conn, line, real_now=datetime.now(UTC))


async def seed_plant(database: Database, plant: PlantModel, *, factor: float = 60) -> ServerClock:
    """Bring a plant into force and let its clock run."""
    async with database.write() as conn:
        clock = ServerClock(await set_speed(conn, factor))
        await resources.install_plant(conn, plant, now=clock.now())
    return clock


def agent_app(
    database: Database,
    clock: ServerClock,
    image_dir: Path,
    *,
    models: object = camera_models,
) -> FastAPI:
    """Build the application with the doors of agents alone."""
    app = FastAPI()
    settings = Settings(data_dir=image_dir.parent)
    settings.image_dir.mkdir(parents=True, exist_ok=True)
    http.install(app, settings)
    app.include_router(agent_routes.router)
    app.include_router(ingest_routes.router)
    services = {"command_bell": CommandBell(), "camera_models": models}
    app.state.context = Context(database, clock, settings, services)
    return app


async def no_models(conn: ReadConn, plant: PlantModel, line: Line) -> tuple[CameraModel, ...]:
    """No camera has a model."""
    return ()


@asynccontextmanager
async def agent_doors(
    database: Database,
    plant: PlantModel,
    folder: Path,
    *,
    factor: float = 60,
    models: object = camera_models,
    port: int = 0,
) -> AsyncIterator[Doors]:
    """Serve the doors of agents on a free loopback port."""
    clock = await seed_plant(database, plant, factor=factor)
    app = agent_app(database, clock, folder / "images", models=models)
    bell: CommandBell = app.state.context.services["command_bell"]
    following = asyncio.create_task(bell.follow(database))
    refreshing = asyncio.create_task(clock.follow(database))
    try:
        async with served(app, port=port) as url:
            yield Doors(url, database, clock)
    finally:
        for task in (following, refreshing):
            task.cancel()
        await asyncio.gather(following, refreshing, return_exceptions=True)


@asynccontextmanager
async def served(app: FastAPI, *, port: int = 0) -> AsyncIterator[str]:
    """Serve an application on a loopback port; yields its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


async def read_clock(database: Database) -> ServerClock:
    """Return the plant clock as stored."""
    async with database.read() as conn:
        return ServerClock(await read_plant_clock(conn))
