"""What came of a command at a line."""

from __future__ import annotations

from dataclasses import dataclass

from mes.contracts.dispatch import ValueChange

OK = "ok"
ALREADY_DONE = "already_done"
DONE_WORDS = frozenset({OK, ALREADY_DONE})


@dataclass(frozen=True, slots=True)
class Answer:
    """The line's answer: `ok`, `already_done`, or a word why not; and what changed, where that was asked for."""

    word: str
    changes: tuple[ValueChange, ...] = ()
