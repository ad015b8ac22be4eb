"""The racks of the panel store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mes.materials.model import PanelStock, Rack, RackReceipt
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class _Id:
    id: str


async def receive(conn: WriteConn, receipts: Sequence[RackReceipt]) -> None:
    await db.execute(
        conn,
        queries["receive_racks"],
        {
            "ids": [receipt.rack for receipt in receipts],
            "panels": [receipt.panel for receipt in receipts],
            "lines": [receipt.line for receipt in receipts],
            "job_order_ids": [receipt.job_order_id for receipt in receipts],
            "quantities": [receipt.quantity for receipt in receipts],
            "helds": [receipt.held for receipt in receipts],
            "received_ats": [receipt.at for receipt in receipts],
        },
    )


async def take(conn: WriteConn, quantities: Mapping[str, int]) -> set[str]:
    """Debit racks (in order of id, so that two batches never deadlock); return those that exist."""
    ids = sorted(quantities)
    rows = await db.fetch_all(
        conn, queries["take"], {"ids": ids, "quantities": [quantities[i] for i in ids]}, _Id
    )
    return {row.id for row in rows}


async def note_unreceived(
    conn: WriteConn, rack: str, panel: str, *, line: str | None, overdrawn: int, held: bool
) -> None:
    await db.execute(
        conn,
        queries["note_unreceived"],
        {"id": rack, "panel": panel, "line": line, "overdrawn": overdrawn, "held": held},
    )


async def rack(conn: ReadConn, rack_id: str) -> Rack | None:
    return await db.fetch_one(conn, queries["rack"], {"id": rack_id}, Rack)


async def racks_from(conn: ReadConn, line: str, panel: str, *, limit: int) -> list[Rack]:
    return await db.fetch_all(
        conn, queries["racks_from"], {"line": line, "panel": panel, "limit": limit}, Rack
    )


async def racks_in_stock(conn: ReadConn) -> list[Rack]:
    return await db.fetch_all(conn, queries["racks_in_stock"], None, Rack)


async def panel_stock(conn: ReadConn) -> list[PanelStock]:
    return await db.fetch_all(conn, queries["panel_stock"], None, PanelStock)


async def set_held(conn: WriteConn, rack_id: str, *, held: bool) -> None:
    await db.execute(conn, queries["set_held"], {"id": rack_id, "held": held})


async def scrap(conn: WriteConn, rack_id: str, *, at: datetime) -> None:
    await db.execute(conn, queries["scrap"], {"id": rack_id, "at": at})
