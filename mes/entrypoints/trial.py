"""A MES on trial: what a fault campaign against an agent needs of the server, and no more.

`python -m mes.entrypoints.trial COMMAND --data DIR`:

- `database`: the embedded PostgreSQL in the foreground; prints one JSON object with its address and process id.
- `prepare --plant FILE --base-port P --line ID`: schema, plant, a clock at real speed, an enrolment code.
- `doors --port P [--nats URL]`: the doors of agents of `c2m serve` (and, with a broker, what `c2m worker` takes in
  through it), without pages and planning, so back within seconds.
- `command --line ID`: reads numbers; for each sends so many commands, one when the one before it is answered, and
  prints how long each took in milliseconds, from its commit to that of its answer.
- `remove`: forget the database, which does not always lie below DIR (`mes.platform.embedded`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from fastapi import FastAPI
from psycopg import AsyncConnection

from mes.agents import routes as agent_routes
from mes.agents import service as agents
from mes.agents.bell import CommandBell
from mes.contracts.agent import CameraModel
from mes.contracts.dispatch import Command, CommandKind
from mes.contracts.ids import uuid7
from mes.contracts.plant_file import load_plant, with_ports
from mes.db import migrate
from mes.entrypoints.bootstrap import keep_running
from mes.equipment import timeseries
from mes.ingest import routes as ingest_routes
from mes.ingest.by_nats import NatsIntake
from mes.platform import http
from mes.platform.clock import ServerClock, read_plant_clock, set_speed
from mes.platform.db import Database
from mes.platform.embedded import locate, prepare, remove
from mes.platform.http import Context
from mes.platform.settings import NatsSettings, Settings
from mes.resources import service as resources

ANSWER_S = 10.0
"""After so long without any event the answer is looked for all the same."""
COMMAND_PAUSE_S = 0.05
"""Between an answer and the next command, so that each finds the way idle."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "database":
        return _database(options.data)
    if options.command == "remove":
        remove(options.data)
    elif options.command == "doors":
        asyncio.run(_doors(options.data, options.port, options.nats))
    elif options.command == "command":
        asyncio.run(_command(options.data, options.line))
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


async def _doors(data: Path, port: int, nats: str | None) -> None:
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
        if nats is not None:
            intake = NatsIntake(database, clock, NatsSettings(url=nats))
            following.append(asyncio.create_task(keep_running("ingest.nats", intake.run)))
        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, log_level="error", lifespan="off",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        await uvicorn.Server(config).serve()
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def _command(data: Path, line: str) -> None:
    async with Database(locate(data).dsn) as database, database.dedicated() as ear:
        await ear.execute("LISTEN c2m_event")
        while asked := await asyncio.to_thread(sys.stdin.readline):
            took_ms = []
            for _ in range(int(asked)):
                took_ms.append(await _one_command(database, ear, line))
                await asyncio.sleep(COMMAND_PAUSE_S)
            _say({"took_ms": took_ms})


async def _one_command(database: Database, ear: AsyncConnection[Any], line: str) -> float:
    command = Command(
        id=uuid7(),
        kind=CommandKind.CANCEL_JOB,
        line=line,
        issued_at=datetime.now(UTC),
        actor="trial",
        job_order_id=uuid7(),
    )
    async with database.write() as conn:
        await agents.send_command(conn, line, command, real_now=datetime.now(UTC))
    began = time.perf_counter()
    await _answered(database, ear, command)
    return (time.perf_counter() - began) * 1000


async def _answered(database: Database, ear: AsyncConnection[Any], command: Command) -> None:
    """Wait for the commit of a command's answer: an event is announced with it."""
    query = "SELECT done_at IS NOT NULL FROM agent_command WHERE id = %s"
    while True:
        async for _ in ear.notifies(timeout=ANSWER_S, stop_after=1):
            pass
        async with database.glance() as conn:
            row = await (await conn.execute(query, (command.id,))).fetchone()
        if row is not None and row[0]:
            return


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
    doors.add_argument("--nats")
    command = commands.add_parser("command")
    command.add_argument("--data", type=Path, required=True)
    command.add_argument("--line", required=True)
    prepared = commands.add_parser("prepare")
    prepared.add_argument("--data", type=Path, required=True)
    prepared.add_argument("--plant", type=Path, required=True)
    prepared.add_argument("--base-port", type=int, required=True)
    prepared.add_argument("--line", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
