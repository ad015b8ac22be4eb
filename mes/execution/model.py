"""Bodies and operations: where a body is, how it stands, what was done to it. Decides, never asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mes.contracts.dispatch import JobKind, JobState
from mes.contracts.plant import Line, PlantModel, ShopKind, Station
from mes.platform.errors import Conflict, Invalid, NotFound


class UnknownBody(NotFound):
    """Body {body} is not known here; it exists from the moment its order is locked."""

    code = "body.unknown"


class UnknownJob(NotFound):
    """Job order {job} is not known here; it was never handed to a line."""

    code = "job.unknown"


class UnknownPlace(Invalid):
    """Line {line} has no {kind} {name!r} in the plant model."""

    code = "record.unknown_place"


class BodyCannotMove(Conflict):
    """Body {number} is {state}; it cannot {move}."""

    code = "body.cannot_move"


class IllegalCondition(Conflict):
    """Body {number} is {condition}; it cannot become {wanted}."""

    code = "body.illegal_condition"


class OperationOutOfOrder(Conflict):
    """Operation {step} is {state}; it cannot {move}."""

    code = "operation.out_of_order"


class OperationEndsBeforeStart(Invalid):
    """Operation {step} would end at {ended_at}, before it started at {started_at}."""

    code = "operation.ends_before_start"


class Condition(StrEnum):
    """How a body stands (VOCABULARY: body and part)."""

    OK = "ok"
    SUSPECT = "suspect"
    """The line itself holds it; nobody has looked yet."""
    HELD = "held"
    REWORK = "rework"
    REPAIR = "repair"
    USE_AS_IS = "use_as_is"
    SCRAP = "scrap"
    RELEASED = "released"


_HOLDABLE = frozenset({Condition.SUSPECT, Condition.HELD})
_DECIDED = frozenset({Condition.RELEASED, Condition.HELD, Condition.SCRAP})
CONDITION_MOVES: dict[Condition, frozenset[Condition]] = {
    Condition.OK: _HOLDABLE,
    Condition.SUSPECT: frozenset({Condition.OK, Condition.HELD}),
    Condition.HELD: frozenset(
        {
            Condition.OK,
            Condition.REWORK,
            Condition.REPAIR,
            Condition.USE_AS_IS,
            Condition.SCRAP,
            Condition.RELEASED,
        }
    ),
    Condition.REWORK: _DECIDED,
    Condition.REPAIR: _DECIDED,
    Condition.USE_AS_IS: _DECIDED,
    Condition.RELEASED: _HOLDABLE,
    Condition.SCRAP: frozenset(),
}
"""From each condition, those that may follow. Scrap is final."""


class PlaceKind(StrEnum):
    """What kind of place a body is at."""

    PLANNED = "planned"
    """Nowhere yet."""
    LINE = "line"
    BAY = "bay"
    STORE = "store"
    FINISHED = "finished"
    SCRAPPED = "scrapped"
    """Out of the plant."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a body is; only the fields of its kind are set."""

    kind: PlaceKind
    line: str | None = None
    station: str | None = None
    store: str | None = None
    bay: str | None = None
    lane: int | None = None
    """Of a store with lanes, counted from 0; None: nobody has noted it yet."""


PLANNED = Place(PlaceKind.PLANNED)
OUT = Place(PlaceKind.SCRAPPED)


@dataclass(frozen=True, slots=True)
class Body:
    """One body: who it is, how it stands, where it is since when (plant time)."""

    id: UUID
    number: str
    order_id: UUID
    vin: str
    model: str
    color: str
    since_at: datetime
    condition: Condition = Condition.OK
    line_hold: bool = False
    place: Place = PLANNED
    predecessor_id: UUID | None = None

    @property
    def is_scrapped(self) -> bool:
        """Whether nothing can be done to this body any more."""
        return self.condition is Condition.SCRAP

    def enter(self, line: str, station: str, at: datetime) -> Body:
        """Take the body on at a line's first step.

        Lines report through agents of their own, so the news that a body left the line before may come
        after this; news older than what is known does not move the body back.
        """
        self._refuse_gate(f"enter line {line}")
        if self.place.kind is PlaceKind.FINISHED and at >= self.since_at:
            raise BodyCannotMove(number=self.number, state="finished", move=f"enter line {line}")
        return self._moved(Place(PlaceKind.LINE, line=line, station=station), at, f"enter {line}")

    def work_at(self, line: str, station: str, at: datetime) -> Body:
        """Note that a station of the line it is on has worked on it."""
        if self.place.kind is not PlaceKind.LINE or self.place.line != line:
            self._refuse_out(f"be worked on at {station}")
            return self
        return self._moved(
            Place(PlaceKind.LINE, line=line, station=station), at, f"be worked on at {station}"
        )

    def leave(self, store: str, at: datetime, *, last: bool) -> Body:
        """Pass the exit gate into a store; after the last line the car is finished."""
        self._refuse_gate(f"leave into {store}")
        kind = PlaceKind.FINISHED if last else PlaceKind.STORE
        return self._moved(Place(kind, store=store), at, f"leave into {store}")

    def park(self, line: str, bay: str, at: datetime) -> Body:
        """Be pulled off into the repair bay."""
        return self._moved(Place(PlaceKind.BAY, line=line, bay=bay), at, f"be parked in {bay}")

    def unpark(self, line: str, station: str, at: datetime) -> Body:
        """Leave the repair bay towards the exit gate, which stands after the last station."""
        if self.place.kind is not PlaceKind.BAY and at >= self.since_at:
            raise BodyCannotMove(
                number=self.number, state=f"not in a bay but {self.place.kind}", move="leave one"
            )
        return self._moved(
            Place(PlaceKind.LINE, line=line, station=station), at, "go on to the exit gate"
        )

    def send_back(self, store: str, at: datetime) -> Body:
        """Go back into the store in front of the line: the answer to a reading was `remove`."""
        return self._moved(Place(PlaceKind.STORE, store=store), at, f"go back into {store}")

    def placed(self, place: Place, at: datetime) -> Body:
        """Stand somewhere when the plant starts warm; only a body that was nowhere yet is placed."""
        if self.place.kind is not PlaceKind.PLANNED:
            raise BodyCannotMove(
                number=self.number,
                state=f"already in the plant ({self.place.kind})",
                move="be placed",
            )
        return replace(self, place=place, since_at=at)

    def carry_out(self, at: datetime) -> Body:
        """Leave the plant as scrap."""
        if not self.is_scrapped:
            raise BodyCannotMove(
                number=self.number, state=f"{self.condition}, not scrap", move="be carried out"
            )
        return replace(self, place=OUT, since_at=max(at, self.since_at))

    def become(self, wanted: Condition) -> Body:
        """Change how the body stands; becoming what it already is changes nothing."""
        if wanted is self.condition:
            return self
        if wanted not in CONDITION_MOVES[self.condition]:
            raise IllegalCondition(number=self.number, condition=self.condition, wanted=wanted)
        return replace(self, condition=wanted)

    def flagged(self, *, held: bool) -> Body:
        """Follow the line's own hold flag: raised, an unquestioned body is suspect until reviewed."""
        flagged = replace(self, line_hold=held)
        if held and self.condition in (Condition.OK, Condition.RELEASED):
            return flagged.become(Condition.SUSPECT)
        if not held and self.condition is Condition.SUSPECT:
            return flagged.become(Condition.OK)
        return flagged

    def in_lane(self, store: str, lane: int) -> Body:
        """Note the lane of its store; a body that has gone on, or has its lane already, stays as it is."""
        if self.place.store != store or self.place.lane is not None:
            return self
        if self.place.kind is not PlaceKind.STORE:
            return self
        return replace(self, place=replace(self.place, lane=lane))

    def _moved(self, place: Place, at: datetime, move: str) -> Body:
        self._refuse_out(move)
        return replace(self, place=place, since_at=at) if at >= self.since_at else self

    def _refuse_gate(self, move: str) -> None:
        if self.is_scrapped:
            raise BodyCannotMove(number=self.number, state="scrapped", move=move)

    def _refuse_out(self, move: str) -> None:
        if self.place.kind is PlaceKind.SCRAPPED:
            raise BodyCannotMove(number=self.number, state="scrapped and out", move=move)


class OperationState(StrEnum):
    """States of an operation; the last two are stored, the first two stand in the routing."""

    PLANNED = "planned"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Operation:
    """The work of one step on one body under one job order. Times are plant time."""

    body_id: UUID
    job_order_id: UUID
    line: str
    step: str
    station: str | None = None
    state: OperationState = OperationState.PLANNED
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def start(self, station: str, at: datetime) -> Operation:
        """Begin at one of the step's stations."""
        if self.state is not OperationState.PLANNED:
            raise OperationOutOfOrder(step=self.step, state=self.state, move="start")
        return replace(self, state=OperationState.RUNNING, station=station, started_at=at)

    def complete(self, at: datetime) -> Operation:
        """End well."""
        return self._ended(OperationState.COMPLETED, at)

    def fail(self, at: datetime) -> Operation:
        """End with a result that is not good."""
        return self._ended(OperationState.FAILED, at)

    def _ended(self, state: OperationState, at: datetime) -> Operation:
        if self.state is not OperationState.RUNNING or self.started_at is None:
            raise OperationOutOfOrder(step=self.step, state=self.state, move="end")
        if at < self.started_at:
            raise OperationEndsBeforeStart(step=self.step, started_at=self.started_at, ended_at=at)
        return replace(self, state=state, ended_at=at)


@dataclass(frozen=True, slots=True)
class LineJob:
    """What a line reported of a job order. Times are plant time."""

    id: UUID
    kind: JobKind
    line: str
    body_id: UUID | None
    panel: str | None
    quantity: int
    state: JobState
    state_at: datetime
    good: int = 0
    scrap: int = 0
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def reported(
        self, state: JobState, at: datetime, *, good: int, scrap: int, reason: str
    ) -> LineJob:
        """Follow the line's report; one that is older than what is known, or after the end, is not news."""
        fresh = at >= self.state_at or self.state is JobState.WAITING
        if not fresh or (self.state.is_final and state is not self.state):
            return self
        ended = at if state.is_final else self.ended_at
        running = state is JobState.RUNNING and self.started_at is None
        return replace(
            self,
            state=state,
            state_at=at,
            good=max(good, self.good),
            scrap=max(scrap, self.scrap),
            reason=reason,
            started_at=at if running else self.started_at,
            ended_at=max(ended, self.started_at) if ended and self.started_at else ended,
        )

    def entered(self, at: datetime) -> LineJob:
        """Note that the body was taken on."""
        if self.started_at is not None and self.started_at <= at:
            return self
        return replace(self, started_at=at)

    def left(self, at: datetime) -> LineJob:
        """Note that the body passed the exit gate."""
        return replace(self, ended_at=max(at, self.started_at) if self.started_at else at)


def station_of(plant: PlantModel, line_id: str, station: str) -> tuple[Line, Station]:
    """Return a line and one of its stations.

    Raises:
        UnknownPlace: the plant has no such line, or the line no such station.
    """
    line = line_of(plant, line_id)
    for candidate in line.stations:
        if candidate.id == station:
            return line, candidate
    raise UnknownPlace(line=line_id, kind="station", name=station)


def line_of(plant: PlantModel, line_id: str) -> Line:
    """Return a line; raises UnknownPlace when the plant has none of this name."""
    try:
        return plant.line(line_id)
    except KeyError as error:
        raise UnknownPlace(line=line_id, kind="line", name=line_id) from error


def is_last_line(plant: PlantModel, line_id: str) -> bool:
    """Say whether a body that leaves this line is a finished car."""
    return plant.body_lines[-1].id == line_id if plant.body_lines else False


def stages_on_entering(plant: PlantModel, line_id: str) -> tuple[str, ...]:
    """Return the commercial milestones an order reaches when its body enters a line."""
    return ("in_production",) if any(line.id == line_id for line in plant.body_lines) else ()


def stages_on_leaving(plant: PlantModel, line_id: str) -> tuple[str, ...]:
    """Return the commercial milestones an order reaches when its body leaves a line, in order.

    Line-off comes after the last assembly line; the last line of the way releases and ships the car.
    """
    assembly = [line.id for line in plant.body_lines if plant.kind_of(line) is ShopKind.ASSEMBLY]
    stages: tuple[str, ...] = ("line_off",) if assembly and line_id == assembly[-1] else ()
    if is_last_line(plant, line_id):
        stages = (*(stages or ("line_off",)), "quality_released", "shipped")
    return stages


def stage_at(plant: PlantModel, place: Place) -> str:
    """Return the commercial milestone that the order of a body at a place has reached."""
    way = plant.body_lines
    passed = [
        number
        for number, line in enumerate(way)
        if (place.line is not None and line.id == place.line)
        or (place.store is not None and line.gives_to == place.store)
    ]
    reached = max(passed, default=0) + (0 if place.line is not None else 1)
    stages = ["in_production"]
    for line in way[:reached]:
        stages += stages_on_leaving(plant, line.id)
    return stages[-1]
