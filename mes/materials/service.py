"""Receive racks, debit what the lines took, hold what is in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from mes.materials import repository
from mes.materials.model import (
    PanelStock,
    Rack,
    RackReceipt,
    RackScrapped,
    Taken,
    UnknownRack,
    summed,
)
from mes.platform.db import ReadConn, WriteConn

log = structlog.get_logger()


async def receive_racks(conn: WriteConn, receipts: Sequence[RackReceipt]) -> None:
    """Put racks into stock; a rack that is in stock already changes nothing."""
    if receipts:
        await repository.receive(conn, list({r.rack: r for r in receipts}.values()))


async def take(conn: WriteConn, takes: Sequence[Taken], panels: Mapping[str, str]) -> None:
    """Debit racks by what a line took; the line chose them first in, first out.

    Args:
        panels: the panel code of each rack, for a rack whose receipt has not been reported yet.
    """
    total = summed(takes)
    if not total:
        return
    known = await repository.take(conn, total)
    for rack in sorted(total.keys() - known):
        log.warning("rack.taken_before_receipt", rack=rack, quantity=total[rack])
        await repository.note_unreceived(
            conn, rack, panels[rack], line=None, overdrawn=total[rack], held=False
        )


async def panel_stock(conn: ReadConn) -> list[PanelStock]:
    """Return the stock of every panel of which there is any."""
    return await repository.panel_stock(conn)


async def racks_in_stock(conn: ReadConn) -> list[Rack]:
    """Return the racks with panels in them, by panel, oldest first."""
    return await repository.racks_in_stock(conn)


async def find_rack(conn: ReadConn, rack_id: str) -> Rack | None:
    """Return a rack, or None."""
    return await repository.rack(conn, rack_id)


async def racks_from(conn: ReadConn, line: str, panel: str, *, limit: int = 200) -> list[Rack]:
    """Return the newest racks of a panel from a press line, the one being filled first."""
    return await repository.racks_from(conn, line, panel, limit=limit)


async def hold_rack(conn: WriteConn, rack_id: str, *, panel: str, line: str) -> None:
    """Keep framing from a rack; one that is not full yet is held from the start."""
    await repository.note_unreceived(conn, rack_id, panel, line=line, overdrawn=0, held=True)


async def release_rack(conn: WriteConn, rack_id: str) -> None:
    """Give a rack back to framing.

    Raises:
        UnknownRack: there is none of this name.
        RackScrapped: it was scrapped.
    """
    rack = await repository.rack(conn, rack_id)
    if rack is None:
        raise UnknownRack(rack=rack_id)
    if rack.scrapped_at is not None:
        raise RackScrapped(rack=rack_id)
    await repository.set_held(conn, rack_id, held=False)


async def scrap_rack(conn: WriteConn, rack_id: str, *, now: datetime) -> None:
    """Take a rack out of stock for good."""
    await repository.scrap(conn, rack_id, at=now)
