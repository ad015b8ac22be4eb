"""What the checker's rules look at: a plan and its problem by name and in columns.

A rule over thousands of cars asks all of them at once, in columns, and looks closer only at those
that stand out: a planner who drops a bar waits for the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from aps.check.worked import NEVER, Column, Marks, Worked, column
from aps.problem import Car, FrozenCar, FrozenOperation, Problem, Stage, Step
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


class Known:
    """A problem by name and in columns (one row a car): the same for every plan of it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.cars = {car.id: car for car in problem.cars}
        self.index = {car.id: at for at, car in enumerate(problem.cars)}
        self.rank = column((car.at.rank for car in problem.cars), len(problem.cars))
        self.release = column((car.release_s for car in problem.cars), len(problem.cars))
        self.frozen = {fact.car_id: fact for fact in problem.frozen}
        self.calendars = {c.id: Worked(c) for c in problem.calendars}
        self.routing = {r.body_type: r.steps for r in problem.body.routings}
        works = {
            (body_type, step.id): {a.machine: a.duration_s for a in step.alternatives}
            for body_type, steps in self.routing.items()
            for step in steps
        }
        self._body_type = {car.id: car.body_type for car in problem.cars}
        self._works = works
        self.fixed = {
            (fact.car_id, one.step): one for fact in problem.frozen for one in reversed(fact.weld)
        }
        """Weld operations that run or are frozen, by (car, step)."""
        self._steps: dict[str, tuple[Step, ...]] = {}
        self._having: dict[str, Marks] = {}
        self._needing: dict[str, Column] = {}

    def works(self, car_id: str, step: str) -> dict[str, int]:
        """Return the machines that can do a step of a car, and the working seconds it takes there."""
        return self._works.get((self._body_type[car_id], step), {})

    def steps_left(self, car_id: str) -> tuple[Step, ...]:
        """Return the steps of a car that are not done, running ones included."""
        found = self._steps.get(car_id)
        if found is None:
            car = self.cars[car_id]
            fact = self.frozen.get(car_id)
            found = ()
            if car.at in (Stage.NOT_STARTED, Stage.IN_BODY):
                found = self.routing[car.body_type][fact.steps_done if fact is not None else 0 :]
            self._steps[car_id] = found
        return found

    @cached_property
    def step_places(self) -> dict[tuple[str, str], int]:
        """The place of each step among those that are left of a car, running ones included."""
        return {
            (car.id, step.id): at
            for car in self.problem.cars
            for at, step in enumerate(self.steps_left(car.id))
        }

    @cached_property
    def steps_to_do(self) -> Column:
        """How many steps are left of each car, running ones included."""
        cars = self.problem.cars
        return column((len(self.steps_left(car.id)) for car in cars), len(cars))

    def having(self, option: str) -> Marks:
        """Return which cars have an option."""
        found = self._having.get(option)
        if found is None:
            found = np.array([option in car.options for car in self.problem.cars], np.bool_)
            self._having[option] = found
        return found

    def needing(self, panel: str) -> Column:
        """Return how many panels of a type each car takes."""
        found = self._needing.get(panel)
        if found is None:
            cars = self.problem.cars
            found = column((dict(car.panels).get(panel, 0) for car in cars), len(cars))
            self._needing[panel] = found
        return found


class Row(NamedTuple):
    """The cars of a paced line in columns, in the order of the plan: which car, start and end."""

    car: Column
    start: Column
    end: Column


class Welds(NamedTuple):
    """The weld operations of a plan in columns, in its order: which car, start and end."""

    car: Column
    start: Column
    end: Column


class PanelChanges(NamedTuple):
    """What comes into the racks of a panel type and goes, by time, what comes first."""

    t: Column
    panels: Column
    """Of a lot above, of a body below 0."""
    who: Column
    """The lot in the order of the plan, or the launch, counted on behind the lots."""


@dataclass(frozen=True, eq=False)
class View:
    """A problem and a plan, by name."""

    known: Known
    schedule: Schedule
    reference: Schedule | None

    @property
    def problem(self) -> Problem:
        """The problem that the plan is of."""
        return self.known.problem

    @property
    def cars(self) -> dict[str, Car]:
        """The cars of the problem by their id."""
        return self.known.cars

    @property
    def frozen(self) -> dict[str, FrozenCar]:
        """What is no longer planned, by car."""
        return self.known.frozen

    @property
    def calendars(self) -> dict[str, Worked]:
        """The calendars by their id."""
        return self.known.calendars

    @property
    def routing(self) -> dict[str, tuple[Step, ...]]:
        """The steps of each body type."""
        return self.known.routing

    @cached_property
    def assembly(self) -> dict[str, Slot]:
        """The assembly slot of each car."""
        return {slot.car_id: slot for slot in self.schedule.assembly}

    @cached_property
    def paint(self) -> dict[str, Slot]:
        """The paint slot of each car."""
        return {slot.car_id: slot for slot in self.schedule.paint}

    @cached_property
    def weld(self) -> dict[str, list[Operation]]:
        """The weld operations of each car in the order of their starts."""
        found: dict[str, list[Operation]] = {}
        for operation in sorted(self.schedule.weld, key=lambda o: o.start_s):
            found.setdefault(operation.car_id, []).append(operation)
        return found

    @cached_property
    def launches(self) -> list[tuple[int, str]]:
        """(time, car) of the first weld step of each car that was not started, in order of time."""
        cars = self.cars
        return sorted(
            (operations[0].start_s, car_id)
            for car_id, operations in self.weld.items()
            if cars[car_id].at is Stage.NOT_STARTED
        )

    @cached_property
    def assembly_row(self) -> Row:
        """The assembly order in columns."""
        return self._row(self.schedule.assembly)

    @cached_property
    def paint_row(self) -> Row:
        """The paint order in columns."""
        return self._row(self.schedule.paint)

    def _row(self, slots: Sequence[Slot]) -> Row:
        index, n = self.known.index, len(slots)
        return Row(
            column((index[slot.car_id] for slot in slots), n),
            column((slot.start_s for slot in slots), n),
            column((slot.end_s for slot in slots), n),
        )

    @cached_property
    def welds(self) -> Welds:
        """The weld operations in columns."""
        plan, index = self.schedule.weld, self.known.index
        return Welds(
            column((index[o.car_id] for o in plan), len(plan)),
            column((o.start_s for o in plan), len(plan)),
            column((o.end_s for o in plan), len(plan)),
        )

    @cached_property
    def weld_places(self) -> Column:
        """The place of each weld operation among the steps left of its car; -1: it is none of them."""
        plan, places = self.schedule.weld, self.known.step_places
        return column((places.get((o.car_id, o.step), -1) for o in plan), len(plan))

    @cached_property
    def painted_at(self) -> Column:
        """When the plan has each car leave paint; `NEVER` where it does not paint it."""
        found = np.full(len(self.known.rank), NEVER, np.int64)
        found[self.paint_row.car] = self.paint_row.end
        return found

    @cached_property
    def welded_at(self) -> Column:
        """When the last weld operation of each car is done; `NEVER` for a car without one."""
        welds = self.welds
        found = np.full(len(self.known.rank), -1, np.int64)
        np.maximum.at(found, welds.car, welds.end)
        found[np.setdiff1d(np.arange(len(found)), welds.car)] = NEVER
        return found

    @cached_property
    def _launch_columns(self) -> tuple[Column, Column]:
        index, n = self.known.index, len(self.launches)
        return (
            column((index[car_id] for _, car_id in self.launches), n),
            column((t for t, _ in self.launches), n),
        )

    def panel_changes(self, panel: str) -> PanelChanges:
        """Return what the plan does to the stock of a panel type."""
        lots = [k for k, lot in enumerate(self.schedule.press) if lot.panel_type == panel]
        cars, at = self._launch_columns
        need = self.known.needing(panel)[cars]
        takes = np.flatnonzero(need)
        made = [self.schedule.press[k] for k in lots]
        t = np.concatenate((column((lot.end_s for lot in made), len(made)), at[takes]))
        change = np.concatenate((column((lot.quantity for lot in made), len(made)), -need[takes]))
        who = np.concatenate((column(lots, len(lots)), len(self.schedule.press) + takes))
        order = np.lexsort((-change, t))
        return PanelChanges(t[order], change[order], who[order])

    def named(self, who: int) -> str:
        """Return the lot or the car of `PanelChanges.who`."""
        lots = self.schedule.press
        return lots[who].id if who < len(lots) else self.launches[who - len(lots)][1]

    def stage(self, car_id: str) -> Stage:
        """Return where a car was at the start."""
        return self.known.cars[car_id].at

    def steps_left(self, car_id: str) -> tuple[Step, ...]:
        """Return the steps of a car that are not done, running ones included."""
        return self.known.steps_left(car_id)

    def held(self, operation: Operation) -> FrozenOperation | None:
        """Return what is fixed about a weld operation, if it runs or is frozen."""
        return self.known.fixed.get((operation.car_id, operation.step))

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
    n = len(arrivals)
    times = np.sort(column((t for t, _, _ in arrivals), n))
    gone = np.searchsorted(np.sort(column(departures, len(departures))), times, side="right")
    levels = initial + np.arange(1, n + 1) - gone
    over = np.flatnonzero(levels > capacity)
    if not len(over):
        return []
    come = sorted(arrivals)
    return [(come[k][0], come[k][1], int(levels[k])) for k in over.tolist() if not come[k][2]]
