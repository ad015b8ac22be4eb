"""What decoding a notification costs, per value, in processor time of one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from edge.bench.report import Figure
from edge.opcua.publication import read_response

VALUES = 5_000
_KINDS = (
    ua.VariantType.Double,
    ua.VariantType.Int32,
    ua.VariantType.Float,
    ua.VariantType.UInt16,
    ua.VariantType.Int64,
)


def measure(*, rounds: int) -> list[Figure]:
    """Decode whole publish responses of 5,000 values, as they come off the channel."""
    return [
        _figure("decode, one numeric type", _response(_KINDS[:1]), goal=2e6, rounds=rounds),
        _figure("decode, interleaved types", _response(_KINDS), goal=1e6, rounds=rounds),
    ]


def _figure(measure: str, response: bytes, *, goal: float, rounds: int) -> Figure:
    def in_bulk() -> None:
        found = read_response(response)
        assert found is not None and len(found) == VALUES  # noqa: S101  # else nothing was measured

    def by_asyncua() -> None:
        struct_from_binary(ua.PublishResponse, Buffer(response))

    return Figure(
        measure,
        "values/s a core",
        _rate(in_bulk, rounds * 20),
        goal,
        stock=_rate(by_asyncua, rounds),
    )


def _rate(work: Callable[[], None], rounds: int) -> float:
    work()
    began = time.process_time()
    for _ in range(rounds):
        work()
    return VALUES * rounds / max(time.process_time() - began, 1e-9)


def _response(kinds: tuple[ua.VariantType, ...]) -> bytes:
    at = ua.DateTime(2026, 3, 2, 6, 0, tzinfo=UTC)
    items = []
    for number in range(VALUES):
        kind = kinds[number % len(kinds)]
        value = number / 2 if kind in (ua.VariantType.Double, ua.VariantType.Float) else number
        data = ua.DataValue(ua.Variant(value, kind), None, at, at)
        items.append(ua.MonitoredItemNotification(ua.UInt32(number + 1), data))
    response = ua.PublishResponse()
    change = ua.DataChangeNotification(MonitoredItems=items)
    response.Parameters.NotificationMessage.NotificationData = [change]
    return struct_to_binary(response)
