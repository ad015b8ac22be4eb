"""What one publish response says, read without asyncua's objects where its shape allows.

The bulk path reads the response as it comes off asyncua's channel. A notification that has values of no fixed
width is decoded by asyncua, item by item. When asyncua itself is not the one this was written against (`fits`),
the whole response is left to it.
"""

from __future__ import annotations

import inspect
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import (
    extensionobject_from_binary,
    struct_from_binary,
    struct_to_binary,
)

from edge.opcua.bulk import FIRST_NUMBER, LAST_NUMBER, Values, decode_values, empty
from mes.contracts.wire import to_filetime

WRITTEN_AGAINST = "2.1.0"
"""The asyncua whose private parts the bulk path was tested with."""
ARRAY = 0x80

_HEAD = struct.Struct("<BBHqIIBi")
"""Type id (four-byte form), response header up to the length of its string table."""
_RESPONSE = (1, 0, int(ObjectIds.PublishResponse_Encoding_DefaultBinary))
_NO_EXTENSION = b"\x00\x00\x00"
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_MESSAGE = struct.Struct("<?Iqi")
"""MoreNotifications, sequence number, publish time, number of notifications."""
_EXTENSION = struct.Struct("<BBHBi")
"""Type id (four-byte form), encoding, length of the body."""
_DATA_CHANGE = (1, 0, int(ObjectIds.DataChangeNotification_Encoding_DefaultBinary), 1)
_EVENTS = (1, 0, int(ObjectIds.EventNotificationList_Encoding_DefaultBinary), 1)


@dataclass(frozen=True, slots=True)
class Publication:
    """One notification message. `lost`: why the subscription ended, if it says so."""

    subscription_id: int
    sequence: int
    available: tuple[int, ...]
    """What the server still keeps for Republish."""
    values: tuple[Values, ...]
    lost: str | None = None
    keep_alive: bool = False
    published_ft: int = 0
    """The server's clock when it sent this (FILETIME); 0: not known, or sent again."""
    events: tuple[bytes, ...] = ()
    """Bodies of EventNotificationLists (`edge.opcua.events` reads them)."""

    def __len__(self) -> int:
        return sum(len(values) for values in self.values)


def read_response(response: bytes) -> Publication | None:
    """Read a PublishResponse as it comes off the channel; None where its shape is not the usual one."""
    try:
        return _read(response)
    except (struct.error, IndexError):
        return None


def from_asyncua(
    subscription_id: int, message: ua.NotificationMessage, available: Sequence[int] = ()
) -> Publication:
    """Take over what asyncua has decoded."""
    values: list[Values] = []
    events: list[bytes] = []
    lost = None
    for part in message.NotificationData or ():
        if isinstance(part, ua.DataChangeNotification):
            values.append(read_values(struct_to_binary(part)))
        elif isinstance(part, ua.EventNotificationList):
            events.append(struct_to_binary(part))
        elif isinstance(part, ua.StatusChangeNotification):
            lost = part.Status.name
    return Publication(
        subscription_id,
        message.SequenceNumber,
        tuple(available),
        tuple(values),
        lost,
        keep_alive=not message.NotificationData,
        published_ft=to_filetime(_aware(message.PublishTime)) if message.PublishTime else 0,
        events=tuple(events),
    )


def read_values(body: bytes) -> Values:
    """Decode the body of a DataChangeNotification, by asyncua where it has to be.

    Raises:
        ua.UaError: it is not one.
    """
    found = decode_values(body)
    return found if found is not None else decode_by_asyncua(body)


def decode_by_asyncua(body: bytes) -> Values:
    """Decode the body of a DataChangeNotification item by item.

    Raises:
        ua.UaError: it is not one.
    """
    count = _I32.unpack_from(body)[0]
    found, buffer = empty(max(count, 0), body), Buffer(body, _I32.size)
    for n in range(count):
        found.offset[n] = buffer.cur_pos
        item = struct_from_binary(ua.MonitoredItemNotification, buffer)
        found.handle[n] = item.ClientHandle
        store(found, n, item.Value)
    return found


def value_at(values: Values, number: int) -> ua.DataValue:
    """Return one value of a notification as asyncua decodes it."""
    buffer = Buffer(values.body, int(values.offset[number]))
    item: ua.MonitoredItemNotification = struct_from_binary(ua.MonitoredItemNotification, buffer)
    value: ua.DataValue = item.Value
    return value


def misfit() -> str | None:
    """Say why the bulk path cannot be used with the asyncua that is installed; None when it can.

    A sample response, encoded by asyncua, has to come out as it went in.
    """
    if "timeout" not in inspect.signature(UaSession._send_request).parameters:
        return "UaSession._send_request has no timeout"
    at = ua.DateTime(2026, 3, 2, 6, 0, tzinfo=UTC)
    data = ua.DataValue(ua.Variant(2.5, ua.VariantType.Double), ua.StatusCode(ua.UInt32(0)), at, at)
    change = ua.DataChangeNotification(MonitoredItems=[ua.MonitoredItemNotification(7, data)])
    sample = ua.PublishResponse()
    sample.Parameters.SubscriptionId = ua.UInt32(3)
    sample.Parameters.NotificationMessage.NotificationData = [change]
    found = read_response(bytes(Buffer(struct_to_binary(sample))))
    if found is None or len(found) != 1 or found.subscription_id != 3:
        return "a sample response is not understood"
    (values,) = found.values
    seen = (values.handle[0], values.value[0], values.source_ft[0], values.server_ft[0])
    if seen != (7, 2.5, to_filetime(at), to_filetime(at)):
        return f"a sample value comes out as {seen}"
    return None


def installed() -> str:
    """Return the version of asyncua that is installed."""
    return version("asyncua")


def _read(data: bytes) -> Publication | None:
    encoding, namespace, kind, _, _, result, diagnostics, strings = _HEAD.unpack_from(data)
    place = _HEAD.size
    if (encoding, namespace, kind) != _RESPONSE or result or diagnostics or strings > 0:
        return None
    if data[place : place + 3] != _NO_EXTENSION:
        return None
    place += 3
    (subscription_id,) = _U32.unpack_from(data, place)
    (count,) = _I32.unpack_from(data, place + 4)
    place += 8
    count = max(count, 0)
    available = struct.unpack_from(f"<{count}I", data, place)
    place += 4 * count
    _, sequence, published_ft, parts = _MESSAGE.unpack_from(data, place)
    place += _MESSAGE.size
    values: list[Values] = []
    events: list[bytes] = []
    lost = None
    for _ in range(parts):
        *type_id, encoded, length = _EXTENSION.unpack_from(data, place)
        if (*type_id, encoded) in (_DATA_CHANGE, _EVENTS):
            body = data[place + _EXTENSION.size : place + _EXTENSION.size + length]
            if len(body) != length:
                return None
            if (*type_id, encoded) == _EVENTS:
                events.append(body)
            else:
                values.append(read_values(body))
            place += _EXTENSION.size + length
        else:
            buffer = Buffer(data, place)
            part = extensionobject_from_binary(buffer)
            place = buffer.cur_pos
            if isinstance(part, ua.StatusChangeNotification):
                lost = part.Status.name
    return Publication(
        subscription_id,
        sequence,
        available,
        tuple(values),
        lost,
        keep_alive=parts <= 0,
        published_ft=published_ft,
        events=tuple(events),
    )


def store(found: Values, number: int, data: ua.DataValue) -> None:
    """Put one value as asyncua has decoded it into the columns."""
    if data.Value is not None:
        kind = int(data.Value.VariantType.value)
        single = not data.Value.is_array
        found.kind[number] = kind if single else kind | ARRAY
        if single and FIRST_NUMBER <= kind <= LAST_NUMBER and data.Value.Value is not None:
            found.value[number] = float(data.Value.Value)
    if data.StatusCode is not None:
        found.status[number] = np.uint32(data.StatusCode.value)
    if data.SourceTimestamp is not None:
        found.source_ft[number] = to_filetime(_aware(data.SourceTimestamp))
    if data.ServerTimestamp is not None:
        found.server_ft[number] = to_filetime(_aware(data.ServerTimestamp))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
