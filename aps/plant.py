"""A problem compiled to arrays and indices, so that the levels and kernels need no lookups."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aps.lock import Lock, LotLock, WeldLock
from aps.problem import Car, FrozenCar, Problem, RatioPriority, Stage, Step
from aps.worktime import Ints, WorkTime

NO_DUE = 1 << 50
UNKNOWN = -(1 << 60)
"""A time that is still to be planned."""


@dataclass(eq=False)
class Plant:
    """Read-only view of one validated problem; cars, panels, machines and presses by index."""

    problem: Problem

    def __post_init__(self) -> None:
        """Index what the levels ask for again and again."""
        problem = self.problem
        self.cars: tuple[Car, ...] = problem.cars
        self.n = len(self.cars)
        self.index = {car.id: i for i, car in enumerate(self.cars)}
        self.frozen: dict[int, FrozenCar] = {self.index[f.car_id]: f for f in problem.frozen}
        self.rank = np.array([car.at.rank for car in self.cars], np.int64)
        self.release = np.array([car.release_s for car in self.cars], np.int64)
        self.due = np.array(
            [NO_DUE if car.due_s is None else car.due_s for car in self.cars], np.int64
        )
        self.priority = np.array([car.priority for car in self.cars], np.int64)
        self.calendars = {c.id: WorkTime.of(c) for c in problem.calendars}
        self.assembly_time = self.calendars[problem.assembly.calendar]
        self.paint_time = self.calendars[problem.paint.calendar]
        self.machines = {m.id: i for i, m in enumerate(problem.body.machines)}
        self.machine_time = [self.calendars[m.calendar] for m in problem.body.machines]
        self.presses = {p.id: i for i, p in enumerate(problem.press.presses)}
        self.press_time = [self.calendars[p.calendar] for p in problem.press.presses]
        self.routing = {r.body_type: r.steps for r in problem.body.routings}
        self.dies = {d.panel_type: d for d in problem.press.dies}
        stock = dict(problem.press.stock)
        self.panels = sorted({*stock, *self.dies})
        self.panel_index = {panel: i for i, panel in enumerate(self.panels)}
        self.stock = np.array([stock.get(panel, 0) for panel in self.panels], np.int64)

    @cached_property
    def assembly_locks(self) -> dict[int, Lock]:
        """The locked assembly starts by car."""
        line = self.problem.assembly.id
        return {self.index[x.car_id]: x for x in self.problem.locks if x.line == line}

    @cached_property
    def weld_locks(self) -> dict[tuple[int, str], WeldLock]:
        """The weld steps put in time, by car and step."""
        return {(self.index[x.car_id], x.step): x for x in self.problem.weld_locks}

    @cached_property
    def lot_locks(self) -> dict[str, LotLock]:
        """The die lots put in time that are still to begin, by id."""
        begun = {lot.id for lot in self.problem.press.held_lots if lot.start_s <= 0}
        return {x.lot_id: x for x in self.problem.lot_locks if x.lot_id not in begun}

    def weld_from(self, car: int, step: str) -> int:
        """Return the start before which a weld step may not begin by its lock, 0: there is none."""
        lock = self.weld_locks.get((car, step)) if self.weld_locks else None
        return 0 if lock is None else max(0, lock.from_s)

    @cached_property
    def color(self) -> Ints:
        """Colour index of each car; `color_names` gives the names."""
        names = {name: i for i, name in enumerate(self.color_names)}
        return np.array([names[car.color] for car in self.cars], np.int64)

    @cached_property
    def color_names(self) -> list[str]:
        """All colours, the paint shop's previous one included."""
        names = {car.color for car in self.cars}
        if self.problem.paint.previous_color is not None:
            names.add(self.problem.paint.previous_color)
        return sorted(names)

    @cached_property
    def purge_s(self) -> Ints:
        """Purge seconds from colour to colour; the last row and column are of no known colour."""
        shop = self.problem.paint
        return self._by_colors(shop.purge_s, {(x.before, x.after): x.purge_s for x in shop.purges})

    @cached_property
    def purge_price(self) -> Ints | None:
        """What a change from colour to colour costs, in the largest unit without fractions.

        `None` where all changes cost the same: then each counts 1.
        """
        shop = self.problem.paint
        cost = self._by_colors(shop.purge_cost, {(x.before, x.after): x.cost for x in shop.purges})
        if len(np.unique(cost[~np.eye(len(cost), dtype=np.bool_)])) < 2:
            return None
        return cost // int(np.gcd.reduce(cost, axis=None))

    @property
    def dearest_purge(self) -> int:
        """The most that one colour change counts, at most 100: what outweighs it is so much more."""
        return 1 if self.purge_price is None else min(100, int(self.purge_price.max()))

    @cached_property
    def price_of_purges(self) -> Ints:
        """`purge_price`, or 1 for each change."""
        if self.purge_price is not None:
            return self.purge_price
        return self._by_colors(1, {})

    def _by_colors(self, usual: int, own: dict[tuple[str, str], int]) -> Ints:
        names = {name: i for i, name in enumerate(self.color_names)}
        table = np.full((len(names) + 1, len(names) + 1), usual, np.int64)
        np.fill_diagonal(table, 0)
        for (before, after), value in own.items():
            if before in names and after in names:
                table[names[before], names[after]] = value
        return table

    @cached_property
    def demand(self) -> Ints:
        """Panels of each type that each car takes at its first weld step, shape (cars, types)."""
        demand = np.zeros((self.n, len(self.panels)), np.int64)
        for i, car in enumerate(self.cars):
            for panel, quantity in car.panels:
                demand[i, self.panel_index[panel]] = quantity
        return demand

    @cached_property
    def has(self) -> npt.NDArray[np.uint8]:
        """Whether a car counts for a ratio rule, shape (previous cars + cars, rules)."""
        line = self.problem.assembly
        options = [car.options for car in line.previous] + [car.options for car in self.cars]
        rows = [[rule.option in own for rule in line.ratio_rules] for own in options]
        return np.array(rows, np.uint8).reshape(len(options), len(line.ratio_rules))

    @cached_property
    def high(self) -> npt.NDArray[np.bool_]:
        """Which ratio rules have high priority."""
        rules = self.problem.assembly.ratio_rules
        return np.array([rule.priority is RatioPriority.HIGH for rule in rules], np.bool_)

    @cached_property
    def side(self) -> npt.NDArray[np.uint8]:
        """Which side of a spacing rule a car is on, shape (previous cars + cars, rules).

        Bit 0: it has `option`, bit 1: it has `other`.
        """
        line = self.problem.assembly
        options = [car.options for car in line.previous] + [car.options for car in self.cars]
        rows = [
            [(rule.option in own) + 2 * (rule.other in own) for rule in line.spacing_rules]
            for own in options
        ]
        return np.array(rows, np.uint8).reshape(len(options), len(line.spacing_rules))

    def at(self, stage: Stage) -> list[int]:
        """Return the cars at a stage, in the problem's order."""
        return [int(i) for i in np.flatnonzero(self.rank == stage.rank)]

    def steps_left(self, car: int) -> tuple[Step, ...]:
        """Return the weld steps that are neither done nor running."""
        if self.rank[car] > Stage.IN_BODY.rank:
            return ()
        fact = self.frozen.get(car)
        steps = self.routing[self.cars[car].body_type]
        if fact is None:
            return steps
        running = sum(1 for operation in fact.weld if operation.start_s <= 0)
        return steps[fact.steps_done + running :]

    def assembly_facts(self) -> list[int]:
        """Return the cars on the assembly line, in order of their start."""
        return sorted(self.at(Stage.IN_ASSEMBLY), key=lambda c: (self.assembly_held(c) or 0, c))

    def paint_facts(self) -> list[int]:
        """Return the cars on the paint line, in order of their start."""
        return sorted(self.at(Stage.IN_PAINT), key=lambda c: (self.paint_held(c) or 0, c))

    def paint_leavers(self) -> list[int]:
        """Return the cars on the paint line in the order in which they leave it."""
        return sorted(self.paint_facts(), key=self.paint_fact_end)

    def assembly_held(self, car: int) -> int | None:
        """Return the assembly start that is a fact or frozen."""
        fact = self.frozen.get(car)
        return None if fact is None else fact.assembly_start_s

    def paint_held(self, car: int) -> int | None:
        """Return the paint start that is a fact or frozen, for a car not yet painted."""
        fact = self.frozen.get(car)
        if fact is None or self.rank[car] > Stage.IN_PAINT.rank:
            return None
        return fact.paint_start_s

    def min_weld_s(self, car: int) -> int:
        """Return the shortest working time of the weld steps left."""
        return sum(min(a.duration_s for a in s.alternatives) for s in self.steps_left(car))

    def earliest_weld_end(self, car: int) -> int:
        """Return a lower bound of the end of the weld steps left, its release and its locks taken alone."""
        at = int(self.release[car])
        for step in self.steps_left(car):
            at = max(at, self.weld_from(car, step.id)) + min(
                a.duration_s for a in step.alternatives
            )
        return at

    def earliest_assembly(self, car: int) -> int:
        """Return a lower bound of the car's assembly start, each shop taken alone."""
        at, problem = int(self.release[car]), self.problem
        rank = self.rank[car]
        if rank <= Stage.IN_BODY.rank:
            at = self.earliest_weld_end(car)
        if rank <= Stage.WELDED.rank:
            at = self.paint_time.finish(self.paint_time.start(at), problem.paint.lead_s)
        elif rank == Stage.IN_PAINT.rank:
            at = max(at, self.paint_fact_end(car))
        return self.assembly_time.start(at)

    def paint_fact_end(self, car: int) -> int:
        """Return when a car on the paint line leaves it."""
        fact = self.frozen[car]
        return _fact_end(
            self.paint_time, fact.paint_start_s, fact.paint_left_s, self.problem.paint.lead_s
        )

    def assembly_fact_end(self, car: int) -> int:
        """Return when a car on the assembly line leaves it, its rework included."""
        fact, line = self.frozen[car], self.problem.assembly
        end = _fact_end(
            self.assembly_time, fact.assembly_start_s, fact.assembly_left_s, line.lead_s
        )
        return max(end, int(self.release[car]))


def _fact_end(clock: WorkTime, start_s: int | None, left_s: int | None, work_s: int) -> int:
    if left_s is not None:
        return clock.finish(0, left_s)
    return clock.finish(start_s or 0, work_s)
