"""The job orders a line knows, and what the methods of Job Control do to them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from mes.contracts.dispatch import JobKind, JobOrder, JobState
from mes.contracts.job_parameters import MAX_STORED_JOBS, ReturnStatus

DONE = ReturnStatus.NO_ERROR | ReturnStatus.ALREADY_DONE
KEPT_ENDED = 50
KEPT_CANCELLED = 200
KEPT_ENDED_IDS = 5000
"""So long a line knows that a job order has ended here; about three days of work."""

_OPEN = frozenset({JobState.WAITING, JobState.READY})
_ACTIVE = frozenset({JobState.RUNNING, JobState.HELD, JobState.SUSPENDED})


@dataclass(slots=True)
class JobEntry:
    """A job order at the line and what became of it so far."""

    job: JobOrder
    state: JobState
    good: int = 0
    scrap: int = 0

    @property
    def is_active(self) -> bool:
        """Whether the job has begun and not ended."""
        return self.state in _ACTIVE


class JobBook:
    """The list of job orders; refuses what is not possible, and does nothing twice."""

    def __init__(self, line: str, kinds: frozenset[JobKind]) -> None:
        self._line = line
        self._kinds = kinds
        self.entries: dict[str, JobEntry] = {}
        self.ended: dict[str, JobState] = {}
        """Ids of the jobs that ended here, oldest first: none of them is begun again."""
        self.cancelled: deque[str] = deque(maxlen=KEPT_CANCELLED)

    def store(self, job: JobOrder, *, start: bool) -> ReturnStatus:
        """Take on a job order; with `start` it is allowed to start."""
        key = str(job.id)
        if key in self.ended:
            return DONE
        known = self.entries.get(key)
        if known is not None:
            if start and known.state is JobState.WAITING:
                known.state = JobState.READY
                return ReturnStatus.NO_ERROR
            return DONE
        if job.line != self._line or job.kind not in self._kinds or not _is_complete(job):
            return ReturnStatus.INVALID_REQUEST
        if sum(not entry.state.is_final for entry in self.entries.values()) >= MAX_STORED_JOBS:
            return ReturnStatus.NOT_ACCEPTED | ReturnStatus.LIST_FULL
        self.entries[key] = JobEntry(job, JobState.READY if start else JobState.WAITING)
        if key in self.cancelled:
            self.cancelled.remove(key)
        return ReturnStatus.NO_ERROR

    def start(self, key: str) -> ReturnStatus:
        """Allow a stored job order to start; one that has begun was allowed before."""
        entry = self.entries.get(key)
        if entry is not None and entry.is_active:
            return DONE
        return self._move(key, JobState.READY, possible=frozenset({JobState.WAITING}))

    def revoke_start(self, key: str) -> ReturnStatus:
        """Take the permission to start back."""
        return self._move(key, JobState.WAITING, possible=frozenset({JobState.READY}))

    def pause(self, key: str) -> ReturnStatus:
        """Suspend a running job order."""
        return self._move(key, JobState.SUSPENDED, possible=frozenset({JobState.RUNNING}))

    def resume(self, key: str) -> ReturnStatus:
        """Let a suspended job order run on."""
        return self._move(key, JobState.RUNNING, possible=frozenset({JobState.SUSPENDED}))

    def update(self, job: JobOrder) -> ReturnStatus:
        """Replace a job order that has not begun; its permission to start stays as it is."""
        key = str(job.id)
        entry = self.entries.get(key)
        if entry is None:
            return self._unknown(key)
        if entry.job == job:
            return DONE
        if entry.state not in _OPEN:
            return ReturnStatus.INVALID_STATUS
        if job.line != self._line or job.kind is not entry.job.kind or not _is_complete(job):
            return ReturnStatus.INVALID_REQUEST
        entry.job = job
        return ReturnStatus.NO_ERROR

    def cancel(self, key: str) -> ReturnStatus:
        """Take a job order that has not begun off the list."""
        entry = self.entries.get(key)
        if entry is None:
            return DONE if key in self.cancelled else self._unknown(key)
        if entry.state not in _OPEN:
            return ReturnStatus.INVALID_STATUS
        entry.state = JobState.CANCELLED
        self.cancelled.append(key)
        return ReturnStatus.NO_ERROR

    def end(self, key: str, state: JobState) -> list[str]:
        """Note that a job order has ended; returns the ids that are forgotten for it."""
        self.entries[key].state = state
        self.ended[key] = state
        forgotten = list(self.ended)[: max(len(self.ended) - KEPT_ENDED_IDS, 0)]
        for old in forgotten:
            del self.ended[old]
        return forgotten

    def clear(self, key: str) -> ReturnStatus:
        """Take an ended job order off the list."""
        entry = self.entries.get(key)
        if entry is None:
            return DONE if key in self.ended else self._unknown(key)
        if not entry.state.is_final:
            return ReturnStatus.INVALID_STATUS
        del self.entries[key]
        return ReturnStatus.NO_ERROR

    def forget_old(self) -> list[str]:
        """Drop cancelled jobs and the oldest ended ones from the list; returns their ids."""
        final = [key for key, entry in self.entries.items() if entry.state.is_final]
        gone = [key for key in final if self.entries[key].state is JobState.CANCELLED]
        kept = [key for key in final if key not in gone]
        gone.extend(kept[: max(len(kept) - KEPT_ENDED, 0)])
        for key in gone:
            del self.entries[key]
        return gone

    def ready(self, kind: JobKind) -> list[JobEntry]:
        """Return the jobs that may start, in order of work."""
        ready = [
            entry
            for entry in self.entries.values()
            if entry.state is JobState.READY and entry.job.kind is kind
        ]
        return sorted(ready, key=lambda entry: (entry.job.sequence, str(entry.job.id)))

    def of_body(self, body_id: str, kind: JobKind) -> JobEntry | None:
        """Return the job of this kind for a body that has begun or may start, if there is one."""
        for entry in self.entries.values():
            if (
                entry.job.kind is kind
                and str(entry.job.body_id) == body_id
                and (entry.is_active or entry.state is JobState.READY)
            ):
                return entry
        return None

    def _move(self, key: str, state: JobState, *, possible: frozenset[JobState]) -> ReturnStatus:
        entry = self.entries.get(key)
        if entry is None:
            return self._unknown(key)
        if entry.state is state:
            return DONE
        if entry.state not in possible:
            return ReturnStatus.INVALID_STATUS
        entry.state = state
        return ReturnStatus.NO_ERROR

    def _unknown(self, key: str) -> ReturnStatus:
        return ReturnStatus.INVALID_STATUS if key in self.ended else ReturnStatus.UNKNOWN_JOB_ORDER


def _is_complete(job: JobOrder) -> bool:
    if job.kind is JobKind.DIE_LOT:
        return job.panel is not None
    return job.body_id is not None
