"""The API of the floor and of quality over a real database with one held body."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from mes.contracts.events import OrderLocked
from mes.contracts.quality import InspectionResult, Region, Verdict
from mes.equipment import routes as equipment_routes
from mes.events.handlers import HandlerContext
from mes.execution import routes as execution_routes
from mes.execution import service as execution
from mes.execution import tasks as execution_tasks
from mes.execution.model import Body
from mes.genealogy import routes as genealogy_routes
from mes.inspection import routes as inspection_routes
from mes.inspection import service as inspection
from mes.inspection.images import FolderImageStore
from mes.platform.settings import Settings
from mes.quality import routes as quality_routes
from mes.quality import service as quality
from mes.quality import tasks as quality_tasks
from mes.quality.model import Hold
from tests.support import floor
from tests.support.floor import FakeLine, StandingClock, a_result, at
from tests.support.orders import locked
from tests.support.orders_api import OrdersApi, api


@dataclass
class FloorApi:
    """The application, its pictures, and a line that reports a locked body."""

    orders: OrdersApi
    images: FolderImageStore
    body: Body
    line: FakeLine

    async def judge(self, verdict: Verdict = Verdict.NOK, **given: object) -> InspectionResult:
        """The weld camera judges the body, and quality hears of it."""
        regions = (Region(x=1, y=1, w=9, h=9, score=0.9, label="spatter"),)
        result = a_result(verdict, body_id=self.body.id, **({"regions": regions} | given))
        context = HandlerContext(StandingClock(at(6)), Settings(), {})
        async with self.orders.database.write() as conn:
            event = await inspection.on_result(conn, result, now=at(6))
            assert event is not None
            await quality_tasks.hold_after_inspection(conn, event, context)
        return result

    async def hold(self) -> Hold:
        """Return the newest hold."""
        async with self.orders.database.read() as conn:
            return (await quality.newest_holds(conn))[0]


@pytest.fixture
async def plant_floor(api: OrdersApi, tmp_path: Path) -> FloorApi:
    """A locked body that has been taken on at framing; the clock shows minute ten of the shift."""
    images = FolderImageStore(tmp_path)
    for routes in (
        equipment_routes,
        genealogy_routes,
        execution_routes,
        inspection_routes,
        quality_routes,
    ):
        api.app.include_router(routes.router)
    api.app.dependency_overrides[inspection_routes.image_store] = lambda: images
    api.clock.plant = at(10)
    line = FakeLine("body-framing")
    async with api.database.write() as conn:
        await locked(conn)
        event = await floor.newest(conn, OrderLocked.type)
        context = HandlerContext(StandingClock(at(0)), Settings(), {})
        await execution_tasks.register_body(conn, event, context)
        body = await execution.find_body(conn, event.of(OrderLocked).body_id)
        assert body is not None
        await floor.report(
            conn,
            line.entered(body, "framing", 1),
            line.worked(
                body,
                "framing",
                2,
                values={"WeldCurrent": 9.6},
                consumed=[{"material": "s2-hood", "lot": "R7"}],
            ),
            line.says("station_state", 2, station="framing", state="running"),
        )
    return FloorApi(api, images, body, line)


__all__ = ["FloorApi", "api", "plant_floor"]
