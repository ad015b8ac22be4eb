"""What the checker's rules look at: a plan and its problem by name, and calendars in plain code."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from aps.problem import Calendar, Car, FrozenCar, Problem, Stage, Step
from aps.schedule import Facts, Operation, Schedule, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that a plan breaks: a stable code, whom it hits, the figures, and a sentence."""

    code: str
    subject: str
    facts: Facts
    sentence: str


def broken(code: str, subject: str, sentence: str, **facts: str | int) -> Violation:
    """Return a violation with its facts in the order given."""
    return Violation(code=code, subject=subject, facts=tuple(facts.items()), sentence=sentence)


class Worked:
    """A calendar read plainly: how much is worked by a time, and when so much is worked."""

    def __init__(self, calendar: Calendar) -> None:
        self._intervals = calendar.working
        self._starts = [begin for begin, _ in calendar.working]
        self._sums = [0]
        for begin, end in calendar.working:
            self._sums.append(self._sums[-1] + end - begin)
        self._shifts = calendar.shift_ids

    def by(self, t: int) -> int:
        """Return the seconds worked in [0, t); a time before 0 counts as worked backwards."""
        if t <= 0:
            return t
        at = bisect_right(self._starts, t) - 1
        if at < 0:
            return 0
        begin, end = self._intervals[at]
        return self._sums[at] + min(t, end) - begin

    def working(self, t: int) -> bool:
        """Return whether `t` is working time."""
        at = bisect_right(self._starts, t) - 1
        return at >= 0 and t < self._intervals[at][1]

    def shift(self, t: int) -> str | None:
        """Return the shift that works at `t`."""
        return self._shifts[bisect_right(self._starts, t) - 1] if self.working(t) else None

    def after(self, start: int, work: int) -> int | None:
        """Return when `work` begun at `start` is done, pausing in breaks; `None` if never."""
        wanted = self.by(max(0, start)) + work
        if wanted <= 0:
            return 0
        at = bisect_left(self._sums, wanted) - 1
        if at >= len(self._intervals):
            return None
        return self._intervals[at][0] + wanted - self._sums[at]

    def next_start(self, worked: int) -> int | None:
        """Return the first working second at which so much has been worked."""
        at = bisect_right(self._sums, max(0, worked)) - 1
        if at >= len(self._intervals):
            return None
        return self._intervals[at][0] + max(0, worked) - self._sums[at]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A problem and a plan, by name."""

    problem: Problem
    schedule: Schedule
    reference: Schedule | None
    cars: dict[str, Car]
    frozen: dict[str, FrozenCar]
    calendars: dict[str, Worked]
    routing: dict[str, tuple[Step, ...]]
    assembly: dict[str, Slot]
    paint: dict[str, Slot]
    weld: dict[str, list[Operation]]
    launches: list[tuple[int, str]]
    """(time, car) of the first weld step of each car that was not started, in order of time."""
    panel_changes: dict[str, list[tuple[int, int, str]]]
    """Panel type → (time, panels, who), lots in and bodies out, lots first."""

    @classmethod
    def of(cls, problem: Problem, schedule: Schedule, reference: Schedule | None) -> "View":
        """Index a problem and a plan."""
        weld: dict[str, list[Operation]] = {}
        for operation in sorted(schedule.weld, key=lambda o: o.start_s):
            weld.setdefault(operation.car_id, []).append(operation)
        cars = {car.id: car for car in problem.cars}
        launches = sorted(
            (operations[0].start_s, car_id)
            for car_id, operations in weld.items()
            if car_id in cars and cars[car_id].at is Stage.NOT_STARTED
        )
        return cls(
            problem=problem,
            schedule=schedule,
            reference=reference,
            cars=cars,
            frozen={fact.car_id: fact for fact in problem.frozen},
            calendars={c.id: Worked(c) for c in problem.calendars},
            routing={r.body_type: r.steps for r in problem.body.routings},
            assembly={slot.car_id: slot for slot in schedule.assembly},
            paint={slot.car_id: slot for slot in schedule.paint},
            weld=weld,
            launches=launches,
            panel_changes=_panel_changes(cars, schedule, launches),
        )

    def stage(self, car_id: str) -> Stage:
        """Return where a car was at the start."""
        return self.cars[car_id].at

    def steps_left(self, car_id: str) -> tuple[Step, ...]:
        """Return the steps of a car that are not done, running ones included."""
        car = self.cars[car_id]
        if car.at not in (Stage.NOT_STARTED, Stage.IN_BODY):
            return ()
        fact = self.frozen.get(car_id)
        return self.routing[car.body_type][fact.steps_done if fact is not None else 0 :]

    def held_assembly(self, car_id: str) -> int | None:
        """Return the frozen assembly start of a car that has not begun assembly."""
        fact = self.frozen.get(car_id)
        if fact is None or self.stage(car_id) in (Stage.IN_ASSEMBLY, Stage.DONE):
            return None
        return fact.assembly_start_s

    def held_paint(self, car_id: str) -> int | None:
        """Return the frozen paint start of a car that has not begun paint."""
        fact = self.frozen.get(car_id)
        if fact is None or self.stage(car_id) not in (
            Stage.NOT_STARTED,
            Stage.IN_BODY,
            Stage.WELDED,
        ):
            return None
        return fact.paint_start_s


def overfull(
    initial: int, capacity: int, arrivals: list[tuple[int, str, bool]], departures: list[int]
) -> list[tuple[int, str, int]]:
    """Return (time, car, level) of each planned arrival into a store that is full.

    An arrival is (time, car, fact); facts come whether there is room or not.
    """
    leaves = sorted(departures)
    found = []
    for count, (t, car, fact) in enumerate(sorted(arrivals), 1):
        level = initial + count - bisect_right(leaves, t)
        if level > capacity and not fact:
            found.append((t, car, level))
    return found


def _panel_changes(
    cars: dict[str, Car], schedule: Schedule, launches: list[tuple[int, str]]
) -> dict[str, list[tuple[int, int, str]]]:
    changes: dict[str, list[tuple[int, int, str]]] = {}
    for lot in schedule.press:
        changes.setdefault(lot.panel_type, []).append((lot.end_s, lot.quantity, lot.id))
    for t, car_id in launches:
        for panel, need in dict(cars[car_id].panels).items():
            if need:
                changes.setdefault(panel, []).append((t, -need, car_id))
    for found in changes.values():
        found.sort(key=lambda one: (one[0], -one[1]))
    return changes
