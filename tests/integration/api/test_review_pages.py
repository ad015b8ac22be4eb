"""What a reviewer's browser asks for: the queue with its codes, second looks, the pages that control reviews."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest

from mes.contracts.quality import InspectionResult
from mes.identity.model import Role
from mes.inspection import agreement_pages
from mes.inspection import pages as model_pages
from mes.inspection import service as inspection
from mes.inspection.drift import RECENT
from mes.inspection.track_record import Judging
from mes.platform.settings import ReviewSettings
from mes.quality import pages
from tests.support.floor import a_result, at
from tests.support.floor_api import FloorApi, api, plant_floor
from tests.support.orders_api import problem

__all__ = ["api", "plant_floor"]

PICTURE = b"\xff\xd8\xff of a weld"
SHA = hashlib.sha256(PICTURE).hexdigest()


@pytest.fixture
async def screens(plant_floor: FloorApi) -> FloorApi:
    """The floor with the screens of quality; every reviewed picture is to be judged again."""
    for routes in (pages, model_pages, agreement_pages):
        plant_floor.orders.app.include_router(routes.router)
    context = plant_floor.orders.app.state.context
    review = ReviewSettings(second_looks=1)
    settings = context.settings.model_copy(update={"review": review})
    plant_floor.orders.app.state.context = replace(context, settings=settings)
    async with plant_floor.orders.database.write() as conn:
        await inspection.store_image(conn, plant_floor.images, SHA, PICTURE, now=at(1))
    return plant_floor


async def a_picture(screens: FloorApi) -> InspectionResult:
    return await screens.judge(image_sha256=SHA, image_px=(64, 64))


async def queue_of(client: httpx.AsyncClient) -> dict[str, list[dict[str, object]]]:
    answer = await client.get("/quality/review/queue.json")
    assert answer.status_code == 200, answer.text
    found: dict[str, list[dict[str, object]]] = answer.json()
    return found


async def decide(client: httpx.AsyncClient, screens: FloorApi, **said: object) -> httpx.Response:
    hold = await screens.hold()
    return await client.post(
        f"/api/holds/{hold.id}/disposition",
        json={"disposition": "rework", **said},
        headers={"If-Match": f'"{hold.row_version}"'},
    )


async def test_a_verdict_carries_the_code_and_the_regions_that_a_person_drew(
    screens: FloorApi,
) -> None:
    judged = await a_picture(screens)
    client = await screens.orders.person(Role.QUALITY)
    queue = await queue_of(client)
    assert [(item["second"], item["may_rework"]) for item in queue["items"]] == [(False, True)]
    assert {"spatter", "other"} <= {one["code"] for one in queue["codes"]}
    outside = await decide(client, screens, regions=[{"x": 60, "y": 0, "w": 9, "h": 9}])
    problem(outside, 422, "inspection.region_outside")
    drawn = [{"x": 5, "y": 6, "w": 9, "h": 9, "label": "porosity"}]
    done = await decide(client, screens, defect_code="porosity", regions=drawn)
    assert done.status_code == 200, done.text
    shown = (await client.get(f"/api/inspections/{judged.id}")).json()
    assert (shown["defect_code"], shown["reviewed_regions"]) == ("porosity", drawn)


async def test_the_picture_comes_to_another_reviewer_without_the_first_verdict(
    screens: FloorApi,
) -> None:
    judged = await a_picture(screens)
    first = await screens.orders.person(Role.QUALITY)
    await decide(first, screens, defect_code="porosity")
    assert (await queue_of(first))["items"] == []
    other = await screens.orders.person(Role.ADMIN)
    (item,) = (await queue_of(other))["items"]
    assert item["second"] is True
    assert "porosity" not in str(item)
    path = f"/api/inspections/{judged.id}/second-look"
    problem(await first.put(path, json={"defect": True}), 409, "inspection.own_review")
    nowhere = await other.put(f"/api/inspections/{uuid4()}/second-look", json={"defect": True})
    problem(nowhere, 409, "inspection.not_reviewed")
    assert (await other.put(path, json={"defect": False})).status_code == 204
    assert (await queue_of(other))["items"] == []
    page = (await other.get("/quality/studies")).text
    assert "0 of 1 pictures were judged alike by two people." in page
    assert f"/quality/inspections/{judged.id}" in page
    assert (await other.delete(path)).status_code == 204
    assert len((await queue_of(other))["items"]) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_pages_of_quality_can_be_read_before_anything_happened(
    screens: FloorApi, language: str
) -> None:
    client = await screens.orders.person(Role.QUALITY)
    client.cookies.set("lang", language)
    studies = (await client.get("/quality/studies")).text
    nobody = {"en": "Nobody has judged a picture of another", "zh": "尚无人判断过他人评审的图像"}
    assert nobody[language] in studies
    judged = await client.get("/quality/judged", params={"model": "1" * 64, "version": "1"})
    nothing = {"en": "has judged no part yet", "zh": "该模型版本尚未判定过零件"}
    assert nothing[language] in judged.text
    assert (await client.get("/quality/judged", params={"model": "x"})).status_code == 422


async def test_every_part_that_a_model_version_judged_is_listed_with_what_became_of_it(
    screens: FloorApi,
) -> None:
    judged = await a_picture(screens)
    client = await screens.orders.person(Role.QUALITY)
    await decide(client, screens)
    picture = (await client.get(f"/quality/inspections/{judged.id}")).text
    assert f'href="/quality/judged?model={"1" * 64}&amp;version=1"' in picture
    listed = {"model": "1" * 64, "version": "1"}
    page = (await client.get("/quality/judged", params=listed)).text
    assert screens.body.number in page
    assert "Rework" in page
    other = {**listed, "version": "2"}
    assert screens.body.number not in (await client.get("/quality/judged", params=other)).text
    rows = (await client.get("/quality/judged.csv", params=listed)).text.splitlines()
    assert len(rows) == 2
    assert UUID(rows[1].split(",")[0]) == judged.id


async def test_a_camera_that_sees_otherwise_than_its_training_says_what_to_do(
    screens: FloorApi,
) -> None:
    client = await screens.orders.person(Role.MAINTENANCE)
    model = Judging("weld-camera", "welding", "1", "1" * 64)
    async with screens.orders.database.write() as conn:
        for _ in range(RECENT):
            result = a_result(model_sha256=model.model_sha256, watch=(0.1, 9.0, 0.2))
            await inspection.on_result(conn, result, now=at(6))
        await conn.execute(
            "INSERT INTO vision_model (package_sha256, name, version, shop, model_sha256, data_sha256,"
            " pipeline_version, licence, parents, bytes, manifest, registered_at, registered_by)"
            " VALUES (%s, 'welding', '1', 'welding', %s, 'd', '1', 'MIT', '{}', 1, %s, %s, 'system')",
            (
                "2" * 64,
                "1" * 64,
                '{"calibration": {"target_overkill": 0.01}, "extra": {"watch": {"limit": 4.0}}}',
                at(1),
            ),
        )
    for path in ("/quality/models", "/quality/models/weld-camera"):
        page = (await client.get(path)).text
        assert "unlike the training (9.0, limit 4.0)" in page
        assert "Look at lamp, lens and focus" in page
