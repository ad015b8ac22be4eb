"""Every number has its unit, every time its zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mes.web.formats import Formats, utc_offset
from mes.web.translations import Language

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def shown(language: Language = "en", zone: str = "Asia/Shanghai") -> Formats:
    return Formats(language, ZoneInfo(zone), NOW)


def test_a_time_is_plant_time_and_names_its_zone() -> None:
    tag = str(shown().time(NOW, zone=True))
    assert ">22 Nov 12:00 UTC+8<" in tag
    assert 'title="2026-11-22 12:00:00 Asia/Shanghai (UTC+8)"' in tag


def test_a_time_of_another_year_says_the_year() -> None:
    assert shown().plain(NOW - timedelta(days=400)) == "18 Oct 2025 12:00"


def test_chinese_reads_days_as_chinese_does() -> None:
    assert shown("zh").plain(NOW) == "11月22日 12:00"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Asia/Kolkata", "UTC+5:30"),
        ("UTC", "UTC"),
        ("America/St_Johns", "UTC\N{MINUS SIGN}3:30"),
        ("Pacific/Tongatapu", "UTC+13"),
    ],
)
def test_an_offset_is_written_as_people_write_it(zone: str, expected: str) -> None:
    assert utc_offset(NOW.astimezone(ZoneInfo(zone))) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (600, "10 min"),
        (3_660, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (-120, "\N{MINUS SIGN}2 min"),
    ],
)
def test_a_duration_shows_its_two_largest_units(seconds: float, expected: str) -> None:
    assert shown().duration(seconds) == expected


def test_what_is_absent_is_a_dash_and_not_zero() -> None:
    f = shown()
    assert "–" in str(f.number(None)) and "–" in str(f.time(None)) and f.duration(None) == "–"


def test_a_number_carries_its_unit_on_the_same_line() -> None:
    assert str(shown().number(1234.5, "kN", digits=1)) == "1,234.5&nbsp;kN"


def test_a_later_promise_is_a_plus() -> None:
    assert shown().slip(NOW, NOW + timedelta(minutes=35)) == "+35 min"
    assert shown().slip(NOW, NOW - timedelta(minutes=35)) == "\N{MINUS SIGN}35 min"


def test_an_age_is_in_words() -> None:
    f = shown("zh")
    assert f.age(NOW - timedelta(minutes=12)) == "12 分前"
    assert f.age(None) == "从未"
