"""Sign-in, roles, languages, appearance; every screen opens without an error and does not jump."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Plant

NAMELESS = """[...document.querySelectorAll(
    "button, a[href], input:not([type=hidden]), select, textarea, [role=application]")]
  .filter((one) => one.checkVisibility() && !(one.innerText?.trim() || one.getAttribute("aria-label")
    || one.labels?.length || one.querySelector("[aria-label], img[alt]")))
  .map((one) => one.outerHTML.slice(0, 120))"""
"""What a screen reader could not name."""
PAGES = [
    ("planner", "/"),
    ("planner", "/orders"),
    ("planner", "/orders/new"),
    ("planner", "/orders/import"),
    ("planner", "/plan"),
    ("planner", "/plan/versions"),
    ("planner", "/plan/proposals"),
    ("planner", "/plan/promises"),
    ("planner", "/plan/whatif"),
    ("planner", "/alarms"),
    ("planner", "/map"),
    ("planner", "/buffers"),
    ("planner", "/trends"),
    ("quality", "/quality/review"),
    ("quality", "/quality/holds"),
    ("quality", "/quality/models"),
    ("operator", "/stations"),
    ("maintenance", "/it"),
    ("admin", "/admin"),
]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_wrong_password_is_said_at_the_field(plant: Plant, language: str) -> None:
    page = plant.page(language=language)
    page.goto(f"{plant.url}/orders?stage=held")
    assert page.url.endswith("/sign-in?next=%2Forders%3Fstage%3Dheld")
    page.fill("#user", "planner")
    page.fill("#password", "not the password")
    page.click("button[type=submit]")
    words = {"en": "User name and password do not match.", "zh": "用户名与密码不匹配。"}
    expect(page.locator("#error-password")).to_have_text(words[language])
    assert page.get_attribute("#password", "aria-invalid") == "true"
    page.fill("#password", plant.shown.people["planner"])
    page.click("button[type=submit]")
    page.wait_for_url("**/orders?stage=held")


def test_a_dealer_does_not_get_to_the_plan(plant: Plant) -> None:
    page = plant.page("dealer")
    page.goto(f"{plant.url}/start")
    page.wait_for_url("**/orders")
    assert page.locator(".nav a[href='/plan']").count() == 0
    answer = page.goto(f"{plant.url}/plan")
    assert answer is not None and answer.status == 403
    expect(page.locator("h1")).to_have_text("Not for your role")


def test_the_language_is_remembered(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/orders?model=S2")
    page.click("details.menu summary")
    page.click("a[hreflang=zh]")
    assert page.url.endswith("/orders?model=S2")
    expect(page.locator("h1")).to_have_text("订单")
    page.goto(f"{plant.url}/map")
    expect(page.locator("h1")).to_have_text("工厂地图")


def test_the_appearance_is_remembered(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/orders")
    page.click("details.menu summary")
    page.click("[data-theme-choice=dark]")
    dark = page.evaluate("getComputedStyle(document.body).color")
    page.reload()
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).color") == dark


@pytest.mark.parametrize(("role", "path"), PAGES)
def test_a_screen_opens_does_not_jump_and_fits_a_phone(plant: Plant, role: str, path: str) -> None:
    page = plant.page(role, language="zh")
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => { for (const e of list.getEntries())"
        " if (!e.hadRecentInput) window.shift += e.value }).observe({type: 'layout-shift', buffered: true})"
    )
    answer = page.goto(f"{plant.url}{path}")
    assert answer is not None and answer.ok
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready.then(() => true)")
    assert page.evaluate("window.shift") < 0.02
    assert not re.search(r"%\(\w+\)s|\{\{|None", page.inner_text("body"))
    assert page.evaluate(NAMELESS) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_says_when_it_is_no_longer_live(plant: Plant) -> None:
    page = plant.page("planner", language="zh")
    page.route("**/events/stream*", lambda route: route.abort())
    page.goto(f"{plant.url}/map")
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "off")
    expect(page.locator("[data-live]")).to_contain_text("未更新")


def test_the_navigation_is_a_drawer_on_a_phone(plant: Plant) -> None:
    page = plant.page("planner", width=390)
    page.goto(f"{plant.url}/")
    expect(page.locator("#nav")).not_to_be_visible()
    page.click("[data-toggle-nav]")
    page.click("#nav a[href='/orders']")
    page.wait_for_url("**/orders")


def test_keys_lead_to_screens(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/orders")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "search"
