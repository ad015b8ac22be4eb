"""`python -m edge bench [--subset]`: decode, journal, to disk and to PostgreSQL, drain, subscribe, command."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from edge.bench import commanding, decoding, journal, subscribing, to_database, to_disk
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
    missed = False
    for figure in figures(EVERY_DAY if options.subset else WHOLE):
        missed |= figure.verdict == "missed"
        print(figure.line(), flush=True)
    return int(missed)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: `rate` in values a second, `backlog` in batches of 20,000 rows.

    Commands are sent `commands` times to an idle agent, then while it delivers `backlog_beside` batches.
    """

    rounds: int
    commits: int
    rate: float
    seconds: float
    backlog: int
    commands: int
    backlog_beside: int


EVERY_DAY = Size(
    rounds=3, commits=20, rate=50_000, seconds=10, backlog=50, commands=200, backlog_beside=200
)
WHOLE = Size(
    rounds=20,
    commits=200,
    rate=50_000,
    seconds=600,
    backlog=500,
    commands=1000,
    backlog_beside=1000,
)


def figures(size: Size) -> Iterator[Figure]:
    """Measure everything, one row after the other."""
    yield from decoding.measure(rounds=size.rounds)
    yield from journal.measure(commits=size.commits)
    yield from asyncio.run(to_disk.measure(rate=size.rate, seconds=size.seconds))
    yield from asyncio.run(
        to_database.measure(rate=size.rate, seconds=size.seconds, backlog=size.backlog)
    )
    yield from asyncio.run(subscribing.measure(rate=size.rate, seconds=size.seconds / 2))
    yield from asyncio.run(commanding.measure(commands=size.commands, backlog=size.backlog_beside))


if __name__ == "__main__":
    sys.exit(main())
