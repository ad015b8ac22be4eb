"""The page of what the machines raise: what stands, who is asked, and how it looks on a telephone."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from playwright.sync_api import expect

from mes.contracts.alarms import AlarmReport
from mes.equipment.alarms import service as alarms
from tests.e2e.conftest import Plant
from tests.unit.equipment.test_alarm_life import a_report


@pytest.fixture(scope="module")
def raised(plant: Plant) -> str:
    """Two alarms that stand, one whose end nobody saw, and an event; returns the line."""
    line = next(one for one in plant.shown.plant.lines if one.stations[0].tags)
    now, station = plant.shown.clock.now(), line.stations[0].id

    def told(name: str, minutes: float, **given: object) -> AlarmReport:
        at = now - timedelta(minutes=minutes)
        facts = {"line": line.id, "station": station, "name": name, "condition": f"i={name}"}
        return a_report(**(facts | {"at": at, "began_at": at} | given))

    reports = (
        told("Down", 12, message="Station down: hydraulic pressure lost", event_id="a1"),
        told("TonnageLimits", 45, message="Press force 10420 kN, above 10300 kN", severity=500),
        told("GuardOpen", 90, message="Guard door 2 open", merged=14),
        told("GuardOpen", 80, began_at=None, active=False, retain=False, seen=False),
        told(
            "", 5, condition="", branch="e1", active=False, retain=False, acked=None, severity=100
        ),
    )

    async def follow() -> None:
        async with plant.shown.database.write() as conn:
            await alarms.take(conn, reports)

    plant.do(follow())
    return line.id


@pytest.mark.parametrize(
    ("language", "title", "acknowledge"),
    [("en", "Alarms of the machines", "Acknowledge"), ("zh", "设备告警", "确认")],
)
def test_what_the_machines_raise_is_shown_where_somebody_can_act(
    plant: Plant, raised: str, language: str, title: str, acknowledge: str
) -> None:
    page = plant.page("maintenance", language=language)
    page.goto(f"{plant.url}/alarms")
    page.locator(f'a[href="/alarms/machines?line={raised}"]').click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    standing = page.locator("section", has=page.locator("#h-standing"))
    expect(standing.locator("ul.rows > li")).to_have_count(2)
    expect(standing.locator("ul.rows > li").first).to_contain_text("hydraulic pressure lost")
    expect(standing.get_by_role("button", name=acknowledge)).to_have_count(2)
    over = page.locator("section", has=page.locator("#h-over"))
    expect(over.locator("tbody tr")).to_have_count(2)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert plant.errors == []


def test_who_only_plans_sees_alarms_and_acknowledges_none(plant: Plant, raised: str) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/alarms/machines")
    expect(page.locator("#machine-alarms ul.rows > li").first).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)


def test_an_agent_that_cannot_acknowledge_is_said_so(plant: Plant, raised: str) -> None:
    page = plant.page("maintenance")
    page.goto(f"{plant.url}/alarms/machines?line={raised}")
    page.get_by_role("button", name="Acknowledge").first.click()
    expect(page.locator("body")).to_contain_text("cannot do this with alarms")


def test_what_can_be_done_about_an_alarm_is_offered_as_its_machine_tells_it(
    plant: Plant, raised: str
) -> None:
    def standing_is(*, acked: bool, shelved: bool) -> None:
        with psycopg.connect(plant.shown.database.dsn) as conn:
            conn.execute(
                "UPDATE line_alarm SET acked = %s, confirmed = false, shelved = %s"
                " WHERE line = %s AND condition <> '' AND ended_at IS NULL",
                (acked, shelved, raised),
            )

    page = plant.page("maintenance")
    offered = page.locator("#machine-alarms ul.rows > li").first
    standing_is(acked=True, shelved=False)
    page.goto(f"{plant.url}/alarms/machines?line={raised}")
    expect(offered.get_by_role("button", name="Confirm")).to_be_visible()
    expect(offered.get_by_role("button", name="Shelve")).to_be_visible()
    expect(offered.get_by_role("button", name="Bring back")).to_have_count(0)
    standing_is(acked=False, shelved=True)
    page.reload()
    expect(offered.get_by_role("button", name="Bring back")).to_be_visible()
    expect(offered.get_by_role("button", name="Confirm")).to_have_count(0)
    expect(offered).to_contain_text("shelved")
    operator = plant.page("operator")
    operator.goto(f"{plant.url}/alarms/machines?line={raised}")
    expect(operator.get_by_role("button", name="Bring back")).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
