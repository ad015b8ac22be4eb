"""What would help a late car: asked for on the board, told beside the reason."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Plant
from tests.support.late import a_late_car


@pytest.mark.parametrize(
    ("language", "asked", "told"),
    [("en", "What would help?", "tried on the plan"), ("zh", "怎样补救", "经校验")],
)
def test_a_planner_asks_what_would_help_a_late_car(
    plant: Plant, language: str, asked: str, told: str
) -> None:
    late = a_late_car(plant.shown.database)
    number = plant.do(late.__aenter__())
    try:
        page = plant.page("planner", language=language)
        page.goto(f"{plant.url}/plan")
        expect(page.locator("mes-gantt")).to_have_attribute("data-bars", re.compile("[1-9]"))
        page.evaluate(
            "(order) => document.querySelector('mes-gantt')"
            ".dispatchEvent(new CustomEvent('bar-open', { detail: { order } }))",
            number,
        )
        page.click(f"#helps button:has-text('{asked}')")
        expect(page.locator("#helps")).to_contain_text(told)
        assert page.locator("#helps ol.chain li").count() >= 1
        assert plant.errors == []
    finally:
        plant.do(late.__aexit__(None, None, None))
