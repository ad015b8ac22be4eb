"""The customer's link: only what we signed leads anywhere."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mes.contracts.ids import uuid7
from mes.orders.links import make_token, read_token

KEY = bytes(range(32))
EXPIRES = datetime(2027, 12, 27, 12, 0, tzinfo=UTC)


def test_a_token_gives_back_order_and_expiry() -> None:
    order_id = uuid7()
    token = make_token(KEY, order_id, EXPIRES)
    assert read_token(KEY, token) == (order_id, EXPIRES)
    assert len(token) == 50
    assert token.replace("-", "").replace("_", "").isalnum()


def test_a_token_of_another_installation_leads_nowhere() -> None:
    assert read_token(bytes(32), make_token(KEY, uuid7(), EXPIRES)) is None


@given(st.integers(0, 49), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_other_character_anywhere_is_accepted(position: int, character: str) -> None:
    token = make_token(KEY, uuid7(), EXPIRES)
    changed = token[:position] + character + token[position + 1 :]
    read = read_token(KEY, changed)
    assert read is None or read == read_token(KEY, token)


@given(st.text(max_size=80))
def test_no_text_whatever_breaks_the_reader(text: str) -> None:
    assert read_token(KEY, text) is None
