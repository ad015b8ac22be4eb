"""What a line says it has published, written before it is told: the other half of every comparison.

One JSON object a line. A tick `{"n": number, "t": source time}` gives every tag the value `n`; `"x"` names the
tags (by position) that have none, `"s"` those with another value. `{"r": seq}` is a record of the line's own ring.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Tick:
    """One moment at which every tag got a new value."""

    number: int
    at: datetime
    absent: frozenset[int] = frozenset()
    special: frozenset[int] = frozenset()
    """Tags with a value that is no number, or of a bad status."""


class LedgerWriter:
    """The line's side: append and flush."""

    def __init__(self, path: Path) -> None:
        self.number = 0
        self.at: datetime | None = None
        self.records: list[str] = []
        for entry in _entries(path):
            if "r" in entry:
                self.records.append(json.dumps(entry["r"]))
            else:
                self.number, self.at = entry["n"], datetime.fromisoformat(entry["t"])
        self._file = path.open("a")

    def tick(self, tick: Tick) -> None:
        """Write down a tick before it is told."""
        self.number, self.at = tick.number, tick.at
        entry: dict[str, Any] = {"n": tick.number, "t": tick.at.isoformat()}
        if tick.absent:
            entry["x"] = sorted(tick.absent)
        if tick.special:
            entry["s"] = sorted(tick.special)
        self._write(entry)

    def record(self, text: str) -> None:
        """Write down a record before it is told."""
        self.records.append(text)
        self._write({"r": json.loads(text)})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


@dataclass(slots=True)
class LedgerReader:
    """The judge's side: reads on from where it was."""

    path: Path
    ticks: list[Tick] = field(default_factory=list)
    records: int = 0
    _offset: int = 0

    def read_on(self) -> None:
        """Take what was written since."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._offset += len(complete)
        for line in complete.splitlines():
            entry = json.loads(line)
            if "r" in entry:
                self.records = int(entry["r"]["seq"])
            else:
                self.ticks.append(
                    Tick(
                        entry["n"],
                        datetime.fromisoformat(entry["t"]),
                        frozenset(entry.get("x", ())),
                        frozenset(entry.get("s", ())),
                    )
                )


def _entries(path: Path) -> list[dict[str, Any]]:
    """Return the complete lines; a torn last one was never told."""
    if not path.exists():
        return []
    text = path.read_bytes()
    complete = text[: text.rfind(b"\n") + 1]
    if len(complete) != len(text):
        path.write_bytes(complete)
    return [json.loads(line) for line in complete.splitlines()]
