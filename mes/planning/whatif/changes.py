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

from mes.contracts.plant import PlantModel
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


Change = Annotated[
    ShiftChange | Breakdown | PartLate | RushOrder | RuleChange, Field(discriminator="kind")
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


def _times(former: ShiftFact, change: ShiftChange) -> tuple[datetime, datetime]:
    return (
        former.start_at + timedelta(minutes=change.start_later_min),
        former.end_at + timedelta(minutes=change.end_later_min),
    )


def _must_come(until: datetime, facts: PlantFacts) -> None:
    if until <= facts.at:
        raise ChangeImpossible("until_at", "past", "it ends before the plan begins")


def changed_plant(plant: PlantModel, changes: Iterable[Change]) -> PlantModel:
    """Return the plant with the rules that the changes give it; itself when they change none."""
    rules = {one.rule: one for one in changes if isinstance(one, RuleChange)}
    if not rules:
        return plant
    changed = tuple(
        rule.model_copy(update={"n": rules[rule.id].n, "p": rules[rule.id].p})
        if rule.id in rules
        else rule
        for rule in plant.ratio_rules
    )
    return plant.model_copy(update={"ratio_rules": changed})


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
            case RuleChange():
                pass
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
