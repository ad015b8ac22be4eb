"""The line's ledger against the database: what is lost, doubled, made up or wrong."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import psycopg

from edge.faults.ledger import LedgerReader, Tick
from mes.contracts.plc import LineInterface

GAPS_WITHIN_S = 30.0
"""Gap rows travel on a stream of their own and may come later than the values around them."""
EARLIER = timedelta(minutes=2)
"""A late duplicate of values judged before is looked for this far back."""

_ROWS = (
    "SELECT tag_id, time, value FROM telemetry WHERE tag_id = ANY(%s) AND time BETWEEN %s AND %s"
)
_GAPS = "SELECT tag_ids, from_at, to_at, cause FROM telemetry_gap WHERE line = %s AND to_at >= %s"
_TAGS = "SELECT station, name, id FROM telemetry_tag WHERE line = %s"
_SEQS = "SELECT seq FROM line_record WHERE line = %s ORDER BY seq"
_NEWEST = "SELECT max(time) FROM telemetry WHERE tag_id = ANY(%s)"
_ASIDE = "SELECT reason_code, reason FROM ingest_quarantine"
_CAUSES = "SELECT cause, count(*) FROM telemetry_gap WHERE line = %s GROUP BY cause"


@dataclass
class Tally:
    """What has been judged so far. Telemetry is counted in values: one tag at one moment."""

    values: int = 0
    stored: int = 0
    in_gaps: int = 0
    lost: int = 0
    doubled: int = 0
    made_up: int = 0
    wrong: int = 0
    events: int = 0
    events_lost: int = 0
    events_doubled: int = 0
    set_aside: int = 0
    gaps: dict[str, int] = field(default_factory=dict)

    @property
    def violations(self) -> int:
        """How many times the promise was broken."""
        broken = (self.lost, self.doubled, self.made_up, self.wrong, self.events_lost)
        return sum(broken) + self.events_doubled + self.set_aside

    def then(self, stretch: Tally) -> Tally:
        """Return this tally and a later stretch together.

        Values are those of the stretch alone; events, batches set aside and gaps are those of the whole database.
        """
        return replace(
            stretch,
            values=self.values + stretch.values,
            stored=self.stored + stretch.stored,
            in_gaps=self.in_gaps + stretch.in_gaps,
            lost=self.lost + stretch.lost,
            doubled=self.doubled + stretch.doubled,
            made_up=self.made_up + stretch.made_up,
            wrong=self.wrong + stretch.wrong,
        )


class NeverAgain(Exception):
    """Nothing newer came into the database: the line's values do not flow any more."""


class Judge:
    """Judges stretch after stretch of the ledger."""

    def __init__(self, interface: LineInterface, ledger: LedgerReader, dsn: str) -> None:
        self._interface, self._ledger, self._dsn = interface, ledger, dsn
        self._tags: dict[int, int] = {}
        self._first: datetime | None = None
        self._doubled: set[tuple[int, datetime]] = set()
        self.tally = Tally()
        self.told: list[str] = []
        """Violations in words, the first of each stretch."""

    async def flows(self, *, within_s: float) -> None:
        """Wait until something published from now on, and every record until now, is stored.

        Raises:
            NeverAgain: it did not come in time.
        """
        self._ledger.read_on()
        newest = self._ledger.ticks[-1].at if self._ledger.ticks else None
        records, until = self._ledger.records, time.monotonic() + within_s
        while time.monotonic() < until:
            try:
                if await asyncio.to_thread(self._has, newest, records):
                    return
            except psycopg.Error:
                pass  # the database is among what fails here
            await asyncio.sleep(0.25)
        raise NeverAgain(f"nothing newer than {newest} within {within_s:.0f} s")

    def _has(self, newest: datetime | None, records: int) -> bool:
        with psycopg.connect(self._dsn, connect_timeout=5) as conn:
            found = conn.execute(_NEWEST, (list(self._ids(conn).values()),)).fetchone()
            line = (self._interface.line,)
            count = conn.execute("SELECT count(*) FROM line_record WHERE line = %s", line)
            stored = count.fetchone()
        if found is None or found[0] is None or stored is None:
            return False
        if self._first is None:
            self._first = found[0]
        return bool((newest is None or found[0] > newest) and stored[0] >= records)

    def _ids(self, conn: psycopg.Connection[tuple[object, ...]]) -> dict[int, int]:
        """Return the number that each tag, by its position, has in telemetry."""
        if not self._tags:
            known = {
                (row[0], row[1]): int(str(row[2]))
                for row in conn.execute(_TAGS, (self._interface.line,)).fetchall()
            }
            self._tags = {
                position: known[tag.station, tag.name]
                for position, tag in enumerate(self._interface.tags)
                if (tag.station, tag.name) in known
            }
        return self._tags

    async def judge(self) -> int:
        """Judge every tick before the newest stored one; returns how many violations are new."""
        before = self.tally.violations
        self._ledger.read_on()
        until = time.monotonic() + GAPS_WITHIN_S
        while True:
            found = await asyncio.to_thread(self._compare)
            if found.tally.lost == 0 or time.monotonic() > until:
                break
            await asyncio.sleep(0.5)
        self.tally = self.tally.then(found.tally)
        self._doubled = found.known
        if found.words:
            self.told.append(found.words[0])
        self._ledger.ticks = [tick for tick in self._ledger.ticks if tick.at > found.until]
        return self.tally.violations - before

    def _compare(self) -> Stretch:
        with psycopg.connect(self._dsn, connect_timeout=5) as conn:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            tags = self._ids(conn)
            ids = list(tags.values())
            newest = conn.execute(_NEWEST, (ids,)).fetchone()
            assert newest is not None  # noqa: S101  # an aggregate has a row
            told = [tick.at for tick in self._ledger.ticks[-1:]]
            until: datetime = min([newest[0], *told])
            ticks = [t for t in self._ledger.ticks if self._first and self._first < t.at < until]
            since = ticks[0].at if ticks else until
            rows = conn.execute(_ROWS, (ids, since - EARLIER, until - timedelta(microseconds=1)))
            gaps = conn.execute(_GAPS, (self._interface.line, since)).fetchall()
            found = Stretch(until=until, known=set(self._doubled))
            found.weigh(ticks, tags, rows.fetchall(), gaps, since)
            seqs = [row[0] for row in conn.execute(_SEQS, (self._interface.line,)).fetchall()]
            found.tally.events = len(seqs)
            found.tally.events_lost = len(set(range(1, max(seqs, default=0) + 1)) - set(seqs))
            found.tally.events_doubled = len(seqs) - len(set(seqs))
            aside = conn.execute(_ASIDE).fetchall()
            found.tally.set_aside = len(aside)
            found.words += [f"set aside: {code}: {reason}" for code, reason in aside]
            causes = conn.execute(_CAUSES, (self._interface.line,)).fetchall()
            found.tally.gaps = {str(cause): int(n) for cause, n in causes}
        return found


Row = tuple[int, datetime, float | None]
GapRow = tuple[list[int] | None, datetime, datetime, str]


@dataclass
class Stretch:
    """One stretch, judged."""

    until: datetime
    tally: Tally = field(default_factory=Tally)
    words: list[str] = field(default_factory=list)
    known: set[tuple[int, datetime]] = field(default_factory=set)
    """Doubled values that were counted before."""

    def weigh(
        self,
        ticks: list[Tick],
        tags: dict[int, int],
        rows: list[Row],
        gaps: list[GapRow],
        since: datetime,
    ) -> None:
        """Compare values: `tags` is the number in telemetry of each tag by its position."""
        counts = Counter((tag, at) for tag, at, _ in rows)
        numbers = {(tag, at): value for tag, at, value in rows}
        doubled = [key for key, count in counts.items() if count > 1 and key not in self.known]
        self.known.update(doubled)
        self.tally.doubled = sum(counts[key] - 1 for key in doubled)
        self.words += [f"doubled: tag {tag} at {at}" for tag, at in doubled[:1]]
        told = set()
        for tick in ticks:
            for position, tag in tags.items():
                if position in tick.absent:
                    continue
                key = (tag, tick.at)
                told.add(key)
                self.tally.values += 1
                if key not in counts:
                    self._miss(tag, tick, gaps)
                    continue
                self.tally.stored += 1
                if position not in tick.special and numbers[key] != float(tick.number):
                    self.tally.wrong += 1
                    self.words.append(f"wrong: tag {tag} at {tick.at}: {numbers[key]}")
        strange = [key for key in counts if key[1] >= since and key not in told]
        self.tally.made_up = len(strange)
        self.words += [f"made up: tag {tag} at {at}" for tag, at in strange[:1]]

    def _miss(self, tag: int, tick: Tick, gaps: list[GapRow]) -> None:
        if any(start <= tick.at <= end and (of is None or tag in of) for of, start, end, _ in gaps):
            self.tally.in_gaps += 1
            return
        self.tally.lost += 1
        if self.tally.lost == 1:
            self.words.append(f"lost: tag {tag} at {tick.at} (number {tick.number})")
