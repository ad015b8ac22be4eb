"""Racks are received, debited first in first out as the line says, held and scrapped."""

from __future__ import annotations

import pytest

from mes.contracts.plant import PlantModel
from mes.materials import service
from mes.materials.model import PanelStock, RackReceipt, RackScrapped, Taken, UnknownRack
from mes.platform.db import WriteConn
from tests.support import floor
from tests.support.floor import at


def a_rack(rack: str, minutes: float, quantity: int = 20, *, held: bool = False) -> RackReceipt:
    return RackReceipt(rack, "c1-hood", "press-1", None, quantity, held, at(minutes))


async def test_stock_is_what_the_racks_hold(conn: WriteConn, mini_plant: PlantModel) -> None:
    await floor.install(conn, mini_plant)
    await service.receive_racks(
        conn, [a_rack("R1", 1), a_rack("R2", 2), a_rack("R3", 3, held=True)]
    )
    await service.receive_racks(conn, [a_rack("R1", 1)])
    await service.take(conn, [Taken("R1", 2), Taken("R1", 1)], {"R1": "c1-hood"})
    assert await service.panel_stock(conn) == [PanelStock("c1-hood", usable=37, held=20, racks=3)]
    racks = await service.racks_in_stock(conn)
    assert [(r.id, r.usable) for r in racks] == [("R1", 17), ("R2", 20), ("R3", 0)]


async def test_more_than_a_rack_holds_is_counted_and_not_lost(conn: WriteConn) -> None:
    await service.receive_racks(conn, [a_rack("R1", 1, quantity=3)])
    await service.take(conn, [Taken("R1", 5)], {"R1": "c1-hood"})
    rack = await service.find_rack(conn, "R1")
    assert rack is not None
    assert (rack.remaining, rack.overdrawn) == (0, 2)


async def test_panels_taken_before_the_receipt_came_are_debited_when_it_comes(
    conn: WriteConn,
) -> None:
    await service.take(conn, [Taken("R1", 5)], {"R1": "c1-hood"})
    await service.receive_racks(conn, [a_rack("R1", 1)])
    rack = await service.find_rack(conn, "R1")
    assert rack is not None
    assert (rack.quantity, rack.remaining, rack.overdrawn) == (20, 15, 0)


async def test_a_rack_is_held_before_it_is_full_and_stays_held(conn: WriteConn) -> None:
    await service.hold_rack(conn, "R1", panel="c1-hood", line="press-1")
    await service.receive_racks(conn, [a_rack("R1", 1)])
    (rack,) = await service.racks_from(conn, "press-1", "c1-hood")
    assert (rack.held, rack.remaining, rack.usable) == (True, 20, 0)
    await service.release_rack(conn, "R1")
    assert (await service.panel_stock(conn))[0].usable == 20


async def test_a_scrapped_rack_is_out_of_stock_for_good(conn: WriteConn) -> None:
    await service.receive_racks(conn, [a_rack("R1", 1)])
    await service.scrap_rack(conn, "R1", now=at(2))
    assert await service.panel_stock(conn) == []
    assert await service.racks_from(conn, "press-1", "c1-hood") == []
    with pytest.raises(RackScrapped):
        await service.release_rack(conn, "R1")
    with pytest.raises(UnknownRack):
        await service.release_rack(conn, "R9")
