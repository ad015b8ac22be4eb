"""A plan board of any size for the island's tests and bench: the demo plant's lines, seeded."""

from __future__ import annotations

import random
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from mes.web.static_files import install

NOW = 1_800_000_000.0
_LINES = (
    ("press-1", "Press line 1"),
    ("press-2", "Press line 2"),
    ("body-sub", "Body sub-assembly"),
    ("body-framing", "Framing"),
    ("paint", "Paint line"),
    ("assembly", "Trim, chassis, final"),
    ("eol", "End of line"),
)
_COLOURS = (
    ("Polar white", "#f2f3f1"),
    ("Obsidian", "#15171a"),
    ("Harbour blue", "#27507f"),
    ("Signal red", "#b01e26"),
    ("Meadow", "#4d7a4a"),
    ("Sand", "#c8b48d"),
    ("Graphite", "#4b5157"),
    ("Silver", "#b9bec3"),
)


def sample_board(bars: int, *, seed: int = 7) -> dict[str, Any]:
    """Return the JSON of a board with `bars` bars over as many hours as they need."""
    draw = random.Random(seed)
    names = ("id", "row", "start", "end", "actualStart", "actualEnd", "color", "model", "late_s")
    columns: dict[str, list[Any]] = {name: [] for name in (*names, "frozen", "label", "order")}
    per_line = bars // len(_LINES)
    first = NOW - 4 * 3600
    for row, (line, _) in enumerate(_LINES):
        at = first + row * 900
        takt = 60 * per_line / per_line
        color = 0
        for n in range(per_line):
            if row == 0 and n == 0:
                at = first
            if draw.random() < 0.12:
                color = draw.randrange(len(_COLOURS))
            started = at < NOW
            shift = draw.gauss(20, 30)
            columns["id"].append(f"{line}/{n}")
            columns["row"].append(row)
            columns["start"].append(at)
            columns["end"].append(at + takt)
            columns["actualStart"].append(at + shift if started else 0)
            columns["actualEnd"].append(at + shift + takt if started else 0)
            columns["color"].append(color)
            columns["model"].append(n % 3)
            columns["late_s"].append(None if n % 11 == 0 else draw.gauss(-9000, 5000))
            columns["frozen"].append(int(NOW <= at < NOW + 2700))
            columns["label"].append(f"{100000 + n}")
            columns["order"].append(f"order-{n}")
            at += takt
    last = max(columns["end"])
    stock = [
        (first + 600 * k, 20 + round(18 * draw.random())) for k in range(int((last - first) // 600))
    ]
    return {
        "now": NOW,
        "from": first,
        "to": last,
        "frozen_until": NOW + 2700,
        "rows": [
            {"id": line, "name": name, "note": "15.2 h · 91 %", "load": 0.91}
            for line, name in _LINES
        ],
        "palette": {
            "color": [{"key": name, "name": name, "hex": hex_} for name, hex_ in _COLOURS],
            "model": [{"key": m, "name": m} for m in ("Aster", "Borea", "Cirro")],
            "lateness": [
                {"key": k, "name": n}
                for k, n in (
                    ("none", "No promise"),
                    ("ontime", "On time"),
                    ("tight", "Under 2 h in hand"),
                    ("late", "Late"),
                )
            ],
        },
        "bars": columns,
        "closed": [{"row": r, "from": NOW + 5400, "to": NOW + 6600} for r in range(len(_LINES))],
        "unknown": [{"row": 4, "from": NOW - 2400, "to": NOW - 1500}],
        "down": [{"row": 5, "from": NOW - 5000, "to": NOW - 4400}],
        "curves": [
            {
                "name": "Painted body store",
                "capacity": 40,
                "times": [t for t, _ in stock],
                "levels": [v for _, v in stock],
            }
        ],
    }


_PAGE = """<!doctype html><html lang="en"{theme}><meta charset="utf-8"><title>Board</title>
<link rel="stylesheet" href="/static/css/tokens.css"><link rel="stylesheet" href="/static/css/base.css">
<link rel="stylesheet" href="/static/css/components.css"><link rel="stylesheet" href="/static/css/screens.css">
<body data-clock="2027-01-15T08:00:00+00:00" data-factor="0" data-zone="Asia/Shanghai">
<script type="module" src="/static/js/gantt/element.js"></script>
<div class="card"><mes-gantt src="/board.json?bars={bars}" by="{by}"></mes-gantt></div></body></html>"""


def sample_app() -> FastAPI:
    """Return an application with nothing but the board."""
    app = FastAPI()
    install(app)

    @app.get("/")
    async def page(bars: int = 10_000, by: str = "color", theme: str = "") -> HTMLResponse:
        attribute = f' data-theme="{theme}"' if theme else ""
        return HTMLResponse(_PAGE.format(bars=bars, by=by, theme=attribute))

    @app.get("/board.json")
    async def board(request: Request, bars: int = 10_000) -> dict[str, Any]:
        return sample_board(bars)

    return app
