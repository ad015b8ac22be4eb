"""Job orders, their states and the commands that reach a line.

One job order is one body through one line, or one die lot, or one rework (DECISIONS.md). States are
those of B2MML `JobOrderDispatchStatus`; the table to OPC 10031-4 Job Control states stands here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mes.contracts.controls import Recipe


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class JobState(StrEnum):
    """B2MML `JobOrderDispatchStatus1`."""

    WAITING = "Waiting"
    PENDING = "Pending"
    DISPATCHED = "Dispatched"
    READY = "Ready"
    RUNNING = "Running"
    COMPLETED = "Completed"
    ABORTED = "Aborted"
    HELD = "Held"
    SUSPENDED = "Suspended"
    CLOSED = "Closed"
    CANCELLED = "Cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to a job in this state."""
        return self in _FINAL


_FINAL = frozenset({JobState.COMPLETED, JobState.ABORTED, JobState.CLOSED, JobState.CANCELLED})

JOB_CONTROL_STATE: dict[tuple[str, str | None], JobState] = {
    ("NotAllowedToStart", "Waiting"): JobState.WAITING,
    ("NotAllowedToStart", "Ready"): JobState.DISPATCHED,
    ("NotAllowedToStart", "Loaded"): JobState.DISPATCHED,
    ("AllowedToStart", "Waiting"): JobState.PENDING,
    ("AllowedToStart", "Ready"): JobState.READY,
    ("AllowedToStart", "Loaded"): JobState.READY,
    ("AllowedToStart", None): JobState.READY,
    ("NotAllowedToStart", None): JobState.WAITING,
    ("Running", None): JobState.RUNNING,
    ("Interrupted", "Held"): JobState.HELD,
    ("Interrupted", "Suspended"): JobState.SUSPENDED,
    ("Interrupted", None): JobState.SUSPENDED,
    ("Ended", "Completed"): JobState.COMPLETED,
    ("Ended", "Closed"): JobState.CLOSED,
    ("Ended", None): JobState.COMPLETED,
    ("Aborted", None): JobState.ABORTED,
}
"""OPC 10031-4 (state, substate) of `ISA95JobOrderReceiver` → dispatch status. Cancel removes the job."""


class JobKind(StrEnum):
    """What a job order does."""

    BODY = "body"
    DIE_LOT = "die_lot"
    REWORK = "rework"


class JobOrder(_Message):
    """What a line is told to do; travels as `ISA95JobOrderDataType` with these fields as parameters."""

    id: UUID
    kind: JobKind
    line: str
    attempt: int = Field(ge=1)
    sequence: int = Field(ge=0)
    """Order of work on the line; smaller first. Unique among the stored jobs of a line."""
    start_at: AwareDatetime
    """Planned start, plant time."""
    body_id: UUID | None = None
    body_number: str | None = None
    vin: str | None = None
    model: str | None = None
    color: str | None = None
    color_hex: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    options: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    """Part numbers of the 100 % BOM that this line fits, as `family:part_number`."""
    panel: str | None = None
    """Die lots: panel code; `quantity` panels."""
    quantity: int = Field(default=1, ge=1)
    defect_kind: str | None = None
    """Reworks: what is repaired."""
    work_s: float | None = Field(default=None, gt=0)
    """Reworks: standard seconds in the bay."""


class CommandKind(StrEnum):
    """What the MES may ask of an agent.

    An agent says in its heartbeat which kinds it knows, and is sent no others; one that gets another all
    the same reads it as `UNKNOWN` and answers `not_offered`.
    """

    STORE_JOB = "store_job"
    """`StoreAndStart`: a line works its list in sequence."""
    STORE_ONLY = "store_only"
    """`Store`: the job waits for `START_JOB`."""
    START_JOB = "start_job"
    STOP_JOB = "stop_job"
    """End a running lot with what it has made."""
    CLEAR_JOB = "clear_job"
    """Take an ended job off the line's list."""
    UPDATE_JOB = "update_job"
    CANCEL_JOB = "cancel_job"
    PAUSE_JOB = "pause_job"
    RESUME_JOB = "resume_job"
    ABORT_JOB = "abort_job"
    SET_HOLD = "set_hold"
    ANSWER_READING = "answer_reading"
    SCRAP_BODY = "scrap_body"
    RELOAD_CONFIG = "reload_config"
    DOWNLOAD_RECIPE = "download_recipe"
    SET_INTERLOCK = "set_interlock"
    DRY_RUN = "dry_run"
    """Say what `Command.of` would do and whether the line would accept it; write and call nothing."""
    ACKNOWLEDGE_ALARM = "acknowledge_alarm"
    CONFIRM_ALARM = "confirm_alarm"
    SHELVE_ALARM = "shelve_alarm"
    """Put an alarm aside, for `Command.shelve_s` or until it is over."""
    UNSHELVE_ALARM = "unshelve_alarm"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> CommandKind:
        return cls.UNKNOWN


FIRST_KINDS = frozenset(
    {
        CommandKind.STORE_JOB,
        CommandKind.UPDATE_JOB,
        CommandKind.CANCEL_JOB,
        CommandKind.PAUSE_JOB,
        CommandKind.RESUME_JOB,
        CommandKind.ABORT_JOB,
        CommandKind.SET_HOLD,
        CommandKind.ANSWER_READING,
        CommandKind.SCRAP_BODY,
        CommandKind.RELOAD_CONFIG,
    }
)
"""What an agent knows that does not say in its heartbeat what it knows."""


class ReadingAnswer(StrEnum):
    """What a person says when the body read is not the one expected."""

    INSERT = "insert"
    """Work on the body that is there now; the expected one follows."""
    REMOVE = "remove"
    """Send the body that is there back to the store; the expected one comes."""
    SWAP = "swap"
    """The two change places in the sequence."""


class Command(_Message):
    """One instruction to one agent. Idempotent: by `id` at the agent, by the job order's id at the line."""

    id: UUID
    kind: CommandKind
    line: str
    issued_at: AwareDatetime
    """Plant time."""
    actor: str
    job: JobOrder | None = None
    """Store, update."""
    job_order_id: UUID | None = None
    """Start, pause, resume, stop, abort, cancel, clear."""
    body_id: UUID | None = None
    held: bool | None = None
    reason: str | None = None
    station: str | None = None
    answer: ReadingAnswer | None = None
    recipe: Recipe | None = None
    engage: bool | None = None
    """Interlock of `station`: set it, or release it."""
    of: CommandKind | None = None
    """Dry run: the kind of command that would be carried out with these fields."""
    trace: bool = False
    """Read what changes before and after, and tell it in the result."""
    condition: str | None = None
    """Acknowledge, confirm, shelve: the condition's node id, as it was reported; `reason` is the comment."""
    event_id: str | None = None
    """Acknowledge, confirm: the state that was seen, hexadecimal."""
    shelve_s: float | None = None
    """Shelve: for so many seconds of the server's clock; None: until it is over once."""


class ValueChange(_Message):
    """A value at the line that a command has changed, or would change; None: not there."""

    name: str
    """What it is: `job_state`, or the name of a process value."""
    node: str
    """Where it is read, with its namespace URI."""
    old: bool | float | str | None
    new: bool | float | str | None
    unit: str = ""


class CommandResult(_Message):
    """What became of a command; travels in the results stream of the journal."""

    type: Literal["command_result"] = "command_result"
    command_id: UUID
    line: str
    ok: bool
    code: str
    """`ok`, `already_done`, or the line's reason: an OPC UA status name or an ISA-95 return status."""
    message: str = ""
    done_at: AwareDatetime
    """Plant time."""
    changes: tuple[ValueChange, ...] = ()
    """What a traced command changed, or what a dry run found would change."""


class ListedJobState(_Message):
    """One job order on a line's own list; `state` None: a state that Job Control does not define."""

    job_order_id: str
    """As the line has it; not ours when it is no UUID."""
    state: JobState | None


class JobListReport(_Message):
    """The job list of a line, read after every reconnect; travels in the results stream of the journal."""

    type: Literal["job_list"] = "job_list"
    line: str
    at: AwareDatetime
    """Plant time."""
    jobs: tuple[ListedJobState, ...]
