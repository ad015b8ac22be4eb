"""Usage expressions: what they mean, and how clearly a wrong one is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.catalog.expression import (
    AllOf,
    Always,
    AnyOf,
    Expression,
    ExpressionError,
    Has,
    Not,
    parse,
)

CODES = ("S2", "SUN", "PAN", "AWD", "19IN")

expressions: st.SearchStrategy[Expression] = st.recursive(
    st.sampled_from(CODES).map(Has),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=12,
)


def _by_python(text: str, codes: frozenset[str]) -> bool:
    """Evaluate the same text by Python's own and / or / not: another parser, another evaluator."""
    words = text.replace("&", " and ").replace("|", " or ").replace("!", " not ")
    for code in sorted(CODES, key=len, reverse=True):
        words = words.replace(code, "YES" if code in codes else "NO!")
    return bool(eval(words.replace("YES", "True").replace("NO!", "False")))  # noqa: S307


@given(expressions, st.sets(st.sampled_from(CODES)).map(frozenset))
def test_an_expression_means_what_python_says_it_means(
    expression: Expression, codes: frozenset[str]
) -> None:
    text = str(expression)
    assert parse(text).holds(codes) == _by_python(text, codes)
    assert parse(text).codes() == expression.codes()


def test_the_example_of_the_handbook_holds_for_the_right_cars() -> None:
    usage = parse("S2 & (SUN | PAN) & !AWD")
    assert usage.holds({"S2", "SUN"})
    assert not usage.holds({"S2", "SUN", "AWD"})
    assert not usage.holds({"S2"})


def test_a_part_without_usage_goes_into_every_car() -> None:
    assert parse("  ") == Always()
    assert parse("").holds(frozenset())
    assert parse("").codes() == frozenset()
    assert str(parse("")) == ""


@pytest.mark.parametrize(
    ("text", "column", "why"),
    [
        ("S2 & & SUN", 6, "a code is missing before '&'"),
        ("S2 SUN", 4, "'&' or '|' expected before 'SUN'"),
        ("(S2 | SUN", 10, "')' is missing for '(' of column 1"),
        ("S2 &", 5, "a code is missing"),
        ("S2 + SUN", 4, "unknown sign '+'"),
        ("S2)", 3, "'&' or '|' expected before ')'"),
        ("s2", 1, "unknown sign 's'"),
        ("()", 2, "a code is missing before ')'"),
        ("!" * 200 + "S2", 1, "more than 100 levels"),
    ],
)
def test_a_wrong_expression_says_where_and_why(text: str, column: int, why: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert error.value.column == column
    assert why in error.value.why
