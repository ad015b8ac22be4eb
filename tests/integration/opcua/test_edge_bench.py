"""The bench at a tiny size: every row of its table is there, and nothing is lost or doubled."""

from __future__ import annotations

import pytest

from edge.bench import subscribing
from edge.bench.__main__ import Size, figures

pytestmark = pytest.mark.slow

TINY = Size(rounds=1, commits=2, rate=1_000, seconds=3.0, backlog=2, commands=2, backlog_beside=1)
EXACT = ("rows lost", "rows doubled", "gap rows", "overflowed")


def test_the_table_has_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribing, "TAGS", 50)
    table = list(figures(TINY))
    while table[-1].measure.startswith("… during a drain"):  # a single batch may have gone before
        table.pop()
    assert [figure.measure for figure in table] == [
        "decode, one numeric type",
        "decode, interleaved types",
        "journal, each commit fsynced",
        "journal, rows a second of processor time",
        "journal, size",
        "server → journal (fsync)",
        "server → journal, agent's processor",
        "server → journal, gap rows",
        "change at the server → on disk, p50",
        "change at the server → on disk, p99",
        "server → journal (fsync) → PostgreSQL",
        "… agent's processor",
        "… rows lost",
        "… rows doubled",
        "… gap rows",
        "change → committed row, p50",
        "change → committed row, p99",
        "change → committed row, p99.9",
        "drain of a backlog, 20,000/s live beside it",
        "… rows lost",
        "… live change → committed row, p50",
        "… live change → committed row, p99",
        "subscribe 50 items, to the first value",
        "collect, 1,000 values/s offered",
        "collect, processor time",
        "collect, publications missed and queues overflowed",
        "command → answered, idle, p50",
        "command → answered, idle, p99",
    ]
    for figure in table:
        assert figure.line().startswith(figure.measure)
        if figure.measure.endswith(EXACT):
            assert figure.value == 0, figure.measure
        else:
            assert figure.value > 0, figure.measure
