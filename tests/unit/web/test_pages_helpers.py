"""Lists, navigation and addresses."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mes.execution.views import Curve
from mes.identity.pages import inside
from mes.orders.views import Filter
from mes.web.formats import Formats
from mes.web.listing import Page, csv_answer
from mes.web.navigation import home_for, sections_for

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
F = Formats("en", ZoneInfo("Asia/Shanghai"), NOW)


def test_a_filter_stays_in_the_links_of_the_pages() -> None:
    page = Page("/orders", {"stage": "held", "search": "A & B"}, 2, 120)
    assert (page.first, page.last) == (51, 100)
    assert page.next == "/orders?stage=held&search=A+%26+B&page=3"
    assert page.previous.endswith("page=1")
    assert page.csv == "/orders.csv?stage=held&search=A+%26+B"


def test_the_last_page_has_no_next() -> None:
    assert Page("/orders", {}, 3, 120).next == ""
    assert Page("/orders", {}, 1, 120).previous == ""


def test_an_export_cannot_smuggle_a_formula() -> None:
    rows = [{"name": "=cmd|' /C calc'!A0", "at": NOW, "n": -3, "tags": ["A", "B"], "none": None}]
    text = bytes(csv_answer("x", ("name", "at", "n", "tags", "none"), rows, F).body).decode()
    assert text.startswith("\ufeffname,at,n,tags,none\r\n")
    assert text.splitlines()[1] == "'=cmd|' /C calc'!A0,2026-11-22T12:00:00+08:00,-3,A B,"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/orders?stage=held", "/orders?stage=held"),
        ("https://elsewhere.example/", ""),
        ("//elsewhere.example/", ""),
        ("/\\elsewhere.example", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_signing_in_never_leads_elsewhere(address: str, expected: str) -> None:
    assert inside(address) == expected


def test_an_operator_sees_no_planning() -> None:
    paths = {entry.path for _, entries in sections_for({"operator"}) for entry in entries}
    assert paths == {"/map", "/buffers", "/stations", "/quality/studies"}


@pytest.mark.parametrize("role", ["planner", "quality", "operator", "maintenance", "dealer"])
def test_every_screen_of_a_role_has_a_key_of_its_own(role: str) -> None:
    keys = [entry.keys for _, entries in sections_for({role}) for entry in entries]
    assert len(keys) == len(set(keys))


def test_every_role_begins_where_it_works() -> None:
    assert home_for({"quality"}) == "/quality/review"
    assert home_for({"operator"}) == "/stations"
    assert home_for({"admin", "operator"}) == "/"


def test_what_is_searched_for_is_taken_literally() -> None:
    assert Filter(search="50%_").parameters(NOW)["search"] == r"%50\%\_%"
    assert Filter(search="  ").parameters(NOW)["search"] is None


def test_a_fill_curve_goes_in_steps_from_edge_to_edge() -> None:
    curve = Curve([(NOW, 0), (NOW + timedelta(hours=1), 5)], NOW, NOW + timedelta(hours=2))
    assert curve.path(200, 50, 10) == "M0.0 50.0H100.0V25.0H200.0"
