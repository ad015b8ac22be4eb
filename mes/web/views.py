"""What the planner's home and the explanation of an event show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries
from mes.web.happenings import EventRow

queries = load_queries(__package__, "views.sql")

Row = dict[str, Any]
SHOWN = 8
"""Rows of each list of the home page; the rest is one click away."""


@dataclass(frozen=True)
class Attention:
    """What needs a planner's eye, worst first."""

    at_risk: list[Row]
    at_risk_count: int
    holds: list[Row]
    asking: list[Row]
    lines: list[Row]
    plan: Row | None
    draft: Row | None
    proposal: Row | None
    since: datetime
    changes: list[EventRow]
    change_counts: dict[str, int]
    figures: Row
    quarantined: int

    @property
    def down(self) -> list[Row]:
        """Lines that are down, and said so."""
        return [line for line in self.lines if line["down_since"] and not line["silent_since"]]

    @property
    def unknown(self) -> list[Row]:
        """Lines nothing is heard of: unknown, not idle."""
        return [line for line in self.lines if line["silent_since"] or line["state"] is None]


async def attention(conn: ReadConn, *, now: datetime, day_start: datetime) -> Attention:
    """Collect the planner's home; `now` and `day_start` are plant time."""
    plan = _first(await db.fetch_dicts(conn, queries["plan_in_force"]))
    since = plan["published_at"] if plan else now - timedelta(hours=12)
    counts = await db.fetch_dicts(conn, queries["change_counts"], {"since": since})
    return Attention(
        at_risk=await db.fetch_dicts(conn, queries["at_risk"], {"now": now, "limit": SHOWN}),
        at_risk_count=await db.fetch_value(conn, queries["at_risk_count"], {"now": now}),
        holds=await db.fetch_dicts(conn, queries["undecided_holds"], {"limit": 200}),
        asking=await db.fetch_dicts(conn, queries["asking"]),
        lines=await db.fetch_dicts(conn, queries["line_states"]),
        plan=plan,
        draft=_first(await db.fetch_dicts(conn, queries["newest_draft"])),
        proposal=_first(await db.fetch_dicts(conn, queries["waiting_proposal"])),
        since=since,
        changes=await db.fetch_all(
            conn, queries["changes_since"], {"since": since, "limit": 12}, EventRow
        ),
        change_counts={row["type"]: row["n"] for row in counts},
        figures=(await db.fetch_dicts(conn, queries["today"], {"since": day_start}))[0],
        quarantined=await db.fetch_value(conn, queries["quarantined"]),
    )


@dataclass(frozen=True)
class Explained:
    """An event, what led to it, and what it led to."""

    event: EventRow
    causes: list[EventRow]
    effects: list[EventRow]
    subject: Row


async def explained(conn: ReadConn, event_id: UUID) -> Explained | None:
    """Return an event in its chain; None when there is none with this id."""
    chain = await db.fetch_all(conn, queries["causes"], {"id": event_id}, EventRow)
    if not chain:
        return None
    effects = await db.fetch_all(conn, queries["effects"], {"id": event_id}, EventRow)
    subject = await db.fetch_dicts(conn, queries["subject_of_event"], {"id": event_id})
    return Explained(chain[-1], chain[:-1], effects, subject[0])


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
