"""What the trends page draws: values of a station as fine as its pixels, its limits, its gaps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mes.contracts.plant import Station, Tag
from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries
from mes.web.formats import Formats
from mes.web.labels import label

queries = load_queries(__package__, "views.sql")

Row = dict[str, Any]

STEPS_S = {1: "seconds_of_tags", 60: "minutes_of_tags", 3600: "hours_of_tags"}
"""What values are summed up by."""
POINTS_A_PIXEL = 2
"""No more are drawn: they would fall on each other, and be fetched for nothing."""


def step_for(seconds: float, pixels: int) -> int:
    """Return the finest step, in seconds, that gives a stretch of time no more than two points a pixel."""
    fine_enough = [step for step in STEPS_S if seconds / step <= POINTS_A_PIXEL * pixels]
    return min(fine_enough, default=max(STEPS_S))


async def trends(
    conn: ReadConn,
    line: str,
    station: Station,
    names: Sequence[str],
    f: Formats,
    *,
    from_at: datetime,
    to_at: datetime,
    step_s: int = 60,
) -> Row:
    """Return some values of a station between two instants of plant time, as `mes-trend` reads them.

    Times are seconds since the epoch, `step` apart. A step without a good value has null; one without any row
    is not listed: nothing was measured then, and `gaps` say whether something is missing. Seconds are not
    kept as long as minutes: where there are none of them, minutes are returned.

    Args:
        step_s: one of `STEPS_S`.
    """
    known = {
        row["name"]: row
        for row in await db.fetch_dicts(conn, queries["tags_of_station"], {"station": station.id})
    }
    ids = [known[name]["id"] for name in names if name in known]
    window = {"tags": ids, "line": line, "from_at": from_at, "to_at": to_at}
    rows = await db.fetch_dicts(conn, queries[STEPS_S[step_s]], window)
    if not rows and step_s < 60:
        step_s = 60
        rows = await db.fetch_dicts(conn, queries[STEPS_S[step_s]], window)
    columns = {row["tag_id"]: row for row in rows}
    gaps = await db.fetch_dicts(conn, queries["gaps_of_line"], window)
    limits = {tag.name: tag for tag in station.tags}
    return {
        "from": int(from_at.timestamp()),
        "to": int(to_at.timestamp()),
        "now": int(f.now.timestamp()),
        "step": step_s,
        "tags": [
            _tag(limits[name], known.get(name), columns, gaps, f)
            for name in names
            if name in limits
        ],
    }


def _tag(tag: Tag, known: Row | None, columns: dict[int, Row], gaps: list[Row], f: Formats) -> Row:
    tag_id = known["id"] if known else 0
    found = columns.get(tag_id)
    return {
        "name": tag.name,
        "label": f.text(tag.label),
        "unit": tag.unit,
        "nominal": tag.nominal,
        "low": tag.low,
        "high": tag.high,
        "times": found["times"] if found else [],
        "means": found["means"] if found else [],
        "lows": found["lows"] if found else [],
        "highs": found["highs"] if found else [],
        "values": int(found["values_n"]) if found else 0,
        "bad": int(found["bad_n"]) if found else 0,
        "gaps": [
            {
                "from": int(gap["from_at"].timestamp()),
                "to": int(gap["to_at"].timestamp()),
                "cause": f.word(label("gap_cause", gap["cause"]).word),
                "detail": gap["detail"],
            }
            for gap in gaps
            if gap["tag_ids"] is None or tag_id in gap["tag_ids"]
        ],
    }
