"""What a quality engineer and a program do over HTTP with holds, pictures and nonconformances."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np
import pytest

from mes.contracts.quality import Verdict
from mes.identity.model import Role, Scope
from mes.inspection import bridge
from mes.inspection import service as inspection
from tests.support.floor_api import FloorApi, api, plant_floor
from tests.support.model_package import build_package
from tests.support.orders_api import problem

__all__ = ["api", "plant_floor"]


async def test_a_reviewer_works_the_queue_and_takes_a_verdict_back(plant_floor: FloorApi) -> None:
    await plant_floor.judge()
    client = await plant_floor.orders.person(Role.QUALITY)
    (item,) = (await client.get("/api/inspections", params={"queue": 1})).json()
    hold = item["hold"]
    assert item["body"]["number"] == plant_floor.body.number
    assert item["inspection"]["regions"][0]["label"] == "spatter"
    assert item["rework"]["state"] == "provisional"
    assert item["priority"] > 0

    path = f"/api/holds/{hold['id']}"
    seen = await client.get(path)
    assert seen.headers["etag"] == '"1"'
    decided = await client.post(
        f"{path}/disposition", json={"disposition": "false_call"}, headers={"If-Match": '"1"'}
    )
    assert decided.status_code == 200, decided.text
    assert (decided.json()["state"], decided.headers["etag"]) == ("released", '"2"')
    assert (await client.get("/api/inspections", params={"queue": 1})).json() == []
    assert (await client.get("/api/holds")).json() == []
    assert len((await client.get("/api/holds", params={"closed": 1})).json()) == 1

    undone = await client.post(f"{path}/undo", headers={"If-Match": decided.headers["etag"]})
    assert undone.json()["state"] == "open"
    figures = (await client.get("/api/cameras/figures")).json()
    assert [(f["camera"], f["nok"], f["false_calls"]) for f in figures] == [("weld-camera", 1, 0)]


async def test_every_wrong_decision_gets_its_own_answer_and_changes_nothing(
    plant_floor: FloorApi,
) -> None:
    await plant_floor.judge()
    hold = await plant_floor.hold()
    path = f"/api/holds/{hold.id}/disposition"
    client = await plant_floor.orders.person(Role.QUALITY)
    match = {"If-Match": '"1"'}
    body = {"disposition": "rework"}
    problem(await client.post(path, json=body), 428, "hold.if_match_required")
    wrong = await client.post(path, json=body, headers={"If-Match": "soon"})
    problem(wrong, 422, "hold.if_match_unreadable")
    stale = await client.post(path, json=body, headers={"If-Match": '"7"'})
    assert problem(stale, 409, "hold.changed_meanwhile")["state"] == "open"
    no_reason = await client.post(path, json={"disposition": "use_as_is"}, headers=match)
    problem(no_reason, 422, "disposition.reason_required")
    unknown = await client.post(path, json={"disposition": "polish"}, headers=match)
    assert problem(unknown, 422, "invalid")["errors"][0]["field"] == "disposition"
    nowhere = await client.post(f"/api/holds/{uuid4()}/disposition", json=body, headers=match)
    problem(nowhere, 404, "hold.unknown")
    undo = await client.post(f"/api/holds/{hold.id}/undo", headers=match)
    problem(undo, 409, "hold.undecided")

    operator = await plant_floor.orders.person(Role.OPERATOR)
    answer = await operator.post(path, json=body, headers=match)
    problem(answer, 403, "identity.role_missing")
    assert await plant_floor.hold() == hold


async def test_a_picture_is_shown_once_it_has_left_the_line(plant_floor: FloorApi) -> None:
    picture = b"\xff\xd8\xff pixels"
    sha = hashlib.sha256(picture).hexdigest()
    result = await plant_floor.judge(image_sha256=sha)
    client = await plant_floor.orders.person(Role.QUALITY)
    path = f"/api/inspections/{result.id}"
    assert (await client.get(path)).json()["image"] is None
    missing = await client.get(f"/api/images/{sha}")
    assert "still be at the line" in problem(missing, 404, "image.unknown")["detail"]

    async with plant_floor.orders.database.write() as conn:
        now = plant_floor.orders.clock.real
        await inspection.store_image(conn, plant_floor.images, sha, picture, now=now)
    shown = (await client.get(path)).json()["image"]
    answer = await client.get(shown)
    assert (answer.content, answer.headers["content-type"]) == (picture, "image/jpeg")
    assert "immutable" in answer.headers["cache-control"]
    stranger = plant_floor.orders.client()
    problem(await stranger.get(shown), 401, "identity.not_signed_in")
    heat = await client.get(f"{path}/heatmap.png")
    assert "not installed here" in problem(heat, 404, "inspection.no_heatmap")["detail"]
    late = await plant_floor.judge(Verdict.LATE, image_sha256=None, image_px=None)
    none = await client.get(f"/api/inspections/{late.id}/heatmap.png")
    problem(none, 404, "image.unknown")


async def test_a_heat_map_is_drawn_with_the_model_that_judged(
    plant_floor: FloorApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    model = build_package(package).sha256
    monkeypatch.setattr(bridge, "_packages", lambda: {model: package})
    pixels = np.random.default_rng(7).integers(20, 90, (256, 256, 3), np.uint8)
    pixels[160:224, 32:96] += 150
    picture = bytes(cv2.imencode(".png", pixels)[1])
    sha = hashlib.sha256(picture).hexdigest()
    async with plant_floor.orders.database.write() as conn:
        now = plant_floor.orders.clock.real
        await inspection.store_image(conn, plant_floor.images, sha, picture, now=now)
    result = await plant_floor.judge(image_sha256=sha, model_sha256=model)
    client = await plant_floor.orders.person(Role.QUALITY)
    answer = await client.get(f"/api/inspections/{result.id}/heatmap.png")
    assert answer.status_code == 200, answer.text
    drawn = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert drawn.shape == (256, 256, 3)
    colour = drawn.astype(np.float64) - 0.55 * pixels
    hot, cold = colour[176:208, 48:80].mean(), colour[16:80, 160:224].mean()
    assert hot > cold + 30, "the heat lies where the defect is"


async def test_a_nonconformance_closes_when_each_of_its_items_is_decided(
    plant_floor: FloorApi,
) -> None:
    await plant_floor.judge()
    hold = await plant_floor.hold()
    client = await plant_floor.orders.person(Role.QUALITY)
    empty = await client.post("/api/nonconformances", json={"title": "welds", "hold_ids": []})
    problem(empty, 422, "invalid")
    opened = await client.post(
        "/api/nonconformances", json={"title": "welds", "hold_ids": [str(hold.id)]}
    )
    assert opened.status_code == 201, opened.text
    path = f"/api/nonconformances/{opened.json()['id']}/close"
    problem(await client.post(path), 409, "nonconformance.undecided")
    await client.post(
        f"/api/holds/{hold.id}/disposition",
        json={"disposition": "rework"},
        headers={"If-Match": '"1"'},
    )
    assert (await client.post(path)).json()["state"] == "closed"
    (listed,) = (await client.get("/api/nonconformances")).json()
    assert (listed["number"], len(listed["items"])) == ("NC00001", 1)


async def test_a_program_reads_quality_with_its_scope_only(plant_floor: FloorApi) -> None:
    await plant_floor.judge()
    reader = await plant_floor.orders.machine(Scope.QUALITY_READ)
    assert len((await reader.get("/api/holds")).json()) == 1
    assert len((await reader.get("/api/inspections", params={"limit": 5})).json()) == 1
    other = await plant_floor.orders.machine(Scope.ORDERS_READ)
    problem(await other.get("/api/holds"), 403, "identity.scope_missing")
