"""The page of a line: a command is tried, shown, confirmed with a reason, and stands in the history."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import expect

from mes.agents import service as agents
from mes.commanding import tasks as commanding_tasks  # noqa: F401 - subscribes the handler
from mes.contracts.controls import RecipeReport
from mes.contracts.dispatch import CommandKind, CommandResult, JobOrder, JobState, ValueChange
from mes.dispatching import repository as jobs
from mes.dispatching.model import Job
from mes.equipment.recipes import service as recipes
from tests.e2e.conftest import Plant
from tests.support.lines import a_die_lot

LINE = "press-1"
KNOWN = [kind.value for kind in CommandKind if kind is not CommandKind.UNKNOWN]


def a_running_lot(plant: Plant) -> JobOrder:
    panel = next(p.code for p in plant.shown.plant.panels if LINE in p.presses)
    order = a_die_lot(LINE, panel, 60)
    now = plant.shown.clock.now()
    job = Job(
        id=order.id,
        kind=order.kind,
        line=LINE,
        subject_id=uuid4(),
        attempt=1,
        state=JobState.RUNNING,
        state_at=now,
        sequence=1,
        order=order,
    )

    async def write() -> None:
        async with plant.shown.database.write() as conn:
            await jobs.add_job(conn, job, now=now)
            await conn.execute(
                "INSERT INTO agent (id, line, heartbeat) VALUES (%s, %s, %s)"
                " ON CONFLICT (line) DO UPDATE SET heartbeat ="
                " coalesce(agent.heartbeat, '{}') || excluded.heartbeat",
                [uuid4(), LINE, json.dumps({"commands": KNOWN})],
            )

    plant.do(write())
    return order


def answer(plant: Plant, command: UUID, *changes: ValueChange, code: str = "ok") -> None:
    async def say() -> None:
        shown = plant.shown
        async with shown.database.write() as conn:
            result = CommandResult(
                command_id=command,
                line=LINE,
                ok=code in ("ok", "already_done"),
                code=code,
                done_at=shown.clock.now(),
                changes=changes,
            )
            await agents.finish_command(conn, result, real_now=shown.clock.real_now())
        await shown.react()

    plant.do(say())


def newest(plant: Plant) -> UUID:
    found: UUID = plant.value("SELECT id FROM line_command ORDER BY sent_at DESC LIMIT 1")
    return found


def test_a_lot_is_ended_early_after_it_was_tried(plant: Plant) -> None:
    lot = a_running_lot(plant)
    page = plant.page("planner")
    page.goto(f"{plant.url}/lines/{LINE}")
    page.click(f"#job-{lot.id} button[value=stop_job]")
    page.wait_for_url("**/commands/*")
    expect(page.locator("h1")).to_have_text("End the lot early")
    expect(page.locator("#command")).to_contain_text("Dry run: nothing was written")
    expect(page.locator("#command")).to_contain_text("Waits for the line")

    change = ValueChange(
        name="job_state", node="nsu=urn:c2m:plant;s=list", old="Running", new="Completed"
    )
    answer(plant, newest(plant), change)
    expect(page.locator("#command")).to_contain_text("The line accepts it")
    page.fill("#reason", "the die is worn")
    button = page.locator("#command form .primary")
    button.click()
    expect(button).to_have_text("Really tell the line?")
    tried = page.url
    button.click()
    page.wait_for_url(lambda url: "/commands/" in url and url != tried)
    answer(plant, newest(plant), change)
    expect(page.locator("#command .page-head")).to_contain_text("Done")

    page.goto(f"{plant.url}/lines/{LINE}")
    row = page.locator("#history tbody tr").first
    for words in ("End the lot early", "the die is worn", "Running", "Completed", "Done"):
        expect(row).to_contain_text(words)


def test_who_may_not_ask_is_not_offered_it(plant: Plant) -> None:
    lot = a_running_lot(plant)
    page = plant.page("operator", language="zh", width=390)
    page.goto(f"{plant.url}/lines/{LINE}")
    offered = page.locator(f"#job-{lot.id} button").evaluate_all("all => all.map(b => b.value)")
    assert offered == ["pause_job"]
    expect(page.locator("h1")).not_to_be_empty()
    expect(page.locator("#jobs header")).to_contain_text("作业单")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_plant_it_tries_a_recipe_with_values_of_its_own(plant: Plant) -> None:
    async def agent() -> None:
        async with plant.shown.database.write() as conn:
            await conn.execute(
                "INSERT INTO agent (id, line, heartbeat) VALUES (%s, 'body-framing', %s)"
                " ON CONFLICT (line) DO UPDATE SET heartbeat ="
                " coalesce(agent.heartbeat, '{}') || excluded.heartbeat",
                [uuid4(), json.dumps({"commands": KNOWN})],
            )

    plant.do(agent())
    page = plant.page("maintenance")
    page.goto(f"{plant.url}/lines/body-framing")
    page.fill("#framing-C1-WeldCurrent", "9.9")
    expect(page.locator("#interlock-framing button")).to_have_count(2)
    page.click("#recipe-framing-C1 button")
    page.wait_for_url("**/commands/*")
    asked = plant.value(
        "SELECT body FROM line_command WHERE kind = 'download_recipe' ORDER BY sent_at DESC LIMIT 1"
    )
    values = {one["name"]: one["value"] for one in asked["recipe"]["values"]}
    assert values == {"WeldCurrent": 9.9, "ElectrodeForce": 3400}
    change = ValueChange(
        name="WeldCurrent",
        node="nsu=urn:c2m:plant;s=body-framing.framing.Recipe.C1.WeldCurrent",
        old=9.6,
        new=9.9,
        unit="kA",
    )
    answer(plant, newest(plant), change)
    expect(page.locator("#command")).to_contain_text("9.6 kA")
    expect(page.locator("#reason")).to_have_attribute("required", "")


@pytest.mark.parametrize(
    ("language", "says", "hold"),
    [("en", "another recipe for", "Hold"), ("zh", "配方与作业要求的不同", "扣留")],
)
def test_a_line_shows_what_it_has_loaded_and_whom_it_holds(
    plant: Plant, language: str, says: str, hold: str
) -> None:
    line, station = next(
        (line, station)
        for line in plant.shown.plant.lines
        for station in line.stations
        if station.recipe is not None and line.strokes_per_min is None
    )
    assert station.recipe is not None
    variant = next(iter(station.recipe.values))
    report = RecipeReport(
        line=line.id,
        station=station.id,
        variant=variant,
        version="0123456789abcdef",
        at=plant.shown.clock.now(),
    )

    async def tell() -> None:
        async with plant.shown.database.write() as conn:
            await recipes.take(conn, report)

    plant.do(tell())
    page = plant.page("quality", language=language)
    page.goto(f"{plant.url}/alarms")
    alarm = page.locator(f'a[href="/lines/{line.id}#recipes"]').first
    expect(page.locator("main")).to_contain_text(says)
    alarm.click()
    row = page.locator(f"#recipe-{station.id}-{variant}")
    expect(row).to_contain_text("0123456789abcdef")
    holds = page.locator("#holds tbody tr")
    expect(holds.first.get_by_role("button", name=hold)).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert plant.errors == []
