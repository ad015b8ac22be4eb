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
