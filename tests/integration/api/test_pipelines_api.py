"""The API of pipelines: saved with a lock, compared, run on stored pictures, published, taken back."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import httpx
import pytest

from mes.contracts.agent import ModelHealth, ModelRole
from mes.contracts.quality import Measure, Verdict
from mes.events.handlers import HandlerContext, HandlerRunner, registry
from mes.execution import tasks as execution_tasks
from mes.identity import service as identity
from mes.identity.model import Role
from mes.inspection import registry as models
from mes.inspection import service as inspection
from mes.inspection.pipelines import judged, publishing, routes
from mes.resources import service as resources
from qc_vision.runtime import content_hash, pack
from tests.support.floor import a_result
from tests.support.floor_api import FloorApi, api, plant_floor
from tests.support.model_packages import a_package
from tests.support.orders_api import problem
from tests.support.pipelines import gap_picture, sample_document

__all__ = ["api", "plant_floor"]

CAMERA = "weld-camera"


@pytest.fixture(autouse=True)
def doors(plant_floor: FloorApi, monkeypatch: pytest.MonkeyPatch) -> None:
    app = plant_floor.orders.app
    app.include_router(routes.router)
    app.dependency_overrides[routes.store_of] = lambda: plant_floor.images
    for limit in ("max_body_bytes", "max_upload_bytes"):
        monkeypatch.setitem(app.state.context.settings.http.__dict__, limit, 4 << 20)
    monkeypatch.setitem(app.state.context.services, "camera_models", publishing.camera_models)


async def created(client: httpx.AsyncClient, name: str = "Gap at the hood") -> dict[str, Any]:
    answer = await client.post(
        "/api/pipelines", json={"name": name, "document": sample_document("gap")}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def wider(limit_mm: float) -> dict[str, Any]:
    document = copy.deepcopy(sample_document("gap"))
    next(n for n in document["nodes"] if n["name"] == "gap")["settings"]["high"] = limit_mm
    return document


async def test_a_pipeline_is_saved_version_by_version_and_nobody_overwrites_another(
    plant_floor: FloorApi,
) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    made = await created(client)
    path = f"/api/pipelines/{made['id']}"
    problem(
        await client.post("/api/pipelines", json={"name": made["name"]}),
        409,
        "pipeline.name_taken",
    )
    seen = await client.get(path)
    assert seen.headers["etag"] == '"1"'
    assert seen.json()["can_run"] is True
    problem(await client.put(path, json={"document": wider(4)}), 428, "pipeline.if_match_required")
    saved = await client.put(
        path, json={"document": wider(4), "note": "softer"}, headers={"If-Match": '"1"'}
    )
    assert (saved.status_code, saved.json()["number"]) == (200, 2)
    late = await client.put(path, json={"document": wider(5)}, headers={"If-Match": '"1"'})
    said = problem(late, 409, "pipeline.changed_meanwhile")
    assert "high of 'gap': 4 → 5" in said["detail"]
    changes = (await client.get(f"{path}/difference", params={"old": 1, "new": 2})).json()
    assert [one["message"] for one in changes] == ["high of 'gap': 3.5 → 4"]
    assert [v["number"] for v in (await client.get(f"{path}/versions")).json()] == [2, 1]
    problem(await client.get(f"{path}/versions/7"), 404, "pipeline.unknown_version")


async def test_what_is_wrong_is_said_at_its_node_and_cannot_be_published(
    plant_floor: FloorApi,
) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    broken = sample_document("gap")
    gap = next(node for node in broken["nodes"] if node["name"] == "gap")
    gap["settings"]["hi"] = 3
    checked = (await client.post("/api/pipelines/check", json={"document": broken})).json()
    assert checked["can_run"] is False
    assert [(one["node"], one["rule"]) for one in checked["remarks"]] == [
        ("gap", "pipeline.unknown_setting")
    ]
    made = (
        await client.post("/api/pipelines", json={"name": "unfinished", "document": broken})
    ).json()
    refused = await client.post(
        f"/api/pipelines/{made['id']}/publish", json={"number": 1, "cameras": [CAMERA]}
    )
    said = problem(refused, 422, "pipeline.cannot_run")
    assert said["errors"][0]["field"] == "gap"
    problem(
        await client.post("/api/pipelines", json={"name": "x", "document": {"nodes": 3}}),
        422,
        "pipeline.unreadable",
    )
    assert (await client.delete(f"/api/pipelines/{made['id']}")).status_code == 204


async def test_a_stored_picture_is_judged_and_each_node_shows_what_it_made_of_it(
    plant_floor: FloorApi,
) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    sha256, data = gap_picture(17.0)
    stored = await client.post("/api/pipelines/pictures", content=data)
    assert stored.json() == {"sha256": sha256}
    run = await client.post(
        "/api/pipelines/run",
        json={"document": sample_document("gap"), "image_sha256": sha256},
    )
    said = run.json()
    assert said["verdict"] == "NOK"
    assert said["nodes"]["gap"]["found"]["value"] == pytest.approx(4.25, abs=0.05)
    assert all(n["picture"].startswith("data:image/jpeg") for n in said["nodes"].values())
    half = sample_document("gap")
    half["nodes"] = [node for node in half["nodes"] if node["kind"] not in ("rule", "sink")]
    part = (
        await client.post("/api/pipelines/run", json={"document": half, "image_sha256": sha256})
    ).json()
    assert (part["verdict"], part["nodes"]["gap"]["found"]["verdict"]) == ("UNFIT", "NOK")
    problem(
        await client.post("/api/pipelines/run", json={"document": half, "image_sha256": "0" * 64}),
        404,
        "image.unknown",
    )


async def test_only_quality_engineers_draw_and_publish(plant_floor: FloorApi) -> None:
    operator = await plant_floor.orders.person(Role.OPERATOR)
    answer = await operator.post("/api/pipelines", json={"name": "mine"})
    problem(answer, 403, "identity.role_missing")
    back = {"reason": "because"}
    answer = await operator.post(f"/api/cameras/{CAMERA}/pipeline/roll-back", json=back)
    problem(answer, 403, "identity.role_missing")


async def test_a_published_pipeline_takes_the_models_place_and_gives_it_back(
    plant_floor: FloorApi,
) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    made = await created(client)
    path = f"/api/pipelines/{made['id']}"
    back = {"reason": "false calls"}
    problem(
        await client.post(f"/api/cameras/{CAMERA}/pipeline/roll-back", json=back),
        409,
        "pipeline.nothing_published",
    )
    body = {"number": 1, "cameras": [CAMERA]}
    done = await client.post(f"{path}/publish", json=body)
    assert done.status_code == 200, done.text
    bundle = done.json()[0]["bundle_sha256"]
    problem(await client.post(f"{path}/publish", json=body), 409, "pipeline.already_published")
    problem(
        await client.post(f"{path}/publish", json={"number": 1, "cameras": ["nowhere"]}),
        404,
        "model.unknown_camera",
    )
    assert (await judging(plant_floor)).package_sha256 == bundle
    store = plant_floor.images
    async with plant_floor.orders.database.write() as conn:
        archive = await publishing.archive_of(conn, store, bundle)
        assert content_hash(archive) == bundle
        audit = await identity.audit_of(conn, f"camera:{CAMERA}")
    assert [entry.action for entry in audit] == ["pipeline.moved"]

    await client.put(path, json={"document": wider(4)}, headers={"If-Match": '"1"'})
    await client.post(f"{path}/publish", json={"number": 2, "cameras": [CAMERA]})
    assert (await judging(plant_floor)).version == "v2"
    second = (await judging(plant_floor)).package_sha256
    now = plant_floor.orders.app.state.context.clock.now()
    health = ModelHealth(
        camera=CAMERA, package_sha256=second, role=ModelRole.ACTIVE, reason="it does not load"
    )
    async with plant_floor.orders.database.write() as conn:
        assert await publishing.take_back_unusable(conn, [health], now=now) == [CAMERA]
        assert await publishing.take_back_unusable(conn, [health], now=now) == []
    assert (await judging(plant_floor)).package_sha256 == bundle
    rolled = await client.post(f"/api/cameras/{CAMERA}/pipeline/roll-back", json=back)
    assert rolled.status_code == 204
    assert (await judging(plant_floor)).package_sha256 is None
    states = (await client.get(f"{path}/publications")).json()
    assert {one["state"] for one in states} == {"retired"}
    problem(await client.delete(path), 409, "pipeline.has_judged")


async def test_a_pipeline_looks_on_judges_a_share_and_is_promoted_or_taken_back(
    plant_floor: FloorApi,
) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    made = await created(client)
    path, at = f"/api/pipelines/{made['id']}", f"/api/cameras/{CAMERA}/pipeline"
    body, back = {"number": 1, "cameras": [CAMERA]}, {"reason": "enough seen"}
    problem(await client.post(f"{at}/promote"), 409, "pipeline.nothing_on_trial")
    problem(await client.get(f"{at}/compared"), 409, "pipeline.nothing_on_trial")
    begun = await client.post(f"{path}/shadow", json=body)
    assert begun.status_code == 200, begun.text
    bundle = begun.json()[0]["bundle_sha256"]
    for again in ("shadow", "publish"):
        problem(await client.post(f"{path}/{again}", json=body), 409, "pipeline.trial_runs")
    assert (await on_trial(plant_floor)).role is ModelRole.SHADOW
    assert (await judging(plant_floor)).package_sha256 is None
    compared = (await client.get(f"{at}/compared")).json()
    assert (compared["pictures"], compared["agreement"]) == (0, None)

    problem(await client.post(f"{at}/promote", json={"every": 1}), 422, "invalid")
    canary = (await client.post(f"{at}/promote", json={"every": 10})).json()
    assert (canary["state"], canary["every"]) == ("canary", 10)
    named = await on_trial(plant_floor)
    assert (named.role, named.every, named.package_sha256) == (ModelRole.CANARY, 10, bundle)
    health = ModelHealth(
        camera=CAMERA, package_sha256=bundle, role=ModelRole.CANARY, reason="it does not load"
    )
    now = plant_floor.orders.app.state.context.clock.now()
    async with plant_floor.orders.database.write() as conn:
        assert await publishing.take_back_unusable(conn, [health], now=now) == [CAMERA]
        assert await publishing.take_back_unusable(conn, [health], now=now) == []
    assert await on_trial(plant_floor) is None

    await client.post(f"{path}/shadow", json=body)
    assert (await client.post(f"{at}/roll-back", json=back)).status_code == 204
    await client.post(f"{path}/shadow", json=body)
    for state in ("canary", "published"):
        assert (await client.post(f"{at}/promote")).json()["state"] == state
    assert (await judging(plant_floor)).package_sha256 == bundle
    assert (await client.post(f"{at}/roll-back", json=back)).status_code == 204
    assert (await judging(plant_floor)).package_sha256 is None
    async with plant_floor.orders.database.read() as conn:
        audit = await identity.audit_of(conn, f"camera:{CAMERA}")
    states = [entry.after["state"] for entry in audit if entry.after]
    assert sorted(set(states)) == ["canary", "published", "retired", "shadow"]


async def test_a_camera_tries_a_model_or_a_pipeline_and_never_both(
    plant_floor: FloorApi, tmp_path: Path
) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    context = plant_floor.orders.app.state.context
    archive = pack(a_package(tmp_path / "made"))
    async with plant_floor.orders.database.write() as conn:
        model = await models.register(
            conn, plant_floor.images, archive, actor="user:a", now=context.clock.real_now()
        )
    made = await created(client)
    body = {"number": 1, "cameras": [CAMERA]}
    package = {"package_sha256": model.package_sha256}
    await client.post(f"/api/pipelines/{made['id']}/shadow", json=body)
    answer = await client.post(f"/api/cameras/{CAMERA}/shadow", json=package)
    assert "Gap at the hood v1" in problem(answer, 409, "pipeline.trial_runs")["detail"]
    back = {"reason": "enough seen"}
    await client.post(f"/api/cameras/{CAMERA}/pipeline/roll-back", json=back)
    answer = await client.post(f"/api/cameras/{CAMERA}/shadow", json=package)
    assert answer.status_code == 204, answer.text
    answer = await client.post(f"/api/pipelines/{made['id']}/shadow", json=body)
    problem(answer, 409, "model.trial_runs")


async def on_trial(plant_floor: FloorApi) -> Any:
    """Return what the configuration of the camera's agent names beside its judge."""
    return next((m for m in await named(plant_floor) if m.role is not ModelRole.ACTIVE), None)


async def judging(plant_floor: FloorApi) -> Any:
    """Return what the configuration of the camera's agent names as its judge."""
    return next(m for m in await named(plant_floor) if m.role is ModelRole.ACTIVE)


async def named(plant_floor: FloorApi) -> list[Any]:
    """Return what the configuration of the camera's agent names for it."""
    async with plant_floor.orders.database.read() as conn:
        plant = await resources.active_plant(conn)
        line = next(
            line
            for line in plant.lines
            for station in line.stations
            if station.camera is not None and station.camera.id == CAMERA
        )
        named = await publishing.camera_models(conn, plant, line)
    return [m for m in named if m.camera == CAMERA]


async def test_the_samples_can_be_begun_from(plant_floor: FloorApi) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    samples = (await client.get("/api/pipelines/samples")).json()
    assert set(samples) >= {"assembly", "park-safety"}
    answer = await client.post("/api/pipelines", json={"name": "Yard", "sample": "park-safety"})
    version = (await client.get(f"/api/pipelines/{answer.json()['id']}")).json()
    assert version["can_run"] is True
    change = next(node for node in version["document"]["nodes"] if node["kind"] == "change")
    assert len(change["settings"]["golden"]) == 64
    golden = await client.get(f"/api/images/{change['settings']['golden']}")
    assert golden.status_code == 200
    context = plant_floor.orders.app.state.context
    async with plant_floor.orders.database.write() as conn:
        store = plant_floor.images
        later = context.clock.real_now().replace(year=2100)
        assert await inspection.drop_good_images(conn, store, before=later, limit=10) == 0
    answer = await client.post("/api/pipelines", json={"name": "X", "sample": "nothing"})
    problem(answer, 404, "pipeline.unknown_sample")


async def test_what_the_nodes_said_is_kept_with_the_verdict_and_help_is_called_once(
    plant_floor: FloorApi,
) -> None:
    database = plant_floor.orders.database
    async with database.read() as conn:
        plant = await resources.active_plant(conn)
    line, station = next(
        (line, station)
        for line in plant.lines
        for station in line.stations
        if station.camera is not None and station.camera.id == CAMERA
    )
    measure = Measure(
        node="gap", gauge="gap", verdict=Verdict.NOK, value=4.2, unit="mm", high=3.5, reason="wide"
    )
    result = a_result(Verdict.NOK, line=line.id, station=station.id, camera=CAMERA).model_copy(
        update={
            "measures": (measure,),
            "step_ms": {"gap": 3.2, "rule": 0.1},
            "help_wanted": "somebody is in the zone",
        }
    )
    async with database.write() as conn:
        for _ in range(2):
            await inspection.on_result(conn, result, now=result.decided_at)
            await judged.note_steps(conn, result)
    async with database.read() as conn:
        steps = await judged.steps_of(conn, result.id)
    assert steps is not None
    assert steps.measures == (measure,)
    assert steps.slowest[0] == ("gap", 3.2)
    assert execution_tasks.call_for_camera is not None
    context = plant_floor.orders.app.state.context
    runner = HandlerRunner(database, HandlerContext(context.clock, context.settings, {}), registry)
    await asyncio.wait_for(runner.run_until_quiet(), 30)
    client = await plant_floor.orders.person(Role.QUALITY)
    andons = (await client.get("/api/andon")).json()
    assert [one["reason"] for one in andons if one["station"] == station.id] == [
        "somebody is in the zone"
    ]
