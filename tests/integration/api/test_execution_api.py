"""What a tablet at the line, a planner and a recall do over HTTP."""

from __future__ import annotations

from mes.identity.model import Role
from mes.resources import service as resources
from tests.support import floor
from tests.support.floor import at
from tests.support.floor_api import FloorApi, api, plant_floor
from tests.support.orders_api import problem

__all__ = ["api", "plant_floor"]


async def test_the_as_built_record_of_a_body_is_shown(plant_floor: FloorApi) -> None:
    await plant_floor.judge()
    client = await plant_floor.orders.person(Role.PLANNER)
    (listed,) = (await client.get("/api/bodies")).json()
    assert (listed["line"], listed["condition"]) == ("body-framing", "held")
    built = (await client.get(f"/api/bodies/{listed['number']}")).json()
    assert built["operations"][0]["values"] == {"WeldCurrent": 9.6}
    assert built["parts"][0]["lot"] == "R7"
    assert built["inspections"][0]["verdict"] == "NOK"
    assert built["jobs"][0]["line"] == "body-framing"
    problem(await client.get("/api/bodies/B999999"), 404, "body.unknown")
    assert (await client.get("/api/buffers")).json() == {
        "subs": [],
        "wbs": [],
        "pbs": [],
        "line-off": [],
    }


async def test_a_recall_by_lot_lists_the_car_and_by_vin_its_parts(plant_floor: FloorApi) -> None:
    client = await plant_floor.orders.person(Role.QUALITY)
    (car,) = (await client.get("/api/genealogy", params={"lot": "R7"})).json()
    assert (car["vin"], car["parts"][0]["station"]) == (plant_floor.body.vin, "framing")
    (same,) = (await client.get("/api/genealogy", params={"vin": car["vin"]})).json()
    assert same["number"] == car["number"]
    assert (await client.get("/api/genealogy", params={"serial": "S1"})).json() == []
    both = await client.get("/api/genealogy", params={"lot": "R7", "vin": "x"})
    problem(both, 422, "genealogy.ask_for_one")


async def test_an_operator_calls_for_help_and_reports_a_body(plant_floor: FloorApi) -> None:
    client = await plant_floor.orders.person(Role.OPERATOR)
    path = "/api/lines/body-framing/stations/framing/andon"
    for _ in range(2):
        assert (await client.put(path, json={"reason": "gun stuck"})).status_code == 200
    assert len((await client.get("/api/andon")).json()) == 1
    assert (await client.delete(path)).status_code == 204
    assert (await client.get("/api/andon")).json() == []
    nowhere = path.replace("stations/framing", "stations/moon")
    problem(await client.put(nowhere, json={"reason": "x"}), 422, "record.unknown_place")

    reports = f"/api/bodies/{plant_floor.body.number}/reports"
    where = {"line": "body-framing", "station": "framing"}
    unnamed = await client.post(reports, json={"outcome": "rework", **where})
    problem(unnamed, 422, "report.defect_missing")
    named = await client.post(
        reports, json={"outcome": "rework", "defect_kind": "spatter", **where}
    )
    assert named.status_code == 204
    dealer = await plant_floor.orders.person(Role.DEALER)
    problem(await dealer.put(path, json={"reason": "x"}), 403, "identity.role_missing")


async def test_a_line_that_asks_is_answered(plant_floor: FloorApi) -> None:
    client = await plant_floor.orders.person(Role.OPERATOR)
    path = "/api/lines/body-framing/stations/framing/reading"
    problem(await client.post(path, json={"answer": "swap"}), 409, "reading.not_open")
    async with plant_floor.orders.database.write() as conn:
        await floor.report(
            conn,
            plant_floor.line.says(
                "body_read",
                3,
                station="framing",
                expected_body_id=None,
                read_body_id=plant_floor.body.id,
                matches=False,
            ),
        )
    assert (await client.post(path, json={"answer": "insert"})).status_code == 204
    problem(await client.post(path, json={"answer": "swap"}), 409, "reading.answered")


async def test_stations_are_shown_with_the_age_of_what_is_known(plant_floor: FloorApi) -> None:
    client = await plant_floor.orders.person(Role.MAINTENANCE)
    (station,) = (await client.get("/api/equipment")).json()
    assert (station["station"], station["state"], station["age_s"]) == ("framing", "running", 0)


async def test_the_running_shift_of_a_line_has_its_iso_22400_figures(
    plant_floor: FloorApi,
) -> None:
    client = await plant_floor.orders.person(Role.PLANNER)
    path = "/api/lines/body-framing/shift"
    assert (await client.get(path)).json()["started_at"] is None, "no shift row: between shifts"
    async with plant_floor.orders.database.write() as conn:
        await resources.ensure_shifts(conn, at(-24 * 60), at(24 * 60))
    framing, camera = (await client.get(path)).json()["stations"]
    assert (framing["produced"], framing["good"], framing["quality_ratio"]) == (1, 1, 1.0)
    assert framing["seconds"]["running"] == 8 * 60
    assert framing["seconds"]["unknown"] > 0
    assert 0 < framing["availability"] < 1
    assert (camera["produced"], camera["oee"]) == (0, None)
    assert (await client.get("/api/equipment/stops")).json() == []
    moon = await client.get("/api/lines/moon/shift")
    problem(moon, 422, "record.unknown_place")
