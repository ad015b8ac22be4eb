"""The journal's file: SQLite in WAL mode with `synchronous=FULL`.

What a committed transaction holds survives a power cut, and a torn tail is what SQLite rolls back. One batch
is one row with the very bytes that go to the MES. The facts that belong to a batch (the last ledger record
read, the last source time) are written in its transaction, so a restart resumes exactly behind what is kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from mes.contracts.telemetry import Gap, GapCause
from mes.contracts.wire import (
    Batch,
    Stream,
    TelemetryColumns,
    WireError,
    decode,
    encode,
    from_filetime,
    to_lines,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
  epoch INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
  rows INTEGER NOT NULL, bytes INTEGER NOT NULL, from_ft INTEGER, to_ft INTEGER, frame BLOB NOT NULL,
  thinned INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (stream, epoch, seq));
CREATE TABLE IF NOT EXISTS set_aside (
  epoch INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL, frame BLOB NOT NULL,
  PRIMARY KEY (stream, epoch, seq));
CREATE TABLE IF NOT EXISTS command (
  id TEXT PRIMARY KEY, number INTEGER NOT NULL, body TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS command_open ON command (number) WHERE NOT done;
CREATE TABLE IF NOT EXISTS image (
  sha256 TEXT PRIMARY KEY, number INTEGER NOT NULL, urgency INTEGER NOT NULL, bytes INTEGER NOT NULL);
"""

_BEFORE_THINNING = "ALTER TABLE batch ADD COLUMN thinned INTEGER NOT NULL DEFAULT 1"

THIN_AT: tuple[tuple[float, int], ...] = ((0.70, 4), (0.85, 16))
"""From this share of the byte limit on, the oldest telemetry keeps one value of a tag in so many."""
DROP_AT = 0.95
"""From here on the oldest telemetry is dropped."""
DROPPED = 1 << 30
RELIEF = 0.05
"""How far below its threshold a measure brings the file, so that gap rows are few."""

Effect = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one stream that become one batch. `span`: first and last source time of telemetry (FILETIME)."""

    stream: Stream
    count: int
    payload: bytes
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written in one piece: rows, the facts that go with them, a change of the other tables."""

    rows: tuple[Rows, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """One batch as it waits for the MES."""

    epoch: int
    stream: Stream
    seq: int
    frame: bytes


@dataclass(slots=True)
class Size:
    """How much waits for the MES, and how many gap rows were written since the start.

    `new`: batches of telemetry among them that are not backlog.
    """

    batches: int = 0
    bytes: int = 0
    new: int = 0
    gaps: int = 0


class JournalStore:
    """The file, used by one thread at a time; `reader`, `first` and `following` by one other thread."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2000;"
            + _SCHEMA
        )
        self.reader = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        """Sees what is committed, beside a commit that waits for the disk; for another thread than the file's."""
        self.reader.execute("PRAGMA query_only = 1")
        columns = {row[1] for row in self.connection.execute("PRAGMA table_info(batch)")}
        if "thinned" not in columns:  # a file of an earlier agent
            self.connection.execute(_BEFORE_THINNING)
        with _transaction(self.connection):
            self.connection.execute(
                "INSERT OR IGNORE INTO fact VALUES ('journal_id', ?)", (str(uuid4()),)
            )
        batches, size, new = self.connection.execute(
            "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(stream = ?), 0) FROM batch",
            (int(Stream.TELEMETRY),),
        ).fetchone()
        self.size = Size(batches, size, new)
        self.agent_id, self.epoch, self.line = UUID(int=0), 0, ""
        self.max_bytes = 1 << 30
        self._next_seq: dict[Stream, int] = {}

    def identify(self, *, agent_id: UUID, epoch: int, line: str, max_bytes: int) -> None:
        """Write under this identity from now on; batches already kept stay under theirs."""
        self.agent_id, self.line, self.max_bytes = agent_id, line, max_bytes
        if epoch != self.epoch:
            self.epoch = epoch
            self._next_seq = {stream: self._last_seq(stream) + 1 for stream in Stream}

    def _last_seq(self, stream: Stream) -> int:
        (kept,) = self.connection.execute(
            "SELECT coalesce(max(seq), 0) FROM batch WHERE stream = ? AND epoch = ?",
            (int(stream), self.epoch),
        ).fetchone()
        return max(int(kept), int(self.fact(f"released:{self.epoch}:{int(stream)}") or 0))

    def fact(self, key: str) -> str | None:
        """Return a fact committed earlier."""
        row = self.connection.execute("SELECT value FROM fact WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def commit(self, entries: Sequence[Entry]) -> None:
        """Write a group of entries with one fsync: all of them or none.

        Raises:
            sqlite3.Error: the disk refused; nothing was written.
        """
        next_seq, size = dict(self._next_seq), Size(**_fields(self.size))
        try:
            with _transaction(self.connection):
                for entry in entries:
                    for rows in entry.rows:
                        self._insert(rows)
                    for key, value in entry.facts.items():
                        self._set_fact(key, value)
                    if entry.effect is not None:
                        entry.effect(self.connection)
                self._keep_within_bounds()
        except BaseException:
            self._next_seq, self.size = next_seq, size
            raise

    def first(self, stream: Stream) -> StoredBatch | None:
        """Return the oldest batch of a stream that waits for the MES."""
        row = self.reader.execute(
            "SELECT epoch, seq, frame FROM batch WHERE stream = ? ORDER BY epoch, seq LIMIT 1",
            (int(stream),),
        ).fetchone()
        return None if row is None else StoredBatch(row[0], stream, row[1], bytes(row[2]))

    def following(self, batch: StoredBatch) -> StoredBatch | None:
        """Return the batch behind another one of the same stream and epoch."""
        row = self.reader.execute(
            "SELECT seq, frame FROM batch WHERE stream = ? AND epoch = ? AND seq > ?"
            " ORDER BY seq LIMIT 1",
            (int(batch.stream), batch.epoch, batch.seq),
        ).fetchone()
        return (
            None if row is None else StoredBatch(batch.epoch, batch.stream, row[0], bytes(row[1]))
        )

    def release(self, stream: Stream, epoch: int, up_to: int) -> None:
        """Forget the batches that the MES has committed.

        Without waiting for the disk: the next commit takes this along, and a batch that a power cut brings back is
        delivered once more, which changes nothing.
        """
        with _without_waiting(self.connection), _transaction(self.connection):
            gone = self.connection.execute(
                "DELETE FROM batch WHERE stream = ? AND epoch = ? AND seq <= ? RETURNING bytes",
                (int(stream), epoch, up_to),
            ).fetchall()
            self._set_fact(f"released:{epoch}:{int(stream)}", str(up_to))
        self.size.batches -= len(gone)
        self.size.bytes -= sum(size for (size,) in gone)
        self.size.new -= len(gone) if stream is Stream.TELEMETRY else 0

    def set_aside(self, batch: StoredBatch, reason: str) -> None:
        """Keep a batch that can never be delivered beside the others, and say in a gap row what was in it."""
        where = (int(batch.stream), batch.epoch, batch.seq)
        with _transaction(self.connection):
            from_ft, to_ft = self.connection.execute(
                "SELECT from_ft, to_ft FROM batch WHERE stream = ? AND epoch = ? AND seq = ?", where
            ).fetchone()
            self.connection.execute(
                "INSERT OR REPLACE INTO set_aside (stream, epoch, seq, reason, frame)"
                " VALUES (?, ?, ?, ?, ?)",
                (*where, reason, batch.frame),
            )
            self._blank(batch.stream, batch.epoch, batch.seq)
            if from_ft is not None:
                self._write_gap(from_ft, to_ft, GapCause.POISON, reason)

    def close(self) -> None:
        """Close the file."""
        self.reader.close()
        self.connection.close()

    def _insert(self, rows: Rows) -> None:
        seq = self._next_seq.get(rows.stream, 1)
        self._next_seq[rows.stream] = seq + 1
        frame = encode(Batch(self.agent_id, self.epoch, rows.stream, seq, rows.count, rows.payload))
        from_ft, to_ft = rows.span or (None, None)
        self.connection.execute(
            "INSERT INTO batch (epoch, stream, seq, rows, bytes, from_ft, to_ft, frame)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self.epoch, int(rows.stream), seq, rows.count, len(frame), from_ft, to_ft, frame),
        )
        self.size.batches += 1
        self.size.bytes += len(frame)
        self.size.new += rows.stream is Stream.TELEMETRY
        self.size.gaps += rows.count if rows.stream is Stream.GAPS else 0

    def _set_fact(self, key: str, value: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (key, value))

    def _keep_within_bounds(self) -> None:
        """Make telemetry smaller as the file fills. Events, results and gaps are never given up."""
        for share, factor in THIN_AT:
            self._relieve(share, factor)
        self._relieve(DROP_AT, DROPPED)

    def _relieve(self, share: float, factor: int) -> None:
        """Thin the oldest telemetry over this share of the limit, and say in a gap row what it was."""
        if self.size.bytes <= self.max_bytes * share:
            return
        enough = self.max_bytes * (share - RELIEF)
        oldest = self.connection.execute(
            "SELECT stream, epoch, seq, from_ft, to_ft FROM batch"
            " WHERE stream IN (?, ?) AND rows > 0 AND thinned < ? ORDER BY rowid",
            (int(Stream.TELEMETRY), int(Stream.BACKLOG), factor),
        ).fetchall()
        spans: list[tuple[int, int]] = []
        for number, epoch, seq, from_ft, to_ft in oldest:
            if self.size.bytes <= enough:
                break
            if self._thin(Stream(number), epoch, seq, factor):
                spans.append((from_ft, to_ft))
        if spans:
            kept = "dropped" if factor == DROPPED else f"one value in {factor} kept"
            self._write_gap(
                min(first for first, _ in spans),
                max(last for _, last in spans),
                GapCause.JOURNAL_FULL,
                f"the journal reached {share:.0%} of {self.max_bytes} bytes: {kept}",
            )

    def _thin(self, stream: Stream, epoch: int, seq: int, factor: int) -> bool:
        """Keep one value of each tag in so many; False when there was nothing to leave out."""
        where = (int(stream), epoch, seq)
        if factor == DROPPED:
            self._blank(stream, epoch, seq)
            return True
        frame, already = self.connection.execute(
            "SELECT frame, thinned FROM batch WHERE stream = ? AND epoch = ? AND seq = ?", where
        ).fetchone()
        try:
            before = decode(bytes(frame))
        except WireError:
            return False  # damaged: delivery will find that out and set it aside
        columns = TelemetryColumns.from_payload(before.payload, before.count)
        kept = columns.rows(_one_in(columns.tag_id, factor // already, turn=seq))
        after = replace(before, count=len(kept), payload=kept.to_payload())
        self._replace(stream, epoch, seq, after, thinned=factor)
        return len(kept) < before.count

    def _blank(self, stream: Stream, epoch: int, seq: int) -> None:
        """Leave a batch without rows in its place, so that the sequence numbers have no hole."""
        empty = Batch(self.agent_id, epoch, stream, seq, 0, b"")
        self._replace(stream, epoch, seq, empty, thinned=DROPPED)

    def _replace(self, stream: Stream, epoch: int, seq: int, batch: Batch, *, thinned: int) -> None:
        frame, where = encode(batch), (int(stream), epoch, seq)
        (before,) = self.connection.execute(
            "SELECT bytes FROM batch WHERE stream = ? AND epoch = ? AND seq = ?", where
        ).fetchone()
        self.connection.execute(
            "UPDATE batch SET rows = ?, bytes = ?, frame = ?, thinned = ?"
            " WHERE stream = ? AND epoch = ? AND seq = ?",
            (batch.count, len(frame), frame, thinned, *where),
        )
        self.size.bytes -= before - len(frame)

    def _write_gap(self, from_ft: int, to_ft: int, cause: GapCause, detail: str) -> None:
        gap = Gap(
            line=self.line,
            from_at=from_filetime(from_ft),
            to_at=from_filetime(to_ft),
            cause=cause,
            detail=detail,
        )
        self._insert(Rows(Stream.GAPS, 1, to_lines([gap.model_dump_json()])))


class _transaction:  # noqa: N801  # reads as the statement it is
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK when the block fails."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:  # the block or the disk has failed
                self._connection.execute("ROLLBACK")


@contextmanager
def _without_waiting(connection: sqlite3.Connection) -> Iterator[None]:
    """Let a transaction be on disk with the next one that waits for it, never behind that."""
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = FULL")


def _one_in(tag_id: NDArray[np.uint32], factor: int, *, turn: int) -> NDArray[np.bool_]:
    """Choose one value in so many of each tag; `turn` shifts the choice from batch to batch."""
    order = np.argsort(tag_id, kind="stable")
    ordered = tag_id[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first = np.maximum.accumulate(np.where(begins, np.arange(len(ordered)), 0))
    chosen = np.empty(len(tag_id), np.bool_)
    chosen[order] = (np.arange(len(ordered)) - first + turn) % factor == 0
    return chosen


def _fields(size: Size) -> dict[str, int]:
    return {"batches": size.batches, "bytes": size.bytes, "new": size.new, "gaps": size.gaps}
