"""Which epoch a copy of an agent works under."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.agents.model import (
    Agent,
    Claim,
    Epoch,
    Fenced,
    claim,
    new_secret,
    secret_hash,
)

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def an_agent(epoch: int, *, heard_at: datetime | None = None) -> Agent:
    return Agent(UUID(int=1), "paint", epoch, 1, "", False, None, heard_at, True, "")


def asked(epochs: list[Epoch], instance: str, *, token: int = 1) -> Claim:
    current = an_agent(epochs[-1].epoch)
    return claim(current, epochs, instance, token_epoch=token, newest_token=1)


def test_the_first_copy_after_an_enrolment_takes_its_epoch() -> None:
    assert asked([Epoch(1, None, None)], "a") == Claim(1, is_new=False, adopts_enrolment=True)


def test_a_restart_keeps_its_epoch() -> None:
    assert asked([Epoch(1, "a", None)], "a") == Claim(1, is_new=False, adopts_enrolment=False)


def test_another_copy_gets_the_next_epoch() -> None:
    assert asked([Epoch(1, "a", None)], "b") == Claim(2, is_new=True, adopts_enrolment=False)


def test_a_copy_that_was_replaced_does_not_take_over_again() -> None:
    with pytest.raises(Fenced, match="epoch 2"):
        asked([Epoch(1, "a", NOW), Epoch(2, "b", None)], "a")


def test_a_token_older_than_the_last_enrolment_starts_no_new_copy() -> None:
    with pytest.raises(Fenced):
        asked([Epoch(1, "a", None)], "c", token=0)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=20))
def test_whoever_asks_there_is_never_more_than_one_current_copy(order: list[str]) -> None:
    epochs = [Epoch(1, None, None)]
    for instance in order:
        try:
            given_ = asked(epochs, instance)
        except Fenced:
            assert any(e.instance == instance for e in epochs[:-1])
            continue
        if given_.adopts_enrolment:
            epochs[-1] = Epoch(1, instance, None)
        elif given_.is_new:
            epochs.append(Epoch(given_.epoch, instance, None))
        assert given_.epoch == epochs[-1].epoch
        assert epochs[-1].instance == instance
    instances = [e.instance for e in epochs]
    assert len(instances) == len(set(instances))


def test_secrets_are_long_and_never_look_like_an_option() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret) == 64 and secret.isalnum() for secret in secrets)
    assert len(secret_hash("x")) == 32
