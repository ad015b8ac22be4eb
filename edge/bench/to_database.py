"""From a load server through journal and uplink to committed rows in PostgreSQL, and the drain of a backlog.

The MES is a real one, for agents only (`python -m mes.entrypoints.trial`, which needs the `server` extra); a row
counts as committed when its receipt came.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bench.journal import ROWS, values
from edge.bench.report import Figure
from edge.bench.subscribing import load_server, wanted
from edge.bench.trial import Trial, mes_on_trial
from edge.journal import Journal, telemetry_rows
from edge.mes_client import MesAway, MesClient
from edge.opcua.link import open_link
from edge.opcua.subscriptions import Notification, SubscriptionTable
from edge.settings import EdgeSettings
from edge.store import Entry
from edge.telemetry import Collector
from edge.uplink import Uplink
from mes.contracts.agent import BatchReceipt
from mes.contracts.wire import Stream, TelemetryColumns, decode, to_filetime

LINE = "paint"
_TICKS_S = 10_000_000


class TimedClient(MesClient):
    """Notes how old each value is when its receipt comes."""

    ages_s: list[NDArray[np.float64]]

    async def send_batch(self, frame: bytes, *, oldest: int) -> BatchReceipt:
        """Deliver a frame as the agent does."""
        receipt = await super().send_batch(frame, oldest=oldest)
        batch = decode(frame)
        if batch.stream is Stream.TELEMETRY:
            columns = TelemetryColumns.from_payload(batch.payload, batch.count)
            self.ages_s.append((to_filetime(datetime.now(UTC)) - columns.source_ft) / _TICKS_S)
        return receipt


async def measure(*, rate: float, seconds: float, backlog: int) -> list[Figure]:
    """Collect and deliver for some seconds; then deliver a backlog of so many batches of 20,000 rows."""
    with tempfile.TemporaryDirectory(prefix="c2m-bench-") as folder:
        async with (
            mes_on_trial(Path(folder), LINE) as trial,
            TimedClient(trial.url, instance="bench") as client,
        ):
            client.ages_s = []
            enrolled = await _enrol(client, trial.code)
            client.authenticate(enrolled)
            config = await client.config()
            journal = Journal(Path(folder) / "journal")
            journal.identify(
                agent_id=config.agent_id, epoch=config.epoch, line=LINE, max_bytes=1 << 34
            )
            figures = await _live(trial, client, journal, rate=rate, seconds=seconds)
            figures += await _drain(trial, client, journal, backlog)
            journal.close()
    return figures


async def _live(
    trial: Trial, client: TimedClient, journal: Journal, *, rate: float, seconds: float
) -> list[Figure]:
    linger_s = float(EdgeSettings.model_fields["telemetry_linger_s"].default)
    collector = Collector(journal, LINE, linger_s)

    def take(notification: Notification) -> None:
        for telemetry in notification.telemetry:
            collector.take(telemetry, plant_now=datetime.now(UTC))
        collector.when_kept(lambda: table.acknowledge(notification))

    async with load_server(rate=rate) as endpoint, open_link(endpoint) as link:
        table = SubscriptionTable(link, take)
        writing = asyncio.create_task(journal.write_forever())
        sending = _uplinks(journal, client)
        reading = [
            asyncio.create_task(table.run(wanted())),
            asyncio.create_task(collector.write_forever()),  # ends last: it keeps what came before
        ]
        working = [*reading, *sending, writing]
        await _until(lambda: collector.values >= rate, working)
        client.ages_s.clear()
        rows, cpu_s, began = trial.rows(), time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        rows, took = trial.rows() - rows, time.monotonic() - began
        used, ages = time.process_time() - cpu_s, np.concatenate(client.ages_s)
        await _stop(reading)
        await _until(lambda: not journal.size.batches, [*sending, writing])
        await _stop([*sending, writing])
    lost = collector.values - trial.rows()
    return [
        Figure("server → journal (fsync) → PostgreSQL", "rows/s", rows / took, goal=rate * 0.99),
        Figure("… agent's processor", "cores", used / took, goal=0.3, more_is_better=False),
        Figure("… rows lost", "rows", lost, goal=0, more_is_better=False),
        Figure("… rows doubled", "rows", trial.doubled(), goal=0, more_is_better=False),
        Figure("… gap rows", "rows", journal.size.gaps, goal=0, more_is_better=False),
        Figure("change → committed row, p50", "ms", float(np.quantile(ages, 0.5)) * 1e3),
        Figure(
            "change → committed row, p99",
            "ms",
            float(np.quantile(ages, 0.99)) * 1e3,
            goal=200,
            more_is_better=False,
        ),
    ]


async def _drain(trial: Trial, client: TimedClient, journal: Journal, backlog: int) -> list[Figure]:
    writing = asyncio.create_task(journal.write_forever())
    for number in range(backlog):
        await journal.append(Entry((telemetry_rows(values(number)),)))
    before, began = trial.rows(), time.monotonic()
    sending = _uplinks(journal, client)
    await _until(lambda: not journal.size.batches, [*sending, writing])
    took = time.monotonic() - began
    await _stop([*sending, writing])
    arrived = trial.rows() - before
    return [
        Figure("drain of a backlog", "rows/s", arrived / took, goal=400_000),
        Figure("… rows lost", "rows", backlog * ROWS - arrived, goal=0, more_is_better=False),
    ]


def _uplinks(journal: Journal, client: MesClient) -> list[asyncio.Task[None]]:
    return [
        asyncio.create_task(Uplink(journal, client, stream, on_fenced=lambda _: None).run())
        for stream in Stream
    ]


async def _until(so: Callable[[], bool], working: list[asyncio.Task[None]]) -> None:
    """Wait for a state; a part of the agent that ends meanwhile says why."""
    while not so():
        for task in working:
            if task.done():
                task.result()
        await asyncio.sleep(0.01)


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    """Stop one after the other; one that failed by itself says why."""
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _enrol(client: MesClient, code: str) -> str:
    """Trade the code for a token as soon as the doors are open."""
    async with asyncio.timeout(120):
        while True:
            try:
                return (await client.enrol(code)).token
            except MesAway:
                await asyncio.sleep(0.1)
