"""Job orders: their states as lines report them, and what to tell a line so that it follows the plan.

Reports come late, twice and out of order; commands too. States only go forward, and a line that is told
the same thing twice does nothing the second time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from uuid import UUID

from mes.contracts.dispatch import JobKind, JobOrder, JobState
from mes.platform.errors import Conflict, NotFound

STEP = 1024
"""Distance of sequence numbers, so that a job fits between two others without moving them."""
MAX_REFUSALS = 5
"""A line that refused a job so often is not asked again until the plan changes what it asks."""

TOO_LATE = "invalid_status"
"""A line's word for a job order that is no longer in the state that a command needs."""
REPORT_COMES = timedelta(minutes=30)
"""Plant time within which the report of a job that has begun is here."""
BEGINS_SOON = 2
"""Jobs at the head of a line that begin before a command could reach it."""

_BEFORE_START = {
    JobState.WAITING: 0,
    JobState.PENDING: 1,
    JobState.DISPATCHED: 2,
    JobState.READY: 3,
}
_UNDER_WAY = frozenset({JobState.RUNNING, JobState.HELD, JobState.SUSPENDED})


class UnknownLine(NotFound):
    """The plant has no line {line}; its lines are {known}."""

    code = "line.unknown"


class UnknownJobOrder(NotFound):
    """There is no job order {job}."""

    code = "job.unknown"


class JobRuns(Conflict):
    """Job order {job} on line {line} is {state}; only a job that has not begun can be taken back."""

    code = "job.runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job order of ours, and how far it is."""

    id: UUID
    kind: JobKind
    line: str
    subject_id: UUID
    attempt: int
    state: JobState
    state_at: datetime
    """Plant time of the last report."""
    sequence: int
    order: JobOrder
    order_id: UUID | None = None
    body_id: UUID | None = None
    rework_id: UUID | None = None
    cancelling: bool = False
    good: int = 0
    scrap: int = 0
    reason: str = ""

    @property
    def has_begun(self) -> bool:
        """Whether the line works, or worked, on it."""
        return self.state in _UNDER_WAY or self.state in (
            JobState.COMPLETED,
            JobState.CLOSED,
            JobState.ABORTED,
        )

    @property
    def is_open(self) -> bool:
        """Whether something may still happen to it."""
        return not self.state.is_final

    def reported(
        self, state: JobState, at: datetime, *, good: int = 0, scrap: int = 0, reason: str = ""
    ) -> Job:
        """Return the job after a report of its line; one that is late or repeated changes nothing.

        The way from waiting to running goes one way only, so its reports need no clock; the clocks of
        the line and of whoever spoke last may differ by a takt when plant time runs fast.
        """
        if not may_follow(self.state, state):
            return self
        if at < self.state_at and self.state in _UNDER_WAY and not state.is_final:
            return self
        if state is self.state and good <= self.good and scrap <= self.scrap:
            return self
        return replace(
            self,
            state=state,
            state_at=max(at, self.state_at),
            good=max(good, self.good),
            scrap=max(scrap, self.scrap),
            reason=reason or self.reason,
            cancelling=self.cancelling and state in _BEFORE_START,
        )

    def taken_back(self) -> Job:
        """Return the job while its cancellation is on the way.

        Raises:
            JobRuns: it has begun.
        """
        if self.state not in _BEFORE_START:
            raise JobRuns(job=self.id, line=self.line, state=self.state.value)
        return replace(self, cancelling=True)

    def answered(self, kind: str, *, ok: bool, code: str, at: datetime) -> Job:
        """Return the job after its line answered a command; `code` is the line's word."""
        unknown = "unknown_job_order" in code
        if kind == "store_job":
            if ok:
                return self.reported(JobState.DISPATCHED, max(at, self.state_at))
            return self.reported(JobState.ABORTED, at, reason=f"refused by the line: {code}")
        if kind == "cancel_job":
            if ok or unknown:
                return self.reported(JobState.CANCELLED, at, reason="taken back")
            return self._too_late(code)
        if kind == "update_job" and unknown and not self.has_begun:
            return self.reported(JobState.CANCELLED, at, reason="the line does not have it")
        return self._too_late(code) if kind == "update_job" and not ok else self

    def _too_late(self, code: str) -> Job:
        """Return the job that its line would not change or take back.

        By Job Control a line refuses that for its status only once it has begun the job; so it has, and
        is not asked again. What became of it comes as a report.
        """
        if TOO_LATE not in code or self.state not in _BEFORE_START:
            return replace(self, cancelling=False)
        return replace(self, state=JobState.RUNNING, cancelling=False)


def may_follow(now: JobState, then: JobState) -> bool:
    """Say whether a report `then` is news for a job that is `now` (equal states carry counters)."""
    if now.is_final:
        return now is JobState.COMPLETED and then is JobState.CLOSED
    if then.is_final:
        return then is not JobState.CANCELLED or now in _BEFORE_START
    if now in _UNDER_WAY:
        return then in _UNDER_WAY
    return then in _UNDER_WAY or _BEFORE_START[then] >= _BEFORE_START[now]


@dataclass(frozen=True, slots=True)
class Orders:
    """What to tell a line: jobs to store, to put at another place, to take back."""

    store: tuple[tuple[UUID, int], ...] = ()
    """(subject, sequence number)."""
    move: tuple[tuple[UUID, int], ...] = ()
    """(job, new sequence number)."""
    cancel: tuple[UUID, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the line does what the plan wants already."""
        return not (self.store or self.move or self.cancel)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The next work of a line by the plan, first comes first; `ahead` of it are to be stored."""

    subjects: tuple[UUID, ...]
    ahead: int
    gone: frozenset[UUID] = field(default_factory=frozenset)
    """Subjects that the plan does not have on this line any more."""
    there: frozenset[UUID] = field(default_factory=frozenset)
    """Subjects that the line could begin now."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which bodies a line can get: those in the store it takes from, and those on their way into it."""

    here: frozenset[UUID] = frozenset()
    coming: frozenset[UUID] = frozenset()


def as_they_come(planned: Sequence[UUID], reach: Reach) -> tuple[UUID, ...]:
    """Return the subjects in the order the line can work them off: the plan's, among what is there.

    A body that is not in the store yet never stands before one that is. Otherwise the line would starve
    beside a store that fills up behind it, until the lines before it have nowhere to go; and the body it
    waits for could be one of those that cannot pass. The store's depth is what the plan may resequence.
    """
    there = [subject for subject in planned if subject in reach.here]
    coming = [subject for subject in planned if subject in reach.coming]
    near = reach.here | reach.coming
    return (*there, *coming, *(subject for subject in planned if subject not in near))


def as_lanes_give(planned: Sequence[UUID], lanes: Iterable[Sequence[UUID]]) -> tuple[UUID, ...]:
    """Return the subjects in the order in which the lanes they stand in, next to leave first, can give them.

    Again and again the one at the head of a lane that the plan has first goes next.
    """
    place = {subject: at for at, subject in enumerate(planned)}
    waiting = [[one for one in lane if one in place] for lane in lanes]
    in_lanes = {one for lane in waiting for one in lane}
    heads = [(place[lane[0]], number, 0) for number, lane in enumerate(waiting) if lane]
    heads += [(place[one], -1, 0) for one in planned if one not in in_lanes]
    heapify(heads)
    found = []
    while heads:
        at, number, behind = heappop(heads)
        found.append(planned[at])
        if number >= 0 and behind + 1 < len(waiting[number]):
            heappush(heads, (place[waiting[number][behind + 1]], number, behind + 1))
    return tuple(found)


def orders_for(jobs: Iterable[Job], wanted: Wanted, *, refused: Mapping[UUID, int]) -> Orders:
    """Return what brings the stored jobs of a line to the plan, moving as few as possible.

    Jobs that have begun are left alone, and so are those that the line is about to begin: a change of
    them would come too late. A stored job that the plan puts beyond twice the distance is taken back; one
    between once and twice the distance stays, so that small changes do not flap.
    """
    open_jobs = {j.subject_id: j for j in jobs if j.is_open and j.kind is not JobKind.REWORK}
    taken = {j.sequence for j in jobs if j.is_open}
    begun = {s for s, j in open_jobs.items() if j.has_begun}
    leaving = {s for s, j in open_jobs.items() if j.cancelling}
    head = beginning(open_jobs.values(), wanted)
    waiting = [s for s in wanted.subjects if s not in begun and s not in leaving]
    waiting = head + [s for s in waiting if s not in head]
    near, far = waiting[: wanted.ahead], waiting[wanted.ahead : 2 * wanted.ahead]
    near = [s for s in near if s in open_jobs or refused.get(s, 0) < MAX_REFUSALS]
    stay = near + [s for s in far if s in open_jobs]
    known = set(wanted.subjects) | wanted.gone
    cancel = tuple(
        job.id
        for subject, job in open_jobs.items()
        if subject in known and subject not in begun | leaving and subject not in set(stay)
    )
    current = {s: open_jobs[s].sequence for s in stay if s in open_jobs}
    numbers = numbered(stay, current, taken)
    store = tuple((s, numbers[s]) for s in stay if s not in open_jobs)
    move = tuple(
        (open_jobs[s].id, numbers[s]) for s in stay if s in current and numbers[s] != current[s]
    )
    return Orders(store=store, move=move, cancel=cancel)


def left_behind(job: Job, now: datetime) -> bool:
    """Say whether a job still waits long after its body has passed the line: nobody will begin it.

    Shortly after, the report that it has begun may be on its way.
    """
    return job.state in _BEFORE_START and not job.cancelling and now - job.state_at > REPORT_COMES


def beginning(jobs: Iterable[Job], wanted: Wanted) -> list[UUID]:
    """Return the subjects whose stored jobs the line begins next, first comes first."""
    able = [
        job
        for job in jobs
        if job.subject_id in wanted.there
        and job.subject_id not in wanted.gone
        and not (job.has_begun or job.cancelling)
    ]
    able.sort(key=lambda job: job.sequence)
    return [job.subject_id for job in able[:BEGINS_SOON]]


def numbered(
    wanted: Sequence[UUID], current: Mapping[UUID, int], taken: Iterable[int]
) -> dict[UUID, int]:
    """Return sequence numbers that increase along `wanted`, keeping as many as possible.

    A new number is none that is in use (`taken`), so that a line never sees two jobs with one number
    while the changes arrive one by one.
    """
    used = set(taken) | set(current.values())
    kept = set(_longest_rising([s for s in wanted if s in current], current))
    numbers: dict[UUID, int] = {s: current[s] for s in kept}
    top = max(used, default=0)
    at = 0
    while at < len(wanted):
        if wanted[at] in numbers:
            at += 1
            continue
        end = at
        while end < len(wanted) and wanted[end] not in numbers:
            end += 1
        low = numbers[wanted[at - 1]] if at else 0
        if end == len(wanted):
            fresh = [max(low, top) + STEP * (k + 1) for k in range(end - at)]
        else:
            between = _between(low, numbers[wanted[end]], end - at, used)
            if between is None:
                base = max(top, *numbers.values()) if numbers else top
                return {s: base + STEP * (k + 1) for k, s in enumerate(wanted)}
            fresh = between
        for subject, number in zip(wanted[at:end], fresh, strict=True):
            numbers[subject] = number
            used.add(number)
        top = max(top, *fresh)
        at = end
    return numbers


def _between(low: int, high: int, count: int, used: set[int]) -> list[int] | None:
    """Return `count` unused numbers between two others, spread evenly; None when they do not fit."""
    found: list[int] = []
    for k in range(count):
        number = low + (high - low) * (k + 1) // (count + 1)
        number = max(number, (found[-1] if found else low) + 1)
        while number in used and number < high:
            number += 1
        if number >= high:
            return None
        found.append(number)
    return found


def _longest_rising(subjects: Sequence[UUID], current: Mapping[UUID, int]) -> list[UUID]:
    """Return the longest part of `subjects` whose numbers rise already."""
    tails: list[int] = []
    tail_of: list[int] = []
    before: list[int | None] = []
    for place, subject in enumerate(subjects):
        number = current[subject]
        at = bisect_left(tails, number)
        if at == len(tails):
            tails.append(number)
            tail_of.append(place)
        else:
            tails[at] = number
            tail_of[at] = place
        before.append(tail_of[at - 1] if at else None)
    chain: list[UUID] = []
    place_or_none = tail_of[-1] if tail_of else None
    while place_or_none is not None:
        chain.append(subjects[place_or_none])
        place_or_none = before[place_or_none]
    return chain[::-1]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A job whose state here and at its line differ."""

    job_order_id: UUID
    line: str
    ours: JobState
    reported: JobState | None


def reconciled(job: Job, reported: JobState | None, at: datetime) -> tuple[Job, bool]:
    """Compare a job with the line's own list after a reconnect; say also whether to send it again.

    A job that the line does not list was lost on the way if it had not begun; a job that ran and is
    gone has ended while nobody listened, and its records will say how.
    """
    if reported is not None:
        return job.reported(reported, at), False
    if job.state in _BEFORE_START and not job.cancelling:
        return job, True
    if job.cancelling:
        return job.reported(JobState.CANCELLED, at, reason="the line does not have it"), False
    return job, False
