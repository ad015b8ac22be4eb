"""The whole plant as processes, and people in a browser: an order is placed and shipped; a defect moves a promise.

The order book is a real Renault day (the smallest of ROADEF 2005, 65 cars) where the benchmark data is
at hand, and a generated one of the same size elsewhere.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from mes.contracts.ids import is_vin
from tests.support.browser import chromium_sync
from tests.support.running_plant import RunningPlant, running_plant, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_SHARED = Path(os.environ.get("C2M_SHARED", Path(__file__).parents[3] / "shared"))
RENAULT_DAY = _SHARED / "data/aps/roadef2005/set_B/028_ch2_EP_RAF_ENP_S23_J3"


@pytest.fixture(scope="module")
def plant() -> Iterator[RunningPlant]:
    book = ("--orders", str(RENAULT_DAY)) if RENAULT_DAY.exists() else ("--cars", "65")
    with running_plant("--speed", "15", *book) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_sync() as opened:
        yield opened


def signed_in(plant: RunningPlant, browser: Browser, role: str, *, language: str) -> Page:
    """Sign in through the form, as a person does."""
    user, password = plant.password(role)
    page = browser.new_context(locale="zh-CN" if language == "zh" else "en-GB").new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{plant.url}/sign-in")
    page.fill("#user", user)
    page.fill("#password", password)
    page.click("button[type=submit]")
    expect(page).not_to_have_url(re.compile("sign-in"))
    return page


def placed_in_the_form(
    page: Page, plant: RunningPlant, *, model: str, color: str, option: str
) -> str:
    """Configure and place an order; return its number."""
    page.goto(f"{plant.url}/orders/new")
    for name, code in (("model", model), ("color", color), ("options", option)):
        page.locator(f"input[name={name}][value={code}]").check(force=True)
    page.fill("#customer", "A. Customer")
    page.click("#configurator button[type=submit]")
    expect(page).to_have_url(re.compile(r"/orders/[A-Z0-9-]+$"))
    return page.url.rsplit("/", 1)[1]


def reload_until(page: Page, condition: object, plant: RunningPlant, *, timeout_s: float) -> None:
    """Wait until the page shows a state; it reloads as a person would who comes back to it."""
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(
                f"{page.url} did not show it:\n{page.inner_text('main')}\n{plant.logs()}"
            )
        page.wait_for_timeout(500)
        page.reload()


def test_what_a_person_asks_of_a_line_is_tried_done_and_answered_by_the_line(
    plant: RunningPlant,
) -> None:
    """API → outbox → agent → line and back: each a process of its own."""
    user, password = plant.password("maintenance")
    line, station = "body-framing", "framing"
    with httpx.Client(base_url=plant.url, timeout=30, trust_env=False) as person:
        signed = person.post("/api/session", json={"user": user, "password": password})
        person.headers["X-CSRF-Token"] = signed.json()["csrf_token"]

        def answered(asked: httpx.Response) -> dict[str, Any]:
            assert asked.status_code == 202, asked.text
            where = f"/api/lines/{line}/commands/{asked.json()['id']}"
            wait_for(lambda: person.get(where).json()["state"] != "sent", timeout_s=60, plant=plant)
            told: dict[str, Any] = person.get(where).json()
            return told

        def interlock(*, engage: bool) -> tuple[dict[str, Any], dict[str, Any]]:
            wish = {"kind": "set_interlock", "station": station, "engage": engage}
            tried = answered(person.post(f"/api/lines/{line}/commands", json=wish))
            carry_out = f"/api/lines/{line}/commands/{tried['id']}/carry-out"
            return tried, answered(person.post(carry_out, json={"reason": "a look inside"}))

        for engage in (True, False):
            tried, done = interlock(engage=engage)
            assert [one["code"] for one in (tried, done)] == ["ok", "ok"], (tried, done)
            assert (tried["dry_run"], done["dry_run"]) == (True, False)
            (change,) = done["changes"]
            assert (change["old"], change["new"]) == (not engage, engage)
        history = person.get(f"/api/lines/{line}/commands").json()
    assert [one["actor"] for one in history[:2]] == [f"user:{user}"] * 2


def test_a_defect_holds_the_body_and_changes_the_promise_with_its_reasons(
    plant: RunningPlant, browser: Browser
) -> None:
    before = plant.value("SELECT coalesce(max(seq), 0) FROM event")
    force_defect(plant, line="paint", camera="paint-camera-1", defect="run")
    hold_id, number = wait_for(
        lambda: plant.fetch(
            "SELECT h.id, o.number FROM hold h JOIN customer_order o ON o.id = h.order_id"
            " JOIN inspection i ON i.id = h.inspection_id AND i.verdict = 'NOK'"
            " JOIN event e ON e.correlation_id = o.id AND e.type = 'promise.changed'"
            " WHERE h.line = 'paint' AND h.state = 'open' AND e.seq > %s ORDER BY e.seq LIMIT 1",
            before,
        ),
        timeout_s=180,
        plant=plant,
    )[0]

    for language, words in (("en", ("rework", "slot")), ("zh", ("返修", "位"))):
        page = signed_in(plant, browser, "planner", language=language)
        page.goto(f"{plant.url}/orders/{number}")
        assert page.locator("article.promise").count() >= 2
        reasons = page.locator("article.promise").first.inner_text().lower()
        assert all(word in reasons for word in words), reasons

    quality = signed_in(plant, browser, "quality", language="zh")
    quality.goto(f"{plant.url}/quality/review?hold={hold_id}")
    quality.wait_for_selector("mes-reviewer .review-view img")
    quality.keyboard.press("r")
    wait_for(
        lambda: plant.value("SELECT state FROM hold WHERE id = %s", hold_id) != "open",
        timeout_s=30,
        plant=plant,
    )
    wait_for(
        lambda: plant.value("SELECT state FROM rework WHERE hold_id = %s", hold_id) == "done",
        timeout_s=240,
        plant=plant,
    )
    page = signed_in(plant, browser, "planner", language="en")
    page.goto(f"{plant.url}/orders/{number}")
    reload_until(
        page, lambda: "shipped" in page.inner_text(".page-head").lower(), plant, timeout_s=420
    )


def test_an_order_entered_in_the_form_is_built_and_shipped(
    plant: RunningPlant, browser: Browser
) -> None:
    page = signed_in(plant, browser, "dealer", language="zh")
    number = placed_in_the_form(page, plant, model="S2", color="RED", option="SUN")
    reload_until(page, page.locator("[data-current-promise]").is_visible, plant, timeout_s=60)

    reload_until(page, lambda: "已发运" in page.inner_text(".page-head"), plant, timeout_s=420)
    stage, vin, body_id = plant.fetch(
        "SELECT stage, vin, body_id FROM customer_order WHERE number = %s", number
    )[0]
    assert stage in ("shipped", "delivered")
    assert is_vin(vin)
    assert vin in page.inner_text("main")
    lines = {
        line
        for (line,) in plant.fetch(
            "SELECT DISTINCT line FROM operation WHERE body_id = %s", body_id
        )
    }
    assert lines == {"body-sub", "body-framing", "paint", "assembly", "eol"}
    parts = plant.fetch("SELECT material FROM built_in WHERE body_id = %s", body_id)
    assert len(parts) >= 10
    english = signed_in(plant, browser, "planner", language="en")
    english.goto(f"{plant.url}/orders/{number}")
    assert "shipped" in english.inner_text(".page-head").lower()

    with (
        page.expect_popup()
        if page.locator("a[target=_blank]").count()
        else page.expect_navigation()
    ):
        page.locator("a[href^='/customer/']").first.click()
    expect(page.locator("main")).to_contain_text("S2")


def test_every_link_of_the_chain_is_an_event(plant: RunningPlant) -> None:
    chains = plant.fetch(
        "WITH RECURSIVE walk AS ("
        " SELECT id, causation_id, type, ARRAY[type] AS way FROM event WHERE type = 'promise.changed'"
        " UNION ALL SELECT e.id, e.causation_id, e.type, w.way || e.type FROM walk w"
        " JOIN event e ON e.id = w.causation_id)"
        " SELECT way FROM walk WHERE causation_id IS NULL AND type = 'inspection.recorded'"
    )
    assert any(
        {"promise.changed", "plan.slot_missed", "rework.opened", "hold.placed"} <= set(way)
        for (way,) in chains
    ), chains


def force_defect(plant: RunningPlant, *, line: str, camera: str, defect: str) -> None:
    """Let the next part in front of a camera carry a defect."""
    command = [sys.executable, "-m", "plc_sim", "fault", "force_defect", f"camera={camera}"]
    command += [f"defect={defect}", "--data", str(plant.folder / "sim"), "--line", line]
    subprocess.run(command, check=True)
