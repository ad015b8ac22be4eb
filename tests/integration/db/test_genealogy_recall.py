"""A recall lists every car, and everything in a car."""

from __future__ import annotations

import pytest

from mes.contracts.plant import PlantModel
from mes.genealogy import service, views
from mes.platform.db import WriteConn
from tests.support import floor
from tests.support.floor import FakeLine, a_body


@pytest.fixture(autouse=True)
async def _plant(conn: WriteConn, mini_plant: PlantModel) -> None:
    await floor.install(conn, mini_plant)


async def test_a_lot_and_a_serial_are_found_in_every_car_that_holds_them(conn: WriteConn) -> None:
    cars = [a_body() for _ in range(12)]
    await floor.register(conn, *cars)
    line = FakeLine("assembly")
    records = []
    for number, car in enumerate(cars):
        lots = [{"material": "airbag", "lot": "A7" if number % 3 else "A8", "serial": f"S{number}"}]
        if number == 5:
            lots.append({"material": "airbag", "lot": "A8", "serial": "S-extra"})
        records += [
            line.entered(car, "trim", number),
            line.worked(car, "trim", number + 1, consumed=lots),
        ]
    assert await floor.report(conn, *records) == []

    with_a8 = {h.number for h in await views.bodies_with_lot(conn, "A8")}
    assert with_a8 == {car.number for n, car in enumerate(cars) if n % 3 == 0 or n == 5}
    (place,) = await views.bodies_with_serial(conn, "S-extra")
    assert (place.number, place.station, place.place) == (cars[5].number, "trim", "line")
    assert [p.serial for p in await service.parts_of(conn, cars[5].id)] == ["S5", "S-extra"]
    assert len(await views.parts_of_vin(conn, cars[5].vin)) == 2
    assert len(await views.bodies_with_lot(conn, "A7")) == 8


async def test_a_recall_of_a_rack_has_no_limit(conn: WriteConn) -> None:
    cars = [a_body() for _ in range(700)]
    await floor.register(conn, *cars)
    line = FakeLine("body-framing")
    hood = [{"material": "c1-hood", "lot": "R9"}]
    records = [line.worked(c, "framing", n, consumed=hood) for n, c in enumerate(cars)]
    assert await floor.report(conn, *records) == []
    assert len(await views.bodies_with_lot(conn, "R9")) == 700
