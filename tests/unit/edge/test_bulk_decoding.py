"""Bulk decoding says what asyncua says, of any notification; and it notices an asyncua that it does not know."""

from __future__ import annotations

import logging
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from edge.opcua import publication, publish
from edge.opcua.bulk import RUN_BEGINS_AT, Values, decode_values
from edge.opcua.publication import (
    WRITTEN_AGAINST,
    decode_by_asyncua,
    from_asyncua,
    installed,
    misfit,
    read_response,
    read_values,
    value_at,
)

V = ua.VariantType
MOMENTS = st.integers(0, 10**15).map(lambda us: at(us / 1e6))
CODES = st.sampled_from([0, 0x480, 0x40930000, 0x808A0000, 0x80320000, 0xFFFFFFFF])


some = settings(max_examples=20, deadline=None)


def at(seconds: float) -> datetime:
    return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low = -(1 << bits - 1) if signed else 0
    return st.integers(low, low + (1 << bits) - 1)


FIXED: dict[ua.VariantType, st.SearchStrategy[object]] = {
    V.Boolean: st.booleans(),
    V.SByte: integers(8, signed=True),
    V.Byte: integers(8, signed=False),
    V.Int16: integers(16, signed=True),
    V.UInt16: integers(16, signed=False),
    V.Int32: integers(32, signed=True),
    V.UInt32: integers(32, signed=False),
    V.Int64: integers(64, signed=True),
    V.UInt64: integers(64, signed=False),
    V.Float: st.floats(width=32),
    V.Double: st.floats(),
    V.DateTime: MOMENTS,
    V.StatusCode: CODES.map(ua.StatusCode),
    V.Null: st.none(),
}
OTHERS: dict[ua.VariantType, st.SearchStrategy[object]] = {
    V.String: st.text(max_size=5),
    V.ByteString: st.binary(max_size=5),
    V.Guid: st.integers(0, (1 << 128) - 1).map(lambda n: UUID(int=n)),
    V.Double: st.lists(st.floats(), max_size=3),
    V.LocalizedText: st.text(max_size=3).map(ua.LocalizedText),
}


@st.composite
def data_values(draw: st.DrawFn, kinds: dict[ua.VariantType, st.SearchStrategy[object]]) -> object:
    kind = draw(st.sampled_from(sorted(kinds)))
    data = ua.DataValue(
        ua.Variant(draw(kinds[kind]), kind),
        draw(st.none() | CODES.map(ua.StatusCode)),
        draw(st.none() | MOMENTS),
        draw(st.none() | MOMENTS),
    )
    if kind is V.Null and draw(st.booleans()):
        object.__setattr__(data, "Value", None)
    if data.ServerTimestamp is None:  # where both are there, asyncua departs from the standard
        data.SourcePicoseconds = draw(st.none() | integers(16, signed=False))
    data.ServerPicoseconds = draw(st.none() | integers(16, signed=False))
    return data


def a_notification(values: list[object]) -> bytes:
    items = [ua.MonitoredItemNotification(n, value) for n, value in enumerate(values)]
    return struct_to_binary(ua.DataChangeNotification(MonitoredItems=items))


def same(one: Values, other: Values) -> None:
    for name in ("handle", "kind", "value", "status", "source_ft", "server_ft", "offset"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


RUNS = st.lists(
    st.tuples(data_values(FIXED), st.sampled_from([1, 2, RUN_BEGINS_AT, 3 * RUN_BEGINS_AT])),
    max_size=6,
).map(lambda runs: [value for value, length in runs for _ in range(length)])


@some
@given(RUNS)
def test_values_of_fixed_width_are_decoded_as_asyncua_decodes_them(values: list[object]) -> None:
    body = a_notification(values)
    bulk = decode_values(body)
    assert bulk is not None
    same(bulk, decode_by_asyncua(body))


@some
@given(st.lists(data_values(FIXED) | data_values(OTHERS), max_size=12))
def test_any_notification_at_all_is_decoded_as_asyncua_decodes_it(values: list[object]) -> None:
    body = a_notification(values)
    same(read_values(body), decode_by_asyncua(body))


@some
@given(st.lists(data_values(FIXED) | data_values(OTHERS), min_size=1, max_size=12), st.data())
def test_one_value_can_be_had_as_it_was_sent(values: list[object], data: st.DataObject) -> None:
    body = a_notification(values)
    number = data.draw(st.integers(0, len(values) - 1))
    message = struct_from_binary(ua.DataChangeNotification, Buffer(body))
    assert repr(value_at(read_values(body), number)) == repr(message.MonitoredItems[number].Value)


@some
@given(RUNS, st.data())
def test_a_torn_notification_is_never_taken_for_a_whole_one(
    values: list[object], data: st.DataObject
) -> None:
    body = a_notification(values)
    end = len(body) - 4  # behind the items comes the empty list of diagnostics
    if values:
        assert decode_values(body[: data.draw(st.integers(0, end - 1))]) is None


@some
@given(st.binary(max_size=200))
def test_bytes_that_are_no_notification_are_refused_and_do_no_harm(body: bytes) -> None:
    decode_values(body)
    read_response(body)


@some
@given(RUNS, st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**32 - 1), max_size=5))
def test_a_response_is_read_as_asyncua_reads_it(
    values: list[object], sequence: int, available: list[int]
) -> None:
    response = a_response(values, sequence, available)
    found = read_response(struct_to_binary(response))
    assert found is not None
    expected = from_asyncua(3, response.Parameters.NotificationMessage, available)
    assert (found.subscription_id, found.sequence, found.available) == (3, sequence, (*available,))
    assert found.keep_alive is expected.keep_alive is False
    same(found.values[0], expected.values[0])


def a_response(values: list[object], sequence: int, available: list[int]) -> ua.PublishResponse:
    items = [ua.MonitoredItemNotification(n, value) for n, value in enumerate(values)]
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = 3
    response.Parameters.AvailableSequenceNumbers = available
    message = response.Parameters.NotificationMessage
    message.SequenceNumber = sequence
    message.NotificationData = [ua.DataChangeNotification(MonitoredItems=items)]
    return response


def test_picoseconds_stand_behind_their_own_time() -> None:
    filetime = 0x01DC_0000_0000_0000
    item = struct.pack("<IBBdqHqH", 9, 0x3D, 11, 2.5, filetime, 7, filetime + 10, 8)
    found = decode_values(struct.pack("<i", 1) + item + struct.pack("<i", -1))
    assert found is not None
    seen = (found.value[0], found.source_ft[0], found.server_ft[0])
    assert seen == (2.5, filetime, filetime + 10)


def test_a_keep_alive_has_no_values_and_an_ended_subscription_says_why() -> None:
    response = a_response([], 5, [])
    response.Parameters.NotificationMessage.NotificationData = []
    quiet = read_response(struct_to_binary(response))
    assert quiet is not None
    assert quiet.keep_alive
    ended = ua.StatusChangeNotification(Status=ua.StatusCode(ua.StatusCodes.BadTimeout))
    response.Parameters.NotificationMessage.NotificationData = [ended]
    over = read_response(struct_to_binary(response))
    assert over is not None
    assert (over.lost, over.keep_alive) == ("BadTimeout", False)


def test_times_beyond_the_calendar_are_cut_to_it() -> None:
    item = struct.pack("<IBqq", 9, 0x0C, -5, 2**63 - 1)
    body = struct.pack("<i", 1) + item + struct.pack("<i", -1)
    found = decode_values(body)
    assert found is not None
    assert found.source_ft[0] == 0
    assert found.server_ft[0] == decode_by_asyncua(body).server_ft[0] // 10**7 * 10**7


def test_asyncua_is_the_one_the_bulk_path_was_written_against() -> None:
    assert installed() == WRITTEN_AGAINST
    assert misfit() is None


def test_an_asyncua_that_does_not_fit_is_said_once_and_decodes_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publication, "_RESPONSE", (1, 0, 830))
    publish._bulk_fits.cache_clear()
    with capture_logs() as logs:
        assert publish._bulk_fits() is False
        assert publish._bulk_fits() is False
    publish._bulk_fits.cache_clear()
    (said,) = logs
    assert said["event"] == "opcua.no_bulk_decoding"
    assert said["asyncua"] == installed()


class FakeSession:
    """Answers publish requests with responses encoded by asyncua."""

    def __init__(self, response: ua.PublishResponse) -> None:
        self._response = struct_to_binary(response)

    async def _send_request(self, request: ua.PublishRequest, timeout: float) -> Buffer:
        assert timeout == 0, "a publish request waits for as long as it takes"
        return Buffer(self._response)

    publish = UaSession.publish
    logger = logging.getLogger("test")


@pytest.mark.parametrize("fits", [True, False])
async def test_both_ways_bring_the_same(fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "_bulk_fits", lambda: fits)
    values = [ua.DataValue(ua.Variant(n / 2), ua.StatusCode(0), at(n)) for n in range(40)]
    publisher = publish.Publisher(FakeSession(a_response([*values], 8, [8])))  # type: ignore[arg-type]
    found = await publisher.publish([])
    assert (found.subscription_id, found.sequence, found.available) == (3, 8, (8,))
    assert found.values[0].value.tolist() == [n / 2 for n in range(40)]


async def test_an_answer_that_is_no_response_is_an_error_of_the_session() -> None:
    session = FakeSession(a_response([], 1, []))
    session._response = b"\x01\x00\x3d\x03" + b"\xff" * 40
    with pytest.raises(ua.UaError):
        await publish.Publisher(session).publish([])  # type: ignore[arg-type]
