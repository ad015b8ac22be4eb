"""What lines report of their stations: kept as stretches, unknown while silent, announced when long."""

from __future__ import annotations

import pytest

from mes.contracts.events import LineDown
from mes.contracts.plant import PlantModel
from mes.equipment import service
from mes.platform.db import WriteConn
from tests.support import floor
from tests.support.floor import FakeLine, at


@pytest.fixture(autouse=True)
async def _plant(conn: WriteConn, mini_plant: PlantModel) -> None:
    await floor.install(conn, mini_plant)


async def test_a_stop_longer_than_a_short_one_is_announced_once_and_ends_once(
    conn: WriteConn,
) -> None:
    line = FakeLine("paint")
    await floor.report(
        conn,
        line.says("station_state", 0, station="primer", state="running"),
        line.says("station_state", 10, station="primer", state="down", reason="pump"),
    )
    for minute in (11, 14, 16, 17):
        await service.watch_stops(conn, now=at(minute))
    assert list(await service.down_lines(conn)) == ["paint"]
    await floor.report(conn, line.says("station_state", 30, station="primer", state="running"))
    for minute in (30, 31):
        await service.watch_stops(conn, now=at(minute))
    down, up = (e for e in await floor.recorded(conn) if e.type in ("line.down", "line.up"))
    assert down.of(LineDown).since == at(10)
    assert up.payload.model_dump()["down_s"] == 20 * 60
    assert up.causation_id == down.id
    stretches = await service.stretches(conn, "paint", from_at=at(0), to_at=at(40))
    assert [(s.state, s.seconds / 60) for s in stretches] == [
        ("running", 10),
        ("down", 20),
        ("running", 10),
    ]


async def test_a_silent_line_is_unknown_and_its_stop_is_not_announced(conn: WriteConn) -> None:
    line = FakeLine("paint")
    await floor.report(conn, line.says("station_state", 0, station="primer", state="down"))
    await service.line_fell_silent(conn, "paint", at=at(1))
    await service.line_fell_silent(conn, "paint", at=at(2))
    (primer,) = await service.stations_now(conn)
    assert (primer.state, primer.since_at) == ("unknown", at(1))
    await service.watch_stops(conn, now=at(30))
    assert await service.down_lines(conn) == {}

    await service.line_speaks_again(conn, "paint", at=at(31))
    await floor.report(conn, line.says("station_state", 20, station="primer", state="running"))
    (primer,) = await service.stations_now(conn)
    assert (primer.state, primer.since_at) == ("running", at(20))
    (silence,) = await service.silences(conn, "paint", from_at=at(0), to_at=at(60))
    assert (silence.started_at, silence.ended_at) == (at(1), at(31))


async def test_a_whole_line_and_its_stations_are_told_apart(conn: WriteConn) -> None:
    line = FakeLine("paint")
    await floor.report(
        conn,
        line.says("station_state", 0, station=None, state="running"),
        line.says("station_state", 1, station="primer", state="starved"),
        line.says("station_state", 2, station="primer", state="running"),
    )
    assert [s.station for s in await service.stations_now(conn)] == ["", "primer"]
    announced = [e for e in await floor.recorded(conn) if e.type == "equipment.state"]
    assert [e.payload.model_dump()["station"] for e in announced] == [None]
