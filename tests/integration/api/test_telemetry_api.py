"""Process values and their gaps as programs and screens ask for them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from mes.agents import repository as agents
from mes.contracts.plc import TagNode
from mes.contracts.telemetry import Gap, GapCause
from mes.contracts.wire import TelemetryColumns, to_filetime
from mes.equipment import partitions, telemetry
from mes.equipment import routes as equipment_routes
from mes.identity.model import Scope
from tests.support.orders import PLANT_NOW
from tests.support.orders_api import OrdersApi, api, problem

__all__ = ["api"]


async def test_values_trends_and_gaps_of_a_line_are_shown(api: OrdersApi) -> None:
    api.app.include_router(equipment_routes.router)
    begin = PLANT_NOW - timedelta(minutes=5)
    at = to_filetime(begin) + np.arange(3, dtype=np.int64) * 10_000_000
    columns = TelemetryColumns(
        np.ones(3, np.uint32), at, at, np.array([20, 22, np.nan]), np.zeros(3, np.uint32)
    )
    gap = Gap(line="paint", from_at=begin, to_at=PLANT_NOW, cause=GapCause.LINK_LOST)
    async with api.database.write() as conn:
        tag = TagNode(tag_id=1, station="oven", name="Temperature", node="i=1", unit="°C")
        await agents.add_tags(conn, "paint", [tag])
        await telemetry.store_telemetry(conn, "paint", columns)
        await partitions.sum_up(conn, before=PLANT_NOW)
        await telemetry.store_gaps(conn, [gap])
    reader = await api.machine(Scope.PLAN_READ)
    (newest,) = (await reader.get("/api/lines/paint/values")).json()
    assert (newest["name"], newest["unit"], newest["value"]) == ("Temperature", "°C", None)
    (minute,) = (await reader.get("/api/stations/oven/values/Temperature")).json()
    assert (minute["values_n"], minute["bad_n"], minute["mean"]) == (2, 1, 21.0)
    (found,) = (await reader.get("/api/lines/paint/gaps")).json()
    assert found["cause"] == "link_lost"
    assert (await reader.get("/api/lines/eol/gaps")).json() == []


async def test_a_value_or_stretch_that_makes_no_sense_is_told_so(api: OrdersApi) -> None:
    api.app.include_router(equipment_routes.router)
    reader = await api.machine(Scope.PLAN_READ)
    problem(await reader.get("/api/stations/oven/values/Nothing"), 404, "tag.unknown")
    wide = {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}
    for path in ("values", "gaps"):
        problem(await reader.get(f"/api/lines/no-such-line/{path}"), 404, "line.unknown")
    problem(await reader.get("/api/lines/paint/gaps", params=wide), 422, "telemetry.too_wide")
    stranger = await api.machine(Scope.ORDERS_WRITE)
    problem(await stranger.get("/api/lines/paint/values"), 403, "identity.scope_missing")
