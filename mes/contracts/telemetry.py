"""Stretches of telemetry that are missing, and why."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict


class GapCause(StrEnum):
    """Why telemetry is missing; every lost value lies in a gap with one of these."""

    AGENT_DOWN = "agent_down"
    LINK_LOST = "link_lost"
    """The session or the subscription was lost and could not be republished."""
    DATA_SILENT = "data_silent"
    """The session was alive, but no data came (a hung server)."""
    QUEUE_OVERFLOW = "queue_overflow"
    """The server said so: overflow bit 0x480 in a status code."""
    JOURNAL_FULL = "journal_full"
    POISON = "poison"
    NODE_REFUSED = "node_refused"
    """The server would not monitor a node: it was not there, or there were too many."""
    POLL_MISSED = "poll_missed"
    """A line that is polled was not read when it was due."""


class GapRepair(StrEnum):
    """What was done about a gap before it was written down."""

    NONE = "none"
    RESYNC = "resync"
    """At its end the current value of every tag was read again; what changed in between is not known."""
    HISTORY = "history"
    """The line's history gave back what it still had (OPC 10000-11); the gap is what it had no more."""


class Gap(BaseModel):
    """From `from_at` to `to_at` (plant time, as source timestamps) values of the line may be missing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    line: str
    tag_ids: tuple[int, ...] | None = None
    """None: every tag of the line."""
    from_at: AwareDatetime
    to_at: AwareDatetime
    cause: GapCause
    detail: str = ""
    repair: GapRepair = GapRepair.NONE
