"""What may be asked of a line, by whom, and when; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from mes.contracts.controls import Recipe, recipe_of
from mes.contracts.dispatch import CommandKind, JobKind, JobState, ValueChange
from mes.contracts.plant import Line, Station
from mes.dispatching.model import Job
from mes.execution.model import Body
from mes.identity.model import Role, User
from mes.platform.errors import Conflict, Forbidden, Invalid, NotFound

REHEARSAL_LASTS = timedelta(minutes=10)
"""Real time within which what a dry run showed may be carried out."""

_CARRIED_OUT = UUID("0192f7a0-0000-7000-8000-0000000ca221")

_PLANNER = frozenset({Role.PLANNER})
_FLOOR = frozenset({Role.PLANNER, Role.OPERATOR})

MAY: Mapping[CommandKind, frozenset[Role]] = {
    CommandKind.STORE_JOB: _PLANNER,
    CommandKind.STORE_ONLY: _PLANNER,
    CommandKind.UPDATE_JOB: _PLANNER,
    CommandKind.START_JOB: _PLANNER,
    CommandKind.PAUSE_JOB: _FLOOR,
    CommandKind.RESUME_JOB: _FLOOR,
    CommandKind.STOP_JOB: _PLANNER,
    CommandKind.ABORT_JOB: _PLANNER,
    CommandKind.CANCEL_JOB: _PLANNER,
    CommandKind.CLEAR_JOB: _PLANNER,
    CommandKind.DOWNLOAD_RECIPE: frozenset({Role.QUALITY, Role.MAINTENANCE}),
    CommandKind.SET_INTERLOCK: frozenset({Role.MAINTENANCE}),
    CommandKind.SET_HOLD: frozenset({Role.QUALITY}),
}
"""What people may ask of a line, and which roles may; an administrator may ask all of it."""

NEEDS_REASON = frozenset(
    {
        CommandKind.STOP_JOB,
        CommandKind.ABORT_JOB,
        CommandKind.CANCEL_JOB,
        CommandKind.DOWNLOAD_RECIPE,
        CommandKind.SET_INTERLOCK,
        CommandKind.SET_HOLD,
    }
)
"""What is not carried out without saying why."""

_SENDS_JOB = frozenset({CommandKind.STORE_JOB, CommandKind.STORE_ONLY, CommandKind.UPDATE_JOB})
_NOT_STARTED = frozenset({JobState.WAITING, JobState.DISPATCHED, JobState.PENDING})


class UnknownLineCommand(NotFound):
    """Nobody has asked {command} of line {line}."""

    code = "command.unknown"


class NotCommandable(Invalid):
    """{kind} is nothing that a person can ask of a line; what can be asked: {known}."""

    code = "command.kind"


class NotYourCommand(Forbidden):
    """{kind} may be asked for by {needed}; {user} is neither of these."""

    code = "command.role"


class ReasonMissing(Invalid):
    """{kind} needs a reason: who reads the history later has to understand it."""

    code = "command.reason_missing"


class JobMissing(Invalid):
    """{kind} needs job_order_id: a job order of line {line}."""

    code = "command.job_missing"


class JobElsewhere(Conflict):
    """Job order {job} belongs to line {found}, not to line {line}."""

    code = "command.job_elsewhere"


class UnknownStation(NotFound):
    """Line {line} has no station {station}."""

    code = "command.station_unknown"


class NoRecipe(NotFound):
    """Station {station} has no recipe for {variant} in the plant file; its variants: {known}."""

    code = "command.no_recipe"


class NotInRecipe(Invalid):
    """{name} is no value of the recipe of {station}; its values: {known}."""

    code = "command.not_in_recipe"


class OutsideLimits(Invalid):
    """{name} of {station} is to be {value} {unit}; it must lie between {low} and {high}."""

    code = "command.outside_limits"


class EngageMissing(Invalid):
    """An interlock is set (engage: true) or released (engage: false); say which."""

    code = "command.engage_missing"


class HoldIncomplete(Invalid):
    """A hold names body_id, and whether the body is held (held: true) or freed (held: false)."""

    code = "command.hold_incomplete"


class BodyElsewhere(Conflict):
    """Body {body} is not on line {line} now; a hold is set at the line that has the body."""

    code = "command.body_elsewhere"


class HeldByQuality(Conflict):
    """Body {body} waits for a decision of quality; deciding there frees it at its line."""

    code = "command.held_by_quality"


class OnlyLotsStop(Conflict):
    """Job order {job} is no lot; only a lot can end early with what it has made. Abort it instead."""

    code = "command.only_lots_stop"


class AgentTooOld(Conflict):
    """The agent of {line} does not know {kind}; bring it up to date."""

    code = "command.agent_too_old"


class CommandIdTaken(Conflict):
    """Another command was asked for with the id {command}; take a new id."""

    code = "command.id_taken"


class NotRehearsed(Conflict):
    """{command} is no dry run that the line would accept; make one first."""

    code = "command.not_rehearsed"


class RehearsalTooOld(Conflict):
    """What was shown {minutes} min ago may not be true any more; make the dry run again."""

    code = "command.rehearsal_too_old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks of a line."""

    kind: CommandKind
    dry_run: bool
    job_order_id: UUID | None = None
    station: str | None = None
    variant: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    """Of a recipe: what is to differ from the plant file."""
    engage: bool | None = None
    body_id: UUID | None = None
    held: bool | None = None
    """Of a hold: keep the body before its exit gate, or free it."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCommand:
    """What was asked of a line, and what came of it. `asked_at`, `done_at` plant time, `sent_at` real time."""

    id: UUID
    line: str
    kind: CommandKind
    dry_run: bool
    rehearsal_id: UUID | None
    job_order_id: UUID | None
    station: str | None
    body: dict[str, Any]
    """The wish, as it was sent to the agent."""
    actor: str
    reason: str
    asked_at: datetime
    sent_at: datetime
    ok: bool | None = None
    code: str | None = None
    changes: tuple[ValueChange, ...] = ()
    done_at: datetime | None = None

    @property
    def state(self) -> str:
        """`sent` until the agent has answered, then `done` or `refused`."""
        if self.ok is None:
            return "sent"
        return "done" if self.ok else "refused"

    @property
    def body_id(self) -> UUID | None:
        """The body that it is about, of a hold."""
        told = self.body.get("body_id")
        return None if told is None else UUID(told)

    @property
    def needs_reason(self) -> bool:
        """Whether carrying it out needs a reason."""
        return self.kind in NEEDS_REASON

    def is_same_wish(self, other: LineCommand) -> bool:
        """Whether both ask the same of the same line, whoever asks."""
        mine, theirs = ({**one.body, **_UNTOLD} for one in (self, other))
        return self.line == other.line and self.dry_run == other.dry_run and mine == theirs

    def may_be_carried_out(self, real_now: datetime) -> bool:
        """Whether it is a dry run that the line would accept, and still fresh."""
        return self.dry_run and bool(self.ok) and real_now - self.sent_at <= REHEARSAL_LASTS

    def require_fresh_rehearsal(self, real_now: datetime) -> None:
        """Refuse to carry out what was not rehearsed well, or too long ago.

        Raises:
            NotRehearsed: it is no dry run, or the line would refuse.
            RehearsalTooOld: it is older than `REHEARSAL_LASTS`.
        """
        if not self.dry_run or not self.ok:
            raise NotRehearsed(command=self.id)
        if not self.may_be_carried_out(real_now):
            minutes = int((real_now - self.sent_at).total_seconds() // 60)
            raise RehearsalTooOld(minutes=minutes)


_UNTOLD = {"id": None, "issued_at": None, "actor": None, "reason": None}


def carried_out_id(rehearsal: UUID) -> UUID:
    """Return the id of the command that carries a dry run out: pressed twice, it is one command."""
    return uuid5(_CARRIED_OUT, str(rehearsal))


def require_role(kind: CommandKind, user: User) -> None:
    """Refuse who may not ask this.

    Raises:
        NotCommandable: it is not asked for by people.
        NotYourCommand: the person has none of its roles.
    """
    if kind not in MAY:
        raise NotCommandable(kind=kind.value, known=", ".join(MAY))
    if not user.may(*MAY[kind]):
        needed = ", ".join(sorted(MAY[kind]))
        raise NotYourCommand(kind=kind.value, needed=needed, user=user.name)


def require_reason(kind: CommandKind, reason: str) -> None:
    """Refuse to do without a reason what needs one.

    Raises:
        ReasonMissing: there is none.
    """
    if kind in NEEDS_REASON and not reason.strip():
        raise ReasonMissing(kind=kind.value)


def require_possible(kind: CommandKind, job: Job, line: str) -> None:
    """Refuse what makes no sense for a job order.

    Raises:
        JobElsewhere: it is another line's.
        OnlyLotsStop: it is no lot, and cannot end half way.
    """
    if job.line != line:
        raise JobElsewhere(job=job.id, found=job.line, line=line)
    if kind is CommandKind.STOP_JOB and job.kind is not JobKind.DIE_LOT:
        raise OnlyLotsStop(job=job.id)


def recipe_for(line: Line, wish: Wish) -> Recipe:
    """Return the recipe that a wish means: the plant file's, with the values that are to differ.

    Raises:
        UnknownStation, NoRecipe, NotInRecipe, OutsideLimits: as they say.
    """
    station = station_of(line, wish)
    try:
        recipe = recipe_of(station, wish.variant or "", wish.values)
    except KeyError as error:
        known = ", ".join(station.set_to(wish.variant or ""))
        raise NotInRecipe(name=error.args[0], station=station.id, known=known) from error
    if recipe is None:
        known = ", ".join(station.recipe.values) if station.recipe else "–"
        raise NoRecipe(station=station.id, variant=wish.variant or "–", known=known)
    for one in recipe.values:
        if not one.is_within:
            raise OutsideLimits(
                name=one.name,
                station=station.id,
                value=one.value,
                unit=one.unit,
                low=one.low,
                high=one.high,
            )
    return recipe


def station_of(line: Line, wish: Wish) -> Station:
    """Return the station that a wish is about.

    Raises:
        UnknownStation: the line has none of this name.
    """
    for station in line.stations:
        if station.id == wish.station:
            return station
    raise UnknownStation(line=line.id, station=wish.station or "–")


def require_on_line(body: Body, line: str) -> None:
    """Refuse to hold a body where it is not.

    Raises:
        BodyElsewhere: another line has it, or none.
    """
    if body.place.line != line:
        raise BodyElsewhere(body=body.number, line=line)


def sends_job(kind: CommandKind) -> bool:
    """Whether the whole job order travels, not only its id."""
    return kind in _SENDS_JOB


def offers(job: Job) -> list[CommandKind]:
    """Return what can sensibly be asked about a job in the state that is known of it."""
    match job.state:
        case JobState.RUNNING:
            kinds = [CommandKind.PAUSE_JOB, CommandKind.STOP_JOB, CommandKind.ABORT_JOB]
        case JobState.SUSPENDED:
            kinds = [CommandKind.RESUME_JOB, CommandKind.STOP_JOB, CommandKind.ABORT_JOB]
        case JobState.HELD:
            kinds = [CommandKind.ABORT_JOB]
        case JobState.READY:
            kinds = [CommandKind.UPDATE_JOB, CommandKind.CANCEL_JOB]
        case state if state in _NOT_STARTED:
            kinds = [
                CommandKind.START_JOB,
                CommandKind.STORE_JOB,
                CommandKind.UPDATE_JOB,
                CommandKind.CANCEL_JOB,
            ]
        case JobState.CANCELLED:
            kinds = []
        case _:
            kinds = [CommandKind.CLEAR_JOB]
    if job.kind is not JobKind.DIE_LOT:
        kinds = [kind for kind in kinds if kind is not CommandKind.STOP_JOB]
    return kinds
