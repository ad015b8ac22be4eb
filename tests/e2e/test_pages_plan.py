"""The plan board: bars, keys, colours; what is chosen explains itself."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Plant

DRAWN = (
    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
)


def board(plant: Plant, *, language: str = "en", query: str = "") -> Page:
    page = plant.page("planner", language=language)
    page.goto(f"{plant.url}/plan{query}")
    expect(page.locator("mes-gantt")).to_have_attribute("data-bars", re.compile("[1-9]"))
    return page


def test_the_board_has_a_bar_for_every_operation_of_the_plan(plant: Plant) -> None:
    page = board(plant)
    bars = page.evaluate("document.querySelector('mes-gantt').board.count")
    assert bars == plant.value("SELECT count(*) FROM planned_operation")
    expect(page.locator("#legend span")).not_to_have_count(0)


def test_a_click_on_a_bar_explains_it(plant: Plant) -> None:
    page = board(plant)
    spot = page.evaluate(
        """() => {
          const gantt = document.querySelector("mes-gantt");
          const line = gantt.board.row.findLastIndex((row, i) => gantt.board.start[i] > gantt.board.now);
          gantt.show(gantt.board.start[line] - 60, gantt.board.start[line] + 120);
          const box = gantt.barRect(gantt.board.id[line]);
          const at = gantt.canvas.getBoundingClientRect();
          return { x: at.x + box.x + box.width / 2, y: at.y + box.y + 6, order: gantt.board.order[line] };
        }"""
    )
    page.mouse.move(spot["x"], spot["y"])
    expect(page.locator(".gantt-tip")).to_be_visible()
    page.mouse.click(spot["x"], spot["y"])
    expect(page.locator("#pane h2")).to_have_text(spot["order"])
    page.click("#pane .btn")
    page.wait_for_url(f"**/orders/{spot['order']}")


def test_keys_move_between_bars_and_say_what_they_find(plant: Plant) -> None:
    page = board(plant)
    page.focus(".gantt-plane")
    page.keyboard.press("ArrowRight")
    said = page.locator("mes-gantt [aria-live]")
    expect(said).not_to_be_empty()
    first = said.inner_text()
    page.keyboard.press("ArrowDown")
    assert said.inner_text() != first
    page.keyboard.press("Enter")
    expect(page.locator("#pane h2")).to_be_visible()


def test_zoom_and_pan_by_wheel_drag_and_keys(plant: Plant) -> None:
    page = board(plant)
    view = "(({from, perPx}) => [from, perPx])(document.querySelector('mes-gantt').view)"
    page.hover(".gantt-plane")
    before = page.evaluate(view)
    page.mouse.wheel(0, -200)
    page.evaluate(DRAWN)
    zoomed = page.evaluate(view)
    assert zoomed[1] < before[1]
    page.mouse.down()
    page.mouse.move(900, 400, steps=4)
    page.mouse.move(700, 400, steps=4)
    page.mouse.up()
    assert page.evaluate(view)[0] != zoomed[0]
    page.focus(".gantt-plane")
    page.keyboard.press("Home")
    now = page.evaluate("document.querySelector('mes-gantt').board.now")
    assert page.evaluate(view)[0] < now


def test_the_colour_stands_in_the_url_and_has_a_legend(plant: Plant) -> None:
    page = board(plant, language="zh")
    page.click("[data-by=lateness]")
    assert "by=lateness" in page.url
    expect(page.locator("#legend")).to_contain_text("准时")
    page.reload()
    expect(page.locator("[data-by=lateness]")).to_have_attribute("aria-pressed", "true")


def test_a_solve_is_asked_for_and_its_progress_shown(plant: Plant) -> None:
    page = board(plant)
    page.click("text=Solve now")
    expect(page.locator("#acts [role=status]")).to_contain_text("Solving plan 2")
    with page.expect_navigation():
        page.click("#acts button")
    page.goto(f"{plant.url}/plan/versions")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.click("tbody tr:last-child a")
    expect(page.locator("h1")).to_have_text("Plan 1")


def told(plant: Plant, second: float, *figures: float) -> None:
    """Let the solve under way have told of a better plan, and another one after it."""
    first, better = [0.4, *figures], [second, *(figure // 2 for figure in figures)]
    progress = {"seconds": second + 1, "of_s": 20, "curve": [first, better]}
    with psycopg.connect(plant.shown.database.dsn) as conn:
        conn.execute(
            "UPDATE plan SET progress = %s::jsonb WHERE state = 'solving'", [json.dumps(progress)]
        )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_board_draws_how_a_solve_gets_better(plant: Plant, language: str) -> None:
    page = board(plant, language=language)
    if page.locator("#acts [role=status]").count() == 0:
        page.locator("form[data-api='POST /api/plans'] button").click()
        expect(page.locator("#acts [role=status]")).to_be_visible()
    told(plant, 8.0, 12, 7200, 4, 9, 33)
    page.reload()
    rows = page.locator("#course tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.first.locator("td").first).to_have_text("12")
    expect(rows.first.locator("td").last).to_have_text("6")
    expect(rows.first.locator("path")).to_have_attribute("d", "M5.3 2.0H106.7V22.0H120.0")
    look(page, f"course-{language}-1440")
    page.set_viewport_size({"width": 390, "height": 900})
    look(page, f"course-{language}-390")
    over = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert over <= 0
    assert plant.errors == []


def look(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at it."""
    folder = os.environ.get("C2M_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))
