"""`python -m edge bench [--subset]`: decode, journal, to disk and to PostgreSQL, drain, subscribe, command.

One part alone, and for how long: `python -m edge bench --only database --rate 100000 --seconds 120 --backlog 0`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from edge.bench import commanding, decoding, journal, subscribing, to_database, to_disk
from edge.bench.report import HEAD, Figure
from edge.opcua.link import quiet_asyncua


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench and print its table; exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m edge bench", description=__doc__)
    parser.add_argument("--subset", action="store_true", help="shorter, for every day")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; again for more")
    parser.add_argument("--rate", type=float, help="values a second that the line publishes")
    parser.add_argument("--seconds", type=float, help="for how long it is collected from")
    parser.add_argument("--backlog", type=int, help="batches of 20,000 rows to be drained; 0: none")
    options = parser.parse_args(arguments)
    asked = {
        name: given
        for name in ("rate", "seconds", "backlog")
        if (given := getattr(options, name)) is not None
    }
    size = replace(EVERY_DAY if options.subset else WHOLE, **asked)
    quiet_asyncua()
    load = os.getloadavg()[0]
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {load:.1f}")
    print(HEAD)
    missed = False
    for figure in figures(size, options.only or PARTS):
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
    rounds=3, commits=20, rate=50_000, seconds=10, backlog=200, commands=200, backlog_beside=200
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


PARTS: dict[str, Callable[[Size], list[Figure]]] = {
    "decode": lambda size: decoding.measure(rounds=size.rounds),
    "journal": lambda size: journal.measure(commits=size.commits),
    "disk": lambda size: asyncio.run(to_disk.measure(rate=size.rate, seconds=size.seconds)),
    "database": lambda size: asyncio.run(
        to_database.measure(rate=size.rate, seconds=size.seconds, backlog=size.backlog)
    ),
    "subscribe": lambda size: asyncio.run(
        subscribing.measure(rate=size.rate, seconds=size.seconds / 2)
    ),
    "command": lambda size: asyncio.run(
        commanding.measure(commands=size.commands, backlog=size.backlog_beside)
    ),
}
"""What can be measured, in its order."""


def figures(size: Size, only: Collection[str] = PARTS) -> Iterator[Figure]:
    """Measure one part after the other."""
    for name, measure in PARTS.items():
        if name in only:
            yield from measure(size)


if __name__ == "__main__":
    sys.exit(main())
