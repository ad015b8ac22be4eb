"""A MES on trial: what a fault campaign against an agent needs of the server, and no more.

`python -m mes.entrypoints.trial COMMAND --data DIR`:

- `database`: the embedded PostgreSQL in the foreground; prints one JSON object with its address and process id.
- `prepare --plant FILE --base-port P --line ID`: schema, plant, a clock at real speed, an enrolment code.
- `doors --port P`: the doors of agents of `c2m serve`, without pages and planning, so back within seconds.
- `remove`: forget the database, which does not always lie below DIR (`mes.platform.embedded`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import uvicorn
from fastapi import FastAPI

from mes.agents import routes as agent_routes
from mes.agents import service as agents
from mes.agents.bell import CommandBell
from mes.contracts.agent import CameraModel
from mes.contracts.plant_file import load_plant, with_ports
from mes.db import migrate
from mes.equipment import timeseries
from mes.ingest import routes as ingest_routes
from mes.platform import http
from mes.platform.clock import ServerClock, read_plant_clock, set_speed
from mes.platform.db import Database
from mes.platform.embedded import locate, prepare, remove
from mes.platform.http import Context
from mes.platform.settings import Settings
from mes.resources import service as resources


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "database":
        return _database(options.data)
    if options.command == "remove":
        remove(options.data)
    elif options.command == "doors":
        asyncio.run(_doors(options.data, options.port))
    else:
        asyncio.run(_prepare(options))
    return 0


def _database(data: Path) -> int:
    data.mkdir(parents=True, exist_ok=True)
    server = prepare(data)
    child = server.spawn(log=data / "postgres.log")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: child.send_signal(signal.SIGINT))
    server.wait_ready(alive=lambda: child.poll() is None, log=data / "postgres.log")
    server.create_database()
    _say({"dsn": server.dsn, "pid": child.pid})
    return child.wait()


async def _prepare(options: argparse.Namespace) -> None:
    dsn = locate(options.data).dsn
    migrate.upgrade(dsn)
    plant = with_ports(load_plant(options.plant), options.base_port)
    async with Database(dsn) as database:
        async with database.write() as conn:
            clock = await set_speed(conn, 1)
            now = clock.at(datetime.now(UTC))
            await resources.install_plant(conn, plant, now=now)
        async with database.write() as conn:
            await timeseries.make_room(conn, now=now)
            code = await agents.issue_code(conn, options.line, real_now=datetime.now(UTC))
    _say({"code": code})


async def _doors(data: Path, port: int) -> None:
    settings = Settings(data_dir=data)
    settings.image_dir.mkdir(parents=True, exist_ok=True)
    async with Database(locate(data).dsn) as database:
        async with database.read() as conn:
            clock = ServerClock(await read_plant_clock(conn))
        app = FastAPI()
        http.install(app, settings)
        app.include_router(agent_routes.router)
        app.include_router(ingest_routes.router)
        bell = CommandBell()
        services = {"command_bell": bell, "camera_models": _no_models}
        app.state.context = Context(database, clock, settings, services)
        following = [asyncio.create_task(_for_ever(lambda: bell.follow(database)))]
        following.append(asyncio.create_task(_for_ever(lambda: clock.follow(database))))
        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, log_level="error", lifespan="off",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        await uvicorn.Server(config).serve()
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def _no_models(*_: object) -> tuple[CameraModel, ...]:
    return ()


async def _for_ever(follow: Callable[[], Awaitable[None]]) -> None:
    """Follow the database again after each time that it was away."""
    while True:
        with contextlib.suppress(psycopg.Error, OSError):
            await follow()
        await asyncio.sleep(1)


def _say(facts: dict[str, object]) -> None:
    print(json.dumps(facts), flush=True)  # noqa: T201  # the answer of a command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mes.entrypoints.trial", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("database", "remove"):
        commands.add_parser(name).add_argument("--data", type=Path, required=True)
    doors = commands.add_parser("doors")
    doors.add_argument("--data", type=Path, required=True)
    doors.add_argument("--port", type=int, required=True)
    prepared = commands.add_parser("prepare")
    prepared.add_argument("--data", type=Path, required=True)
    prepared.add_argument("--plant", type=Path, required=True)
    prepared.add_argument("--base-port", type=int, required=True)
    prepared.add_argument("--line", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
