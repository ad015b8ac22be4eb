"""Moves by hand: what the lines would do if a planner put cars elsewhere in the order.

The plan in force is read into orders once; every trial lays its moves over these orders, walks the
lines forward and asks the checker. Times are whole seconds from the horizon's start.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

import numpy as np

from aps.build import Placed, place, schedule_of, work_of
from aps.check import Checker, Violation
from aps.flow import Flow
from aps.kpis import purges
from aps.orders import Orders
from aps.placing import with_car, with_panels
from aps.plant import Plant
from aps.problem import Problem, SpacingPriority, Stage
from aps.repair import orders_of
from aps.schedule import LevelResult, Schedule
from aps.sequencing.task import clashes
from aps.validate import validate


class Line(StrEnum):
    """The lines on which a planner decides the order; the body shop follows the paint shop."""

    ASSEMBLY = "assembly"
    PAINT = "paint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A car put in front of another one; `before` is `None` for the end of the order."""

    car_id: str
    line: Line
    before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A move that cannot be tried, and why: `unknown`, `started`, `frozen` or `before_frozen`."""

    move: Move
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdedWindow:
    """A stretch of the assembly order with more cars of an option than its ratio rule allows."""

    rule_id: str
    option: str
    n: int
    p: int
    count: int
    car_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePair:
    """Two cars that a soft spacing rule wants further apart; the car in front may have gone before."""

    rule_id: str
    option: str
    other: str
    gap: int
    apart: int
    car_ids: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What comes of some moves.

    `left_out` are cars that no longer get a place, with the code why; `late` how many seconds
    each late car misses its due date; `crowded` the windows of ratio rules
    and `close` the pairs of soft spacing rules that the moves broke.
    """

    work: Schedule
    """What the lines do; its counted figures are those of the plan before the moves."""
    refused: tuple[Refused, ...]
    violations: tuple[Violation, ...]
    left_out: tuple[tuple[str, str], ...]
    late: dict[str, int]
    crowded: tuple[CrowdedWindow, ...]
    close: tuple[ClosePair, ...]
    color_changes: int
    purge_s: int
    purge_cost: int


@dataclass(frozen=True, slots=True)
class _Made:
    """A move, why it is refused (empty: it is not), and the orders behind it."""

    move: Move
    code: str
    orders: Orders


class Hand:
    """A plan under a planner's hand; one for each plan, trials do not touch it.

    Raises `ProblemError` if the problem contradicts itself.
    """

    def __init__(self, problem: Problem, schedule: Schedule) -> None:
        validate(problem)
        self._problem, self._base = problem, schedule
        self._plant = Plant(problem)
        self._checker = Checker(problem)
        self._flow = Flow(self._plant)
        self._orders = orders_of(self._plant, schedule, set())
        self._still_out = tuple(
            (self._plant.index[one.car_id], one.code)
            for one in schedule.unplaced
            if one.car_id in self._plant.index
        )
        self._out = {car for car, _ in self._still_out}
        self._due = {car.id: car.due_s for car in problem.cars if car.due_s is not None}
        self._starts = {
            Line.ASSEMBLY: {slot.car_id: slot.start_s for slot in schedule.assembly},
            Line.PAINT: {slot.car_id: slot.start_s for slot in schedule.paint},
        }
        self._made: tuple[_Made, ...] = ()
        self._crowded_before = {(w.rule_id, w.car_ids) for w in self._crowded(self._orders)}
        self._close_before = set(self._close(self._orders))

    def try_out(self, moves: Sequence[Move], *, frozen_until_s: int = 0) -> Trial:
        """Return what comes of these moves, in their order, without the figures of a plan.

        `frozen_until_s` is the end of the frozen zone: what starts before it stays.
        """
        placed, refused = self._placed(moves, frozen_until_s)
        work = work_of(self._plant, self._flow, placed, self._base)
        late = {}
        for slot in work.assembly:
            due = self._due.get(slot.car_id)
            if due is not None and slot.end_s > due:
                late[slot.car_id] = slot.end_s - due
        crowded = [
            w
            for w in self._crowded(placed.orders)
            if (w.rule_id, w.car_ids) not in self._crowded_before
        ]
        names = self._plant.cars
        order = [*self._plant.paint_facts(), *placed.orders.paint]
        purge_s, purge_cost = purges(self._plant, order)
        return Trial(
            work=work,
            refused=refused,
            violations=self._checker.check_work(work),
            left_out=tuple((names[c].id, code) for c, code in placed.dropped if c not in self._out),
            late=late,
            crowded=tuple(crowded),
            close=tuple(p for p in self._close(placed.orders) if p not in self._close_before),
            color_changes=_color_changes(work),
            purge_s=purge_s,
            purge_cost=purge_cost,
        )

    def schedule(self, moves: Sequence[Move]) -> tuple[Schedule, tuple[Refused, ...]]:
        """Return the whole plan with these moves, its figures counted, and what was refused."""
        placed, refused = self._placed(moves, 0)
        result = LevelResult(
            level="hand", pass_no=0, status="MOVED", objective=len(moves) - len(refused)
        )
        found = schedule_of(self._plant, self._flow, placed, levels=(result,), reference=self._base)
        return found, refused

    def _placed(
        self, moves: Iterable[Move], frozen_until_s: int
    ) -> tuple[Placed, tuple[Refused, ...]]:
        made = self._all_made(moves, frozen_until_s)
        orders = made[-1].orders if made else self._orders
        refused = [Refused(move=one.move, code=one.code) for one in made if one.code]
        if self._out & set(orders.assembly):
            placed = with_panels(self._plant, self._flow, orders)
        else:
            placed = place(self._flow, orders)
        gone = {car for car, _ in placed.dropped}
        stay = [
            out
            for out in self._still_out
            if out[0] not in gone and out[0] not in placed.orders.assembly
        ]
        return replace(placed, dropped=(*placed.dropped, *stay)), tuple(refused)

    def _all_made(self, moves: Iterable[Move], frozen_until_s: int) -> tuple[_Made, ...]:
        """Return what the moves made of the orders, one after the other.

        A planner adds one move to those before: what these made is known from the last trial.
        """
        made: list[_Made] = []
        known = iter(self._made)
        orders = self._orders
        for move in moves:
            code = self._refusal(orders, move, frozen_until_s)
            one = next(known, None)
            if one is None or (one.move, one.code) != (move, code):
                known = iter(())
                one = _Made(move, code, orders if code else self._moved(orders, move))
            made.append(one)
            orders = one.orders
        found = tuple(made)
        self._made = found
        return found

    def _refusal(self, orders: Orders, move: Move, frozen_until_s: int) -> str:
        """Return why a move cannot be tried; empty when it can."""
        index = self._plant.index
        car = index.get(move.car_id)
        row = orders.assembly if move.line is Line.ASSEMBLY else orders.paint
        before = None if move.before is None else index.get(move.before)
        if car is None or (move.before is not None and before is None):
            return "unknown"
        gate = Stage.IN_ASSEMBLY if move.line is Line.ASSEMBLY else Stage.IN_PAINT
        if self._plant.rank[car] >= gate.rank:
            return "started"
        if before is not None and before not in row:
            return "before_frozen"
        if move.line is Line.PAINT and car not in row:
            return "unknown"
        if self._is_held(car, move.line, frozen_until_s):
            return "frozen"
        if before is not None and self._is_held(before, move.line, frozen_until_s):
            return "before_frozen"
        return ""

    def _is_held(self, car: int, line: Line, frozen_until_s: int) -> bool:
        start_s = self._starts[line].get(self._plant.cars[car].id)
        if start_s is not None and start_s < frozen_until_s:
            return True
        held = self._plant.assembly_held if line is Line.ASSEMBLY else self._plant.paint_held
        return held(car) is not None

    def _moved(self, orders: Orders, move: Move) -> Orders:
        car = self._plant.index[move.car_id]
        before = None if move.before is None else self._plant.index[move.before]
        if before == car:
            return orders
        if move.line is Line.PAINT:
            rest = [c for c in orders.paint if c != car]
            at = len(rest) if before is None else rest.index(before)
            return replace(orders, paint=(*rest[:at], car, *rest[at:]))
        rest_of_plant = orders.without({car})
        at = len(rest_of_plant.assembly) if before is None else rest_of_plant.assembly.index(before)
        return with_car(self._plant, rest_of_plant, car, at)

    def _crowded(self, orders: Orders) -> list[CrowdedWindow]:
        """Return the windows of the assembly order that break a ratio rule."""
        plant, line = self._plant, self._problem.assembly
        order = np.array([*plant.assembly_facts(), *orders.assembly], np.int64)
        rows = plant.has[len(line.previous) + order]
        found = []
        for k, rule in enumerate(line.ratio_rules):
            has = np.flatnonzero(rows[:, k])
            total = np.concatenate(([0], np.cumsum(rows[:, k], dtype=np.int64)))
            ends = np.arange(1, len(order) + 1)
            counts = total[ends] - total[np.maximum(0, ends - rule.p)]
            for at in np.flatnonzero(counts > rule.n).tolist():
                window = order[has[total[max(0, at + 1 - rule.p)] : total[at + 1]]]
                found.append(
                    CrowdedWindow(
                        rule_id=rule.id,
                        option=rule.option,
                        n=rule.n,
                        p=rule.p,
                        count=int(counts[at]),
                        car_ids=tuple(plant.cars[c].id for c in window.tolist()),
                    )
                )
        return found

    def _close(self, orders: Orders) -> list[ClosePair]:
        """Return the pairs of the assembly order that soft spacing rules find too close."""
        plant, line = self._plant, self._problem.assembly
        names = [car.id for car in line.previous]
        skip = len(names)
        order = [*plant.assembly_facts(), *orders.assembly]
        names += [plant.cars[c].id for c in order]
        side = plant.side[[*range(skip), *(skip + c for c in order)]].astype(np.int64)
        found = []
        for r, rule in enumerate(line.spacing_rules):
            if rule.priority is SpacingPriority.HARD:
                continue
            for apart in range(1, min(rule.gap, len(side))):
                close = np.flatnonzero(clashes(side[:-apart, r], side[apart:, r]))
                found += [
                    ClosePair(
                        rule_id=rule.id,
                        option=rule.option,
                        other=rule.other,
                        gap=rule.gap,
                        apart=apart,
                        car_ids=(names[at], names[at + apart]),
                    )
                    for at in close
                    if at + apart >= skip
                ]
        return found


def _color_changes(work: Schedule) -> int:
    colors = [slot.color for slot in work.paint]
    return sum(a != b for a, b in pairwise(colors))
