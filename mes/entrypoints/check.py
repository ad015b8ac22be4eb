"""`c2m check`: is this installation able to work? One line a subject, with what to do when it is not."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import psycopg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from mes.catalog import service as catalog
from mes.catalog.check import check_against_plant, check_catalog
from mes.contracts.plant import PlantModel
from mes.db import revision, timescale
from mes.ingest.by_nats import StreamNotOurs, connected, provide_stream
from mes.platform.clock import read_plant_clock
from mes.platform.db import Database
from mes.platform.errors import Problem
from mes.platform.settings import NatsSettings, Settings
from mes.resources import service as resources

BROKER_S = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is well, and a sentence."""

    subject: str
    ok: bool
    sentence: str


def check(settings: Settings, dsn: str) -> Iterator[Finding]:
    """Look at settings, database, schema, where values lie, plant, broker and models, in this order."""
    yield Finding(
        "settings", True, f"data in {settings.data_dir.resolve()}, pages at {settings.http.url}"
    )
    reachable = _database(dsn)
    yield reachable
    if reachable.ok:
        schema = _schema(dsn)
        yield schema
        if schema.ok:
            yield _time_series(dsn)
            yield _plant(dsn)
            yield asyncio.run(_catalog(dsn))
            yield from _handlers(dsn)
    if settings.nats.url:
        yield asyncio.run(_broker(settings.nats))
    yield from _models()


def _database(dsn: str) -> Finding:
    try:
        with psycopg.connect(dsn, connect_timeout=5) as conn:
            version = conn.info.server_version
    except psycopg.OperationalError as error:
        why = str(error).strip().splitlines()[0]
        return Finding(
            "database",
            False,
            f"{why}. Start the plant (c2m demo), or set C2M_DB__DSN to a running server.",
        )
    if version < 160000:
        return Finding(
            "database", False, f"PostgreSQL {version // 10000} is too old; 16 or newer is needed."
        )
    return Finding("database", True, f"PostgreSQL {version // 10000}")


def _schema(dsn: str) -> Finding:
    found, known = revision.current(dsn), revision.newest()
    if found == known:
        return Finding("schema", True, f"revision {found}")
    return Finding(
        "schema", False, f"revision {found or 'none'}, this software has {known}: run c2m migrate."
    )


def _time_series(dsn: str) -> Finding:
    with psycopg.connect(dsn) as conn:
        return Finding("values", True, timescale.standing(conn)[1])


def _plant(dsn: str) -> Finding:
    with psycopg.connect(dsn) as conn:
        row = conn.execute("SELECT model FROM plant_version WHERE active").fetchone()
    if row is None:
        return Finding(
            "plant",
            False,
            "no plant is installed: c2m demo installs one.",
        )
    try:
        plant = PlantModel.model_validate(row[0])
    except ValidationError as error:
        return Finding(
            "plant", False, f"the stored plant breaks {error.error_count()} rule(s): {error}"
        )
    stations = sum(len(line.stations) for line in plant.lines)
    return Finding("plant", True, f"{plant.site.id}: {len(plant.lines)} lines, {stations} stations")


async def _catalog(dsn: str) -> Finding:
    async with Database(dsn, pool_max=1) as database, database.read() as conn:
        clock = await read_plant_clock(conn)
        try:
            plant = await resources.active_plant(conn)
            found = await catalog.active_catalog(conn, clock.at(datetime.now(UTC)))
        except Problem as problem:
            return Finding("catalogue", False, problem.detail)
    problems = [*check_catalog(found), *check_against_plant(found, plant)]
    if problems:
        return Finding("catalogue", False, f"{len(problems)} problem(s); first: {problems[0]}")
    return Finding(
        "catalogue",
        True,
        f"{len(found.models)} models, {len(found.options)} options, {len(found.parts)} parts",
    )


def _handlers(dsn: str) -> Iterator[Finding]:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(
            "SELECT count(*), min(handler), min(error) FROM event_failure"
        ).fetchone()
    if row and row[0]:
        yield Finding(
            "events",
            False,
            f"{row[0]} event(s) were given up by handlers; first {row[1]}: {row[2]}",
        )
    else:
        yield Finding("events", True, "every handler took every event")


async def _broker(nats: NatsSettings) -> Finding:
    """Connect, and make or read the stream as a worker would."""
    try:
        async with asyncio.timeout(BROKER_S), connected(nats, closed=asyncio.Event()) as client:
            stream = await provide_stream(client.jetstream(timeout=BROKER_S), nats)
            largest = client.max_payload
    except (NatsError, OSError, TimeoutError, StreamNotOurs) as error:
        why = str(error) or type(error).__name__
        return Finding(
            "nats",
            False,
            f"{nats.url}: {why}. Is it up, with JetStream on, and may this user make streams?",
        )
    waiting = stream.state.messages
    sentence = (
        f"stream {nats.stream}, {waiting} batch(es) wait, at most {nats.max_bytes >> 20} MiB; "
        f"a message may have {largest >> 10} KiB, larger batches come over HTTP"
    )
    return Finding("nats", True, sentence)


def _models() -> Iterator[Finding]:
    spec = importlib.util.find_spec("qc_vision.packages")
    if spec is None or spec.submodule_search_locations is None:
        yield Finding(
            "models", False, "no inspection packages are installed: install the vision extra."
        )
        return
    for manifest in sorted(Path(spec.submodule_search_locations[0]).glob("*/manifest.json")):
        stated = json.loads(manifest.read_text(encoding="utf-8"))
        model = manifest.parent / "model.onnx"
        if model.exists() and sha256(model.read_bytes()).hexdigest() == stated["sha256"]:
            yield Finding("model", True, f"{stated['name']} {stated['version']}")
        else:
            yield Finding(
                "model",
                False,
                f"{manifest.parent.name}: the model file is not the one its manifest names.",
            )
