"""The floor on the screen: states, unknown, questions of a line, and the operator's three buttons."""

from __future__ import annotations

from playwright.sync_api import expect

from mes.execution import service as execution
from tests.e2e.conftest import Plant
from tests.support.screens import a_mismatch


def test_every_station_is_on_the_map_and_silence_is_unknown(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/map")
    stations = [s for line in plant.shown.plant.lines for s in line.stations]
    assert page.locator("a.station").count() == len(stations)
    silent = plant.shown.plant.lines[-1].stations[0].id
    tile = page.locator(f"#{silent}")
    expect(tile).to_have_class("station unknown")
    expect(tile.locator(".state")).to_have_text("Unknown")
    assert "gradient" in tile.evaluate("node => getComputedStyle(node).backgroundImage")
    expect(page.locator(".station.down .state")).to_have_text("Down")


def test_a_body_stands_where_execution_says(plant: Plant) -> None:
    number, station = plant.value(
        "SELECT ARRAY[number, station] FROM body WHERE place = 'line' ORDER BY number LIMIT 1"
    )
    page = plant.page("operator", language="zh")
    page.goto(f"{plant.url}/map")
    expect(page.locator(f"#{station} .here")).to_contain_text(number)


def test_a_line_that_asks_is_answered_on_the_map(plant: Plant) -> None:
    line = next(x for x in plant.shown.plant.lines if any(s.reading_point for s in x.stations))
    station = next(s for s in line.stations if s.reading_point)

    async def misread() -> None:
        async with plant.shown.database.read() as conn:
            bodies = await execution.where_bodies_are(conn)
        await a_mismatch(plant.shown, line.id, station.id, bodies[0], bodies[1])

    plant.do(misread())
    page = plant.page("operator")
    page.goto(f"{plant.url}/map")
    page.click("button[value=swap]")
    expect(page.locator(f"#ask-{station.id}")).to_contain_text("Answered: swap")
    assert plant.value("SELECT answer FROM reading_mismatch") == "swap"


def test_an_operator_says_good_or_not_and_calls_help_with_big_buttons(plant: Plant) -> None:
    station, number = plant.value(
        "SELECT ARRAY[station, number] FROM body WHERE place = 'line' AND condition = 'ok'"
        " ORDER BY number DESC LIMIT 1"
    )
    page = plant.page("operator", width=820)
    page.goto(f"{plant.url}/station/{station}")
    expect(page.locator(".body-number")).to_have_text(number)
    for button in page.locator(".acts > * > .btn").all():
        box = button.bounding_box()
        assert box is not None and box["height"] >= 48 and box["width"] >= 48
    page.click(".btn.go")
    expect(page.locator(".toasts .good")).to_be_visible()
    page.click("details.up summary >> text=Not good")
    page.locator("input[name=defect_kind]").first.check()
    page.click("button[value=rework]")
    expect(page.locator(".toasts .good")).to_have_count(2)
    page.click("text=Call for help")
    page.click("text=Part is missing")
    expect(page.locator("text=Help is there")).to_be_visible()
    outcomes = plant.value(
        "SELECT array_agg(outcome ORDER BY outcome) FROM operator_report AS r JOIN body AS b ON b.id = r.body_id"
        " WHERE b.number = %s",
        number,
    )
    assert outcomes == ["good", "rework"]
    assert plant.value("SELECT count(*) FROM andon_call WHERE station = %s", station) == 1


def test_the_operators_page_fits_a_phone(plant: Plant) -> None:
    station = plant.shown.plant.body_lines[0].stations[0].id
    page = plant.page("operator", width=390, language="zh", dark=True)
    page.goto(f"{plant.url}/station/{station}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_store_shows_its_bodies_first_in_first(plant: Plant) -> None:
    store, number = plant.value(
        "SELECT ARRAY[store, number] FROM body WHERE place = 'store' ORDER BY since_at LIMIT 1"
    )
    page = plant.page("planner")
    page.goto(f"{plant.url}/buffers")
    expect(page.locator(f"#{store} .lane li").first).to_contain_text(number)
    assert page.locator(f"#{store} path.edge").get_attribute("d")


def test_the_map_follows_what_happens(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/map")
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "live")
    station = plant.shown.plant.body_lines[1].stations[-1]
    operator = plant.page("operator")
    operator.goto(f"{plant.url}/station/{station.id}")
    operator.click("text=Call for help")
    operator.click("text=Tool does not work")
    expect(page.locator("#plant")).to_contain_text("Tool does not work", timeout=15_000)
