"""What happened since the plan in force was made, and what keeps bodies from their next stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class NewsKind(StrEnum):
    """Why a plan may have to be repaired."""

    ORDER = "order"
    CHANGED = "changed"
    GONE = "gone"
    DELAY = "delay"
    REVERTED = "reverted"
    DONE = "done"
    SCRAPPED = "scrapped"
    DOWN = "down"
    UP = "up"
    CHANGE = "change"
    PART = "part"
    RUSH = "rush"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing that happened, with the event that tells it."""

    event_seq: int
    event_id: UUID
    kind: NewsKind
    at: datetime
    order_id: UUID | None = None
    body_id: UUID | None = None
    hold_id: UUID | None = None
    line: str | None = None

    def __post_init__(self) -> None:
        """Read the text of a database row as what it means."""
        object.__setattr__(self, "kind", NewsKind(self.kind))


class DelayState(StrEnum):
    """How sure a delay is."""

    HELD = "held"
    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A hold and the rework it leads to. Times are plant time."""

    hold_id: UUID
    body_id: UUID
    order_id: UUID
    line: str
    state: DelayState
    cause: str
    defect_kind: str | None
    work_s: float | None
    since_at: datetime
    available_at: datetime
    """When the body can go on, as far as is known."""
    inspection_event: UUID | None
    hold_event: UUID
    rework_event: UUID | None = None
    end_event: UUID | None = None
    missed_event: UUID | None = None
    """The missed slot that was announced for it."""
    base_plan_id: UUID | None = None
    """The plan in force before it; what a reverted delay goes back to."""
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        """Read the text of a database row as what it means."""
        object.__setattr__(self, "state", DelayState(self.state))

    def rework(
        self, *, work_s: float, kind: str, event: UUID, ride_s: float, now: datetime
    ) -> Delay:
        """Expect a rework of standard minutes, after the body has ridden to the bay."""
        if self.state is DelayState.ENDED:
            return self
        return replace(
            self,
            state=DelayState.PROVISIONAL,
            defect_kind=kind,
            work_s=work_s,
            rework_event=event,
            available_at=max(self.available_at, now + timedelta(seconds=ride_s + work_s)),
        )

    def confirmed(self, *, event: UUID, now: datetime) -> Delay:
        """Know that the rework is needed; its minutes count from now, when the body is in the bay."""
        if self.state is DelayState.ENDED:
            return self
        needed = now + timedelta(seconds=self.work_s or 0)
        return replace(
            self,
            state=DelayState.CONFIRMED,
            rework_event=event,
            available_at=max(self.available_at, needed),
        )

    def ended(self, *, event: UUID, now: datetime) -> Delay:
        """Let the body go on."""
        if self.state is DelayState.ENDED:
            return self
        return replace(
            self, state=DelayState.ENDED, end_event=event, ended_at=now, available_at=now
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Downtime:
    """A line, or a station of it, that is down; `until_at` is a guess from its repair times."""

    line: str
    station: str | None
    since_at: datetime
    until_at: datetime
    reason: str
    event_id: UUID


def still_available_at(delay: Delay, now: datetime) -> datetime:
    """Return when a held body can go on: a rework that runs over is done at the earliest in a minute."""
    return max(delay.available_at, now + timedelta(minutes=1))
