"""Live progress in the terminal: orders planned, bodies per shop, inspections, defects, promises."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import psycopg
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mes.contracts.clock import ClockSegment, PlantClock
from mes.entrypoints.supervisor import Supervisor
from mes.platform.sql import load_queries

queries = load_queries("mes.entrypoints")
EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a moment's look at the plant shows."""

    plant_at: str
    orders: str
    bodies: tuple[tuple[str, int], ...]
    inspections: str
    quality: str
    promises: str


def show(console: Console, dsn: str, supervisor: Supervisor) -> None:
    """Show progress and restart what ends, until the demo is stopped."""
    interactive = console.is_terminal
    with Live(
        console=console, refresh_per_second=4, transient=False, auto_refresh=interactive
    ) as live:
        due = 0.0
        while True:
            supervisor.watch()
            if time.monotonic() >= due:
                due = time.monotonic() + (EVERY_S if interactive else 30)
                picture = _picture(dsn, supervisor)
                if interactive:
                    live.update(picture)
                else:
                    console.print(picture)
            time.sleep(0.2)


def _picture(dsn: str, supervisor: Supervisor) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", justify="right")
    table.add_column()
    try:
        figures = _look(dsn)
    except psycopg.Error as error:
        table.add_row(
            "database", Text(f"away: {str(error).strip().splitlines()[0]}", style="yellow")
        )
        return table
    down = [name for name in supervisor.names if not supervisor.is_running(name)]
    table.add_row("plant time", figures.plant_at)
    table.add_row("orders", figures.orders)
    table.add_row("bodies", "   ".join(f"{place} {count}" for place, count in figures.bodies))
    table.add_row("inspected", figures.inspections)
    table.add_row("quality", figures.quality)
    table.add_row("promises", figures.promises)
    processes = Text(
        f"{len(supervisor.names) - len(down)} of {len(supervisor.names)} processes run"
    )
    if down:
        processes.append(f"; restarting {', '.join(down)}", style="yellow")
    table.add_row("", processes)
    return table


def _look(dsn: str) -> Figures:
    with psycopg.connect(dsn, connect_timeout=2) as conn:
        counts: dict[str, int] = dict(conn.execute(queries["progress_counts"].text).fetchall())
        bodies = tuple(conn.execute(queries["progress_bodies"].text).fetchall())
        segments = conn.execute(
            "SELECT real_at, plant_at, factor FROM plant_clock ORDER BY real_at, id"
        ).fetchall()
        zone = conn.execute(
            "SELECT model -> 'site' ->> 'time_zone' FROM plant_version WHERE active"
        ).fetchone()
    clock = PlantClock(
        segments=tuple(
            ClockSegment(real_at=real, plant_at=plant, factor=factor)
            for real, plant, factor in segments
        )
    )
    local = clock.at(datetime.now(UTC)).astimezone(ZoneInfo(zone[0]) if zone else UTC)
    return Figures(
        plant_at=f"{local:%a %Y-%m-%d %H:%M:%S %Z}  (×{clock.factor:g})",
        orders=f"{counts['orders']} in the book, {counts['planned']} planned, {counts['shipped']} shipped",
        bodies=bodies,
        inspections=f"{counts['inspections']}, of them {counts['not_ok']} not OK",
        quality=f"{counts['holds_open']} holds open, {counts['reworks_done']} reworks done",
        promises=f"{counts['promises']} made, {counts['promises_changed']} changed",
    )
