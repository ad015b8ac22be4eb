"""The plant in force: install a model, read it back, keep its shift rows ahead of the clock."""

from __future__ import annotations

import hashlib
from datetime import datetime

from mes.contracts.plant import PlantModel
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict
from mes.resources import repository
from mes.resources.model import Interval, WorkShift, calendars_in_use, shifts_between, worked


class NoPlantInstalled(Conflict):
    """No plant model is installed yet; start the plant once, or install a plant file."""

    code = "plant.none"


def plant_hash(plant: PlantModel) -> str:
    """Return the SHA-256 of a plant model in canonical JSON."""
    return hashlib.sha256(plant.model_dump_json().encode()).hexdigest()


async def install_plant(
    conn: WriteConn, plant: PlantModel, *, now: datetime, actor: str = "system"
) -> int:
    """Bring a plant model into force and return its version; the one in force already changes nothing.

    When it has other calendars than the one before, shifts that have not begun at `now` (plant time) are
    dropped: `ensure_shifts` writes them again as the new calendars say.
    """
    wanted = plant_hash(plant)
    head = await repository.active_head(conn)
    if head is not None and head.hash == wanted:
        return head.version
    before = await active_plant(conn) if head is not None else None
    version = await repository.add_version(
        conn, plant, plant_hash=wanted, installed_at=now, actor=actor
    )
    await repository.flatten(conn, plant)
    if before is not None and _work(before) != _work(plant):
        await repository.drop_shifts_from(conn, now)
    return version


async def active_plant(conn: ReadConn) -> PlantModel:
    """Return the plant model in force; parsed once per process and version.

    Raises:
        NoPlantInstalled: there is none.
    """
    head = await repository.active_head(conn)
    if head is None:
        raise NoPlantInstalled
    plant = _parsed.get(head.hash)
    if plant is None:
        plant = PlantModel.model_validate(await repository.active_model(conn))
        _parsed.clear()
        _parsed[head.hash] = plant
    return plant


async def has_plant(conn: ReadConn) -> bool:
    """Say whether a plant model is in force."""
    return await repository.active_head(conn) is not None


async def ensure_shifts(conn: WriteConn, from_at: datetime, to_at: datetime) -> None:
    """Write the shift rows of every calendar in use between two instants of plant time."""
    plant = await active_plant(conn)
    for calendar in calendars_in_use(plant):
        rows = shifts_between(calendar, plant.site.time_zone, from_at, to_at)
        await repository.add_shifts(conn, rows)


async def shifts(
    conn: ReadConn, calendar: str, from_at: datetime, to_at: datetime
) -> tuple[WorkShift, ...]:
    """Return the shift rows of a calendar that touch a stretch of plant time, in order."""
    return await repository.shifts(conn, calendar, from_at, to_at)


async def working_time(
    conn: ReadConn, calendar: str, from_at: datetime, to_at: datetime
) -> tuple[Interval, ...]:
    """Return when a calendar works between two instants, by its shift rows."""
    return worked(await shifts(conn, calendar, from_at, to_at), from_at, to_at)


def _work(plant: PlantModel) -> object:
    """What the shift rows of a plant follow from."""
    return plant.site.time_zone, calendars_in_use(plant)


_parsed: dict[str, PlantModel] = {}
