"""Moves by hand: what the lines would do if a planner put cars elsewhere in the order, or a bar elsewhere in time.

The plan in force is read into orders once; every trial lays its moves over these orders, walks the
lines forward and asks the checker. Times are whole seconds from the horizon's start.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from aps.build import schedule_of, work_of
from aps.check import Checker, Violation
from aps.collisions import collisions
from aps.crowding import ClosePair, CrowdedWindow, close_pairs, crowded_windows
from aps.flow import Flow
from aps.kpis import purges
from aps.lanes.orders import laned
from aps.moves import AnyMove, Line, LotMove, Move, Refused, WeldMove
from aps.orders import Orders
from aps.parking import welded_by, with_body_later, with_lot_held, with_weld_held
from aps.placed import Placed, place
from aps.placing import with_car, with_panels
from aps.plant import Plant
from aps.problem import Problem, Stage
from aps.reorder import with_lot_before, with_weld_before
from aps.repair import orders_of
from aps.schedule import LevelResult, Schedule
from aps.validate import validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What comes of some moves.

    `left_out` are cars that no longer get a place, with the code why, `lots_out` die lots that are no
    longer made; `late` how many seconds each late car misses its due date; `crowded` the windows of
    ratio rules and `close` the pairs of soft spacing rules that the moves broke. `collisions` is what the checker
    says of the last bar put in time at that very time; empty where it begins then.
    """

    work: Schedule
    """What the lines do; its counted figures are those of the plan before the moves."""
    refused: tuple[Refused, ...]
    violations: tuple[Violation, ...]
    left_out: tuple[tuple[str, str], ...]
    lots_out: tuple[str, ...]
    late: dict[str, int]
    crowded: tuple[CrowdedWindow, ...]
    close: tuple[ClosePair, ...]
    collisions: tuple[Violation, ...]
    color_changes: int
    purge_s: int
    purge_cost: int


@dataclass(frozen=True, slots=True)
class _Made:
    """A move, why it is refused at sight, why at all (empty: it is not), and the orders behind it."""

    move: AnyMove
    at_sight: str
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
        self._weld_starts = {(o.car_id, o.step): o.start_s for o in schedule.weld}
        self._lot_starts = {lot.id: lot.start_s for lot in schedule.press}
        self._made: tuple[_Made, ...] = ()
        self._crowded_before = {
            (w.rule_id, w.car_ids) for w in crowded_windows(self._plant, self._orders)
        }
        self._close_before = set(close_pairs(self._plant, self._orders))

    def try_out(self, moves: Sequence[AnyMove], *, frozen_until_s: int = 0) -> Trial:
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
            for w in crowded_windows(self._plant, placed.orders)
            if (w.rule_id, w.car_ids) not in self._crowded_before
        ]
        names = self._plant.cars
        order = [*self._plant.paint_facts(), *placed.orders.paint]
        purge_s, purge_cost = purges(self._plant, order)
        violations = self._checker.check_work(work)
        last = moves[-1] if moves and moves[-1] not in {one.move for one in refused} else None
        return Trial(
            work=work,
            refused=refused,
            violations=violations,
            collisions=collisions(self._plant, self._checker, work, last, violations),
            left_out=tuple((names[c].id, code) for c, code in placed.dropped if c not in self._out),
            lots_out=self._lots_out(placed.orders),
            late=late,
            crowded=tuple(crowded),
            close=tuple(
                p for p in close_pairs(self._plant, placed.orders) if p not in self._close_before
            ),
            color_changes=_color_changes(work),
            purge_s=purge_s,
            purge_cost=purge_cost,
        )

    def schedule(self, moves: Sequence[AnyMove]) -> tuple[Schedule, tuple[Refused, ...]]:
        """Return the whole plan with these moves, its figures counted, and what was refused."""
        placed, refused = self._placed(moves, 0)
        result = LevelResult(
            level="hand", pass_no=0, status="MOVED", objective=len(moves) - len(refused)
        )
        found = schedule_of(self._plant, self._flow, placed, levels=(result,), reference=self._base)
        return found, refused

    def _placed(
        self, moves: Iterable[AnyMove], frozen_until_s: int
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

    def _lots_out(self, orders: Orders) -> tuple[str, ...]:
        """Return the die lots that the plan made and that these orders make no longer."""
        made = {lot.id for lot in orders.lots}
        ours = [lot.id for lot in self._orders.lots if lot.id in self._lot_starts]
        return tuple(lot_id for lot_id in ours if lot_id not in made)

    def _all_made(self, moves: Iterable[AnyMove], frozen_until_s: int) -> tuple[_Made, ...]:
        """Return what the moves made of the orders, one after the other.

        A planner adds one move to those before: what these made is known from the last trial.
        """
        made: list[_Made] = []
        known = iter(self._made)
        orders = self._orders
        for move in moves:
            at_sight = self._refusal(orders, move, frozen_until_s)
            one = next(known, None)
            if one is None or (one.move, one.at_sight) != (move, at_sight):
                known = iter(())
                found = at_sight or self._moved(orders, move)
                if isinstance(found, str):
                    one = _Made(move, at_sight, found, orders)
                else:
                    one = _Made(move, at_sight, "", found)
            made.append(one)
            orders = one.orders
        found_all = tuple(made)
        self._made = found_all
        return found_all

    def _refusal(self, orders: Orders, move: AnyMove, frozen_until_s: int) -> str:
        """Return why a move cannot be tried; empty when it can."""
        if isinstance(move, Move):
            return self._car_refusal(orders, move, frozen_until_s)
        if isinstance(move, WeldMove):
            return self._weld_refusal(orders, move, frozen_until_s)
        return self._lot_refusal(orders, move, frozen_until_s)

    def _car_refusal(self, orders: Orders, move: Move, frozen_until_s: int) -> str:
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

    def _weld_refusal(self, orders: Orders, move: WeldMove, frozen_until_s: int) -> str:
        index = self._plant.index
        car = index.get(move.car_id)
        before = None if move.before is None else index.get(move.before)
        if car is None or (move.before is not None and before is None):
            return "unknown"
        steps = self._plant.routing[self._plant.cars[car].body_type]
        if move.step not in {step.id for step in steps}:
            return "unknown"
        if move.step not in {step.id for step in self._plant.steps_left(car)}:
            return "started"
        planned = {task.car for task in orders.tasks if task.step == move.step}
        if car not in planned:
            return "unknown"
        if self._weld_is_held(car, move.step, frozen_until_s):
            return "frozen"
        if before is not None and (
            before not in planned or self._weld_is_held(before, move.step, frozen_until_s)
        ):
            return "before_frozen"
        return ""

    def _weld_is_held(self, car: int, step: str, frozen_until_s: int) -> bool:
        start_s = self._weld_starts.get((self._plant.cars[car].id, step))
        if start_s is not None and start_s < frozen_until_s:
            return True
        fact = self._plant.frozen.get(car)
        return fact is not None and any(o.step == step for o in fact.weld)

    def _lot_refusal(self, orders: Orders, move: LotMove, frozen_until_s: int) -> str:
        lots = {lot.id: lot for lot in orders.lots}
        lot = lots.get(move.lot_id)
        if lot is None or move.press not in self._plant.presses:
            return "unknown"
        if lot.fixed is not None:
            return "started"
        if self._lot_is_held(lot.id, frozen_until_s):
            return "frozen"
        if move.before is None:
            return ""
        before = lots.get(move.before)
        if before is None or before.press != self._plant.presses[move.press]:
            return "unknown"
        return "before_frozen" if self._lot_is_held(before.id, frozen_until_s) else ""

    def _lot_is_held(self, lot_id: str, frozen_until_s: int) -> bool:
        if any(lot.id == lot_id for lot in self._problem.press.held_lots):
            return True
        return self._lot_starts.get(lot_id, frozen_until_s) < frozen_until_s

    def _moved(self, orders: Orders, move: AnyMove) -> Orders | str:
        """Return the orders behind a move, or why there are none."""
        if isinstance(move, Move):
            return self._car_moved(orders, move)
        if isinstance(move, LotMove):
            return self._flowing(orders, self._lot_moved(orders, move))
        return self._flowing(orders, self._weld_moved(orders, move))

    def _lot_moved(self, orders: Orders, move: LotMove) -> Orders | str:
        lock = self._plant.lot_locks.get(move.lot_id)
        locked_s = lock.from_s if lock is not None and lock.to_s is not None else 0
        orders = with_lot_held(orders, move.lot_id, max(0, locked_s, move.not_before_s or 0))
        if move.before == move.lot_id:
            return orders
        return with_lot_before(self._plant, orders, move.lot_id, move.press, move.before)

    def _weld_moved(self, orders: Orders, move: WeldMove) -> Orders | str:
        plant, car, step = self._plant, self._plant.index[move.car_id], move.step
        lock = plant.weld_locks.get((car, step))
        locked_s = lock.from_s if lock is not None and lock.to_s is not None else 0
        held_s = max(0, locked_s, move.not_before_s or 0)
        moved: Orders | str = with_weld_held(orders, car, step, held_s)
        if move.before != move.car_id and not isinstance(moved, str):
            before = None if move.before is None else plant.index[move.before]
            moved = with_weld_before(plant, moved, car, step, before)
        if isinstance(moved, str) or not held_s:
            return moved
        times = self._flow.run(with_weld_held(orders, car, step, 0))
        return with_body_later(plant, times, moved, car, welded_by(plant, car, step, held_s))

    def _flowing(self, orders: Orders, moved: Orders | str) -> Orders | str:
        """Return moved orders if lines and presses do not wait for each other by them.

        Taking out the cars that wait, one by one, would end the waiting as well: that is no answer to a move.
        """
        if isinstance(moved, str):
            return moved
        # Bodies painted or assembled in another turn go through other lanes of the store.
        way, _ = laned(self._plant, moved) if moved.paint != orders.paint else (moved, None)
        if not self._flow.run(way).blocked:
            return moved
        return moved if self._flow.run(orders).blocked else "blocked"

    def _car_moved(self, orders: Orders, move: Move) -> Orders:
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
        moved = with_car(self._plant, rest_of_plant, car, at)
        for task in orders.tasks:
            if task.car == car and task.held_s:
                moved = with_weld_held(moved, car, task.step, task.held_s)
        return moved


def _color_changes(work: Schedule) -> int:
    colors = [slot.color for slot in work.paint]
    return sum(a != b for a, b in pairwise(colors))
