"""`python -m edge bench [--subset]`: decode, journal, server to disk and to PostgreSQL, drain, subscribe."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from edge.bench import decoding, journal, subscribing, to_database, to_disk
from edge.bench.report import HEAD, Figure
from edge.opcua.link import quiet_asyncua


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench and print its table; exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m edge bench", description=__doc__)
    parser.add_argument("--subset", action="store_true", help="shorter, for every day")
    options = parser.parse_args(arguments)
    quiet_asyncua()
    load = os.getloadavg()[0]
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {load:.1f}")
    print(HEAD)
    figures: list[Figure] = []
    for figure in _figures(subset=options.subset):
        figures.append(figure)
        print(figure.line(), flush=True)
    return int(any(figure.verdict == "missed" for figure in figures))


def _figures(*, subset: bool) -> Iterator[Figure]:
    yield from decoding.measure(rounds=3 if subset else 20)
    yield from journal.measure(commits=20 if subset else 200)
    yield from asyncio.run(to_disk.measure(rate=50_000, seconds=10 if subset else 600))
    yield from asyncio.run(
        to_database.measure(
            rate=50_000, seconds=10 if subset else 600, backlog=50 if subset else 500
        )
    )
    yield from asyncio.run(subscribing.measure(rate=50_000, seconds=5 if subset else 60))


if __name__ == "__main__":
    sys.exit(main())
