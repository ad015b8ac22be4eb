"""Process values and the gaps in them: stored by binary COPY, read back as values and as minutes.

How they are laid out, and summed up, is `mes.equipment.timeseries`: every query here runs on both layouts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from mes.contracts.ids import uuid7
from mes.contracts.telemetry import Gap
from mes.contracts.wire import TelemetryColumns
from mes.platform import db
from mes.platform.copy import Column, binary_rows
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import NotFound
from mes.platform.sql import load_queries

queries = load_queries(__package__, "telemetry.sql")

_COPY_IN = "COPY telemetry (time, tag_id, value, status, received_at) FROM STDIN (FORMAT BINARY)"
_FILETIME_2000 = 125_911_584_000_000_000
"""2000-01-01 UTC, where PostgreSQL counts from, as FILETIME (100 ns since 1601-01-01)."""
_EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)
_MINUTE_US = 60_000_000
_BAD = 2
"""Severity of a bad OPC UA status: its two highest bits."""


class UnknownTag(NotFound):
    """Station {station} has no process value {name}."""

    code = "tag.unknown"


@dataclass(frozen=True, slots=True)
class MinuteRow:
    """One minute of one tag; mean, low and high are None where no value was good."""

    minute: datetime
    values_n: int
    bad_n: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class TagValue:
    """The newest value of a tag; `value` None: bad, or no finite number."""

    station: str
    name: str
    unit: str
    time: datetime
    value: float | None
    status: int


@dataclass(frozen=True, slots=True)
class GapRow:
    """A stretch in which values may be missing."""

    line: str
    tag_ids: list[int] | None
    from_at: datetime
    to_at: datetime
    cause: str
    detail: str
    repair: str


async def store_telemetry(conn: WriteConn, line: str, columns: TelemetryColumns) -> int:
    """Append values of a line and return how many. The caller sees to it that a batch comes once.

    What is no finite number is stored as no value, with its status.
    """
    if not len(columns):
        return 0
    time_us = _microseconds(columns.source_ft)
    no_number = ((columns.status >> 30) == _BAD) | ~np.isfinite(columns.value)
    message = binary_rows(
        [
            Column("timestamptz", time_us),
            Column("int4", columns.tag_id),
            Column("float8", columns.value, null=no_number),
            Column("int8", columns.status),
            Column("timestamptz", _microseconds(columns.received_ft)),
        ]
    )
    async with conn.cursor() as cursor, cursor.copy(_COPY_IN) as copy:
        await copy.write(message)
    minutes = [_moment(int(n) * _MINUTE_US) for n in np.unique(time_us // _MINUTE_US)]
    await db.execute(conn, queries["mark_minutes"], {"line": line, "minutes": minutes})
    return len(columns)


async def store_gaps(conn: WriteConn, gaps: Sequence[Gap]) -> None:
    """Append stretches in which values may be missing."""
    rows = [
        {
            "id": uuid7(),
            "line": gap.line,
            "tag_ids": None if gap.tag_ids is None else list(gap.tag_ids),
            "from_at": gap.from_at,
            "to_at": gap.to_at,
            "cause": gap.cause.value,
            "detail": gap.detail,
            "repair": gap.repair.value,
        }
        for gap in gaps
    ]
    await db.execute_many(conn, queries["add_gap"], rows)


async def gaps(conn: ReadConn, line: str, *, from_at: datetime, to_at: datetime) -> list[GapRow]:
    """Return the gaps of a line that touch a stretch of plant time."""
    return await db.fetch_all(
        conn, queries["gaps"], {"line": line, "from_at": from_at, "to_at": to_at}, GapRow
    )


async def trend(
    conn: ReadConn, station: str, name: str, *, from_at: datetime, to_at: datetime
) -> list[MinuteRow]:
    """Return one process value by minute, oldest first.

    Raises:
        UnknownTag: the station has no such value.
    """
    facts = {"station": station, "name": name, "from_at": from_at, "to_at": to_at}
    if not await db.fetch_value(conn, queries["knows_tag"], facts):
        raise UnknownTag(station=station, name=name)
    return await db.fetch_all(conn, queries["trend"], facts, MinuteRow)


async def last_values(conn: ReadConn, line: str, *, since_at: datetime) -> list[TagValue]:
    """Return the newest value of every tag of a line that came since `since_at`."""
    facts = {"line": line, "since_at": since_at}
    return await db.fetch_all(conn, queries["last_values"], facts, TagValue)


def _microseconds(filetime: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return FILETIME as PostgreSQL counts: microseconds since 2000."""
    return (filetime - _FILETIME_2000) // 10


def _moment(microseconds: int) -> datetime:
    return _EPOCH_2000 + timedelta(microseconds=microseconds)
