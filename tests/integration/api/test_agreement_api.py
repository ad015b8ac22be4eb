"""The API of studies of measurement systems: judged blind, counted, closed; a gauge from a CSV."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from mes.identity.model import Role
from mes.inspection import agreement_repository as repository
from mes.inspection import agreement_routes
from mes.inspection import service as inspection
from mes.inspection.agreement_tasks import model_judges
from tests.support.floor_api import FloorApi, api, plant_floor
from tests.support.orders_api import problem
from tests.support.training import reviewed_pictures
from tests.unit.inspection.test_gauge_rr import READINGS

__all__ = ["api", "plant_floor"]

STUDIES = "/api/agreement-studies"


@pytest.fixture
async def shop(plant_floor: FloorApi) -> FloorApi:
    """A camera whose eight good parts and eight defects were reviewed."""
    orders = plant_floor.orders
    orders.app.include_router(agreement_routes.router)
    async with orders.database.write() as conn:
        await reviewed_pictures(
            conn, plant_floor.images, "weld-camera", until=orders.clock.now(),
            false_calls=8, passed=0, defects=8,
        )  # fmt: skip
    return plant_floor


async def judge_all(client: httpx.AsyncClient, path: str, says: dict[str, bool]) -> dict[str, Any]:
    """Judge every picture of a study as `says` tells by its image; return the last answer."""
    turn = (await client.get(f"{path}/next")).json()
    while turn["image"]:
        body = {"place": turn["place"], "defect": says[turn["image"].rpartition("/")[2]]}
        answer = await client.post(f"{path}/verdicts", json=body)
        assert answer.status_code == 200, answer.text
        turn = answer.json()
    found: dict[str, Any] = turn
    return found


async def test_people_and_the_model_judge_blind_and_their_agreement_is_told(shop: FloorApi) -> None:
    engineer = await shop.orders.person(Role.QUALITY)
    operator = await shop.orders.person(Role.OPERATOR)
    wanted = {"title": "Welds", "camera": "weld-camera", "parts": 10, "repeats": 2}
    few = problem(
        await engineer.post(STUDIES, json=wanted | {"parts": 50}), 422, "agreement.too_few_golden"
    )
    assert (few["good"], few["defects"]) == (8, 8)
    problem(await operator.post(STUDIES, json=wanted), 403, "identity.role_missing")
    begun = await engineer.post(STUDIES, json=wanted)
    assert begun.status_code == 201, begun.text
    study_id = UUID(begun.json()["id"])
    path = f"{STUDIES}/{study_id}"
    database, clock = shop.orders.database, shop.orders.clock
    async with database.read() as conn:
        truth = {p.image_sha256: p.defect for p in await repository.parts(conn, study_id)}
    assert sum(truth.values()) == 5

    first = (await engineer.get(f"{path}/next")).json()
    assert set(first) == {"place", "of", "trial", "repeats", "image"}
    assert (first["place"], first["of"], first["trial"]) == (0, 20, 1)
    wrong = {"place": 0, "defect": not truth[first["image"].rpartition("/")[2]]}
    problem(await engineer.post(f"{path}/undo"), 409, "agreement.nothing_to_take_back")
    assert (await engineer.post(f"{path}/verdicts", json=wrong)).json()["place"] == 1
    problem(await engineer.post(f"{path}/verdicts", json=wrong), 409, "agreement.another_picture")
    blind = problem(await engineer.get(f"{path}/result"), 409, "agreement.still_blind")
    assert (blind["done"], blind["of"]) == (1, 20)
    assert (await engineer.post(f"{path}/undo")).json() == first

    assert (await judge_all(engineer, path, truth))["image"] is None
    nothing = await engineer.post(f"{path}/verdicts", json={"place": 20, "defect": True})
    problem(nothing, 409, "agreement.nothing_left")
    problem(await engineer.post(f"{path}/close"), 409, "agreement.too_few_appraisers")
    await judge_all(operator, path, dict.fromkeys(truth, True))
    await model_judges(database, clock, shop.images, study_id)

    result = (await engineer.get(f"{path}/result")).json()
    by_name = {one["name"]: one for one in result["appraisers"]}
    assert set(by_name) == {"user:quality", "user:operator", "model"}
    right, strict, model = (by_name[n] for n in ("user:quality", "user:operator", "model"))
    assert right["effectiveness"]["hits"] == 10
    assert right["kappa"]["grade"] == "good"
    assert (strict["misses"]["rate"], strict["false_alarms"]["rate"]) == (0.0, 1.0)
    assert strict["bias"] == 0.5
    assert model["within"]["hits"] == 10
    assert result["grade"] == "bad"

    closed = await engineer.post(f"{path}/close")
    assert closed.json()["model"].startswith("shipped-welding")
    problem(await engineer.get(f"{path}/next"), 409, "agreement.closed")
    async with database.write() as conn:
        later = clock.now().replace(year=clock.now().year + 5)
        assert not await inspection.drop_good_images(conn, shop.images, before=later, limit=99)


async def test_a_golden_picture_that_is_gone_is_told_and_the_model_is_no_appraiser(
    shop: FloorApi,
) -> None:
    engineer = await shop.orders.person(Role.QUALITY)
    wanted = {"title": "Welds", "camera": "weld-camera", "parts": 10, "repeats": 2}
    study_id = UUID((await engineer.post(STUDIES, json=wanted)).json()["id"])
    database, clock = shop.orders.database, shop.orders.clock
    async with database.read() as conn:
        lost = (await repository.parts(conn, study_id))[0]
    await shop.images.drop(lost.image_sha256)
    await model_judges(database, clock, shop.images, study_id)
    (told,) = (await engineer.get(STUDIES)).json()
    assert told["model_failure"] == "the picture of part 1 is gone"
    assert told["model"] is None


async def test_a_gauge_is_studied_from_a_csv(shop: FloorApi) -> None:
    engineer = await shop.orders.person(Role.QUALITY)
    rows = [f"{r.part},{r.appraiser},{r.trial},{r.value}" for r in READINGS]
    body = {
        "title": "Gap at the hood",
        "unit": "mm",
        "csv": "\n".join(["part,appraiser,trial,value", *rows]),
    }
    made = await engineer.post("/api/gauge-studies", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["of_total"] == pytest.approx(0.279, abs=5e-4)
    again = (await engineer.get(made.headers["Location"])).json()
    assert again["result"]["ndc"] == 4
    assert again["verdict"] == "marginal"

    broken = await engineer.post("/api/gauge-studies", json=body | {"csv": "part,appraiser\n"})
    assert problem(broken, 422, "gauge_study.unreadable")["line"] == 1
    short = body | {"csv": str(body["csv"]).rpartition("\n")[0]}
    problem(await engineer.post("/api/gauge-studies", json=short), 422, "gauge_study.not_crossed")
    problem(await engineer.post("/api/gauge-studies", json=body | {"tolerance": 0}), 422, "invalid")
    nobody = "00000000-0000-7000-8000-000000000000"
    problem(await engineer.get(f"/api/gauge-studies/{nobody}"), 404, "gauge_study.unknown")
