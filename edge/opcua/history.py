"""Raw values from a server's history (OPC 10000-11 §6.4.3, ReadRawModifiedDetails)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from edge.opcua.bulk import empty
from edge.opcua.items import Telemetry
from edge.opcua.link import Link
from edge.opcua.nodes import UnknownNode
from edge.opcua.publication import store
from mes.contracts.wire import from_filetime

MOST_PAGES = 1_000
"""A server whose continuation points never end is not asked for ever."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One tag, and the stretch of its history that is asked for (FILETIME, both ends included)."""

    tag_id: int
    node: str
    since: int
    until: int


async def read_history(link: Link, stretches: Sequence[Stretch]) -> list[Telemetry | None]:
    """Return the values of each stretch by source time; None where the server has no history to give.

    Raises:
        OSError, TimeoutError, ua.UaError: the session failed.
    """
    return [await _one(link, stretch) for stretch in stretches]


async def _one(link: Link, stretch: Stretch) -> Telemetry | None:
    values: list[ua.DataValue] = []
    try:
        node = link.namespaces.resolve(stretch.node)
    except UnknownNode:
        return None
    point: bytes | None = None
    for _ in range(MOST_PAGES):
        try:
            result = await _page(link, node, stretch, point)
        except _NOT_OFFERED:
            return None
        data = result.HistoryData
        if not result.StatusCode.is_good() or not isinstance(data, ua.HistoryData):
            return None
        values += [one for one in data.DataValues or () if one.SourceTimestamp is not None]
        point = result.ContinuationPoint
        if not point:
            return _columns(stretch.tag_id, values)
    return None


_NOT_OFFERED = (
    ua.uaerrors.BadServiceUnsupported,
    ua.uaerrors.BadHistoryOperationUnsupported,
    ua.uaerrors.BadHistoryOperationInvalid,
    ua.uaerrors.BadNotImplemented,
    ua.uaerrors.BadNotSupported,
)


async def _page(
    link: Link, node: ua.NodeId, stretch: Stretch, point: bytes | None
) -> ua.HistoryReadResult:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime = from_filetime(stretch.since)
    details.EndTime = from_filetime(stretch.until)
    details.NumValuesPerNode = ua.UInt32(0)
    details.ReturnBounds = False
    wanted = ua.HistoryReadValueId()
    wanted.NodeId = node
    wanted.ContinuationPoint = point
    parameters = ua.HistoryReadParameters()
    parameters.HistoryReadDetails = details
    parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    parameters.ReleaseContinuationPoints = False
    parameters.NodesToRead = [wanted]
    return (await link.session.history_read(parameters))[0]


def _columns(tag_id: int, values: Sequence[ua.DataValue]) -> Telemetry:
    found = empty(len(values), b"")
    for number, value in enumerate(values):
        store(found, number, value)
    nothing: NDArray[np.bool_] = np.zeros(len(values), np.bool_)
    return Telemetry(
        np.full(len(values), tag_id, np.int64),
        found.kind,
        found.value,
        found.status,
        found.source_ft,
        found.server_ft,
        nothing,
        nothing,
    )
