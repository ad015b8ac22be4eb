"""What the trends page draws: values of a station by minute, its limits, and where values are missing and why."""

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


async def trends(
    conn: ReadConn,
    line: str,
    station: Station,
    names: Sequence[str],
    f: Formats,
    *,
    from_at: datetime,
    to_at: datetime,
) -> Row:
    """Return some values of a station between two instants of plant time, as `mes-trend` reads them.

    Times are seconds since the epoch. A minute without a good value has null; a minute without any row is
    not listed: nothing was measured then, and `gaps` say whether something is missing.
    """
    known = {
        row["name"]: row
        for row in await db.fetch_dicts(conn, queries["tags_of_station"], {"station": station.id})
    }
    ids = [known[name]["id"] for name in names if name in known]
    window = {"tags": ids, "line": line, "from_at": from_at, "to_at": to_at}
    columns = {
        row["tag_id"]: row for row in await db.fetch_dicts(conn, queries["minutes_of_tags"], window)
    }
    gaps = await db.fetch_dicts(conn, queries["gaps_of_line"], window)
    limits = {tag.name: tag for tag in station.tags}
    return {
        "from": int(from_at.timestamp()),
        "to": int(to_at.timestamp()),
        "now": int(f.now.timestamp()),
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
        "minutes": found["minutes"] if found else [],
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
