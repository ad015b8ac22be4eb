"""The API of models: a package goes in by its bytes, comes to a camera, and back; agents fetch it by hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from mes.contracts.plant_file import load_plant
from mes.identity.model import Role
from mes.inspection.registry import camera_models
from mes.resources import service as resources
from qc_vision.runtime import content_hash, pack
from tests.support.floor_api import FloorApi, api, plant_floor
from tests.support.model_packages import a_package, broken
from tests.support.orders_api import problem
from tests.support.vision_systems import CAMERA as VISION_CAMERA
from tests.support.vision_systems import plant_with_vision_system

__all__ = ["api", "plant_floor"]


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    return pack(a_package(tmp_path / "made"))


@pytest.fixture(autouse=True)
def room_for_packages(plant_floor: FloorApi, monkeypatch: pytest.MonkeyPatch) -> None:
    context = plant_floor.orders.app.state.context
    monkeypatch.setitem(context.settings.http.__dict__, "max_upload_bytes", 4 << 20)
    context.services["camera_models"] = camera_models


async def test_a_package_is_registered_tried_promoted_and_taken_back(
    plant_floor: FloorApi, archive: bytes
) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    answer = await client.post("/api/models", content=archive)
    assert answer.status_code == 201, answer.text
    sha256 = answer.json()["package_sha256"]
    assert sha256 == content_hash(archive)
    assert [m["name"] for m in (await client.get("/api/models")).json()] == ["retrained"]

    path = "/api/cameras/weld-camera"
    problem(await client.post(f"{path}/promote"), 409, "model.nothing_on_trial")
    assert (await client.post(f"{path}/shadow", json={"package_sha256": sha256})).status_code == 204
    again = await client.post(f"{path}/shadow", json={"package_sha256": sha256})
    problem(again, 409, "model.trial_runs")
    for _ in range(2):
        assert (await client.post(f"{path}/promote")).status_code == 204
    back = {"reason": "false calls"}
    assert (await client.post(f"{path}/roll-back", json=back)).status_code == 204
    problem(await client.post(f"{path}/roll-back", json=back), 409, "model.nothing_to_roll_back")


async def test_a_vision_system_is_given_no_model_and_no_pipeline(
    plant_floor: FloorApi, archive: bytes, tmp_path: Path
) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    sha256 = (await client.post("/api/models", content=archive)).json()["package_sha256"]
    plant = load_plant(plant_with_vision_system(tmp_path))
    context = plant_floor.orders.app.state.context
    async with plant_floor.orders.database.write() as conn:
        await resources.install_plant(conn, plant, now=context.clock.now())
    answer = await client.post(
        f"/api/cameras/{VISION_CAMERA}/shadow", json={"package_sha256": sha256}
    )
    problem(answer, 409, "model.judges_itself")
    async with plant_floor.orders.database.read() as conn:
        for line in plant.lines:
            named = await camera_models(conn, plant, line)
            assert VISION_CAMERA not in [model.camera for model in named]


async def test_what_cannot_be_used_and_who_may_not_are_refused(
    plant_floor: FloorApi, archive: bytes
) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    problem(await client.post("/api/models", content=broken(archive)), 422, "model.refused")
    problem(await client.post("/api/models", content=b"PK"), 422, "model.refused")
    operator = await plant_floor.orders.person(Role.OPERATOR)
    answer = await operator.post("/api/models", content=archive)
    problem(answer, 403, "identity.role_missing")
