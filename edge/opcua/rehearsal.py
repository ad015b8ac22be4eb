"""What a line would say to a command about a job order, by its own job list and the states of Job Control.

The rules are those of the state machine of OPC 10031-4 (`ISA95JobOrderReceiverSubStates`, annex B): a line may
refuse for reasons of its own that its list does not show, so a dry run that is fine is no promise.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge.opcua.answer import ALREADY_DONE, OK
from mes.contracts.dispatch import CommandKind, JobState
from mes.contracts.job_parameters import ReturnStatus

_NOT_ALLOWED = frozenset({JobState.WAITING, JobState.DISPATCHED})
_OPEN = _NOT_ALLOWED | {JobState.PENDING, JobState.READY}
_ACTIVE = frozenset({JobState.RUNNING, JobState.HELD, JobState.SUSPENDED})
_ENDED = frozenset({JobState.COMPLETED, JobState.CLOSED, JobState.ABORTED})

_MOVES: Mapping[CommandKind, tuple[frozenset[JobState], JobState | None]] = {
    CommandKind.START_JOB: (_NOT_ALLOWED, JobState.READY),
    CommandKind.PAUSE_JOB: (frozenset({JobState.RUNNING}), JobState.SUSPENDED),
    CommandKind.RESUME_JOB: (frozenset({JobState.SUSPENDED}), JobState.RUNNING),
    CommandKind.STOP_JOB: (_ACTIVE, JobState.COMPLETED),
    CommandKind.ABORT_JOB: (_OPEN | _ACTIVE, JobState.ABORTED),
    CommandKind.CANCEL_JOB: (_OPEN, None),
    CommandKind.CLEAR_JOB: (_ENDED, None),
}
"""Command about a listed job → (states in which it is possible, the state after; None: off the list)."""

JOB_KINDS = frozenset(
    {*_MOVES, CommandKind.STORE_JOB, CommandKind.STORE_ONLY, CommandKind.UPDATE_JOB}
)
"""The commands of Job Control."""

_UNKNOWN = ReturnStatus.UNKNOWN_JOB_ORDER.word
_NOT_NOW = ReturnStatus.INVALID_STATUS.word


def rehearse_job(
    kind: CommandKind, job_order_id: str, listed: Mapping[str, JobState | None]
) -> tuple[str, JobState | None]:
    """Return the line's likely answer, and the state of the job after it; None: not on the list."""
    state, known = listed.get(job_order_id), job_order_id in listed
    match kind:
        case CommandKind.STORE_JOB | CommandKind.STORE_ONLY:
            return _store(kind, state, known=known)
        case CommandKind.UPDATE_JOB:
            if not known:
                return _UNKNOWN, None
            return (OK if state in _OPEN else _NOT_NOW), state
        case _:
            possible, after = _MOVES[kind]
    if not known:
        return _UNKNOWN, None
    if state is after or (kind is CommandKind.START_JOB and state in _ACTIVE):
        return ALREADY_DONE, state
    return (OK, after) if state in possible else (_NOT_NOW, state)


def _store(
    kind: CommandKind, state: JobState | None, *, known: bool
) -> tuple[str, JobState | None]:
    if not known:
        return OK, JobState.READY if kind is CommandKind.STORE_JOB else JobState.WAITING
    if kind is CommandKind.STORE_JOB and state in _NOT_ALLOWED:
        return OK, JobState.READY
    return ALREADY_DONE, state
