"""From a load server into the journal: the agent's own parts, each notification acknowledged after its fsync."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np

from edge.bench.report import Figure
from edge.bench.subscribing import load_server, wanted
from edge.journal import Journal
from edge.opcua.link import open_link
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.settings import EdgeSettings
from edge.telemetry import Collector
from mes.contracts.wire import to_filetime

GOAL_CORE = 0.30
_TICKS_S = 10_000_000


async def measure(*, rate: float, seconds: float) -> list[Figure]:
    """Collect for some seconds; the server's values carry the time at which they changed."""
    ages: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    with tempfile.TemporaryDirectory(prefix="c2m-bench-") as folder:
        journal = Journal(Path(folder) / "journal")
        journal.identify(agent_id=UUID(int=1), epoch=1, line="bench", max_bytes=1 << 34)
        linger_s = float(EdgeSettings.model_fields["telemetry_linger_s"].default)
        collector = Collector(journal, "bench", linger_s)

        def take(notification: Notification) -> None:
            for telemetry in notification.telemetry:
                collector.take(telemetry, plant_now=datetime.now(UTC))
            collector.when_kept(lambda: kept(notification))

        def kept(notification: Notification) -> None:
            table.acknowledge(notification)
            now = to_filetime(datetime.now(UTC))
            ages.extend((now - t.source_ft) / _TICKS_S for t in notification.telemetry)

        async with load_server(rate=rate) as endpoint, open_link(endpoint) as link:
            table = SubscriptionTable(link, take)
            tasks = [
                asyncio.create_task(work)
                for work in (
                    journal.write_forever(),
                    collector.write_forever(),
                    table.run(wanted()),
                )
            ]
            while collector.values < rate:
                await asyncio.sleep(0.05)
                for task in tasks:
                    if task.done():
                        task.result()
            ages.clear()
            values, cpu_s, began = collector.values, time.process_time(), time.monotonic()
            await asyncio.sleep(seconds)
            took, used = time.monotonic() - began, time.process_time() - cpu_s
            values = collector.values - values
            for task in reversed(tasks):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        gaps = journal.size.gaps
        journal.close()
    age_s = np.concatenate(ages)
    return [
        Figure("server → journal (fsync)", "values/s", values / took, goal=rate * 0.99),
        Figure(
            "server → journal, agent's processor",
            "cores",
            used / took,
            goal=GOAL_CORE,
            more_is_better=False,
        ),
        Figure("server → journal, gap rows", "rows", gaps, goal=0, more_is_better=False),
        Figure("change at the server → on disk, p50", "ms", float(np.quantile(age_s, 0.5)) * 1e3),
        Figure("change at the server → on disk, p99", "ms", float(np.quantile(age_s, 0.99)) * 1e3),
    ]
