"""The planner's desk: what may happen by itself, and a repair that waits, accepted on the screen."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
from playwright.sync_api import Page, expect

from mes.contracts.events import LineDown
from mes.events import service as events
from mes.events.handlers import HandlerContext, HandlerRunner, registry
from mes.planning import service as planning
from mes.planning import tasks as planning_tasks  # noqa: F401 - subscribes the handlers
from tests.e2e.conftest import Plant


def look(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at it."""
    folder = os.environ.get("C2M_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


async def stop_assembly(plant: Plant) -> None:
    """Stop the line, and do what the worker does."""
    shown = plant.shown
    now = shown.clock.now()
    down = LineDown(line="assembly", station=None, since=now, reason="conveyor")
    async with shown.database.write() as conn:
        await events.record(conn, down, now=now, actor="agent:test")
    context = HandlerContext(shown.clock, shown.settings, {})
    await HandlerRunner(shown.database, context, registry).run_until_quiet()
    async with shown.database.write() as conn:
        await planning.repair(conn, now=now)


def test_a_planner_says_what_happens_alone_and_accepts_a_repair_that_is_larger(
    plant: Plant,
) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/plan/proposals")
    expect(page.locator("#waiting")).to_contain_text("Nothing waits for you")
    look(page, "proposals-empty-1440")
    page.locator("#permit input[value=line]").uncheck()
    page.fill("#max_minutes", "15")
    page.click("#permit button")
    expect(page.locator("#permit")).to_contain_text("planner")
    expect(page.locator("#permit input[value=line]")).not_to_be_checked()
    expect(page.locator("#permit input[value=rework]")).to_be_checked()
    expect(page.locator("#max_minutes")).to_have_value("15")
    before = plant.value("SELECT max(number) FROM plan")
    plant.do(stop_assembly(plant))
    for language, width in (("en", 1440), ("zh", 1440), ("en", 390), ("zh", 390)):
        other = plant.page("planner", language=language, width=width)
        other.goto(f"{plant.url}/plan/proposals")
        look(other, f"proposals-{language}-{width}")
        other.goto(plant.url)
        expect(other.locator("#live-part a[href='/plan/proposals']")).to_be_visible()
        look(other, f"attention-{language}-{width}")
    page.goto(f"{plant.url}/plan")
    page.get_by_role("link", name="A proposal waits").click()
    expect(page.locator("#waiting")).to_contain_text("A line is down or runs again")
    page.fill("#note", "the conveyor needs a part")
    page.click("#waiting button.primary")
    expect(page.locator("#waiting")).to_contain_text("Nothing waits for you")
    expect(page.locator("#settled")).to_contain_text("the conveyor needs a part")
    expect(page.locator("#settled")).to_contain_text("Accepted")
    assert plant.value("SELECT note FROM plan WHERE state = 'published'") == (
        "the conveyor needs a part"
    )
    assert plant.value("SELECT max(number) FROM plan") == before + 1
    look(page, "proposals-settled-1440")
    assert plant.errors == []


HISTORY = """
INSERT INTO promise_outcome (order_id, promised_at, finished_at, kept, first_promised_at, first_confidence,
                             assumed, changes)
SELECT gen_random_uuid(), due, due + late, late <= interval '0', due, sure, n < 40, 0
  FROM (SELECT n, timestamptz '2026-11-10 02:00+00' + n * interval '2 hours' AS due,
               CASE WHEN n % 7 = 0 THEN interval '20 minutes' ELSE interval '-5 minutes' END AS late,
               0.55 + 0.1 * (n % 5) AS sure FROM generate_series(1, 140) AS n) AS drawn
"""


def test_promises_are_laid_beside_what_was_met_by_confidence_and_week(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/plan/promises")
    expect(page.locator("#report")).to_contain_text("No promised car is finished yet")
    look(page, "promises-empty-1440")
    with psycopg.connect(plant.shown.database.dsn) as conn:
        conn.execute(HISTORY)
    for language, width in (("en", 1440), ("zh", 1440), ("en", 390), ("zh", 390)):
        other = plant.page("planner", language=language, width=width)
        other.goto(f"{plant.url}/plan/promises")
        look(other, f"promises-{language}-{width}")
        other.close()
    page.reload()
    report = page.locator("#report")
    expect(report).to_contain_text("2026-11-16")
    expect(report.locator("table").first.locator("tbody tr")).to_have_count(5)
    expect(report).to_contain_text("86%")
    expect(report).to_contain_text("39 of these promises were made on assumed figures")
    assert plant.errors == []
