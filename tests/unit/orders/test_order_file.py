"""Files of orders as dealers' programs write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.orders import csv_file
from mes.orders.csv_file import OrderFileUnreadable, read_order_file

ENGLISH = "external_id,model,color,options,requested_at,priority,customer\n"
CHINESE = "外部订单号;车型;颜色;选装;期望交付;客户\n"
ROW = "A-1,s2,wht,SUN|AWD,2026-12-01,2,Zhang Wei\n"


def _read(content: bytes | str, channel: str = "dealer") -> csv_file.OrderFile:
    raw = content.encode() if isinstance(content, str) else content
    return read_order_file(raw, channel=channel, time_zone="Asia/Shanghai")


def test_a_row_becomes_a_draft() -> None:
    ((row, draft),) = _read(ENGLISH + ROW).drafts
    assert row == 2
    assert (draft.external_id, draft.model, draft.color) == ("A-1", "S2", "WHT")
    assert draft.options == ("SUN", "AWD")
    assert (draft.channel, draft.priority, draft.customer) == ("dealer", 2, "Zhang Wei")


def test_a_wished_day_is_over_when_it_ends_at_the_site() -> None:
    ((_, draft),) = _read(ENGLISH + ROW).drafts
    assert draft.requested_at == datetime(2026, 12, 1, 15, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("gbk", "gb18030"),
        ("gb18030", "gb18030"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_a_chinese_file_is_read_in_every_usual_encoding(encoding: str, name: str) -> None:
    text = CHINESE + "A-1;U3;RED;SUN AWD;2026年12月1日;张伟\n"
    file = _read(text.encode(encoding))
    assert file.encoding == name
    assert file.separator == ";"
    ((_, draft),) = file.drafts
    assert (draft.model, draft.customer, draft.options) == ("U3", "张伟", ("SUN", "AWD"))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_empty_lines_do_not_count_but_keep_their_numbers(ending: str) -> None:
    text = ending.join(["model\tcolor", "S2\tWHT", "", "U3\tRED", "\t"])
    assert [row for row, _ in _read(text).drafts] == [2, 4]


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        ("A-1,,WHT,,,,", "model", "required"),
        ("A-1,S2,WHT,,tomorrow,,", "requested_at", "date"),
        ("A-1,S2,WHT,,2026-13-01,,", "requested_at", "date"),
        ("A-1,S2,WHT,,9999-12-31T23:59:59-14:00,,", "requested_at", "date"),
        ("A-1,S2,WHT,,,10,", "priority", "priority"),
        ("A-1,S2,WHT,,,٣,", "priority", "priority"),
        ("A-1,S2,WHT,,,1,Li,more", "row", "columns"),
        (f"{'x' * 81},S2,WHT,,,,", "external_id", "length"),
    ],
)
def test_a_bad_row_is_told_with_row_field_and_reason(row: str, field: str, rule: str) -> None:
    file = _read(ENGLISH + ROW + row + "\n" + ROW.replace("A-1", "A-2"))
    assert [number for number, _ in file.drafts] == [2, 4], "the good rows go in"
    (problem,) = file.problems
    assert (problem.row, problem.field, problem.rule) == (3, field, rule)
    assert problem.reason.en
    assert problem.reason.zh


def test_a_row_may_name_its_channel_and_language() -> None:
    text = "channel,language,model,color\nweb,中文,S2,WHT\nW W,fr,S2,WHT\n"
    file = _read(text)
    assert [(draft.channel, draft.language) for _, draft in file.drafts] == [("web", "zh")]
    assert [problem.rule for problem in file.problems] == ["channel", "language"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"model,color\n\x80\xff\x80\xff", "not text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not text in UTF-8"),
        ("name,wish\nA,B\n", "column 'model' is missing"),
        ("model,color,colour\nS2,WHT,RED\n", "two columns are headed 'colour'"),
        ('model,color\nS2,"' + "x" * 140_000 + '"\n', "row 2 is not a row"),
    ],
)
def test_a_file_that_is_no_table_of_orders_is_refused_as_a_whole(
    content: bytes | str, why: str
) -> None:
    with pytest.raises(OrderFileUnreadable, match=why):
        _read(content)


def test_a_file_with_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_ROWS", 2)
    with pytest.raises(OrderFileUnreadable, match="more than 2 rows"):
        _read("model,color\n" + "S2,WHT\n" * 3)


@given(st.binary(max_size=300))
def test_no_file_whatever_breaks_the_reader(content: bytes) -> None:
    for prefix in (b"", b"model,color\n"):
        try:
            file = _read(prefix + content)
        except OrderFileUnreadable:
            continue
        rows = [row for row, _ in file.drafts] + [problem.row for problem in file.problems]
        assert all(row >= 2 for row in rows)
