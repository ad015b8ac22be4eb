"""What a planner can change so that a late car comes in time, and the problem as it is after it.

The counterpart of `aps.disturbance`: there the plant takes something away, here somebody gives
something. Each change is data; `changed` applies it to a problem and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from aps.explain import Reason
from aps.problem import (
    Alternative,
    Calendar,
    FrozenCar,
    Machine,
    PaintShop,
    Problem,
    Shift,
    Stage,
)

RUSH = 9
"""The priority of a car that goes before all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rush:
    """The car goes before others: to the last place from which it is in time."""

    car_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtime:
    """A calendar works from `start_s` to `end_s` too, as part of a shift beside."""

    calendar: str
    shift: str
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEnds:
    """The hold or the rework of a car is over by `release_s`."""

    car_id: str
    release_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfrozen:
    """Cars whose work is frozen but has not begun are free to be planned."""

    car_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MorePanels:
    """So many more panels of a type are in the racks at time 0."""

    panel_type: str
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraMachine:
    """A second machine beside one, that does the same in the same time."""

    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreStore:
    """Both body stores hold so many bodies more."""

    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LongerBatch:
    """Runs of one colour may be so many bodies longer."""

    bodies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloserCars:
    """A spacing rule keeps cars so many places less apart; where none are left it does not hold."""

    rule: str
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterPromise:
    """The car is promised for `due_s`."""

    car_id: str
    due_s: int


Change = (
    Rush
    | Overtime
    | HoldEnds
    | Unfrozen
    | MorePanels
    | ExtraMachine
    | MoreStore
    | LongerBatch
    | CloserCars
    | LaterPromise
)


def changed(problem: Problem, changes: Iterable[Change]) -> Problem:
    """Return the problem as these changes make it, one after the other."""
    for change in changes:
        problem = _with(problem, change)
    return problem


def _with(problem: Problem, change: Change) -> Problem:
    match change:
        case Rush(car_id=car_id):
            return _with_car(problem, car_id, priority=RUSH)
        case HoldEnds(car_id=car_id, release_s=release_s):
            return _with_car(problem, car_id, release_s=release_s)
        case LaterPromise(car_id=car_id, due_s=due_s):
            return _with_car(problem, car_id, due_s=due_s)
        case Overtime():
            return _longer(problem, change)
        case Unfrozen(car_ids=car_ids):
            return _released(problem, frozenset(car_ids))
        case MorePanels(panel_type=panel, pieces=pieces):
            stock = dict(problem.press.stock)
            stock[panel] = stock.get(panel, 0) + pieces
            press = replace(problem.press, stock=tuple(sorted(stock.items())))
            return replace(problem, press=press)
        case ExtraMachine(machine=machine):
            return _with_machine(problem, machine)
        case MoreStore(places=places):
            paint: PaintShop = problem.paint
            paint = _with_places(paint, places)
            body = replace(problem.body, store_capacity=problem.body.store_capacity + places)
            return replace(problem, paint=paint, body=body)
        case LongerBatch(bodies=bodies):
            limit = problem.paint.batch_limit + bodies
            return replace(problem, paint=replace(problem.paint, batch_limit=limit))
        case CloserCars():
            return _closer(problem, change)


def _closer(problem: Problem, change: CloserCars) -> Problem:
    rules = tuple(
        replace(rule, gap=rule.gap - change.places) if rule.id == change.rule else rule
        for rule in problem.assembly.spacing_rules
    )
    kept = tuple(rule for rule in rules if rule.gap > 1)
    return replace(problem, assembly=replace(problem.assembly, spacing_rules=kept))


def _with_places(paint: PaintShop, places: int) -> PaintShop:
    """Return the paint shop with a bigger store; of lanes, the shortest become longer."""
    lanes = list(paint.lanes)
    for _ in range(places if lanes else 0):
        at = min(range(len(lanes)), key=lambda k: (lanes[k].capacity, k))
        lanes[at] = replace(lanes[at], capacity=lanes[at].capacity + 1)
    return replace(paint, store_capacity=paint.store_capacity + places, lanes=tuple(lanes))


def _with_car(problem: Problem, car_id: str, **facts: int) -> Problem:
    cars = tuple(
        replace(car, **facts) if car.id == car_id else car  # type: ignore[arg-type]
        for car in problem.cars
    )
    return replace(problem, cars=cars)


def _longer(problem: Problem, more: Overtime) -> Problem:
    def worked(calendar: Calendar) -> Calendar:
        if calendar.id != more.calendar:
            return calendar
        intervals = [
            *zip(calendar.working, calendar.shift_ids, strict=True),
            ((more.start_s, more.end_s), more.shift),
        ]
        intervals.sort()
        return replace(
            calendar,
            working=tuple(interval for interval, _ in intervals),
            shift_ids=tuple(shift for _, shift in intervals),
        )

    def stretched(shift: Shift) -> Shift:
        if shift.id != more.shift:
            return shift
        return replace(
            shift,
            start_s=min(shift.start_s, more.start_s),
            end_s=max(shift.end_s, more.end_s),
        )

    return replace(
        problem,
        calendars=tuple(worked(calendar) for calendar in problem.calendars),
        shifts=tuple(stretched(shift) for shift in problem.shifts),
    )


def _released(problem: Problem, car_ids: frozenset[str]) -> Problem:
    at = {car.id: car.at for car in problem.cars}
    frozen = tuple(
        _begun(fact, at[fact.car_id]) if fact.car_id in car_ids else fact for fact in problem.frozen
    )
    return replace(problem, frozen=frozen)


def _begun(fact: FrozenCar, at: Stage) -> FrozenCar:
    """Return what of a frozen car is a fact: the work that has begun."""
    if at is not Stage.IN_ASSEMBLY:
        fact = replace(fact, assembly_start_s=None, assembly_left_s=None)
    if at.rank < Stage.IN_PAINT.rank:
        fact = replace(fact, paint_start_s=None, paint_left_s=None)
    return replace(fact, weld=tuple(o for o in fact.weld if o.start_s <= 0))


def _with_machine(problem: Problem, machine: str) -> Problem:
    body = problem.body
    former = next(m for m in body.machines if m.id == machine)
    names = {m.id for m in body.machines} | {p.id for p in problem.press.presses}
    name = f"{machine}+"
    while name in names:
        name += "+"

    def beside(alternatives: tuple[Alternative, ...]) -> tuple[Alternative, ...]:
        more = [replace(a, machine=name) for a in alternatives if a.machine == machine]
        return (*alternatives, *more)

    routings = tuple(
        replace(
            routing,
            steps=tuple(
                replace(step, alternatives=beside(step.alternatives)) for step in routing.steps
            ),
        )
        for routing in body.routings
    )
    machines = (*body.machines, Machine(id=name, calendar=former.calendar))
    return replace(problem, body=replace(body, machines=machines, routings=routings))


def in_words(problem: Problem, change: Change) -> Reason:
    """Return a change as the reasons are told: a stable code, its figures, and a sentence."""
    match change:
        case Rush(car_id=car):
            return _told("rush", f"Car {car} goes before others.", car=car)
        case Overtime(start_s=start, end_s=end, shift=shift):
            lines = ", ".join(_working(problem, change.calendar))
            sentence = f"{lines} work from {start} s to {end} s too, beside shift {shift}."
            return _told("overtime", sentence, lines=lines, shift=shift, start_s=start, end_s=end)
        case HoldEnds(release_s=release):
            return _told("hold_ends", f"Its hold is over by {release} s.", release_s=release)
        case Unfrozen(car_ids=cars):
            return _told("unfrozen", f"{len(cars)} frozen cars are released.", cars=len(cars))
        case MorePanels(panel_type=panel, pieces=pieces):
            sentence = f"{pieces} {panel} come from elsewhere."
            return _told("more_panels", sentence, panel=panel, pieces=pieces)
        case ExtraMachine(machine=machine):
            return _told("extra_machine", f"A second {machine} welds too.", machine=machine)
        case MoreStore(places=places):
            sentence = f"The body stores hold {places} bodies more."
            return _told("more_store", sentence, places=places)
        case LongerBatch(bodies=bodies):
            sentence = f"Runs of one colour may be {bodies} bodies longer."
            return _told("longer_batch", sentence, bodies=bodies)
        case CloserCars(rule=rule, places=places):
            sentence = f"Cars of rule {rule} may be {places} places closer."
            return _told("closer_cars", sentence, rule=rule, places=places)
        case LaterPromise(due_s=due):
            return _told("later_promise", f"It is promised for {due} s.", due_s=due)


def _told(code: str, sentence: str, **facts: str | int) -> Reason:
    return Reason(
        level="plan", code=f"change.{code}", facts=tuple(facts.items()), sentence=sentence
    )


def _working(problem: Problem, calendar: str) -> list[str]:
    """Return the lines that follow a calendar; weld machines are told as one."""
    users = [(problem.assembly.id, problem.assembly.calendar)]
    users.append((problem.paint.id, problem.paint.calendar))
    users += [(press.id, press.calendar) for press in problem.press.presses]
    lines = [line for line, own in users if own == calendar]
    if any(machine.calendar == calendar for machine in problem.body.machines):
        lines.append("weld")
    return lines
