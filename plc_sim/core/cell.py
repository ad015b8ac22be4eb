"""A station as it is now: what stands there, how far its cycle is, what holds it up."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mes.contracts.line_records import StationState
from mes.contracts.plant import Station
from plc_sim.core.body import Body
from plc_sim.core.process import TagState


class Phase(StrEnum):
    """Where a station is in its cycle."""

    EMPTY = "empty"
    WAITING = "waiting"
    """A body is there, its panels are not."""
    WORKING = "working"
    DONE = "done"
    ASKING = "asking"
    """A body was read that is not the one expected; a person is asked."""


@dataclass(slots=True)
class Cell:
    """One station; all times are plant seconds since 1970."""

    station: Station
    phase: Phase = Phase.EMPTY
    body: Body | None = None
    job: str | None = None
    started: float = 0.0
    due: float | None = None
    """End of the cycle while it runs; None while it is interrupted."""
    left_s: float = 0.0
    """What is left of an interrupted cycle."""
    fail_at: float | None = None
    fail_s: float = 0.0
    down_until: float | None = None
    down_reason: str = ""
    interlocked: bool = False
    """Set by an open guard or by command; a person releases it."""
    guard_open: bool = False
    cycles: int = 0
    finished: float = 0.0
    """End of the last cycle, when the tags were measured."""
    consumed: list[dict[str, Any]] = field(default_factory=list)
    expected: str | None = None
    """The job whose body was expected while the station asks."""
    word: StationState = "idle"
    reason: str = ""
    told_since: float = 0.0
    turning: StationState | None = None
    """A waiting state that is not told yet, because most waits are short."""
    turning_at: float = 0.0
    tags: dict[str, TagState] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)

    @property
    def is_down(self) -> bool:
        """Whether the station cannot work: broken down, or its interlock is set."""
        return self.down_until is not None or self.interlocked

    @property
    def why_not(self) -> tuple[StationState, str]:
        """The state and the reason of a station that cannot work; an interlock asks a person."""
        if self.interlocked:
            return "stopped", "guard_open" if self.guard_open else "interlock"
        return "down", self.down_reason

    def interrupt(self, at: float) -> None:
        """Stop the clock of a running cycle."""
        if self.phase is Phase.WORKING and self.due is not None:
            self.left_s = max(self.due - at, 0.0)
            if self.fail_at is not None:
                self.fail_at -= at
            self.due = None

    def go_on(self, at: float) -> None:
        """Start the clock of an interrupted cycle again."""
        if self.phase is Phase.WORKING and self.due is None:
            self.due = at + self.left_s
            if self.fail_at is not None:
                self.fail_at += at

    def clear(self) -> None:
        """The body has gone."""
        self.phase = Phase.EMPTY
        self.body = None
        self.job = None
        self.due = None
        self.fail_at = None
        self.expected = None
        self.consumed = []

    def next_due(self) -> float | None:
        """Return when something happens here next without a cause from outside."""
        if self.down_until is not None:
            return self.down_until
        if self.due is None:
            return None
        return self.due if self.fail_at is None else min(self.due, self.fail_at)

    def shift(self, seconds: float) -> None:
        """Move everything that lies ahead by the time that the line was switched off."""
        for name in ("due", "fail_at", "down_until"):
            value = getattr(self, name)
            if value is not None and (name != "fail_at" or self.due is not None):
                setattr(self, name, value + seconds)

    def to_doc(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return {
            "phase": self.phase,
            "body": self.body and self.body.to_doc(),
            "job": self.job,
            "started": self.started,
            "due": self.due,
            "left_s": self.left_s,
            "fail_at": self.fail_at,
            "fail_s": self.fail_s,
            "down_until": self.down_until,
            "down_reason": self.down_reason,
            "interlocked": self.interlocked,
            "guard_open": self.guard_open,
            "cycles": self.cycles,
            "finished": self.finished,
            "consumed": self.consumed,
            "expected": self.expected,
            "word": self.word,
            "reason": self.reason,
            "told_since": self.told_since,
            "turning": self.turning,
            "turning_at": self.turning_at,
            "tags": {name: [tag.z, tag.drift, tag.offset] for name, tag in self.tags.items()},
            "values": self.values,
        }

    @classmethod
    def from_doc(cls, station: Station, doc: dict[str, Any]) -> Cell:
        """Read what `to_doc` wrote."""
        body = doc.pop("body")
        tags = {name: TagState(*parts) for name, parts in doc.pop("tags").items()}
        phase = Phase(doc.pop("phase"))
        return cls(
            station=station, phase=phase, body=body and Body.from_doc(body), tags=tags, **doc
        )
