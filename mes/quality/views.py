"""What the review, the list of holds and an inspection's page show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.inspection.model import Inspection
from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries
from mes.quality.queue import QueueItem
from mes.web.labels import label
from mes.web.names import CatalogNames
from mes.web.shell import Shell

queries = load_queries(__package__, "views.sql")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list of holds is narrowed to; empty: not narrowed."""

    state: str = ""
    line: str = ""
    kind: str = ""

    def parameters(self) -> Row:
        """Return the parameters of the queries."""
        return {
            "state": self.state or None,
            "line": self.line or None,
            "kind": self.kind or None,
        }


@dataclass(frozen=True, slots=True)
class Judged:
    """A model version, and what the list of parts it judged is narrowed to; empty: not narrowed."""

    model: str
    version: str
    camera: str = ""
    verdict: str = ""
    review: str = ""

    def parameters(self) -> Row:
        """Return the parameters of the queries."""
        return {
            "model": self.model,
            "version": self.version,
            "camera": self.camera or None,
            "verdict": self.verdict or None,
            "review": self.review or None,
        }


async def judged(conn: ReadConn, wanted: Judged, *, limit: int, offset: int) -> list[Row]:
    """Return a page of the parts that a model version judged."""
    parameters = {**wanted.parameters(), "limit": limit, "offset": offset}
    return await db.fetch_dicts(conn, queries["judged"], parameters)


async def judged_count(conn: ReadConn, wanted: Judged) -> int:
    """Return how many parts a filter leaves."""
    found: int = await db.fetch_value(conn, queries["judged_count"], wanted.parameters())
    return found


async def judged_by(conn: ReadConn, wanted: Judged) -> Row:
    """Return the name of a model version and the cameras where it judged; both None where it judged nothing."""
    return (await db.fetch_dicts(conn, queries["judged_by"], wanted.parameters()))[0]


async def holds(conn: ReadConn, wanted: Filter, *, limit: int, offset: int) -> list[Row]:
    """Return a page of holds."""
    parameters = {**wanted.parameters(), "limit": limit, "offset": offset}
    return await db.fetch_dicts(conn, queries["holds"], parameters)


async def count(conn: ReadConn, wanted: Filter) -> int:
    """Return how many holds a filter leaves."""
    found: int = await db.fetch_value(conn, queries["holds_count"], wanted.parameters())
    return found


async def kinds(conn: ReadConn, *, since: datetime) -> list[Row]:
    """Return how often each kind of defect held something, the most frequent first."""
    return await db.fetch_dicts(conn, queries["kinds"], {"since": since})


async def pace(conn: ReadConn, reviewer: str, *, since: datetime) -> int:
    """Return how many holds a reviewer has decided since a moment of plant time."""
    found: int = await db.fetch_value(conn, queries["pace"], {"reviewer": reviewer, "since": since})
    return found


async def beside(conn: ReadConn, seen: Inspection) -> list[Row]:
    """Return the golden picture and the earlier ones of the same camera."""
    return await db.fetch_dicts(
        conn,
        queries["beside"],
        {"camera": seen.camera, "variant": seen.variant, "before": seen.triggered_at},
    )


async def hold_of(conn: ReadConn, inspection_id: UUID) -> Row | None:
    """Return the newest hold that an inspection led to."""
    found = await db.fetch_dicts(conn, queries["inspection_hold"], {"id": inspection_id})
    return found[0] if found else None


async def order_number(conn: ReadConn, body_id: UUID) -> str | None:
    """Return the number of the order that a body is built for."""
    found = await db.fetch_dicts(conn, queries["body_numbers"], {"ids": [body_id]})
    return found[0]["order_number"] if found else None


async def reviewable(
    conn: ReadConn, items: Sequence[QueueItem], shell: Shell, catalog: CatalogNames
) -> list[Row]:
    """Return the queue as the island shows it, in the reader's language."""
    ids = [item.body.id for item in items if item.body]
    orders = {
        row["id"]: row for row in await db.fetch_dicts(conn, queries["body_numbers"], {"ids": ids})
    }
    return [_reviewable(item, orders, shell, catalog) for item in items]


def _reviewable(
    item: QueueItem, orders: dict[UUID, Row], shell: Shell, catalog: CatalogNames
) -> Row:
    hold, seen, body = item.hold, item.inspection, item.body
    order = orders.get(body.id) if body else None
    return {
        "hold": str(hold.id),
        "second": item.second,
        "version": hold.row_version,
        "subject": body.number if body else hold.rack,
        "order": order["order_number"] if order else None,
        "promised": shell.f.plain(order["promised_at"], zone=True)
        if order and order["promised_at"]
        else None,
        "car": f"{catalog.model(body.model)}, {catalog.color(body.color)}" if body else "",
        "line": shell.names(hold.line),
        "found_at": seen.line if seen else hold.line,
        "defect": shell.names.defect(hold.defect_kind)
        or shell._(label("hold_cause", hold.cause).word),
        "placed": shell.f.plain(hold.placed_at, zone=True),
        "age_s": max(0.0, (shell.now - hold.placed_at).total_seconds()),
        "rework_s": item.rework.work_s if item.rework else hold.risk * 60 if body else None,
        "may_rework": item.second or item.rework is not None,
        "review_by": shell.f.plain(item.rework.review_by_at) if item.rework else None,
        "inspection": None if seen is None else _picture(seen, shell),
    }


def _picture(seen: Inspection, shell: Shell) -> Row:
    return {
        "id": str(seen.id),
        "camera": shell.names(seen.camera),
        "verdict": seen.verdict.value,
        "score": seen.score,
        "threshold": seen.threshold,
        "model": f"{seen.model_name} {seen.model_version}".strip(),
        "at": shell.f.plain(seen.triggered_at, zone=True),
        "reason": seen.reason,
        "taken": seen.image_sha256 is not None,
        "image": f"/api/images/{seen.image_sha256}" if seen.image_is_here else None,
        "px": seen.image_px,
        "regions": [
            {
                "x": region.x,
                "y": region.y,
                "w": region.w,
                "h": region.h,
                "score": region.score,
                "label": shell.names.defect(region.label) if region.label else "",
                "code": region.label,
            }
            for region in seen.regions
        ],
    }
