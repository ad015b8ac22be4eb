"""Plant versions, flattened equipment and shift rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from psycopg.types.multirange import TimestamptzMultirange
from psycopg.types.range import TimestamptzRange

from mes.contracts.plant import PlantModel
from mes.contracts.text import Text
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries
from mes.resources.model import Interval, WorkShift

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class PlantHead:
    """Which plant model is in force."""

    version: int
    hash: str


@dataclass(frozen=True, slots=True)
class _ShiftRow:
    calendar: str
    start_at: datetime
    end_at: datetime
    code: str
    name_en: str
    name_zh: str
    day: date
    time_zone: str
    breaks: Any

    def shift(self) -> WorkShift:
        return WorkShift(
            calendar=self.calendar,
            code=self.code,
            name=Text(en=self.name_en, zh=self.name_zh),
            day=self.day,
            time_zone=self.time_zone,
            start_at=self.start_at.astimezone(UTC),
            end_at=self.end_at.astimezone(UTC),
            breaks=tuple(
                Interval(one.lower.astimezone(UTC), one.upper.astimezone(UTC))
                for one in self.breaks
            ),
        )


async def active_head(conn: ReadConn) -> PlantHead | None:
    return await db.fetch_one(conn, queries["active_head"], None, PlantHead)


async def active_model(conn: ReadConn) -> object:
    return await db.fetch_value(conn, queries["active_model"])


async def add_version(
    conn: WriteConn, plant: PlantModel, *, plant_hash: str, installed_at: datetime, actor: str
) -> int:
    """Make `plant` the active version and return its number."""
    await db.fetch_value(conn, queries["lock_versions"])
    await db.execute(conn, queries["deactivate"])
    version: int = await db.fetch_value(
        conn,
        queries["add_version"],
        {
            "site": plant.site.id,
            "hash": plant_hash,
            "model": plant.model_dump_json(),
            "installed_at": installed_at,
            "installed_by": actor,
        },
    )
    return version


async def flatten(conn: WriteConn, plant: PlantModel) -> None:
    """Write shops, stores, lines and stations of `plant`; what it no longer has becomes inactive."""
    for table in ("station", "line", "store", "shop"):
        await db.execute(conn, queries[f"retire_{table}s"])
    await db.execute_many(conn, queries["save_shop"], list(_shops(plant)))
    await db.execute_many(conn, queries["save_store"], list(_stores(plant)))
    await db.execute_many(conn, queries["save_line"], list(_lines(plant)))
    await db.execute_many(conn, queries["save_station"], list(_stations(plant)))


async def drop_shifts_from(conn: WriteConn, from_at: datetime) -> None:
    await db.execute(conn, queries["drop_shifts_from"], {"from_at": from_at})


async def add_shifts(conn: WriteConn, shifts: Iterable[WorkShift]) -> None:
    await db.execute_many(
        conn,
        queries["add_shift"],
        [
            {
                "calendar": shift.calendar,
                "start_at": shift.start_at,
                "end_at": shift.end_at,
                "code": shift.code,
                "name_en": shift.name.en,
                "name_zh": shift.name.zh,
                "day": shift.day,
                "time_zone": shift.time_zone,
                "breaks": TimestamptzMultirange(
                    [TimestamptzRange(one.start_at, one.end_at) for one in shift.breaks]
                ),
            }
            for shift in shifts
        ],
    )


async def shifts(
    conn: ReadConn, calendar: str, from_at: datetime, to_at: datetime
) -> tuple[WorkShift, ...]:
    rows = await db.fetch_all(
        conn,
        queries["shifts"],
        {"calendar": calendar, "from_at": from_at, "to_at": to_at},
        _ShiftRow,
    )
    return tuple(row.shift() for row in rows)


def _shops(plant: PlantModel) -> Iterable[dict[str, object]]:
    for position, shop in enumerate(plant.shops):
        yield {
            "id": shop.id,
            "name_en": shop.name.en,
            "name_zh": shop.name.zh,
            "kind": shop.kind.value,
            "position": position,
        }


def _stores(plant: PlantModel) -> Iterable[dict[str, object]]:
    for position, store in enumerate(plant.stores):
        yield {
            "id": store.id,
            "name_en": store.name.en,
            "name_zh": store.name.zh,
            "kind": store.kind,
            "capacity": store.capacity,
            "position": position,
        }


def _lines(plant: PlantModel) -> Iterable[dict[str, object]]:
    body_positions = {line.id: n for n, line in enumerate(plant.body_lines)}
    for position, line in enumerate(plant.lines):
        yield {
            "id": line.id,
            "shop": line.shop,
            "name_en": line.name.en,
            "name_zh": line.name.zh,
            "calendar": line.calendar,
            "takt_s": line.takt_s,
            "takes_from": line.takes_from,
            "gives_to": line.gives_to,
            "body_position": body_positions.get(line.id),
            "position": position,
        }


def _stations(plant: PlantModel) -> Iterable[dict[str, object]]:
    for line in plant.lines:
        for position, station in enumerate(line.stations):
            yield {
                "id": station.id,
                "line": line.id,
                "step": station.step_id,
                "name_en": station.name.en,
                "name_zh": station.name.zh,
                "cycle_s": station.cycle_s,
                "reading_point": station.reading_point,
                "camera": station.camera.id if station.camera else None,
                "position": position,
            }
