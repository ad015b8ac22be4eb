"""What is built into which body."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mes.genealogy.model import BuiltIn
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


async def record(conn: WriteConn, parts: Sequence[BuiltIn]) -> None:
    await db.execute(
        conn,
        queries["record"],
        {
            "lines": [part.line for part in parts],
            "seqs": [part.seq for part in parts],
            "items": [part.item for part in parts],
            "body_ids": [part.body_id for part in parts],
            "stations": [part.station for part in parts],
            "job_order_ids": [part.job_order_id for part in parts],
            "materials": [part.material for part in parts],
            "lots": [part.lot for part in parts],
            "serials": [part.serial for part in parts],
            "quantities": [part.quantity for part in parts],
            "built_ats": [part.built_at for part in parts],
        },
    )


async def parts_of(conn: ReadConn, body_id: UUID) -> list[BuiltIn]:
    return await db.fetch_all(conn, queries["parts_of"], {"body_id": body_id}, BuiltIn)
