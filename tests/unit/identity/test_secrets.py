"""Roles, tokens and what proves that a request was meant."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mes.contracts.ids import uuid7
from mes.identity.model import (
    Machine,
    Role,
    Scope,
    Session,
    User,
    csrf_matches,
    csrf_token,
    new_secret,
    secret_hash,
)


def test_an_administrator_may_do_everything_and_others_their_own() -> None:
    planner = User(uuid7(), "li", frozenset({Role.PLANNER}))
    assert planner.may(Role.PLANNER, Role.DEALER)
    assert not planner.may(Role.QUALITY)
    assert User(uuid7(), "root", frozenset({Role.ADMIN})).may(Role.QUALITY)
    assert not User(uuid7(), "guest", frozenset()).may(Role.QUALITY)


def test_people_and_programs_are_named_apart_in_events() -> None:
    assert User(uuid7(), "erp", frozenset()).actor == "user:erp"
    program = Machine(uuid7(), "erp", frozenset({Scope.ORDERS_READ}), "web")
    assert (program.actor, program.channel) == ("token:erp", "web")
    assert User(uuid7(), "erp", frozenset()).channel is None


def test_secrets_are_long_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret) >= 43 for secret in secrets), "256 bits"
    assert len({secret_hash(secret) for secret in secrets}) == 100


@given(st.text(max_size=60) | st.none())
def test_only_the_token_of_the_session_itself_matches(given_token: str | None) -> None:
    session = Session(new_secret(), User(uuid7(), "li", frozenset()), datetime.now(UTC))
    assert csrf_matches(session.token, session.csrf_token)
    assert not csrf_matches(session.token, given_token)
    assert not csrf_matches(session.token, csrf_token(new_secret()))
