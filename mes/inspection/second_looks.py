"""A share of the reviewed pictures is judged a second time, blind, by somebody else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from mes.inspection.second_look_model import LookedAlready, NotReviewed, OwnReview, SecondLook, Word
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "second_looks.sql")

LOOK_BACK: Final = timedelta(days=7)
"""Reviews older than this are not shown again."""
AT_ONCE: Final = 20


async def due(conn: ReadConn, reader: str, *, share: float, now: datetime) -> list[UUID]:
    """Return the pictures that a reviewer is to judge again, those reviewed first before the others.

    Args:
        share: of all reviewed pictures, 0 to 1; which ones is fixed by their ids.
    """
    rows = await db.fetch_dicts(
        conn,
        queries["due"],
        {"reader": reader, "share": share, "since_at": now - LOOK_BACK, "limit": AT_ONCE},
    )
    return [row["id"] for row in rows]


async def look(
    conn: WriteConn,
    inspection_id: UUID,
    *,
    defect: bool,
    code: str | None,
    by: str,
    now: datetime,
) -> None:
    """Keep what a second reviewer says; the part, its hold and the first review stay as they are.

    Args:
        code: of the defect; None: as the model named it, as with a first review.

    Raises:
        NotReviewed: there is no first review of it, or it was taken back.
        OwnReview, LookedAlready
    """
    rows = await db.fetch_dicts(conn, queries["reviewed"], {"id": inspection_id})
    if not rows:
        raise NotReviewed(inspection=inspection_id)
    (first,) = rows
    if first["by"] == by:
        raise OwnReview
    added = await db.execute(
        conn,
        queries["add"],
        {
            "id": inspection_id,
            "first_defect": first["defect"],
            "first_code": first["code"] if first["defect"] else None,
            "first_by": first["by"],
            "defect": defect,
            "code": (code or first["named"]) if defect else None,
            "by": by,
            "looked_at": now,
        },
    )
    if not added:
        raise LookedAlready


async def take_back(conn: WriteConn, inspection_id: UUID, *, by: str) -> None:
    """Forget what a second reviewer said, when they take it back."""
    await db.execute(conn, queries["take_back"], {"id": inspection_id, "by": by})


async def forget(conn: WriteConn, inspection_id: UUID) -> None:
    """Forget the second word on a review that was itself taken back."""
    await db.execute(conn, queries["forget"], {"id": inspection_id})


async def since(conn: ReadConn, *, since_at: datetime) -> list[SecondLook]:
    """Return the pictures with two words since an instant of plant time, in order."""
    rows = await db.fetch_dicts(conn, queries["since"], {"since_at": since_at})
    return [
        SecondLook(
            row["inspection_id"],
            Word(row["first_defect"], row["first_code"], row["first_by"]),
            Word(row["defect"], row["code"], row["by"]),
            row["looked_at"],
        )
        for row in rows
    ]
