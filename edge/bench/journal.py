"""What the journal takes: rows a second with every commit on disk, and bytes a row."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from uuid import UUID

import numpy as np

from edge.bench.report import Figure
from edge.journal import telemetry_rows
from edge.store import Entry, JournalStore
from mes.contracts.wire import TelemetryColumns

TAGS = 5_000
ROWS = 20_000
"""Rows a commit: 0.4 s of 50,000 values a second."""
_BEGIN_FT = 134_000_000_000_000_000


def measure(*, commits: int) -> list[Figure]:
    """Commit batches of values with full 52-bit noise and jittered times, the worst to compress."""
    with tempfile.TemporaryDirectory(prefix="c2m-bench-") as folder:
        store = JournalStore(Path(folder) / "journal")
        store.identify(agent_id=UUID(int=1), epoch=1, line="bench", max_bytes=1 << 34)
        batches = [values(number) for number in range(commits)]
        began, cpu_s = time.monotonic(), time.process_time()
        for batch in batches:
            store.commit([Entry((telemetry_rows(batch),))])
        took, used = time.monotonic() - began, time.process_time() - cpu_s
        rows = commits * ROWS
        figures = [
            Figure("journal, each commit fsynced", "rows/s", rows / took, goal=500_000),
            Figure("journal, rows a second of processor time", "rows/s a core", rows / used),
            Figure(
                "journal, size",
                "bytes/row",
                store.size.bytes / rows,
                goal=12,
                more_is_better=False,
            ),
        ]
        store.close()
    return figures


def values(number: int) -> TelemetryColumns:
    """Return a batch of values that follow on those of the batch before."""
    rng = np.random.default_rng(number)
    sample = np.arange(number * ROWS, (number + 1) * ROWS, dtype=np.int64)
    source_ft = _BEGIN_FT + sample * 200 + rng.integers(0, 10, ROWS) * 10
    received_ft = _BEGIN_FT + sample // TAGS * 1_000_000
    value = 20 + 5 * np.sin(sample / TAGS) + rng.normal(0, 0.1, ROWS)
    return TelemetryColumns(
        (sample % TAGS + 1).astype(np.uint32),
        source_ft,
        received_ft,
        value,
        np.zeros(ROWS, np.uint32),
    )
