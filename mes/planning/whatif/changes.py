"""What a planner can change in a branch, and how it changes the facts and the rules a plan depends on.

The same changes can be in force for the live plant: `whatif.live` keeps those. A branch and the live plant
apply them by the same function, so a published branch is what planning with its changes gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from mes.contracts.plant import MOST_SOLVENT_ML, ColorPurge, PaintRules, PlantModel
from mes.planning.facts import CarFact, DownFact, PlantFacts, ShiftFact
from mes.planning.network import PlantNetwork
from mes.platform.errors import FieldError, Invalid

RUSH = 9
"""The priority of a rush order: above all that orders can ask for."""


class ChangeImpossible(Invalid):
    """This change cannot be made: {why}"""

    code = "whatif.change_impossible"

    def __init__(self, field: str, rule: str, why: str) -> None:
        super().__init__(why=why, errors=[FieldError(field, rule, why)])


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShiftChange(_Change):
    """A shift begins or ends at another time, or is not worked at all."""

    kind: Literal["shift"] = "shift"
    shift: str = Field(min_length=1, max_length=120)
    worked: bool = True
    start_later_min: int = Field(default=0, ge=-720, le=720)
    end_later_min: int = Field(default=0, ge=-720, le=720)
    """Minutes; negative: earlier."""


class Breakdown(_Change):
    """A line, or one station of it, does not work until an instant."""

    kind: Literal["breakdown"] = "breakdown"
    line: str = Field(max_length=60)
    station: str | None = Field(default=None, max_length=60)
    until_at: AwareDatetime


class PartLate(_Change):
    """Of an option's parts only `pieces` are there until the supplier delivers."""

    kind: Literal["part"] = "part"
    option: str = Field(min_length=1, max_length=40)
    pieces: int = Field(default=0, ge=0, le=100_000)
    until_at: AwareDatetime


class RushOrder(_Change):
    """An order goes before all others; with a date it is wanted by then."""

    kind: Literal["rush"] = "rush"
    order: str = Field(min_length=1, max_length=40)
    due_at: AwareDatetime | None = None


class RuleChange(_Change):
    """A ratio rule allows another number of cars: at most `n` in any `p`."""

    kind: Literal["rule"] = "rule"
    rule: str = Field(min_length=1, max_length=60)
    n: int = Field(ge=1, le=1000)
    p: int = Field(ge=1, le=1000)
    priority: Literal["high", "low"] | None = None
    """None: as the plant file has it."""


class SpacingChange(_Change):
    """A spacing rule keeps cars another number of places apart, weighs otherwise, or does not hold."""

    kind: Literal["spacing"] = "spacing"
    rule: str = Field(min_length=1, max_length=60)
    kept: bool = True
    places: int | None = Field(default=None, ge=2, le=100)
    priority: Literal["hard", "high", "low"] | None = None
    """None, as without `places`: as the plant file has it."""


class PurgeChange(_Change):
    """A purge takes another time or more solvent: the usual one, or that between two groups of colours."""

    kind: Literal["purge"] = "purge"
    color: str | None = Field(default=None, max_length=40)
    after: str | None = Field(default=None, max_length=40)
    purge_s: float | None = Field(default=None, ge=0, le=3600)
    solvent_ml: int | None = Field(default=None, ge=0, le=MOST_SOLVENT_ML)
    """None: as the plant file has it."""


class BatchChange(_Change):
    """Runs of one colour may be at most so long."""

    kind: Literal["batch"] = "batch"
    limit: int = Field(ge=1, le=1000)


RuleOfPlant = RuleChange | SpacingChange | PurgeChange | BatchChange
Change = Annotated[
    ShiftChange | Breakdown | PartLate | RushOrder | RuleOfPlant, Field(discriminator="kind")
]
CHANGES: TypeAdapter[tuple[Change, ...]] = TypeAdapter(tuple[Change, ...])


def is_over(change: Change, now: datetime) -> bool:
    """Say whether a change has nothing to say any more about what is to come."""
    match change:
        case Breakdown(until_at=until) | PartLate(until_at=until):
            return until <= now
        case _:
            return False


def possible(change: Change, facts: PlantFacts, plant: PlantModel) -> None:
    """Raise `ChangeImpossible` for a change of what the plant does not have, or that ends before it begins."""
    match change:
        case ShiftChange():
            _shift_possible(change, facts)
        case Breakdown():
            line = next((one for one in plant.lines if one.id == change.line), None)
            if line is None:
                raise ChangeImpossible("line", "unknown", f"the plant has no line {change.line}")
            if change.station not in (None, *(s.id for s in line.stations)):
                raise ChangeImpossible(
                    "station", "unknown", f"{change.line} has no station {change.station}"
                )
            _must_come(change.until_at, facts)
        case PartLate():
            _must_come(change.until_at, facts)
        case RushOrder():
            if all(car.number != change.order for car in facts.cars):
                raise ChangeImpossible("order", "unknown", f"no open order is {change.order}")
        case RuleChange():
            if all(rule.id != change.rule for rule in plant.ratio_rules):
                raise ChangeImpossible("rule", "unknown", f"the plant has no rule {change.rule}")
            if change.n > change.p:
                raise ChangeImpossible("n", "range", f"{change.n} cars do not fit in {change.p}")
        case SpacingChange():
            if all(rule.id != change.rule for rule in plant.spacing_rules):
                raise ChangeImpossible("rule", "unknown", f"the plant has no rule {change.rule}")
        case PurgeChange():
            _purge_possible(change, plant)


def _shift_possible(change: ShiftChange, facts: PlantFacts) -> None:
    former = next((one for one in facts.shifts if one.id == change.shift), None)
    if former is None:
        raise ChangeImpossible("shift", "unknown", f"there is no shift {change.shift} ahead")
    if not change.worked:
        return
    start, end = _times(former, change)
    if end <= start:
        raise ChangeImpossible("end_later_min", "order", "the shift ends before it starts")
    for other in facts.shifts:
        beside = other.calendar == former.calendar and other.id != former.id
        if beside and start < other.end_at and other.start_at < end:
            raise ChangeImpossible("end_later_min", "overlap", f"it overlaps the shift {other.id}")


def _purge_possible(change: PurgeChange, plant: PlantModel) -> None:
    paint = plant.paint
    if (change.color is None) != (change.after is None):
        field = "color" if change.color is None else "after"
        raise ChangeImpossible(field, "pair", "a purge is between two groups of colours")
    for field, group in (("color", change.color), ("after", change.after)):
        if group is not None and group not in paint.color_groups:
            raise ChangeImpossible(field, "unknown", f"the plant has no colour group {group}")
    if change.solvent_ml is not None and paint.solvent_ml is None:
        why = "the plant does not say what its purges take of solvent"
        raise ChangeImpossible("solvent_ml", "unknown", why)
    if change.purge_s is None and change.solvent_ml is None:
        raise ChangeImpossible("purge_s", "missing", "it changes neither time nor solvent")


def _times(former: ShiftFact, change: ShiftChange) -> tuple[datetime, datetime]:
    return (
        former.start_at + timedelta(minutes=change.start_later_min),
        former.end_at + timedelta(minutes=change.end_later_min),
    )


def _must_come(until: datetime, facts: PlantFacts) -> None:
    if until <= facts.at:
        raise ChangeImpossible("until_at", "past", "it ends before the plan begins")


def subject_of(change: RuleOfPlant) -> tuple[str, ...]:
    """Return which rule a change is about; the last word on it counts."""
    match change:
        case RuleChange(rule=rule) | SpacingChange(rule=rule):
            return change.kind, rule
        case PurgeChange(color=color, after=after):
            return change.kind, color or "", after or ""
        case BatchChange():
            return (change.kind,)


def changed_plant(plant: PlantModel, changes: Iterable[Change]) -> PlantModel:
    """Return the plant with the rules that the changes give it; itself when they change none."""
    last = {subject_of(one): one for one in changes if isinstance(one, RuleOfPlant)}
    for change in last.values():
        plant = _with_rule(plant, change)
    return plant


def _with_rule(plant: PlantModel, change: RuleOfPlant) -> PlantModel:
    match change:
        case RuleChange():
            told = _told(n=change.n, p=change.p, priority=change.priority)
            ratio = tuple(
                rule.model_copy(update=told) if rule.id == change.rule else rule
                for rule in plant.ratio_rules
            )
            return plant.model_copy(update={"ratio_rules": ratio})
        case SpacingChange():
            told = _told(places=change.places, priority=change.priority)
            spacing = tuple(
                rule.model_copy(update=told) if rule.id == change.rule else rule
                for rule in plant.spacing_rules
                if change.kept or rule.id != change.rule
            )
            return plant.model_copy(update={"spacing_rules": spacing})
        case PurgeChange():
            return plant.model_copy(update={"paint": _with_purge(plant.paint, change)})
        case BatchChange(limit=limit):
            paint = plant.paint.model_copy(update={"batch_limit": limit})
            return plant.model_copy(update={"paint": paint})


def _with_purge(paint: PaintRules, change: PurgeChange) -> PaintRules:
    told = _told(purge_s=change.purge_s, solvent_ml=change.solvent_ml)
    if change.color is None or change.after is None:
        return paint.model_copy(update=told)
    pair = change.color, change.after
    former = next((one for one in paint.purges if (one.color, one.after) == pair), None)
    own = (former or ColorPurge(color=pair[0], after=pair[1])).model_copy(update=told)
    others = tuple(one for one in paint.purges if one is not former)
    return paint.model_copy(update={"purges": (*others, own)})


def _told(**said: object) -> dict[str, object]:
    return {name: value for name, value in said.items() if value is not None}


def changed_facts(
    facts: PlantFacts,
    net: PlantNetwork,
    changes: Sequence[Change],
    *,
    starts: dict[str, datetime],
) -> PlantFacts:
    """Return the facts as the changes make them.

    Args:
        starts: when the plan in force starts cars on the drum, by car id: who gets parts that are short.
    """
    for change in changes:
        match change:
            case ShiftChange():
                facts = replace(facts, shifts=_with_shift(facts.shifts, change))
            case Breakdown():
                facts = replace(facts, down=(*_still_up(facts.down, change), _down(change)))
            case PartLate():
                facts = replace(facts, cars=_waiting(facts.cars, net, change, starts))
            case RushOrder():
                facts = replace(facts, cars=_rushed(facts.cars, change))
            case RuleChange() | SpacingChange() | PurgeChange() | BatchChange():
                pass  # the plant's, not the facts': `changed_plant`
    return facts


def _with_shift(shifts: Sequence[ShiftFact], change: ShiftChange) -> tuple[ShiftFact, ...]:
    former = next((one for one in shifts if one.id == change.shift), None)
    if former is None:
        return tuple(shifts)
    if not change.worked:
        return tuple(one for one in shifts if one.id != change.shift)
    start, end = _times(former, change)
    kept = tuple(pause for pause in former.breaks if start <= pause[0] and pause[1] <= end)
    made = replace(former, start_at=start, end_at=end, breaks=kept)
    return tuple(made if one.id == change.shift else one for one in shifts)


def _down(change: Breakdown) -> DownFact:
    return DownFact(line=change.line, station=change.station, until_at=change.until_at)


def _still_up(down: Iterable[DownFact], change: Breakdown) -> list[DownFact]:
    """Return what else is down: the longer of two stops of one place counts."""
    return [
        one
        for one in down
        if (one.line, one.station) != (change.line, change.station)
        or one.until_at > change.until_at
    ]


def _waiting(
    cars: Sequence[CarFact], net: PlantNetwork, change: PartLate, starts: dict[str, datetime]
) -> tuple[CarFact, ...]:
    """Let the cars that the pieces do not reach wait, those planned first being served first."""
    never = datetime.max.replace(tzinfo=change.until_at.tzinfo)
    want = [
        car for car in cars if change.option in (car.model, *car.options) and not _on_drum(net, car)
    ]
    want.sort(key=lambda car: (starts.get(car.car_id, never), car.number))
    late = {car.car_id for car in want[change.pieces :]}
    return tuple(
        replace(car, available_at=_later(car.available_at, _released(net, car, change.until_at)))
        if car.car_id in late
        else car
        for car in cars
    )


def _on_drum(net: PlantNetwork, car: CarFact) -> bool:
    return car.place is not None and net.stage_of_line(car.place.line) == 2


def _released(net: PlantNetwork, car: CarFact, until: datetime) -> datetime:
    """Return when a car may go on so that it reaches the drum with the part, not before."""
    ahead = 0.0
    if car.place is None:
        ahead = sum(line.lead_s for line in net.weld_lines) + net.takes_s(net.paint_line)
    elif net.stage_of_line(car.place.line) == 0:
        ahead = net.takes_s(net.paint_line)
    return until - timedelta(seconds=ahead)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def _rushed(cars: Sequence[CarFact], change: RushOrder) -> tuple[CarFact, ...]:
    return tuple(
        replace(car, priority=RUSH, due_at=change.due_at or car.due_at)
        if car.number == change.order
        else car
        for car in cars
    )
