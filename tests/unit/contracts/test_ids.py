from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.contracts.ids import is_vin, job_order_id, make_vin, uuid7, vin_check_digit

VIN_LETTERS = "".join(c for c in string.ascii_uppercase + string.digits if c not in "IOQ")


def test_keys_are_version_7_and_grow() -> None:
    keys = [uuid7() for _ in range(20_000)]
    assert {key.version for key in keys} == {7}
    assert {key.variant for key in keys} == {"specified in RFC 4122"}
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_the_same_job_has_the_same_id_on_every_machine() -> None:
    assert str(job_order_id("body-1", "paint", 1)) == str(job_order_id("body-1", "paint", 1))
    assert job_order_id("body-1", "paint", 1) != job_order_id("body-1", "paint", 2)
    with pytest.raises(ValueError, match="attempt counts from 1"):
        job_order_id("body-1", "paint", 0)


@pytest.mark.parametrize("vin", ["1M8GDM9AXKP042788", "11111111111111111"])
def test_the_check_digit_is_the_one_of_the_standard(vin: str) -> None:
    """The first is the worked example of 49 CFR 565; all ones is the classical self-check."""
    assert vin_check_digit(vin) == vin[8]
    assert is_vin(vin)


@given(st.integers(0, 999_999), st.integers(0, 8), st.sampled_from(VIN_LETTERS))
def test_one_wrong_character_at_a_weighted_place_is_noticed(
    serial: int, place: int, wrong: str
) -> None:
    vin = make_vin(wmi="LC2", vds="S2SED", year="T", plant="A", serial=serial)
    assert is_vin(vin)
    changed = vin[:place] + wrong + vin[place + 1 :]
    if is_vin(changed):
        assert changed == vin or vin_check_digit(changed) == vin_check_digit(vin)


@pytest.mark.parametrize("text", ["", "TOO-SHORT", "LC2S2SED0TA00000I", "LC2S2SED0TA0000001"])
def test_what_is_no_vin_is_told(text: str) -> None:
    assert not is_vin(text)
