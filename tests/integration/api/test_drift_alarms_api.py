"""A camera that drifts stands in the list of alarms until somebody knows of it and it is steady again."""

from __future__ import annotations

from datetime import datetime

import pytest

from mes.contracts.quality import Verdict
from mes.identity.model import Role
from mes.inspection import drift_alarms
from mes.inspection import pages as model_pages
from mes.inspection import service as inspection
from mes.inspection.drift import FEWEST_EARLIER, RECENT
from mes.inspection.drift_alarm_model import EndedBy, Measure
from mes.platform.db import WriteConn
from mes.web import pages as web_pages
from tests.support.floor import a_result, at
from tests.support.floor_api import FloorApi, api, plant_floor

__all__ = ["api", "plant_floor"]

CAMERA = "weld-camera"
CONFIRM = f"/api/cameras/{CAMERA}/drift/scores/confirmation"


@pytest.fixture
async def screens(plant_floor: FloorApi) -> FloorApi:
    for routes in (model_pages, web_pages):
        plant_floor.orders.app.include_router(routes.router)
    return plant_floor


async def judged(conn: WriteConn, count: int, score: float, *, minute: float) -> None:
    """The camera judges parts with scores around one."""
    for n in range(count):
        around = score * (0.9 + 0.2 * (n % 11) / 10)
        moment: datetime = at(minute + n / 1000)
        result = a_result(Verdict.OK, score=around, triggered_at=moment, decided_at=moment)
        await inspection.on_result(conn, result, now=moment)


async def watched(screens: FloorApi) -> list[EndedBy | None]:
    """What changes when cameras are measured; None: it stands."""
    async with screens.orders.database.write() as conn:
        return [a.ended_by for a in await drift_alarms.watch(conn, now=at(9))]


async def test_scores_that_move_are_an_alarm_that_is_confirmed_and_ends(screens: FloorApi) -> None:
    quality = await screens.orders.person(Role.QUALITY)
    async with screens.orders.database.write() as conn:
        await judged(conn, FEWEST_EARLIER, 0.1, minute=1)
    assert await watched(screens) == []
    async with screens.orders.database.write() as conn:
        await judged(conn, RECENT, 0.4, minute=2)
    assert await watched(screens) == [None]
    assert await watched(screens) == []

    page = (await quality.get("/alarms")).text
    assert "judges otherwise than before" in page
    assert f'href="/quality/models/{CAMERA}#drift-scores"' in page
    quality.cookies.set("lang", "zh")
    assert "判定与以前不同" in (await quality.get("/alarms")).text
    quality.cookies.set("lang", "en")

    (told,) = (await quality.get("/api/cameras/drift")).json()
    assert (told["camera"], told["measure"], told["confirmed_by"]) == (CAMERA, "scores", None)
    answer = await quality.post(CONFIRM, json={"comment": "lens wiped"})
    assert answer.json()["comment"] == "lens wiped"
    again = await quality.post(CONFIRM, json={})
    assert (again.status_code, again.json()["code"]) == (409, "drift.nothing_to_confirm")
    assert "lens wiped" in (await quality.get("/alarms")).text
    camera = (await quality.get(f"/quality/models/{CAMERA}")).text
    assert 'id="drift-scores"' in camera
    assert "lens wiped" in camera

    async with screens.orders.database.write() as conn:
        await judged(conn, RECENT, 0.1, minute=3)
    assert await watched(screens) == [EndedBy.BACK]
    assert "judges otherwise than before" not in (await quality.get("/alarms")).text
    assert "steady again" in (await quality.get(f"/quality/models/{CAMERA}")).text


async def test_scores_that_stay_away_are_an_alarm_until_somebody_knows(screens: FloorApi) -> None:
    await screens.orders.person(Role.QUALITY)
    async with screens.orders.database.write() as conn:
        await judged(conn, FEWEST_EARLIER, 0.1, minute=1)
        await judged(conn, RECENT, 0.4, minute=2)
    assert await watched(screens) == [None]
    async with screens.orders.database.write() as conn:
        await judged(conn, FEWEST_EARLIER + RECENT, 0.4, minute=10)
    assert EndedBy.BACK not in await watched(screens)
    async with screens.orders.database.write() as conn:
        await drift_alarms.confirm(conn, CAMERA, Measure.SCORES, "", actor="user:q", now=at(11))
    assert await watched(screens) == [EndedBy.BACK]


@pytest.mark.parametrize(
    ("role", "status"), [(Role.PLANNER, 403), (Role.MAINTENANCE, 409), (Role.QUALITY, 409)]
)
async def test_who_looks_after_cameras_may_confirm(
    screens: FloorApi, role: Role, status: int
) -> None:
    client = await screens.orders.person(role)
    assert (await client.post(CONFIRM, json={})).status_code == status
