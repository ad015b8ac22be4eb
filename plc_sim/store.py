"""What the lines have on disk: one SQLite file for the whole plant, written before anything is told.

Stores, racks, the state of every line and its ring of records stand in one file, so that a body is never in
two places and never in none: it leaves a line and enters a store in one transaction. Write-ahead log,
`synchronous=FULL`, one group commit a shop and tick.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mes.contracts.dispatch import JobState
from mes.contracts.line_records import RING_SIZE
from mes.contracts.plant import PlantModel
from plc_sim.core.body import Body, Rack
from plc_sim.core.changes import Changes
from plc_sim.core.floor import Floor
from plc_sim.core.line import LineCore
from plc_sim.core.line_state import document

FLOOR_FILE = "floor.db"
PRUNE_EVERY = 500
KEPT_TRUTHS = 20_000
"""So many requests of each camera are remembered with what the part really had."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS body (
  store TEXT NOT NULL, position INTEGER NOT NULL, id TEXT PRIMARY KEY, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS body_in_store ON body (store, position);
CREATE TABLE IF NOT EXISTS rack (
  position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, panel TEXT NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity >= 0), held INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS line_state (
  line TEXT NOT NULL, key TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (line, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ended_job (
  number INTEGER PRIMARY KEY, line TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, UNIQUE (line, id));
CREATE TABLE IF NOT EXISTS record (
  line TEXT NOT NULL, seq INTEGER NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (line, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS truth (
  line TEXT NOT NULL, camera TEXT NOT NULL, counter INTEGER NOT NULL, body_id TEXT, lot TEXT,
  at REAL NOT NULL, kind TEXT, severity_mm REAL, PRIMARY KEY (camera, counter)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fault (
  id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL, doc TEXT NOT NULL, taken INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS plant (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), warm_taken INTEGER NOT NULL);
"""

Statement = tuple[str, Sequence[Any]]


@dataclass(frozen=True)
class SavedLine:
    """What a line left behind: parts of its state, the jobs that ended, the ring of its records."""

    documents: dict[str, str]
    ended: dict[str, JobState]
    records: list[tuple[int, str]]


class FloorFile:
    """The file, open. Used by one thread at a time: a commit may run in another one while all else waits."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(
            folder / FLOOR_FILE, isolation_level=None, check_same_thread=False, timeout=30.0
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";\n"):
                self._db.execute(statement)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def commit(self, statements: Iterable[Statement]) -> None:
        """Run the statements in one transaction and wait for the disk."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for sql, values in statements:
                self._db.execute(sql, values)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self._db.execute(sql, values).fetchall()

    @property
    def version(self) -> int:
        """A number that changes when another process has committed."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def take_warm_start(self) -> bool:
        """Say whether the stores are still to be filled from the warm start; True once, for one process."""
        try:
            self.commit([("INSERT INTO plant VALUES (1, 1)", ())])
        except sqlite3.IntegrityError:
            return False
        return True

    def lines(self) -> list[str]:
        """Return the lines that have run."""
        return [line for (line,) in self.rows("SELECT DISTINCT line FROM line_state ORDER BY line")]

    def saved_line(self, line: str) -> SavedLine | None:
        """Return what a line left behind, None when it never ran."""
        documents = dict(self.rows("SELECT key, doc FROM line_state WHERE line = ?", (line,)))
        if not documents:
            return None
        ended = self.rows("SELECT id, state FROM ended_job WHERE line = ? ORDER BY number", (line,))
        records = self.rows(
            "SELECT seq, doc FROM record WHERE line = ? ORDER BY seq DESC LIMIT ?",
            (line, RING_SIZE),
        )
        return SavedLine(
            documents,
            {key: JobState(state) for key, state in ended},
            [(seq, doc) for seq, doc in reversed(records)],
        )

    def take_faults(self, lines: Iterable[str]) -> list[tuple[str, dict[str, Any]]]:
        """Return the planted faults of these lines that were not taken yet, and mark them taken."""
        wanted = set(lines)
        rows = self.rows("SELECT id, line, doc FROM fault WHERE taken = 0 ORDER BY id")
        mine = [(number, line, doc) for number, line, doc in rows if line in wanted]
        if mine:
            self.commit([("UPDATE fault SET taken = 1 WHERE id = ?", (row[0],)) for row in mine])
        return [(line, json.loads(doc)) for _, line, doc in mine]

    def plant_fault(self, line: str, fault: dict[str, Any]) -> None:
        """Leave a fault for the process that runs `line`."""
        self.commit([("INSERT INTO fault (line, doc) VALUES (?, ?)", (line, json.dumps(fault)))])


class SharedFloor(Floor):
    """The floor as several processes share it: a view that is refreshed, and statements to commit."""

    def __init__(self, plant: PlantModel, file: FloorFile) -> None:
        super().__init__(plant)
        self._file = file
        self._seen: int | None = None
        self.statements: list[Statement] = []

    def refresh(self) -> None:
        """Read the stores again if another process has written; nothing may be waiting for its commit."""
        version = self._file.version
        if version == self._seen:
            return
        self._seen = version
        known = {body.id: body for bodies in self.bodies.values() for body in bodies}
        for bodies in self.bodies.values():
            bodies.clear()
        for store, key, doc in self._file.rows(
            "SELECT store, id, doc FROM body ORDER BY store, position"
        ):
            self.bodies[store].append(known.get(key) or Body.from_doc(json.loads(doc)))
        self.racks = [
            Rack(key, panel, quantity, bool(held))
            for key, panel, quantity, held in self._file.rows(
                "SELECT id, panel, quantity, held FROM rack WHERE quantity > 0 ORDER BY position"
            )
        ]

    def take_statements(self) -> list[Statement]:
        """Return what is to be committed."""
        statements, self.statements = self.statements, []
        return statements

    def put(self, store: str, body: Body) -> None:
        """Let a body into a store."""
        super().put(store, body)
        if self._kind[store] == "body":
            self._insert(store, body, "max(position), 0) + 1")

    def put_back(self, store: str, body: Body) -> None:
        """Send a body back to the head of a store."""
        super().put_back(store, body)
        self._insert(store, body, "min(position), 0) - 1")

    def _insert(self, store: str, body: Body, position: str) -> None:
        sql = (
            "INSERT INTO body (store, position, id, doc) VALUES "  # noqa: S608  # two fixed texts
            f"(?1, (SELECT coalesce({position} FROM body WHERE store = ?1), ?2, ?3)"
        )
        self.statements.append((sql, (store, body.id, json.dumps(body.to_doc()))))

    def take(self, store: str, body_id: str) -> Body:
        """Take a body out of a store."""
        self.statements.append(("DELETE FROM body WHERE id = ?", (body_id,)))
        return super().take(store, body_id)

    def use_panel(self, panel: str) -> str:
        """Take one panel from the oldest usable rack."""
        rack = super().use_panel(panel)
        self.statements.append(("UPDATE rack SET quantity = quantity - 1 WHERE id = ?", (rack,)))
        self.statements.append(("DELETE FROM rack WHERE id = ? AND quantity = 0", (rack,)))
        return rack

    def put_rack(self, rack: Rack) -> None:
        """Bring a rack into the panel store."""
        super().put_rack(rack)
        self.statements.append(
            (
                "INSERT INTO rack (id, panel, quantity, held) VALUES (?, ?, ?, ?)",
                (rack.id, rack.panel, rack.quantity, int(rack.held)),
            )
        )

    def hold_rack(self, rack_id: str, *, held: bool) -> bool | None:
        """Hold or release a rack."""
        changed = super().hold_rack(rack_id, held=held)
        if changed:
            self.statements.append(("UPDATE rack SET held = ? WHERE id = ?", (int(held), rack_id)))
        return changed


def statements_of(core: LineCore, changes: Changes) -> list[Statement]:
    """Return what writes down the changes of a line."""
    line = core.line.id
    statements: list[Statement] = [
        ("INSERT INTO record (line, seq, doc) VALUES (?, ?, ?)", (line, seq, text))
        for seq, text in changes.records
    ]
    for key in changes.docs:
        text = document(core, key)
        if text is None:
            statements.append(("DELETE FROM line_state WHERE line = ? AND key = ?", (line, key)))
        else:
            statements.append(
                ("INSERT OR REPLACE INTO line_state VALUES (?, ?, ?)", (line, key, text))
            )
    for request, at in changes.truths:
        defect = request.defect
        values = (line, request.camera, request.counter, request.body_id, request.lot, at)
        truth = (defect and defect.kind, defect and defect.severity_mm)
        statements.append(
            ("INSERT OR REPLACE INTO truth VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, *truth))
        )
    statements.extend(
        (
            "INSERT OR REPLACE INTO ended_job (line, id, state) VALUES (?, ?, ?)",
            (line, key, str(state)),
        )
        for key, state in changes.ended
    )
    statements.extend(
        ("DELETE FROM ended_job WHERE line = ? AND id = ?", (line, key))
        for key in changes.forgotten
    )
    statements.extend(
        (
            "DELETE FROM truth WHERE camera = ? AND counter < ?",
            (request.camera, request.counter - KEPT_TRUTHS),
        )
        for request, _ in changes.truths
        if request.counter % PRUNE_EVERY == 0
    )
    if any(seq % PRUNE_EVERY == 0 for seq, _ in changes.records):
        statements.append(
            ("DELETE FROM record WHERE line = ? AND seq <= ?", (line, core.seq - RING_SIZE))
        )
    return statements
