"""A repair that waits for the planner: open → accepted or rejected, or overtaken by what happened since.

Which repairs need no planner is the permit of a site: kinds of event, and how much one repair may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from mes.planning.news import News, NewsKind
from mes.platform.errors import Conflict, NotFound

QUIET = timedelta(hours=1)
"""Plant time for which the plant proposes nothing again after a rejection, unless something new happens."""
STALE = timedelta(minutes=20)
"""Plant time after which an open proposal is laid over the plant again."""


class Occasion(StrEnum):
    """What a repair answers, as a planner permits it."""

    LINE = "line"
    PART = "part"
    SCRAP = "scrap"
    REWORK = "rework"
    RUSH = "rush"
    ORDER = "order"
    CHANGE = "change"
    TIMES = "times"
    SHIFT = "shift"


_OCCASIONS = {
    NewsKind.DOWN: Occasion.LINE,
    NewsKind.UP: Occasion.LINE,
    NewsKind.PART: Occasion.PART,
    NewsKind.SCRAPPED: Occasion.SCRAP,
    NewsKind.DELAY: Occasion.REWORK,
    NewsKind.REVERTED: Occasion.REWORK,
    NewsKind.DONE: Occasion.REWORK,
    NewsKind.RUSH: Occasion.RUSH,
    NewsKind.ORDER: Occasion.ORDER,
    NewsKind.CHANGED: Occasion.ORDER,
    NewsKind.GONE: Occasion.ORDER,
    NewsKind.CHANGE: Occasion.CHANGE,
}


def occasions_of(news: Iterable[News]) -> frozenset[Occasion]:
    """Return what a repair of these news answers; without news the plan's times follow the plant."""
    return frozenset(_OCCASIONS[one.kind] for one in news) or frozenset({Occasion.TIMES})


class UnknownProposal(NotFound):
    """There is no proposal {proposal}."""

    code = "proposal.unknown"


class ProposalClosed(Conflict):
    """This proposal is {state}; only an open one can be accepted or rejected."""

    code = "proposal.closed"


class ProposalChanged(Conflict):
    """More has happened since you looked (version {seen}, now {current}); look at the proposal again."""

    code = "proposal.changed"


class ProposalRefused(Conflict):
    """The checker refuses the plan that accepting would put in force: {first}"""

    code = "proposal.refused"


class PermitChanged(Conflict):
    """The permitted class was changed meanwhile: you saw version {seen}, it is at version {current}."""

    code = "permit.changed"


@dataclass(frozen=True, slots=True)
class Moved:
    """A car whose promise a repair would break; times as ISO text, `after_at` None: no place any more."""

    number: str
    promised_at: str
    before_at: str
    after_at: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What a repair changes against the plan in force, of the cars that both have."""

    cars: int = 0
    """Cars of both plans that have not begun assembly."""
    cars_moved: int = 0
    """Cars with another place in the order of paint or assembly, relative to the others."""
    cars_later: int = 0
    """Cars that finish more than a minute later."""
    minutes: int = 0
    """The most minutes that one car finishes later."""
    minutes_in_all: int = 0
    color_changes_before: int = 0
    color_changes_after: int = 0
    purge_s_before: int = 0
    purge_s_after: int = 0
    promises_later: int = 0
    """Promises that the plan in force keeps and the repair does not."""
    promises: list[Moved] = field(default_factory=list)
    """The first of them, most urgent first."""
    locks_broken: int = 0
    """Locked starts that the plan in force keeps and the repair does not."""

    def plain(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return asdict(self)

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Difference:
        """Return it as it was stored."""
        promises = [Moved(**one) for one in stored["promises"]]
        return cls(**{**stored, "promises": promises})


@dataclass(frozen=True, slots=True)
class Breach:
    """Why a repair needs the planner: an occasion that is not permitted, or a limit that it passes."""

    what: str
    """`occasion`, `cars_moved`, `minutes`, `promises_later` or `locks_broken`."""
    value: str | int
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What happens without the planner. A limit that is None does not bind."""

    occasions: tuple[Occasion, ...] = tuple(Occasion)
    max_cars_moved: int | None = None
    max_minutes: int | None = None
    max_promises: int | None = None
    max_locks: int | None = None
    entered_by: str | None = None
    entered_at: datetime | None = None
    row_version: int = 0

    def __post_init__(self) -> None:
        """Read the texts of a database row as what they mean."""
        object.__setattr__(self, "occasions", tuple(Occasion(one) for one in self.occasions))

    def breaches(self, occasions: Iterable[Occasion], found: Difference) -> tuple[Breach, ...]:
        """Return everything that keeps a repair from happening by itself; nothing: it may."""
        breaches = [
            Breach("occasion", one.value) for one in sorted(occasions) if one not in self.occasions
        ]
        limits = (
            ("cars_moved", found.cars_moved, self.max_cars_moved),
            ("minutes", found.minutes, self.max_minutes),
            ("promises_later", found.promises_later, self.max_promises),
            ("locks_broken", found.locks_broken, self.max_locks),
        )
        breaches += [
            Breach(what, value, limit)
            for what, value, limit in limits
            if limit is not None and value > limit
        ]
        return tuple(breaches)

    def seen_as(self, row_version: int) -> Permit:
        """Return the permit if the caller saw its present version.

        Raises:
            PermitChanged: somebody changed it since.
        """
        if row_version != self.row_version:
            raise PermitChanged(seen=row_version, current=self.row_version)
        return self

    def plain(self) -> dict[str, Any]:
        """Return what it permits, as an audit row keeps it."""
        return {
            "occasions": [one.value for one in self.occasions],
            "max_cars_moved": self.max_cars_moved,
            "max_minutes": self.max_minutes,
            "max_promises": self.max_promises,
            "max_locks": self.max_locks,
        }


class ProposalState(StrEnum):
    """How far a proposal is."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A repair outside the permitted class; times are plant time."""

    id: UUID
    site: str
    state: ProposalState
    cause: str
    """What it answers, in the words of a plan's cause."""
    news_seq: int
    """The newest event that it answers."""
    base_id: UUID
    """The plan in force that it would follow."""
    difference: Difference
    breaches: tuple[Breach, ...]
    event_id: UUID
    made_at: datetime
    """When it was last laid over the plant."""
    created_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
    note: str = ""
    plan_id: UUID | None = None
    """What accepting it put in force."""
    row_version: int = 1

    def answered(self, newest: int | None, *, now: datetime) -> bool:
        """Say whether there is nothing to work out again: no newer event, and it is not old."""
        if newest is not None and newest > self.news_seq:
            return False
        if self.state is ProposalState.OPEN:
            return now - self.made_at < STALE
        if self.state is ProposalState.REJECTED and self.decided_at is not None:
            return newest is None and now - self.decided_at < QUIET
        return False

    def renewed(
        self,
        *,
        cause: str,
        news_seq: int,
        base_id: UUID,
        difference: Difference,
        breaches: Sequence[Breach],
        now: datetime,
    ) -> Proposal:
        """Return the proposal as the plant is by now."""
        return replace(
            self,
            cause=cause,
            news_seq=news_seq,
            base_id=base_id,
            difference=difference,
            breaches=tuple(breaches),
            made_at=now,
            row_version=self.row_version + 1,
        )

    def decided(self, state: ProposalState, *, now: datetime, by: str, note: str) -> Proposal:
        """Return the proposal as a planner, or the course of events, has settled it.

        Raises:
            ProposalClosed: it is settled already.
        """
        if self.state is not ProposalState.OPEN:
            raise ProposalClosed(state=self.state.value)
        return replace(
            self,
            state=state,
            decided_at=now,
            decided_by=by,
            note=note,
            row_version=self.row_version + 1,
        )

    def seen_as(self, row_version: int) -> Proposal:
        """Return the proposal if the caller saw its present version.

        Raises:
            ProposalChanged: it was laid over the plant again since.
        """
        if row_version != self.row_version:
            raise ProposalChanged(seen=row_version, current=self.row_version)
        return self
