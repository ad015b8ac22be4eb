"""What the plant map, the buffers and the operator's page show."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mes.contracts.plant import Line, PlantModel, ShopKind, Station
from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "views.sql")

Row = dict[str, Any]
UNKNOWN = "unknown"


@dataclass(frozen=True)
class StationTile:
    """A station on the map: its state, since when, and the body on it."""

    station: Station
    state: str
    reason: str
    since_at: datetime | None
    body: Row | None
    mismatch: Row | None
    andon: Row | None


@dataclass(frozen=True)
class LineStrip:
    """A line of the map from left to right: steps of alternative stations."""

    line: Line
    state: str
    reason: str
    since_at: datetime | None
    data_at: datetime | None
    """When data of the line last arrived, real time."""
    silent_since: datetime | None
    steps: list[list[StationTile]]
    bay: list[Row]
    lot: Row | None


@dataclass(frozen=True)
class PlantMap:
    """The whole plant now."""

    strips: dict[str, list[LineStrip]]
    """Shop → lines, in the plant's order."""
    stores: dict[str, list[Row]]
    panels: list[Row]
    mismatches: list[Row]
    andons: list[Row]

    @property
    def counts(self) -> dict[str, int]:
        """How many stations are in which state."""
        counts: dict[str, int] = defaultdict(int)
        for strips in self.strips.values():
            for strip in strips:
                for step in strip.steps:
                    for tile in step:
                        counts[tile.state] += 1
        return dict(counts)


@dataclass
class _Now:
    states: dict[tuple[str, str], Row] = field(default_factory=dict)
    silent: dict[str, datetime] = field(default_factory=dict)
    data_at: dict[str, datetime | None] = field(default_factory=dict)
    at_station: dict[str, Row] = field(default_factory=dict)
    in_bay: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    in_store: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    lots: dict[str, Row] = field(default_factory=dict)
    mismatches: list[Row] = field(default_factory=list)
    andons: list[Row] = field(default_factory=list)


async def _now(conn: ReadConn) -> _Now:
    now = _Now()
    for row in await db.fetch_dicts(conn, queries["states"]):
        now.states[row["line"], row["station"]] = row
    for row in await db.fetch_dicts(conn, queries["silent_lines"]):
        now.silent[row["line"]] = row["started_at"]
    for row in await db.fetch_dicts(conn, queries["data_ages"]):
        now.data_at[row["line"]] = row["heard_at"]
    for row in await db.fetch_dicts(conn, queries["bodies_in_process"]):
        if row["place"] == "line":
            now.at_station[row["station"]] = row
        elif row["place"] == "bay":
            now.in_bay[row["bay"]].append(row)
        else:
            now.in_store[row["store"]].append(row)
    now.lots = {row["line"]: row for row in await db.fetch_dicts(conn, queries["die_lots_running"])}
    now.mismatches = await db.fetch_dicts(conn, queries["open_mismatches"])
    now.andons = await db.fetch_dicts(conn, queries["open_andons"])
    return now


async def plant_map(conn: ReadConn, plant: PlantModel) -> PlantMap:
    """Return every station of the plant now, also those that report nothing."""
    now = await _now(conn)
    strips: dict[str, list[LineStrip]] = {shop.id: [] for shop in plant.shops}
    for line in plant.lines:
        strips[line.shop].append(_strip(line, now))
    return PlantMap(
        strips=strips,
        stores=now.in_store,
        panels=await db.fetch_dicts(conn, queries["panel_stock"]),
        mismatches=now.mismatches,
        andons=now.andons,
    )


def _strip(line: Line, now: _Now) -> LineStrip:
    known = now.states.get((line.id, ""))
    silent = now.silent.get(line.id)
    return LineStrip(
        line=line,
        state=UNKNOWN if silent or known is None else known["state"],
        reason="" if known is None or silent else known["reason"],
        since_at=silent or (known["since_at"] if known else None),
        data_at=now.data_at.get(line.id),
        silent_since=silent,
        steps=[[_tile(line, station, now) for station in step] for step in line.steps],
        bay=now.in_bay[line.repair_bay.id] if line.repair_bay else [],
        lot=now.lots.get(line.id),
    )


def _tile(line: Line, station: Station, now: _Now) -> StationTile:
    known = now.states.get((line.id, station.id))
    silent = now.silent.get(line.id)
    mine = [row for row in now.mismatches if row["station"] == station.id]
    calls = [row for row in now.andons if row["station"] == station.id]
    return StationTile(
        station=station,
        state=UNKNOWN if silent or known is None else known["state"],
        reason="" if known is None or silent else known["reason"],
        since_at=silent or (known["since_at"] if known else None),
        body=now.at_station.get(station.id),
        mismatch=mine[0] if mine else None,
        andon=calls[0] if calls else None,
    )


@dataclass(frozen=True)
class Curve:
    """The content of a store over the last hours: instants and levels, oldest first."""

    points: list[tuple[datetime, int]]
    from_at: datetime
    to_at: datetime

    def path(self, width: float, height: float, capacity: int) -> str:
        """Return the step curve as an SVG path."""
        span = max(1.0, (self.to_at - self.from_at).total_seconds())
        x_of = [(at - self.from_at).total_seconds() / span * width for at, _ in self.points]
        y_of = [height - min(1.0, level / capacity) * height for _, level in self.points]
        parts = [f"M{x_of[0]:.1f} {y_of[0]:.1f}"]
        for x, y in zip(x_of[1:], y_of[1:], strict=True):
            parts.append(f"H{x:.1f}V{y:.1f}")
        return "".join([*parts, f"H{width:.1f}"])


async def fill_curve(
    conn: ReadConn, store: str, content: int, *, now: datetime, hours: int
) -> Curve:
    """Return how full a store was: walked back from its content now, by what entered and left."""
    since = now - timedelta(hours=hours)
    moves = await db.fetch_dicts(
        conn, queries["store_counts_over_time"], {"store": store, "since": since}
    )
    points = [(now, content)]
    level = content
    for move in moves:
        points.append((move["at"], level))
        level = max(0, level - move["change"])
    points.append((since, level))
    return Curve(points[::-1], since, now)


@dataclass(frozen=True)
class AtStation:
    """What an operator needs: the body here, what to fit, what differs, who comes next."""

    tile: StationTile
    body: Row | None
    before: Row | None
    parts: list[Row]
    coming: list[Row]
    reported: bool
    shift: Row | None
    made: int

    @property
    def differing(self) -> frozenset[str]:
        """Options this body has and the one before did not, or the other way round."""
        if self.body is None or self.before is None:
            return frozenset()
        return frozenset(self.body["options"]) ^ frozenset(self.before["options"])


async def at_station(conn: ReadConn, line: Line, station: Station, *, now: datetime) -> AtStation:
    """Return an operator's page of one station."""
    here = {"line": line.id, "station": station.id}
    body = _first(await db.fetch_dicts(conn, queries["body_at_station"], here))
    about = {**here, **({"body_id": body["id"], "order_id": body["order_id"]} if body else {})}
    shift = _first(
        await db.fetch_dicts(conn, queries["shift_now"], {"calendar": line.calendar, "now": now})
    )
    coming = await db.fetch_dicts(conn, queries["bodies_upstream"], {**here, "limit": 4})
    if not coming:
        coming = await db.fetch_dicts(conn, queries["next_by_plan"], {**here, "limit": 4})
    since = shift["start_at"] if shift else now - timedelta(hours=8)
    return AtStation(
        tile=_tile(line, station, await _now(conn)),
        body=body,
        before=_first(await db.fetch_dicts(conn, queries["body_before"], about)) if body else None,
        parts=await db.fetch_dicts(conn, queries["parts_to_fit"], about) if body else [],
        coming=coming,
        reported=bool(body)
        and await db.fetch_value(conn, queries["done_at_station"], about) is not None,
        shift=shift,
        made=await db.fetch_value(conn, queries["shift_count"], {**here, "since": since}),
    )


def find_station(plant: PlantModel, station_id: str) -> tuple[Line, Station] | None:
    """Return a station with its line; None when the plant has none with this id."""
    for line in plant.lines:
        for station in line.stations:
            if station.id == station_id:
                return line, station
    return None


def defect_kinds(line: Line) -> list[str]:
    """Return the kinds of defect that are born on a line, for the operator's choice."""
    return sorted({source.kind for station in line.stations for source in station.defects})


def body_lines(plant: PlantModel) -> list[Line]:
    """Return the lines that people work on bodies at."""
    return [line for line in plant.lines if plant.kind_of(line) is not ShopKind.STAMPING]


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
