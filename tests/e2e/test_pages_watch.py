"""What watches the plant: a day of process values with its gaps, and alarms that say what to do."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from playwright.sync_api import expect

from mes.contracts.agent import Heartbeat, LinkState, RefusedConfig
from tests.e2e.conftest import Plant

DAY = 1440


@pytest.fixture(scope="module")
def measured(plant: Plant) -> tuple[str, str]:
    """A day of two values at a station, with a gap of an hour in one of them; returns station and line."""
    line = next(one for one in plant.shown.plant.lines if one.stations[0].tags)
    station = line.stations[0]
    began = _yesterday_begins(plant)
    with psycopg.connect(plant.shown.database.dsn) as conn:
        for n, tag in enumerate(station.tags[:2]):
            conn.execute(
                "INSERT INTO telemetry_tag (id, line, station, name, unit) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (900 + n, line.id, station.id, tag.name, tag.unit),
            )
            conn.execute(
                "INSERT INTO telemetry_minute (tag_id, minute, values_n, bad_n, mean, low, high)"
                " SELECT g.id, %s::timestamptz + i * interval '1 minute', 3, 0, %s + sin(i / 60.0),"
                " %s + sin(i / 60.0) - 0.2, %s + sin(i / 60.0) + 0.2 FROM telemetry_tag AS g,"
                " generate_series(0, %s) AS i WHERE g.station = %s AND g.name = %s"
                " AND i NOT BETWEEN 600 AND 659",
                (began, *[tag.nominal] * 3, DAY - 1, station.id, tag.name),
            )
        conn.execute(
            "INSERT INTO telemetry_gap (id, line, from_at, to_at, cause)"
            " VALUES (gen_random_uuid(), %s, %s, %s, 'agent_down')",
            (line.id, began + timedelta(hours=10), began + timedelta(hours=11)),
        )
    return station.id, line.id


def _yesterday_begins(plant: Plant) -> datetime:
    zone = ZoneInfo(plant.shown.plant.site.time_zone)
    day = plant.shown.clock.now().astimezone(zone).date() - timedelta(days=1)
    return datetime.combine(day, time(0), zone)


def _yesterday(plant: Plant) -> str:
    return f"{_yesterday_begins(plant):%Y-%m-%d}"


@pytest.mark.parametrize(("language", "cause"), [("en", "agent was down"), ("zh", "代理停机")])
def test_a_day_shows_its_values_and_why_some_are_missing(
    plant: Plant, measured: tuple[str, str], language: str, cause: str
) -> None:
    page = plant.page("quality", language=language)
    page.goto(f"{plant.url}/trends?station={measured[0]}&day={_yesterday(plant)}")
    expect(page.locator("mes-trend")).to_have_attribute("data-shown", f"{DAY - 60} {DAY - 60}")
    expect(page.locator("#gaps")).to_contain_text(cause)
    said = page.evaluate(
        "() => { const t = document.getElementById('trend'); return t.describe(t.data.from + 10.5 * 3600) }"
    )
    assert cause in said
    runs = page.evaluate(
        "() => document.getElementById('trend').data.tags.map((tag) => tag.runs.length)"
    )
    assert runs == [2, 2]
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_keys_zoom_and_tell_a_minute(plant: Plant, measured: tuple[str, str]) -> None:
    page = plant.page("maintenance")
    page.goto(f"{plant.url}/trends?station={measured[0]}&day={_yesterday(plant)}")
    expect(page.locator("mes-trend")).to_have_attribute("data-shown", f"{DAY - 60} {DAY - 60}")
    before = page.evaluate("document.getElementById('trend').perPx")
    page.focus(".trend-plane")
    page.keyboard.press("+")
    assert page.evaluate("document.getElementById('trend').perPx") < before
    page.keyboard.press("ArrowLeft")
    expect(page.locator("mes-trend [aria-live]")).not_to_be_empty()


def test_zoomed_in_the_day_is_told_by_second(plant: Plant, measured: tuple[str, str]) -> None:
    noon = _yesterday_begins(plant) + timedelta(hours=12)
    with psycopg.connect(plant.shown.database.dsn) as conn:
        conn.execute(
            "INSERT INTO telemetry_seconds_of_minute SELECT g.id, %s, ARRAY[7], ARRAY[1], ARRAY[0],"
            " ARRAY[4.25], ARRAY[4.0], ARRAY[4.5] FROM telemetry_tag AS g WHERE g.station = %s",
            (noon, measured[0]),
        )
    page = plant.page("quality")
    page.goto(f"{plant.url}/trends?station={measured[0]}&day={_yesterday(plant)}")
    expect(page.locator("mes-trend")).to_have_attribute("data-shown", f"{DAY - 60} {DAY - 60}")
    at = int(noon.timestamp()) + 7
    page.evaluate(
        "at => { const t = document.getElementById('trend'); t.perPx = 1; t.from = at - 300; t._draw() }",
        at,
    )
    expect(page.locator("mes-trend")).to_have_attribute("data-step", "1")
    said = page.evaluate("at => document.getElementById('trend').describe(at)", at)
    assert "12:00:07" in said
    assert "4.25" in said
    page.evaluate("() => document.getElementById('trend').fit()")
    whole = page.evaluate("at => document.getElementById('trend').describe(at)", at)
    assert "12:00 ·" in whole


def test_one_value_of_the_day_as_a_file(plant: Plant, measured: tuple[str, str]) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/")
    tag = plant.value(
        "SELECT name FROM telemetry_tag WHERE station = %s ORDER BY id LIMIT 1", measured[0]
    )
    answer = page.request.get(
        f"{plant.url}/trends.csv?station={measured[0]}&tags={tag}&day={_yesterday(plant)}"
    )
    assert len(answer.text().strip().splitlines()) == 1 + DAY - 60


def test_a_station_that_does_not_exist_is_not_found(plant: Plant) -> None:
    page = plant.page("quality", language="zh")
    answer = page.goto(f"{plant.url}/trends?station=nowhere")
    assert answer is not None and answer.status == 404
    expect(page.locator("main")).to_contain_text("工厂没有带过程值的工位 nowhere")


def _run(plant: Plant, sql: str, *parameters: object) -> None:
    with psycopg.connect(plant.shown.database.dsn) as conn:
        conn.execute(sql, parameters or None)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("refused from", "Nothing is lost", "Help called at", "ends soon")),
        ("zh", ("拒收", "数据没有丢失", "呼叫支援", "即将过期")),
    ],
)
def test_alarms_say_what_is_wrong_and_what_to_do(
    plant: Plant, language: str, words: tuple[str, ...]
) -> None:
    _run(
        plant,
        "INSERT INTO ingest_quarantine (id, agent_id, line, epoch, stream, seq, reason_code, reason,"
        " content, arrived_at) SELECT gen_random_uuid(), a.id, a.line, 1, 1,"
        " 1 + (SELECT count(*) FROM ingest_quarantine), 'batch.crc', 'checksum', 'x', now()"
        " FROM agent AS a ORDER BY a.line LIMIT 1",
    )
    _run(
        plant,
        "INSERT INTO api_token (id, name, token_hash, scopes, created_by, created_at, expires_at)"
        " VALUES (gen_random_uuid(), 'shop', decode(md5(random()::text), 'hex'), '{orders:write}',"
        " 'admin', now(), now() + interval '3 days')",
    )
    page = plant.page("maintenance", language=language)
    page.goto(f"{plant.url}/alarms")
    for word in words:
        expect(page.locator("#alarms")).to_contain_text(word)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_alarm_goes_when_its_cause_is_gone(plant: Plant) -> None:
    page = plant.page("quality")
    page.goto(f"{plant.url}/alarms")
    expect(page.locator("[data-kind=andon]")).to_have_count(1)
    _run(plant, "UPDATE andon_call SET cleared_at = called_at, cleared_by = 'operator'")
    page.reload()
    expect(page.locator("[data-kind=andon]")).to_have_count(0)


def test_a_dealer_has_no_alarms(plant: Plant) -> None:
    page = plant.page("dealer")
    answer = page.goto(f"{plant.url}/alarms")
    assert answer is not None and answer.status == 403
    expect(page.locator("h1")).to_have_text("Not for your role")


@pytest.mark.parametrize(
    ("language", "silent", "back"),
    [("en", "fell silent under configuration", "taken back"), ("zh", "后没有数据", "已撤回")],
)
def test_a_configuration_that_was_taken_back_is_told_where_plant_it_looks(
    plant: Plant, language: str, silent: str, back: str
) -> None:
    beat = Heartbeat(
        epoch=1,
        software="1",
        config_version=1,
        sent_at=datetime.now(UTC),
        link=LinkState(connected=True, since=datetime.now(UTC), last_data_at=None),
        journal_bytes=0,
        journal_batches=0,
        images_waiting=0,
        gaps=0,
        values_per_s=0,
        inspections=0,
        late=0,
        refused_config=RefusedConfig(version=2, reason="no route to host"),
    )
    _run(
        plant,
        "UPDATE agent SET heartbeat = %s::jsonb WHERE line = (SELECT min(line) FROM agent)",
        beat.model_dump_json(),
    )
    page = plant.page("maintenance", language=language)
    page.goto(f"{plant.url}/alarms")
    alarm = page.locator("[data-kind=config_taken_back]")
    expect(alarm).to_contain_text(silent)
    expect(alarm).to_contain_text("no route to host")
    page.goto(f"{plant.url}/it")
    expect(page.locator("#health")).to_contain_text(back)
    expect(page.locator("#health")).to_contain_text("no route to host")
