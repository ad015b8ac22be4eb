"""A plant in the middle of a shift, for the screens: seeded as the demo is, with the things that happen.

Bodies at stations, one line down, one silent, pictures refused at a camera, a body that was not expected,
a call for help. Nothing runs: the clock stands, so that screens and screenshots are the same every time.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
from rich.console import Console

from mes.contracts.plant import PlantModel
from mes.contracts.quality import InspectionResult, Region, Verdict
from mes.entrypoints.api import create_app
from mes.entrypoints.demo import seed as demo_seed
from mes.entrypoints.demo.options import DemoOptions
from mes.equipment import service as equipment
from mes.equipment.model import StateChange
from mes.events.handlers import HandlerContext, HandlerRunner, registry
from mes.execution import calls
from mes.execution import service as execution
from mes.execution.model import Body
from mes.inspection import service as inspection
from mes.inspection.images import FolderImageStore
from mes.platform.clock import read_plant_clock
from mes.platform.db import Database, WriteConn
from mes.platform.settings import PlanSettings, Settings
from mes.quality import tasks as quality_tasks  # noqa: F401 - subscribes the handlers
from qc_vision.shops import Shop
from qc_vision.synth.render import render
from qc_vision.synth.scene import Defect, Scene
from tests.support.browser import served
from tests.support.floor import a_result


@dataclass
class StandingClock:
    """Plant time as the seed left it; it stands."""

    plant: datetime
    factor: float = 60.0

    def now(self) -> datetime:
        return self.plant

    def real_now(self) -> datetime:
        return datetime.now(self.plant.tzinfo)


@dataclass
class Screens:
    """A served plant: its address, who may sign in, and its database."""

    url: str
    people: dict[str, str]
    database: Database
    clock: StandingClock
    settings: Settings
    plant: PlantModel
    facts: dict[str, Any] = field(default_factory=dict)

    async def react(self) -> None:
        """Let every handler of quality hear what has happened."""
        context = HandlerContext(self.clock, self.settings, {})
        await HandlerRunner(self.database, context, registry).run_until_quiet()


@asynccontextmanager
async def screens(
    dsn: str, folder: Path, plant: PlantModel, *, cars: int = 40, full: bool = True
) -> AsyncIterator[Screens]:
    """Serve a seeded plant; `full` adds what happens in a shift."""
    settings = Settings(data_dir=folder, plan=PlanSettings(wall_s=2))
    folder.mkdir(parents=True, exist_ok=True)
    await demo_seed._seed(settings, dsn, plant, DemoOptions(cars=cars), folder, Console(quiet=True))
    people = {
        role: password
        for role, _, password in (
            line.split("\t") for line in (folder / "sign-in.txt").read_text().splitlines()
        )
    }
    async with Database(dsn, pool_max=4) as database:
        async with database.read() as conn:
            now = (await read_plant_clock(conn)).at(datetime.now().astimezone())
        clock = StandingClock(now)
        app = create_app(settings, dsn)
        async with served(app) as url:
            shown = Screens(url, people, database, clock, settings, plant)
            if full:
                await _a_shift(shown)
            yield shown


async def _a_shift(shown: Screens) -> None:
    async with shown.database.write() as conn:
        await _lines(conn, shown)
        bodies = [
            body
            for body in await execution.where_bodies_are(conn)
            if body.place.station is not None
        ]
        await _pictures(conn, shown, bodies)
        await _calls(conn, shown)
    await shown.react()


async def _lines(conn: WriteConn, shown: Screens) -> None:
    """Every line but the last speaks; one station is down and starves what follows."""
    now = shown.clock.now()
    changes = []
    for line in shown.plant.lines[:-1]:
        down = line.id == shown.plant.lines[-2].id
        for n, station in enumerate(line.stations):
            state = "down" if down and n == 1 else "starved" if down and n > 1 else "running"
            changes.append(
                StateChange(line.id, station.id, state, "E-stop" if state == "down" else "", now)
            )
        changes.append(StateChange(line.id, "", "down" if down else "running", "", now))
    await equipment.record_states(conn, changes, heard_at=now)


async def _pictures(conn: WriteConn, shown: Screens, bodies: list[Body]) -> None:
    """A camera judged some bodies: most good, three not."""
    line = next(
        line
        for line in shown.plant.lines
        for station in line.stations
        if station.camera and station.camera.scene == "painting"
    )
    station = next(one for one in line.stations if one.camera)
    camera = station.camera
    assert camera is not None
    store = FolderImageStore(shown.settings.image_dir)
    defects = [None, None, "scratch", "run", "dust_nib"]
    for n, kind in enumerate(defects):
        defect = Defect(kind=kind, severity_mm=9.0) if kind else None
        scene = Scene(
            shop=Shop.PAINTING, variant="RED", color="#b3161d", seed=40 + n, defect=defect
        )
        rendered = render(scene)
        data = cv2.imencode(".png", rendered.image)[1].tobytes()
        digest = hashlib.sha256(data).hexdigest()
        body = bodies[n % len(bodies)]
        at = shown.clock.now() - timedelta(minutes=30 - 5 * n)
        result = replace_model(
            a_result(Verdict.NOK if kind else Verdict.OK),
            line=line.id,
            station=station.id,
            camera=camera.id,
            body_id=body.id,
            variant="RED",
            score=0.5 + 0.1 * n if kind else 0.08,
            image_sha256=digest,
            image_px=rendered.image.shape[1::-1],
            regions=_regions(rendered.mask, kind),
            triggered_at=at,
            decided_at=at,
            deadline_at=at,
        )
        await inspection.on_result(conn, result, now=shown.clock.now())
        await inspection.store_image(conn, store, digest, data, now=shown.clock.real_now())
        if kind:
            shown.facts.setdefault("held", []).append(body)


def replace_model(result: InspectionResult, **changes: Any) -> InspectionResult:
    """Return a result with other facts."""
    return result.model_copy(update=changes)


def _regions(mask: Any, kind: str | None) -> tuple[Region, ...]:
    if kind is None:
        return ()
    x, y, w, h = cv2.boundingRect((mask > 0).astype("uint8"))
    if not w or not h:
        return ()
    return (Region(x=x, y=y, w=w, h=h, score=0.8, label=kind),)


async def _calls(conn: WriteConn, shown: Screens) -> None:
    line = shown.plant.body_lines[-1]
    await calls.call_andon(
        conn,
        line.stations[0].id,
        "Part is missing",
        line=line.id,
        actor="user:operator",
        now=shown.clock.now(),
    )


async def a_mismatch(shown: Screens, line: str, station: str, read: Body, expected: Body) -> None:
    """A reading point reads a body it did not expect."""
    async with shown.database.write() as conn:
        await conn.execute(
            "INSERT INTO reading_mismatch (id, line, station, expected_body_id, read_body_id, event_id, read_at)"
            " VALUES (gen_random_uuid(), %s, %s, %s, %s, gen_random_uuid(), %s)",
            (line, station, expected.id, read.id, shown.clock.now()),
        )


__all__ = ["Screens", "a_mismatch", "replace", "screens"]
