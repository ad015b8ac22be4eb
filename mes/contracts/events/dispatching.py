"""Events of job orders and commands on their way to a line and back."""

from __future__ import annotations

from uuid import UUID

from mes.contracts.dispatch import CommandKind, JobKind, JobState, ListedJobState, ValueChange
from mes.contracts.events.base import Payload


class JobDispatched(Payload):
    """A job order was handed to the line's agent."""

    type = "job.dispatched"
    subject_field = "job_order_id"
    job_order_id: UUID
    kind: JobKind
    line: str
    body_id: UUID | None
    sequence: int


class JobStateRecorded(Payload):
    type = "job.state"
    subject_field = "job_order_id"
    job_order_id: UUID
    kind: JobKind
    line: str
    body_id: UUID | None
    state: JobState
    good: int = 0
    scrap: int = 0
    reason: str = ""


class CommandDone(Payload):
    """An agent reported what became of a command."""

    type = "command.done"
    subject_field = "command_id"
    command_id: UUID
    line: str
    kind: CommandKind
    ok: bool
    code: str
    message: str = ""
    changes: tuple[ValueChange, ...] = ()


class JobListReported(Payload):
    """An agent read its line's own job list, as after every reconnect: jobs it does not have were lost."""

    type = "job.list_reported"
    subject_field = "line"
    line: str
    jobs: tuple[ListedJobState, ...]
