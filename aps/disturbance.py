"""What happens to a plant between two plans, and the problem as it is after it."""

from dataclasses import dataclass, replace

from aps.errors import ProblemError
from aps.problem import Calendar, Car, FrozenCar, Interval, Problem, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class CarDelayed:
    """A hold or rework: the car's next stage may not start before `available_s`."""

    car_id: str
    available_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CarScrapped:
    """The body is scrapped; `successor` (a new id, not started) takes the order from the start."""

    car_id: str
    successor: Car


@dataclass(frozen=True, slots=True, kw_only=True)
class CarAdded:
    """A car joins the plan."""

    car: Car


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDown:
    """A line, weld machine or press (by its id) does not work from `start_s` to `end_s`."""

    resource: str
    start_s: int
    end_s: int


Disturbance = CarDelayed | CarScrapped | CarAdded | LineDown


def disturb(problem: Problem, disturbance: Disturbance) -> Problem:
    """Return the problem after the disturbance. Raises `ProblemError` if it names nothing known.

    A hold past its frozen time lifts the lock of that car; work that has begun stays a fact.
    """
    match disturbance:
        case CarDelayed():
            return _delayed(problem, disturbance)
        case CarScrapped():
            _known(problem, disturbance.car_id)
            cars = tuple(c for c in problem.cars if c.id != disturbance.car_id)
            frozen = tuple(f for f in problem.frozen if f.car_id != disturbance.car_id)
            locks = tuple(x for x in problem.locks if x.car_id != disturbance.car_id)
            welds = tuple(x for x in problem.weld_locks if x.car_id != disturbance.car_id)
            left = replace(problem, cars=cars, frozen=frozen, locks=locks, weld_locks=welds)
            return _added(left, disturbance.successor)
        case CarAdded():
            return _added(problem, disturbance.car)
        case LineDown():
            return _down(problem, disturbance)


def _known(problem: Problem, car_id: str) -> Car:
    for car in problem.cars:
        if car.id == car_id:
            return car
    raise ProblemError("car.unknown", f"car {car_id}", "is not among the cars")


def _added(problem: Problem, car: Car) -> Problem:
    if any(one.id == car.id for one in problem.cars):
        raise ProblemError("car.duplicate", f"car {car.id}", "is there twice")
    return replace(problem, cars=(*problem.cars, car))


def _delayed(problem: Problem, delay: CarDelayed) -> Problem:
    late = _known(problem, delay.car_id)
    release = max(late.release_s, delay.available_s)
    cars = tuple(
        replace(car, release_s=release) if car.id == delay.car_id else car for car in problem.cars
    )
    frozen = tuple(
        _unlocked(late, fact, release) if fact.car_id == delay.car_id else fact
        for fact in problem.frozen
    )
    return replace(problem, cars=cars, frozen=frozen)


def _unlocked(car: Car, fact: FrozenCar, release_s: int) -> FrozenCar:
    """Return what stays fixed of a car that is not there before `release_s`."""
    if car.at is not Stage.IN_ASSEMBLY and (fact.assembly_start_s or 0) < release_s:
        fact = replace(fact, assembly_start_s=None, assembly_left_s=None)
    if car.at.rank < Stage.IN_PAINT.rank and (fact.paint_start_s or 0) < release_s:
        fact = replace(fact, paint_start_s=None, paint_left_s=None)
    weld = tuple(o for o in fact.weld if o.start_s <= 0 or o.start_s >= release_s)
    return replace(fact, weld=weld)


def _down(problem: Problem, down: LineDown) -> Problem:
    if down.end_s <= down.start_s or down.start_s < 0:
        sentence = f"is down from {down.start_s} to {down.end_s}"
        raise ProblemError("down.interval", down.resource, sentence)
    assembly, paint, body, press = problem.assembly, problem.paint, problem.body, problem.press
    users = {assembly.id: assembly.calendar, paint.id: paint.calendar}
    users |= {m.id: m.calendar for m in body.machines} | {p.id: p.calendar for p in press.presses}
    if down.resource not in users:
        raise ProblemError("resource.unknown", down.resource, "is no line, machine or press")
    old = next(c for c in problem.calendars if c.id == users[down.resource])
    calendar = _without(old, (down.start_s, down.end_s), f"{old.id} less {down.resource} down")
    while any(c.id == calendar.id for c in problem.calendars):
        calendar = replace(calendar, id=f"{calendar.id}+")
    problem = replace(problem, calendars=(*problem.calendars, calendar))
    if down.resource == assembly.id:
        return replace(problem, assembly=replace(assembly, calendar=calendar.id))
    if down.resource == paint.id:
        return replace(problem, paint=replace(paint, calendar=calendar.id))
    machines = tuple(
        replace(m, calendar=calendar.id) if m.id == down.resource else m for m in body.machines
    )
    presses = tuple(
        replace(p, calendar=calendar.id) if p.id == down.resource else p for p in press.presses
    )
    return replace(
        problem, body=replace(body, machines=machines), press=replace(press, presses=presses)
    )


def _without(calendar: Calendar, gap: Interval, calendar_id: str) -> Calendar:
    working: list[Interval] = []
    shifts: list[str] = []
    for (begin, end), shift in zip(calendar.working, calendar.shift_ids, strict=True):
        for part in ((begin, min(end, gap[0])), (max(begin, gap[1]), end)):
            if part[0] < part[1]:
                working.append(part)
                shifts.append(shift)
    return Calendar(id=calendar_id, working=tuple(working), shift_ids=tuple(shifts))
