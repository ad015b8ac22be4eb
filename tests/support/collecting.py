"""A collector of telemetry with values as notifications bring them, and what it left in the journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from edge.journal import Journal
from edge.opcua.items import Items, Telemetry
from edge.opcua.publication import decode_by_asyncua
from edge.opcua.wanted import Sink, Wanted
from edge.telemetry import Collector
from mes.contracts.telemetry import Gap
from mes.contracts.wire import Stream, TelemetryColumns, decode, from_lines

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def a_value(
    tag_id: int,
    seconds: float,
    value: object = 1.5,
    *,
    first: bool = False,
    status: int = 0,
    overflow: bool = False,
) -> Telemetry:
    """One value as a notification brings it."""
    data = ua.DataValue(
        Value=ua.Variant(value), StatusCode=ua.StatusCode(status), SourceTimestamp=at(seconds)
    )
    item = ua.MonitoredItemNotification(1, data)
    body = struct_to_binary(ua.DataChangeNotification(MonitoredItems=[item]))
    items = Items()
    items.add(Wanted(f"i={tag_id}", 250, Sink.TELEMETRY, f"oven.T{tag_id}", tag_id))
    values = items.sort(decode_by_asyncua(body)).telemetry
    assert values is not None
    return replace(values, first=np.array([first]), overflow=np.array([overflow]))


def together(*values: Telemetry) -> Telemetry:
    """Several values in one notification."""
    columns = (np.concatenate([getattr(v, n) for v in values]) for n in Telemetry.__slots__)
    return Telemetry(*columns)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal(tmp_path / "journal")
    opened.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    writing = asyncio.create_task(opened.write_forever())
    yield opened
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    opened.close()


def a_collector(journal: Journal) -> Collector:
    names = {1: "oven.T1", 2: "oven.T2"}
    collector = Collector(journal, "paint", linger_s=0.01, names=names)
    collector.resume()
    return collector


async def rows(journal: Journal) -> TelemetryColumns:
    batch = decode((await journal.wait_for(Stream.TELEMETRY)).frame)
    return TelemetryColumns.from_payload(batch.payload, batch.count)


async def gaps(journal: Journal) -> list[Gap]:
    frames = await journal.read(
        lambda db: db.execute("SELECT frame FROM batch WHERE stream = 4").fetchall()
    )
    return [
        Gap.model_validate_json(line) for (frame,) in frames for line in from_lines(decode(frame))
    ]
