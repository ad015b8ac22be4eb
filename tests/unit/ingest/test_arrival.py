"""What may take effect now, and what is set aside."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.contracts.wire import Stream
from mes.ingest.model import (
    Arrival,
    SequenceGap,
    arrival,
    read_gaps,
    read_records,
    read_results,
)
from mes.platform.copy import SIGNATURE, Column, binary_rows


@given(st.integers(0, 50), st.integers(1, 60), st.none() | st.integers(1, 60))
def test_a_batch_takes_effect_exactly_when_its_turn_has_come(
    watermark: int, seq: int, oldest: int | None
) -> None:
    try:
        found = arrival(watermark, seq, oldest=oldest, stream=Stream.EVENTS)
    except SequenceGap as gap:
        assert seq > watermark + 1
        assert oldest != seq
        assert gap.facts["expected"] == watermark + 1
        return
    assert (found is Arrival.DUPLICATE) == (seq <= watermark)
    assert (found is Arrival.NEXT) == (seq == watermark + 1)
    assert (found is Arrival.AFTER_LOSS) == (seq > watermark + 1 and oldest == seq)


@pytest.mark.parametrize("read", [read_records, read_results, read_gaps])
@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"{}", b"[]", b"null", b'{"type":1}'])))
def test_whatever_comes_is_read_or_set_aside_with_a_reason(read, lines: list[bytes]) -> None:  # type: ignore[no-untyped-def]
    good, aside = read(lines)
    assert sorted([n for n, _ in good] + [s.number for s in aside]) == list(range(len(lines)))
    assert all(s.reason and s.content == lines[s.number] for s in aside)


def test_a_reason_names_the_field() -> None:
    record = {"kind": "body_left", "seq": 0, "line": "paint", "at": "today"}
    _, (aside,) = read_records([json.dumps(record).encode()])
    assert "body_left.seq" in aside.reason
    assert "body_left.at" in aside.reason


def test_rows_with_and_without_a_number_are_both_in_the_copy() -> None:
    message = binary_rows(
        [
            Column("int4", np.array([1, 2], np.uint32)),
            Column("float8", np.array([1.5, 0.0]), null=np.array([False, True])),
        ]
    )
    with_number = bytes.fromhex("0002 00000004 00000001 00000008 3ff8000000000000")
    without = bytes.fromhex("0002 00000004 00000002 ffffffff")
    assert message == SIGNATURE + with_number + without + b"\xff\xff"
