"""The review: one key a verdict, next, undo; and what the planner sees of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Plant


def review(plant: Plant, *, language: str = "en") -> Page:
    page = plant.page("quality", language=language)
    page.goto(f"{plant.url}/quality/review")
    expect(page.locator(".review-queue li")).not_to_have_count(0)
    expect(page.locator(".review-view img").first).to_be_visible()
    return page


def disposition(plant: Plant, hold: str) -> str | None:
    found: str | None = plant.value("SELECT disposition FROM hold WHERE id = %s", hold)
    return found


def current(page: Page) -> str:
    hold = page.get_attribute(".review-queue [aria-current=true]", "data-hold")
    assert hold
    return hold


def test_a_picture_is_shown_with_its_region_score_and_neighbours(plant: Plant) -> None:
    page = review(plant)
    expect(page.locator(".review-view rect.box")).not_to_have_count(0)
    assert "dashed" in page.evaluate(
        "getComputedStyle(document.querySelector('rect.box')).strokeDasharray !== 'none' ? 'dashed' : ''"
    )
    expect(page.locator(".scale")).to_have_attribute("aria-label", "Score 0.700, threshold 0.500")
    expect(page.locator("figcaption").first).to_contain_text("Good part")
    page.keyboard.press("1")
    expect(page.locator(".zoom")).to_have_text("100 %")


def test_one_key_decides_and_the_next_picture_comes(plant: Plant) -> None:
    page = review(plant)
    waiting = page.locator(".review-queue li").count()
    hold = current(page)
    with page.expect_response("**/disposition") as answer:
        page.keyboard.press("f")
    assert answer.value.ok
    expect(page.locator(".review-queue li")).to_have_count(waiting - 1)
    assert current(page) != hold
    assert disposition(plant, hold) == "false_call"
    expect(page.locator(".pace")).to_contain_text("1 decided in this sitting")

    with page.expect_response("**/undo") as taken_back:
        page.keyboard.press("u")
    assert taken_back.value.ok
    expect(page.locator(".review-queue li")).to_have_count(waiting)
    assert disposition(plant, hold) is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_use_as_is_asks_why_without_leaving_the_picture(plant: Plant, language: str) -> None:
    page = review(plant, language=language)
    hold = current(page)
    page.keyboard.press("a")
    reason = page.locator("form.reason input")
    expect(reason).to_be_focused()
    page.keyboard.press("Enter")
    assert disposition(plant, hold) is None
    reason.fill("within the customer's limit sample")
    with page.expect_response("**/disposition") as answer:
        page.keyboard.press("Enter")
    assert answer.value.ok
    assert disposition(plant, hold) == "use_as_is"
    expect(page.locator("form.reason")).to_be_hidden()
    page.focus(".review-view")
    with page.expect_response("**/undo") as taken_back:
        page.keyboard.press("u")
    assert taken_back.value.ok


def test_arrows_go_through_the_queue(plant: Plant) -> None:
    page = review(plant)
    first = current(page)
    page.keyboard.press("ArrowRight")
    assert current(page) != first
    page.keyboard.press("ArrowLeft")
    assert current(page) == first


def test_two_reviewers_do_not_overwrite_each_other(plant: Plant) -> None:
    one, other = review(plant), review(plant)
    hold = current(one)
    assert current(other) == hold
    with one.expect_response("**/disposition"):
        one.keyboard.press("r")
    with other.expect_response("**/disposition") as refused:
        other.keyboard.press("s")
    assert refused.value.status == 409
    expect(other.locator(".toasts .bad")).to_be_visible()
    assert disposition(plant, hold) == "rework"


def test_the_chain_of_a_hold_can_be_walked(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/quality/holds?state=rework")
    page.click("tbody a:has-text('Why')")
    assert page.locator(".chain li").count() >= 2
    page.locator(".chain a").first.click()
    expect(page.locator(".chain [aria-current=true]")).to_be_visible()
