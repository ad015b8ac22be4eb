"""What the page of a line shows beside its history."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from mes.commanding import model
from mes.commanding.model import LineCommand
from mes.contracts.controls import SetValue, recipe_of
from mes.contracts.dispatch import CommandKind
from mes.contracts.plant import Line, Station
from mes.contracts.text import Text
from mes.dispatching import service as dispatching
from mes.dispatching.model import Job
from mes.equipment.recipes import service as loaded
from mes.equipment.recipes.model import WatchedRecipe
from mes.execution import service as execution
from mes.execution.model import Body
from mes.identity.model import Role
from mes.platform.db import ReadConn
from mes.quality import service as quality

ENDED_SHOWN = 8


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job of the line, and what this reader may ask about it."""

    job: Job
    offers: list[CommandKind]

    @property
    def what(self) -> str:
        """The body, or the panel of the lot."""
        order = self.job.order
        return order.body_number or order.panel or str(self.job.id)[:8]


@dataclass(frozen=True, slots=True)
class RecipeRow:
    """A recipe of the plant file, with the tag of each of its values."""

    station: Station
    variant: str
    values: tuple[SetValue, ...]
    version: str
    watched: WatchedRecipe | None
    """What the line tells of it."""
    next_job: Job | None
    """The first open job of the line that is to be worked by it."""

    def label(self, name: str) -> Text:
        """Return what a value is called."""
        return next(tag.label for tag in self.station.tags if tag.name == name)


@dataclass(frozen=True, slots=True)
class BodyRow:
    """A body on the line, and whether quality has yet to decide about it."""

    body: Body
    waits_for_quality: bool


async def bodies(conn: ReadConn, line: str) -> list[BodyRow]:
    """Return the bodies that a line has, those parked in its bay included, first in first."""
    waiting = {hold.body_id for hold in await quality.open_holds(conn)}
    found = await execution.where_bodies_are(conn)
    return [BodyRow(body, body.id in waiting) for body in found if body.place.line == line]


async def body_numbers(conn: ReadConn, commands: Collection[LineCommand]) -> dict[UUID, str]:
    """Return the numbers of the bodies that commands are about."""
    ids = {command.body_id for command in commands if command.body_id is not None}
    return {key: body.number for key, body in (await execution.find_bodies(conn, ids)).items()}


async def recipes(conn: ReadConn, line: Line, jobs: Collection[JobRow]) -> list[RecipeRow]:
    """Return the recipes of a line, station by station, beside what the line has loaded."""
    told = {(one.station, one.variant): one for one in await loaded.of_line(conn, line.id)}
    found = [
        (station, recipe_of(station, variant))
        for station in line.stations
        if station.recipe is not None
        for variant in station.recipe.values
    ]
    return [
        RecipeRow(
            station,
            recipe.variant,
            recipe.values,
            recipe.version,
            told.get((station.id, recipe.variant)),
            next((row.job for row in jobs if _wants(row.job, station, recipe.variant)), None),
        )
        for station, recipe in found
        if recipe is not None
    ]


def _wants(job: Job, station: Station, variant: str) -> bool:
    """Whether a job that is still open is worked by a station's recipe for this variant."""
    if station.recipe is None or job.state.is_final:
        return False
    return variant == (job.order.model if station.recipe.by == "model" else job.order.color)


def may_ask(kind: CommandKind, roles: Collection[str]) -> bool:
    """Say whether somebody with these roles may ask it."""
    return kind in model.MAY and bool(set(roles) & {*model.MAY[kind], Role.ADMIN})


async def jobs(conn: ReadConn, line: str, roles: Collection[str]) -> list[JobRow]:
    """Return the open jobs of a line in order of work, then those that ended last."""
    found = await dispatching.open_jobs(conn, line)
    found += await dispatching.ended_jobs(conn, line, limit=ENDED_SHOWN)
    return [
        JobRow(job, [kind for kind in model.offers(job) if may_ask(kind, roles)]) for job in found
    ]


async def job_of(conn: ReadConn, command: LineCommand) -> JobRow | None:
    """Return the job that a command is about, while it is known."""
    if command.job_order_id is None:
        return None
    found = await dispatching.find_job(conn, command.job_order_id)
    return None if found is None else JobRow(found, [])
