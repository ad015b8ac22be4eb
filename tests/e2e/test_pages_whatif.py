"""What-ifs on the screen: a branch is changed, solved and read beside the live plan, in both languages."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from mes.planning.whatif import service as whatif
from mes.platform.settings import PlanSettings
from tests.e2e.conftest import Plant
from tests.support.planning import HERE

QUICK = PlanSettings(wall_s=0.2)


def branch(plant: Plant, name: str, *, language: str = "en") -> Page:
    """Make a what-if in the form."""
    page = plant.page("planner", language=language)
    page.goto(f"{plant.url}/plan/whatif")
    page.fill("#name", name)
    page.click("form[data-api='POST /api/whatif'] button")
    page.wait_for_url("**/plan/whatif/*-*")
    return page


def solve(plant: Plant, page: Page) -> None:
    """Press the button, and do what the worker does."""
    page.click("form[data-api$='/solve'] button")
    expect(page.locator("#head [role=status]")).to_be_visible()
    branch_id = UUID(page.url.rsplit("/", 1)[1])
    shown = plant.shown
    plant.do(whatif.run(shown.database, shown.clock, HERE, QUICK, branch_id))
    page.reload()


def look(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at it."""
    folder = os.environ.get("C2M_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def test_a_line_that_would_stand_is_read_beside_the_live_plan(plant: Plant) -> None:
    page = branch(plant, "paint stands for hours")
    form = page.locator("form[data-body*='breakdown']")
    form.locator("[name=line]").select_option("paint")
    form.locator("[name=until_at]").select_option(index=4)
    form.locator("button").click()
    expect(page.get_by_text("does not work until")).to_be_visible()
    solve(plant, page)
    figures = page.locator("#result table").first
    expect(figures).to_contain_text("Lateness in all")
    expect(figures).to_contain_text("Promises that would be missed")
    look(page, "branch-1440")
    page.goto(f"{plant.url}/plan/whatif")
    row = page.locator("#branches tbody tr", has_text="paint stands for hours").first
    expect(row).to_be_visible()
    expect(page.locator("#branches tbody tr").first).to_contain_text("Live plan")
    look(page, "whatif-1440")


def test_a_change_that_cannot_be_is_refused_at_its_form(plant: Plant) -> None:
    page = branch(plant, "typing error")
    page.locator("summary", has_text="urgent").click()
    form = page.locator("form[data-body*='rush']")
    form.locator("[name=order]").fill("C2M-9999999")
    form.locator("button").click()
    expect(form.locator(".error")).to_contain_text("C2M-9999999")
    page.click("form[data-api$='/discard'] button")
    page.click("form[data-api$='/discard'] button")
    page.wait_for_url("**/plan/whatif")
    expect(page.get_by_text("typing error")).to_have_count(0)


def test_rules_of_the_paint_shop_are_changed_in_their_forms(plant: Plant) -> None:
    page = branch(plant, "one by one")
    page.locator("summary", has_text="Paint purges").click()
    purge = page.locator("form[data-body*='purge']")
    purge.locator("[name=purge_s]").fill("90")
    purge.locator("button").click()
    expect(page.get_by_text("It takes 1 min 30 s.")).to_be_visible()
    page.locator("summary", has_text="Paint purges").click()
    look(page, "branch-rules-1440")
    batch = page.locator("form[data-body*='batch']")
    batch.locator("[name=limit]").fill("1")
    batch.locator("button").click()
    expect(page.get_by_text("Runs of one colour may be 1 bodies long.")).to_be_visible()
    solve(plant, page)
    expect(page.locator("#result tr", has_text="Longest run of one colour")).to_be_visible()
    page.locator("summary", has_text="ratio rule").click()
    form = page.locator("form[data-body*='\"rule\"']")
    form.locator("[name=priority]").select_option("low")
    form.locator("button").click()
    expect(page.get_by_text("Its weight: low priority.")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
def test_the_screens_speak_chinese_and_fit(plant: Plant, width: int) -> None:
    page = branch(plant, f"加急 {width}", language="zh")
    page.locator("summary", has_text="加急").click()
    solve(plant, page)
    page.set_viewport_size({"width": width, "height": 900})
    expect(page.locator("h1")).to_contain_text("加急")
    expect(page.get_by_role("heading", name="与现行计划对比")).to_be_visible()
    look(page, f"branch-zh-{width}")
    over = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert over <= 0
    page.goto(f"{plant.url}/plan/whatif")
    look(page, f"whatif-zh-{width}")
    over = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert over <= 0
    assert plant.errors == []
