"""The bytes between agent and MES: what is packed is what comes out, and no damage passes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mes.contracts.wire import (
    HEADER,
    MAX_ROWS,
    Batch,
    Codec,
    Stream,
    TelemetryColumns,
    WireError,
    decode,
    encode,
    from_filetime,
    from_lines,
    to_filetime,
    to_lines,
)

batches = st.builds(
    Batch,
    agent_id=st.uuids(),
    epoch=st.integers(0, 2**32 - 1),
    stream=st.sampled_from(Stream),
    seq=st.integers(1, 2**63),
    count=st.integers(0, MAX_ROWS),
    payload=st.binary(max_size=2000),
)


def columns(count: int) -> TelemetryColumns:
    return TelemetryColumns(
        np.arange(count, dtype=np.uint32),
        np.arange(count, dtype=np.int64) + 133_000_000_000_000_000,
        np.arange(count, dtype=np.int64),
        np.linspace(-1, 1, count),
        np.zeros(count, np.uint32),
    )


@given(batches, st.sampled_from(Codec))
def test_a_batch_comes_out_as_it_went_in(batch: Batch, codec: Codec) -> None:
    assert decode(encode(batch, codec=codec)) == batch


@given(batches, st.sampled_from(Codec), st.data())
def test_a_batch_with_one_flipped_bit_is_refused(
    batch: Batch, codec: Codec, data: st.DataObject
) -> None:
    frame = bytearray(encode(batch, codec=codec))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(WireError):
        decode(bytes(frame))


@given(batches, st.data())
def test_a_truncated_batch_is_refused(batch: Batch, data: st.DataObject) -> None:
    frame = encode(batch)
    with pytest.raises(WireError):
        decode(frame[: data.draw(st.integers(0, len(frame) - 1))])


@given(st.binary(max_size=300))
def test_bytes_that_are_no_batch_are_refused(noise: bytes) -> None:
    with pytest.raises(WireError):
        decode(noise)


@given(
    st.integers(0, 50).flatmap(
        lambda n: st.tuples(
            hnp.arrays(np.uint32, n),
            hnp.arrays(np.int64, n),
            hnp.arrays(np.int64, n),
            hnp.arrays(np.float64, n),
            hnp.arrays(np.uint32, n),
        )
    )
)
def test_telemetry_comes_out_as_it_went_in(arrays: tuple[np.ndarray, ...]) -> None:
    packed = TelemetryColumns(*arrays)
    found = TelemetryColumns.from_payload(packed.to_payload(), len(packed))
    for name in ("tag_id", "source_ft", "received_ft", "value", "status"):
        np.testing.assert_array_equal(getattr(found, name), getattr(packed, name))


def test_telemetry_shorter_than_announced_is_refused() -> None:
    payload = columns(3).to_payload()
    with pytest.raises(WireError, match="4 rows"):
        TelemetryColumns.from_payload(payload, 4)


def test_a_decompression_bomb_is_refused_before_it_is_unpacked() -> None:
    frame = bytearray(encode(Batch(UUID(int=1), 1, Stream.EVENTS, 1, 1, b"x" * 1000)))
    announced = HEADER.unpack(bytes(frame[: HEADER.size]))
    frame[: HEADER.size] = HEADER.pack(*announced[:10], 1 << 40, *announced[11:])
    with pytest.raises(WireError, match="over the limit"):
        decode(bytes(frame))


@given(st.lists(st.dictionaries(st.text(), st.text()).map(json.dumps), min_size=1, max_size=20))
def test_records_stay_apart(records: list[str]) -> None:
    batch = Batch(UUID(int=1), 1, Stream.EVENTS, 1, len(records), to_lines(records))
    assert [line.decode() for line in from_lines(batch)] == records


def test_fewer_records_than_announced_are_refused() -> None:
    with pytest.raises(WireError, match="announces 2"):
        from_lines(Batch(UUID(int=1), 1, Stream.EVENTS, 1, 2, b"{}"))


@given(st.datetimes(datetime(1700, 1, 1), datetime(2300, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_time_survives_to_the_microsecond(moment: datetime) -> None:
    assert from_filetime(to_filetime(moment)) == moment
