"""How a job order travels over OPC UA: its fields as `JobOrderParameters`, and what the line answers.

An `ISA95JobOrderDataType` carries `JobOrderID` (the job order's id) and `StartTime`; every other field of
`mes.contracts.dispatch.JobOrder` is one `ISA95ParameterDataType` whose `ID` is the field's name and whose
`Value` is a String: numbers in decimal, times in ISO 8601, lists as JSON arrays. Fields that a job does
not have are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from enum import IntFlag

from pydantic import ValidationError

from mes.contracts.dispatch import JobOrder, JobState

_LISTS = frozenset({"options", "parts"})


class ReturnStatus(IntFlag):
    """`ReturnStatus` (UInt64) of the job order methods: bits of OPC 10031-4 annex B.2.

    Bits 33-63 are left to the implementation; ours say why a job was not accepted, beside the bit that
    the specification names. A repeated command that changes nothing more answers `NO_ERROR | ALREADY_DONE`.
    """

    NO_ERROR = 1 << 0
    UNKNOWN_JOB_ORDER = 1 << 1
    INVALID_COMMAND = 1 << 2
    INVALID_STATUS = 1 << 3
    """The command is not possible in the state that the job order is in."""
    NOT_ACCEPTED = 1 << 4
    INVALID_REQUEST = 1 << 32
    """A field of the job order is missing or malformed, or it is meant for another line."""
    ALREADY_DONE = 1 << 33
    LIST_FULL = 1 << 34
    """With `NOT_ACCEPTED`: the line stores `MAX_STORED_JOBS` job orders that have not ended."""

    @property
    def is_good(self) -> bool:
        """Whether the line did what it was told, now or before."""
        return bool(self & ReturnStatus.NO_ERROR)

    @property
    def word(self) -> str:
        """Return the status in lower case: `ok`, `already_done`, or why not (`not_accepted+list_full`)."""
        if self & ReturnStatus.ALREADY_DONE:
            return "already_done"
        if self.is_good:
            return "ok"
        return "+".join(flag.name.lower() for flag in ReturnStatus if flag & self and flag.name)


MAX_STORED_JOBS = 200
"""A line refuses more job orders than this that have not ended."""

JOB_CONTROL_NUMBERS: dict[tuple[str, str | None], tuple[int, ...]] = {
    ("NotAllowedToStart", None): (1,),
    ("NotAllowedToStart", "Waiting"): (1, 1),
    ("NotAllowedToStart", "Ready"): (1, 2),
    ("NotAllowedToStart", "Loaded"): (1, 3),
    ("AllowedToStart", None): (2,),
    ("AllowedToStart", "Waiting"): (2, 1),
    ("AllowedToStart", "Ready"): (2, 2),
    ("AllowedToStart", "Loaded"): (2, 3),
    ("Running", None): (3,),
    ("Interrupted", None): (4,),
    ("Interrupted", "Held"): (4, 1),
    ("Interrupted", "Suspended"): (4, 2),
    ("Ended", None): (5,),
    ("Ended", "Completed"): (5, 1),
    ("Ended", "Closed"): (5, 2),
    ("Aborted", None): (6,),
}
"""(state, substate) → `StateNumber` of the levels of `ISA95JobOrderAndStateDataType.State`, outermost first."""

JOB_CONTROL_STATE_OF: dict[JobState, tuple[str, str | None]] = {
    JobState.WAITING: ("NotAllowedToStart", None),
    JobState.DISPATCHED: ("NotAllowedToStart", "Ready"),
    JobState.PENDING: ("AllowedToStart", "Waiting"),
    JobState.READY: ("AllowedToStart", None),
    JobState.RUNNING: ("Running", None),
    JobState.HELD: ("Interrupted", "Held"),
    JobState.SUSPENDED: ("Interrupted", "Suspended"),
    JobState.COMPLETED: ("Ended", "Completed"),
    JobState.CLOSED: ("Ended", "Closed"),
    JobState.ABORTED: ("Aborted", None),
}
"""The state a line shows in its job list for each dispatch status; a cancelled job is not in the list."""


class JobParametersError(ValueError):
    """The parameters are not a job order; the message names the field and the rule."""


def to_parameters(job: JobOrder) -> list[tuple[str, str]]:
    """Return the fields of `job` but its id as (parameter id, text), in the order of the model."""
    fields = job.model_dump(mode="json", exclude={"id"}, exclude_none=True)
    return [
        (name, json.dumps(value, ensure_ascii=False) if name in _LISTS else str(value))
        for name, value in fields.items()
        if value != []
    ]


def from_parameters(job_order_id: str, parameters: Iterable[tuple[str, object]]) -> JobOrder:
    """Read a job order; parameters with an unknown id are ignored, values may be typed or text.

    Raises:
        JobParametersError: a field is missing or malformed, or stands twice.
    """
    fields: dict[str, object] = {"id": job_order_id}
    for name, value in parameters:
        if name in fields:
            raise JobParametersError(f"parameter {name!r} stands twice")
        if name in _LISTS and isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise JobParametersError(f"{name}: not a JSON array: {value!r}") from error
        fields[name] = value.isoformat() if isinstance(value, datetime) else value
    try:
        return JobOrder.model_validate(fields)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise JobParametersError(problems) from error
