"""From a load server through journal and uplink to committed rows in PostgreSQL, and the drain of a backlog.

The MES is a real one, for agents only (`python -m mes.entrypoints.trial`, which needs the `server` extra); a row
counts as committed when its receipt came.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.settings import EdgeSettings
from edge.store import Entry
from edge.telemetry import Collector
from edge.uplink import Uplink
from mes.contracts.agent import BatchReceipt
from mes.contracts.wire import Stream, TelemetryColumns, decode, to_filetime

LINE = "paint"
LIVE_BESIDE = 20_000.0
"""Values a second that the line publishes while a backlog is delivered."""
_TICKS_S = 10_000_000


class TimedClient(MesClient):
    """Counts the rows whose receipts come, and how old those are then that changed after `since_ft`."""

    began_ft: int
    since_ft: int
    rows = 0
    waited = 0
    """Rows that changed before this bench began: those of its backlog."""
    told: list[tuple[NDArray[np.int64], int]]

    async def send_batch(self, frame: bytes, *, oldest: int) -> BatchReceipt:
        """Deliver a frame as the agent does."""
        receipt = await super().send_batch(frame, oldest=oldest)
        batch = decode(frame)
        if batch.stream in (Stream.TELEMETRY, Stream.BACKLOG) and not receipt.duplicate:
            columns = TelemetryColumns.from_payload(batch.payload, batch.count)
            self.rows += batch.count
            self.waited += int((columns.source_ft < self.began_ft).sum())
            new = columns.source_ft[columns.source_ft >= self.since_ft]
            self.told.append((new, to_filetime(datetime.now(UTC))))
        return receipt

    def note_from_now(self) -> None:
        """Forget what was told; note the age of what changes from now on."""
        self.told, self.since_ft = [], to_filetime(datetime.now(UTC))

    def ages_ms(self, *, until_ft: int) -> NDArray[np.float64]:
        """Return how old each value that changed by then was when its receipt came."""
        ages = [at - changed[changed < until_ft] for changed, at in self.told]
        return np.concatenate(ages) / (_TICKS_S / 1000)


@dataclass(slots=True)
class _Collecting:
    """The agent's parts between a line and its journal, at work."""

    collector: Collector
    reading: list[asyncio.Task[None]]
    writing: asyncio.Task[None]

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Every part, so that one that ends is heard of."""
        return [*self.reading, self.writing]


async def measure(*, rate: float, seconds: float, backlog: int) -> list[Figure]:
    """Collect and deliver for some seconds; then deliver a backlog of so many batches of 20,000 rows, if any."""
    with tempfile.TemporaryDirectory(prefix="c2m-bench-") as folder:
        async with (
            mes_on_trial(Path(folder), LINE) as trial,
            TimedClient(trial.url, instance="bench") as client,
        ):
            client.began_ft = to_filetime(datetime.now(UTC))
            client.note_from_now()
            enrolled = await _enrol(client, trial.code)
            client.authenticate(enrolled)
            config = await client.config()
            journal = Journal(Path(folder) / "journal")
            journal.identify(
                agent_id=config.agent_id, epoch=config.epoch, line=LINE, max_bytes=1 << 34
            )
            figures = await _live(trial, client, journal, rate=rate, seconds=seconds)
            if backlog:
                figures += await _drain(trial, client, journal, backlog)
            journal.close()
    return figures


async def _live(
    trial: Trial, client: TimedClient, journal: Journal, *, rate: float, seconds: float
) -> list[Figure]:
    async with _collecting(journal, rate=rate) as parts:
        sending = _uplinks(journal, client)
        working = [*parts.tasks, *sending]
        await _until(lambda: parts.collector.values >= rate, working)
        client.note_from_now()
        rows, cpu_s, began = client.rows, time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        rows, took = client.rows - rows, time.monotonic() - began
        used, until_ft = time.process_time() - cpu_s, to_filetime(datetime.now(UTC))
        await _stop(parts.reading)
        await _until(lambda: not journal.size.batches, [*sending, parts.writing])
        await _stop([*sending, parts.writing])
    lost, ages_ms = parts.collector.values - trial.rows(), client.ages_ms(until_ft=until_ft)
    p50, p99, p999 = (float(q) for q in np.quantile(ages_ms, (0.5, 0.99, 0.999)))
    return [
        Figure("server → journal (fsync) → PostgreSQL", "rows/s", rows / took, goal=rate * 0.99),
        Figure("… agent's processor", "cores", used / took, goal=0.3, more_is_better=False),
        Figure("… rows lost", "rows", lost, goal=0, more_is_better=False),
        Figure("… rows doubled", "rows", trial.doubled(), goal=0, more_is_better=False),
        Figure("… gap rows", "rows", journal.size.gaps, goal=0, more_is_better=False),
        Figure("change → committed row, p50", "ms", p50),
        Figure("change → committed row, p99", "ms", p99, goal=200, more_is_better=False),
        Figure("change → committed row, p99.9", "ms", p999),
    ]


async def _drain(trial: Trial, client: TimedClient, journal: Journal, backlog: int) -> list[Figure]:
    """Deliver what an outage has left while the line goes on."""
    stored, waited = trial.rows(), client.waited
    writing = asyncio.create_task(journal.write_forever())
    for number in range(backlog):
        await journal.append(Entry((telemetry_rows(values(number), Stream.BACKLOG),)))
    await _stop([writing])
    async with _collecting(journal, rate=LIVE_BESIDE) as parts:
        await _until(lambda: parts.collector.values >= LIVE_BESIDE, parts.tasks)
        client.note_from_now()
        began = time.monotonic()
        sending = _uplinks(journal, client)
        working = [*parts.tasks, *sending]
        await _until(lambda: client.waited - waited >= backlog * ROWS, working)
        took, until_ft = time.monotonic() - began, to_filetime(datetime.now(UTC))
        await _stop(parts.reading)
        await _until(lambda: not journal.size.batches, [*sending, parts.writing])
        await _stop([*sending, parts.writing])
    ages_ms = client.ages_ms(until_ft=until_ft)
    p50, p99 = (float(q) for q in np.quantile(ages_ms, (0.5, 0.99)))
    lost = backlog * ROWS + parts.collector.values - (trial.rows() - stored)
    name = f"drain of a backlog, {LIVE_BESIDE:,.0f}/s live beside it"
    return [
        Figure(name, "rows/s", backlog * ROWS / took, goal=400_000),
        Figure("… rows lost", "rows", lost, goal=0, more_is_better=False),
        Figure("… live change → committed row, p50", "ms", p50),
        Figure("… live change → committed row, p99", "ms", p99, goal=1000, more_is_better=False),
    ]


@asynccontextmanager
async def _collecting(journal: Journal, *, rate: float) -> AsyncIterator[_Collecting]:
    """Collect from a load server into the journal, as an agent of this MES does."""
    linger_s = float(EdgeSettings.model_fields["telemetry_linger_s"].default)
    collector = Collector(journal, LINE, linger_s, keeps_backlog=True)

    def take(notification: Notification) -> None:
        for telemetry in notification.telemetry:
            collector.take(telemetry, plant_now=datetime.now(UTC))
        collector.when_kept(lambda: table.acknowledge(notification))

    async with load_server(rate=rate) as endpoint, open_link(endpoint) as link:
        table = SubscriptionTable(link, take)
        writing = asyncio.create_task(journal.write_forever())
        reading = [
            asyncio.create_task(table.run(wanted())),
            asyncio.create_task(collector.write_forever()),  # ends last: it keeps what came before
        ]
        yield _Collecting(collector, reading, writing)


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
