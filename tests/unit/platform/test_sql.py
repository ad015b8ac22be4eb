from __future__ import annotations

import pytest

from mes.platform.sql import Queries


def test_a_file_holds_named_queries_with_their_reasons() -> None:
    queries = Queries(
        "x", "-- a comment\n-- late --\n-- Most urgent first.\nSELECT 1;\n\n-- early --\nSELECT 2\n"
    )
    assert list(queries) == ["late", "early"]
    assert queries["late"].text == "/* late */ -- Most urgent first.\nSELECT 1"
    assert len(queries) == 2


def test_a_query_that_is_not_there_is_named_with_its_file() -> None:
    with pytest.raises(KeyError, match="mes/orders has no query 'late'"):
        Queries("mes/orders", "")["late"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1", "x:1: SQL before the first"),
        ("-- a --\nSELECT 1\n-- a --\nSELECT 2", "x:3: query 'a' stands twice"),
        ("-- a --\n-- b --\nSELECT 1", "query 'a' is empty"),
    ],
)
def test_a_malformed_file_is_refused_at_start(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Queries("x", text)
