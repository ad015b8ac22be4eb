"""Regions that people drew at review become a model: counted, refused in words, exported, learned, compared."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mes.contracts.quality import DrawnRegion, Region, Verdict
from mes.identity.model import Role
from mes.inspection import training_routes, training_tasks
from mes.inspection.model import Review
from mes.platform import jobs
from mes.platform.settings import Settings
from qc_vision.annotations import read_annotated
from tests.support.floor_api import FloorApi, api, plant_floor
from tests.support.orders_api import problem
from tests.support.training import a_photo, drawn_defects, judged, reviewed_pictures

__all__ = ["api", "plant_floor", "training_tasks"]

CAMERA = "weld-camera"


@pytest.fixture
async def shop(plant_floor: FloorApi) -> FloorApi:
    """A camera with good pictures, 24 defects that people drew around, and five that nobody drew on."""
    plant_floor.orders.app.include_router(training_routes.router)
    async with plant_floor.orders.database.write() as conn:
        now = plant_floor.orders.clock.now()
        await reviewed_pictures(conn, plant_floor.images, CAMERA, until=now)
        await drawn_defects(conn, plant_floor.images, CAMERA, until=now, count=24)
    return plant_floor


def days(shop: FloorApi) -> dict[str, str]:
    now: datetime = shop.orders.clock.now()
    return {"from_at": (now - timedelta(days=1)).isoformat(), "to_at": now.isoformat()}


def asked(shop: FloorApi, **given: Any) -> dict[str, Any]:
    return {"camera": CAMERA, "assumed_good": True, "regions": "drawn", **days(shop), **given}


async def taught(shop: FloorApi, regions: str) -> dict[str, Any]:
    client = await shop.orders.person(Role.QUALITY)
    answer = await client.get(
        f"/api/cameras/{CAMERA}/training-pictures", params={**days(shop), "regions": regions}
    )
    found: dict[str, Any] = answer.json()["taught"]
    return found


async def one_more(shop: FloorApi, seed: int, **given: Any) -> None:
    """Let a person confirm one more defect."""
    async with shop.orders.database.write() as conn:
        await judged(
            conn, shop.images, CAMERA, a_photo(seed, defect=True), Review.CONFIRMED,
            verdict=Verdict.NOK, at=shop.orders.clock.now() - timedelta(minutes=5), **given,
        )  # fmt: skip


async def test_regions_are_counted_by_their_codes_and_by_who_drew_them(shop: FloorApi) -> None:
    model = Region(x=3, y=4, w=20, h=20, score=0.9)
    await one_more(shop, 9_001, marked=[model], code="undercut")
    await one_more(shop, 9_002, drawn=[DrawnRegion(x=1, y=1, w=9, h=9)], code=None)
    await one_more(shop, 9_003, marked=[model], drawn=[])
    drawn = await taught(shop, "drawn")
    assert (drawn["pictures"], drawn["codes"], drawn["without_code"]) == (24, {"spatter": 24}, 1)
    assert drawn["learned"] == ["spatter"]
    confirmed = await taught(shop, "confirmed")
    assert confirmed["codes"] == {"spatter": 24, "undercut": 1}
    assert confirmed["learned"] == ["spatter"], "one undercut teaches nobody"
    assert (await taught(shop, "none"))["pictures"] == 0


async def test_too_few_regions_are_refused_with_a_sentence(plant_floor: FloorApi) -> None:
    plant_floor.orders.app.include_router(training_routes.router)
    async with plant_floor.orders.database.write() as conn:
        now = plant_floor.orders.clock.now()
        await reviewed_pictures(conn, plant_floor.images, CAMERA, until=now)
        await drawn_defects(conn, plant_floor.images, CAMERA, until=now, count=7)
    client = await plant_floor.orders.person(Role.QUALITY)
    answer = await client.post("/api/trainings", json=asked(plant_floor))
    refused = problem(answer, 422, "training.too_few_regions")
    assert (refused["found"], refused["needed"]) == (7, 20)
    assert refused["detail"] == (
        "7 pictures have regions with codes, 7 of one; 20 and 8 are needed."
    )
    both = asked(plant_floor, target_escape=0.5)
    answer = await client.post("/api/trainings", json=both)
    problem(answer, 422, "training.no_escape_with_regions")
    async with plant_floor.orders.database.write() as conn:
        await conn.execute("UPDATE inspection SET reviewed_regions = NULL")
    answer = await client.get(f"/api/cameras/{CAMERA}/regions.zip", params=days(plant_floor))
    problem(answer, 404, "training.no_regions")


async def test_reviewed_regions_are_exported_as_the_library_reads_them(
    shop: FloorApi, tmp_path: Path
) -> None:
    client = await shop.orders.person(Role.QUALITY)
    answer = await client.get(f"/api/cameras/{CAMERA}/regions.zip", params=days(shop))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        packed.extractall(tmp_path / "out")
    reading = read_annotated(tmp_path / "out")
    assert reading.findings == ()
    defects = [one for one in reading.pictures if len(one.boxes)]
    assert len(defects) == 24
    assert {one.kinds for one in defects} == {("spatter",)}
    assert len(reading.pictures) - len(defects) == 6, "what people found good has no regions"
    bright = [
        one.picture()[int(b[1]) + 12, int(b[0]) + 12, 0] for one in defects for b in one.boxes
    ]
    assert set(bright) == {250}, "the boxes lie where the spots are"
    backwards = {"from_at": days(shop)["to_at"], "to_at": days(shop)["from_at"]}
    answer = await client.get(f"/api/cameras/{CAMERA}/regions.zip", params=backwards)
    problem(answer, 422, "training.dates_reversed")


async def work(shop: FloorApi, path: str, folder: Path) -> dict[str, Any]:
    """Let a worker do every job that waits, and return the training after it."""
    orders = shop.orders
    context = jobs.JobContext(orders.database, orders.clock, Settings(data_dir=folder), {})
    app = jobs.job_app(orders.database.dsn, context)
    async with app.open_async():
        await app.run_worker_async(wait=False, install_signal_handlers=False)
    client = await orders.person(Role.QUALITY)
    found: dict[str, Any] = (await client.get(path)).json()
    return found


async def test_a_model_learns_the_regions_and_is_measured_beside_the_present_one(
    shop: FloorApi, tmp_path: Path
) -> None:
    folder = tmp_path / "worker"
    folder.mkdir()
    (folder / "images").symlink_to(tmp_path)
    client = await shop.orders.person(Role.QUALITY)
    answer: httpx.Response = await client.post("/api/trainings", json=asked(shop, epochs=1))
    assert answer.status_code == 201, answer.text
    path = f"/api/trainings/{answer.json()['id']}"
    assert (await work(shop, path, folder))["state"] == "examined"
    seen = (await client.get(f"{path}/pictures")).json()
    taught = [one for one in seen if one["drawn"]]
    assert len(taught) == 24
    assert {region["code"] for one in taught for region in one["drawn"]} == {"spatter"}
    few = [one["inspection_id"] for one in taught[:5]]
    refused = await client.post(f"{path}/start", json={"leave_out": few})
    problem(refused, 422, "training.too_few_regions")

    assert (await client.post(f"{path}/start", json={})).status_code == 200
    trained = await work(shop, path, folder)
    assert trained["state"] == "trained", trained["failure"]
    figures = trained["figures"]
    assert figures["learned_regions"] == [{"code": "spatter", "pictures": 18, "regions": 18}]
    assert [one["epoch"] for one in figures["curve"]] == [1]
    assert (figures["new"]["defects"], figures["new"]["good"]) == (11, 7)
    for model in ("new", "old"):
        found = figures["regions"][model]
        assert (found["drawn"], found["codes"][0]["drawn"]) == (6, 6)
        assert 0 <= found["found"] <= 6
    measured = [
        one for one in (await client.get(f"{path}/pictures")).json() if one["use"] == "measure"
    ]
    assert all(one["new"] and one["old"] for one in measured)
    async with shop.orders.database.read() as conn:
        query = "SELECT manifest FROM vision_model WHERE package_sha256 = %s"
        row = await (await conn.execute(query, (trained["package_sha256"],))).fetchone()
    assert row is not None
    manifest = row[0] if isinstance(row[0], dict) else json.loads(row[0])
    assert manifest["labels"] == ["spatter"]
    assert manifest["metrics"]["summary"]["regions_n"] == 6
