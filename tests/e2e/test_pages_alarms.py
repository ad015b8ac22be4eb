"""One place says what needs somebody, and what to do; it empties when the causes are gone."""

from __future__ import annotations

import psycopg
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Plant


def _run(plant: Plant, sql: str, *parameters: object) -> None:
    with psycopg.connect(plant.shown.database.dsn) as conn:
        conn.execute(sql, parameters or None)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("refused from", "Nothing is lost", "Help called at", "is down", "ends soon")),
        ("zh", ("拒收", "数据没有丢失", "呼叫支援", "停机", "即将过期")),
    ],
)
def test_alarms_say_what_is_wrong_and_what_to_do(
    plant: Plant, language: str, words: tuple[str, ...]
) -> None:
    line = plant.shown.plant.lines[0].id
    _run(
        plant,
        "INSERT INTO ingest_quarantine (id, agent_id, line, epoch, stream, seq, reason_code, reason,"
        " content, arrived_at) SELECT gen_random_uuid(), gen_random_uuid(), %s, 1, 1,"
        " 1 + count(*), 'batch.crc', 'checksum', 'x', now() FROM ingest_quarantine",
        line,
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
