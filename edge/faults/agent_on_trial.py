"""An agent with a slow disk and a wrong clock: `python -m edge.faults.agent_on_trial TRIAL …` (then as `edge`).

TRIAL is a JSON file, read before each commit and each look at the clock: `{"fsync_s": 0.2, "clock_s": 600}`.
The agent itself is the real one; only its journal's commits and its clock pass through here.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import edge.__main__ as program
from edge.store import Entry, JournalStore

REREAD_S = 0.1


class Trial:
    """What the campaign wants now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._facts: dict[str, float] = {}
        self._read_at = 0.0

    def get(self, name: str) -> float:
        """Return a setting, 0 without it."""
        now = time.monotonic()
        if now - self._read_at > REREAD_S:
            self._read_at = now
            try:
                self._facts = json.loads(self._path.read_text())
            except (FileNotFoundError, ValueError):
                self._facts = {}
        return self._facts.get(name, 0.0)


def slow_disk(trial: Trial) -> None:
    """Let every commit of the journal take longer, as a tired disk does."""
    commit = JournalStore.commit

    def slowly(self: JournalStore, entries: Sequence[Entry]) -> None:
        time.sleep(trial.get("fsync_s"))
        commit(self, entries)

    JournalStore.commit = slowly  # type: ignore[method-assign]


def wrong_clock(trial: Trial) -> None:
    """Let the agent's modules see a clock that steps."""
    importlib.import_module("edge.agent")  # and with it every module that looks at a clock
    true_time = time.time

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Stepped:
            told = super().now(tz) + timedelta(seconds=trial.get("clock_s"))
            return cls.fromtimestamp(told.timestamp(), tz)

    time.time = lambda: true_time() + trial.get("clock_s")
    for name, module in list(sys.modules.items()):
        if name.startswith("edge.") and getattr(module, "datetime", None) is datetime:
            module.datetime = Stepped  # type: ignore[attr-defined]


if __name__ == "__main__":
    on_trial = Trial(Path(sys.argv[1]))
    slow_disk(on_trial)
    wrong_clock(on_trial)
    sys.exit(program.main(sys.argv[2:]))
