"""What the plan board's island draws: columns of bars, unknown and lost time, stores as step curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mes.contracts.plant import PlantModel, RatioRule, Store
from mes.planning.board import Board, late_s
from mes.planning.repository import BoardRow
from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries
from mes.web.formats import Formats
from mes.web.names import CatalogNames, PlantNames
from mes.web.translations import mark as _

queries = load_queries(__package__, "views.sql")

Row = dict[str, Any]
LATENESS = (
    ("none", _("Nothing promised")),
    ("ontime", _("In time")),
    ("tight", _("Under 2 h in hand")),
    ("late", _("Late")),
)
CRITICALITY = (
    ("none", _("No need-by date")),
    ("easy", _("8 h or more to spare")),
    ("fair", _("2 to 8 h to spare")),
    ("tight", _("Under 2 h to spare")),
    ("late", _("Later than needed")),
)
"""How long the work could still wait before the promise breaks: from its start to its need-by date."""


async def around(conn: ReadConn, board: Board) -> dict[str, list[Row]]:
    """Return what lies under the bars: silences and stops of lines, moves of stores."""
    window = {"from_at": board.from_at, "to_at": board.to_at, "now": board.now}
    return {
        name: await db.fetch_dicts(conn, queries[name], window)
        for name in ("silences", "stops", "store_counts", "store_moves")
    }


def island(
    board: Board,
    under: dict[str, list[Row]],
    plant: PlantModel,
    names: PlantNames,
    catalog: CatalogNames,
    f: Formats,
    decided: Mapping[str, str],
) -> Row:
    """Return the board as `mes-gantt` reads it; times are seconds since the epoch, plant time.

    Bodies stream through a line, so a bar shows the takt in which one enters; a die lot shows all of
    its time on the press. `decided` names the lines whose order a planner may change: `press`, `weld`,
    `paint`, `assembly`; the column `car` is the die lot on a press.
    """
    row_of = {lane.line: n for n, lane in enumerate(board.lanes)}
    takt = {line.id: timedelta(seconds=line.takt_s) for line in plant.lines}
    colors = _Numbers()
    models = _Numbers()
    options = _Numbers()
    columns: dict[str, list[Any]] = defaultdict(list)
    for bar in board.bars:
        if bar.line not in row_of:
            continue
        slot = takt[bar.line] if bar.kind == "body" else None
        columns["id"].append(f"{bar.line}/{bar.subject_id}")
        columns["row"].append(row_of[bar.line])
        columns["start"].append(_epoch(bar.start_at))
        columns["end"].append(_epoch(_slot_end(bar.start_at, bar.end_at, slot)))
        columns["actualStart"].append(_epoch(bar.actual_start_at))
        columns["actualEnd"].append(_actual_end(bar, slot, board.now))
        columns["color"].append(colors.of(bar.color or ""))
        columns["model"].append(models.of(bar.model or bar.panel or ""))
        columns["late_s"].append(late_s(bar))
        columns["need"].append(_epoch(bar.need_by_at))
        columns["frozen"].append(int(bar.frozen))
        columns["label"].append(bar.body_number or bar.order_number or bar.lot_id or "")
        columns["order"].append(bar.order_number or f"lot:{bar.lot_id}")
        columns["car"].append(bar.car_id or bar.lot_id or "")
        columns["options"].append([options.of(code) for code in bar.options])
    return {
        "now": _epoch(board.now),
        "from": _epoch(board.from_at),
        "to": _epoch(board.to_at),
        "frozen_until": _epoch(board.frozen_until),
        "plan": board.plan.number if board.plan else None,
        "rows": [
            {
                "id": lane.line,
                "name": names(lane.line),
                "order": decided.get(lane.line),
                "takt_s": takt[lane.line].total_seconds(),
                **_load(lane.line, board, f),
            }
            for lane in board.lanes
        ],
        "palette": {
            "color": [
                {
                    "key": code,
                    "name": catalog.color(code) if code else f._("Panels"),
                    "hex": catalog.hex(code),
                }
                for code in colors.codes
            ],
            "model": [
                {
                    "key": code,
                    "name": catalog.model(code) if code in catalog.models else names(code),
                }
                for code in models.codes
            ],
            "option": [{"key": code, "name": catalog.option(code)} for code in options.codes],
            "lateness": [{"key": key, "name": f._(word)} for key, word in LATENESS],
            "criticality": [{"key": key, "name": f._(word)} for key, word in CRITICALITY],
        },
        "bars": {name: columns[name] for name in COLUMNS},
        "closed": [
            {"row": row_of[lane.line], "from": _epoch(c.start_at), "to": _epoch(c.end_at)}
            for lane in board.lanes
            for c in lane.closed
        ],
        "unknown": _spans(under["silences"], row_of),
        "down": _spans(under["stops"], row_of),
        "curves": _curves(under, plant, names, board),
    }


COLUMNS = (
    "id",
    "row",
    "start",
    "end",
    "actualStart",
    "actualEnd",
    "color",
    "model",
    "late_s",
    "need",
    "frozen",
    "label",
    "order",
    "car",
    "options",
)


class _Numbers:
    """Numbers texts in order of first use, so that bars carry small indices."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self._known: dict[str, int] = {}

    def of(self, code: str) -> int:
        if code not in self._known:
            self._known[code] = len(self.codes)
            self.codes.append(code)
        return self._known[code]


def _epoch(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp())


def _slot_end(start: datetime, end: datetime, slot: timedelta | None) -> datetime:
    return end if slot is None else min(max(end, start + timedelta(seconds=1)), start + slot)


def _actual_end(bar: BoardRow, slot: timedelta | None, now: datetime) -> int:
    if bar.actual_start_at is None:
        return 0
    if slot is None:
        return _epoch(bar.actual_end_at)
    return _epoch(min(bar.actual_end_at or now, bar.actual_start_at + slot))


def _load(line: str, board: Board, f: Formats) -> Row:
    """Return how much of a lane's open time the plan uses, and how many bars it has."""
    closed = next(lane.closed for lane in board.lanes if lane.line == line)
    open_s = (board.to_at - board.from_at).total_seconds() - sum(
        (c.end_at - c.start_at).total_seconds() for c in closed
    )
    bars = [bar for bar in board.bars if bar.line == line]
    if not bars or open_s <= 0:
        return {"note": f._("nothing planned"), "load": 0}
    lots = [bar for bar in bars if bar.kind == "die_lot"]
    if lots:
        busy = sum((bar.end_at - bar.start_at).total_seconds() for bar in lots)
        note = f"{busy / 3600:.1f} {f._('h')} · {busy / open_s:.0%}"
        return {"note": note, "load": min(1.0, busy / open_s)}
    return {"note": f._("%(n)s bodies") % {"n": len(bars)}, "load": None}


def _spans(rows: Iterable[Row], row_of: dict[str, int]) -> list[Row]:
    return [
        {"row": row_of[row["line"]], "from": _epoch(row["from_at"]), "to": _epoch(row["to_at"])}
        for row in rows
        if row["line"] in row_of and row["to_at"] > row["from_at"]
    ]


def drawn_stores(plant: PlantModel) -> list[Store]:
    """Return the stores that have a curve below the lines."""
    return [store for store in plant.stores if store.kind == "body"]


def _curves(
    under: dict[str, list[Row]], plant: PlantModel, names: PlantNames, board: Board
) -> list[Row]:
    """Return the content of each body store from now on, as the plan fills and empties it."""
    counts = {row["store"]: row["n"] for row in under["store_counts"]}
    curves = []
    for store in drawn_stores(plant):
        level = counts.get(store.id, 0)
        times, levels = [_epoch(board.now)], [level]
        for move in under["store_moves"]:
            if move["store"] == store.id:
                level = max(0, level + move["change"])
                times.append(_epoch(move["at"]))
                levels.append(level)
        curves.append(
            {"name": names(store.id), "capacity": store.capacity, "times": times, "levels": levels}
        )
    return curves


async def die_lot(conn: ReadConn, lot_id: str) -> Row | None:
    """Return a die lot of the plan; None when the plan has none with this id."""
    found = await db.fetch_dicts(conn, queries["die_lot"], {"lot_id": lot_id})
    return found[0] if found else None


async def orders_of_cars(conn: ReadConn, unplaced: Iterable[Row]) -> dict[str, Row]:
    """Return the orders behind cars without a place, by number."""
    numbers = [str(one["car"]) for one in unplaced]
    rows = await db.fetch_dicts(conn, queries["orders_of_cars"], {"numbers": numbers})
    return {row["number"]: row for row in rows}


@dataclass(frozen=True)
class OptionLoad:
    """An option over the shifts: how many cars have it, and how many its ratio rule allows (None: no rule)."""

    code: str
    cells: list[tuple[int, int | None]]


@dataclass(frozen=True)
class Load:
    """The drum line by shift: places, cars in them, and the cars of each option."""

    shifts: list[Row]
    options: list[OptionLoad]


async def load(
    conn: ReadConn,
    line: str,
    rules: Iterable[RatioRule],
    *,
    now: datetime,
    until: datetime,
) -> Load:
    """Return the load of the drum line by option and shift, from the shift that runs now on."""
    window = {"line": line, "now": now, "until": until}
    shifts = await db.fetch_dicts(conn, queries["shifts_of_line"], window)
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await db.fetch_dicts(conn, queries["options_by_shift"], window):
        counts[row["option"]][row["shift_id"]] = row["n"]
    share = {rule.option: rule.n / rule.p for rule in rules if rule.line == line}
    options = [
        OptionLoad(
            code,
            [
                (
                    counts[code].get(shift["shift_id"], 0),
                    int(shift["planned"] * share[code]) if code in share else None,
                )
                for shift in shifts
            ],
        )
        for code in sorted(counts, key=lambda c: (c not in share, -sum(counts[c].values())))
    ]
    return Load(shifts, options)
