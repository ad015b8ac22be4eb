"""What a line has to write down and to tell since the last commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from mes.contracts.dispatch import JobState
from mes.contracts.quality import Verdict
from plc_sim.core.inspection import Request
from plc_sim.core.jobs import JobEntry


def moment(at: float) -> datetime:
    """Return plant seconds since 1970 as an aware datetime."""
    return datetime.fromtimestamp(at, UTC)


@dataclass(frozen=True, slots=True)
class TagChange:
    """A process tag took a new value."""

    station: str
    name: str
    value: float
    at: float


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A camera's request got its verdict, from the line or from the camera itself, or its deadline passed."""

    request: Request
    verdict: Verdict
    at: float


@dataclass(frozen=True, slots=True)
class Scan:
    """The reader of a station read the carrier of a body."""

    station: str
    body_id: str
    at: float


@dataclass(slots=True)
class Changes:
    """What happened since the last commit: to write first, and to publish after."""

    records: list[tuple[int, str]] = field(default_factory=list)
    truths: list[tuple[Request, float]] = field(default_factory=list)
    docs: set[str] = field(default_factory=set)
    stations: set[str] = field(default_factory=set)
    tags: list[TagChange] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    conclusions: list[Conclusion] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    acks: set[str] = field(default_factory=set)
    jobs: list[JobEntry] = field(default_factory=list)
    """Copies of job entries as they were at each change of state, in order."""
    ended: list[tuple[str, JobState]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    """Ids of ended jobs that are not remembered any more."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write or publish."""
        return not (self.docs or self.records or self.tags or self.stations or self.acks)
