"""From orders to times: when everything happens once every order of work is decided.

The levels decide orders only: which car follows which on each line, which machine does which
step, which lot follows which on a press. This module walks those decisions forward through the
calendars; each start is the earliest that takt, calendar, facts, panels, stores and racks allow.

Stores and racks couple the levels both ways. A store of capacity C with `init` bodies at the
start lets its j-th arrival in only when departure number init + j - C has begun, whatever the
arrival's real order is: then at any time arrivals - departures + init <= C. The same counting
argument serves panels (the r-th car launched needs the lot that covers the demand up to r) and
racks (a lot may arrive once so many panels are consumed). Times are thus longest paths in an
acyclic graph, computed by pointers that advance while they can; if none can, the orders
contradict each other and the flow is `blocked`.
"""

from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from aps.forward import walk
from aps.lanes.orders import in_lanes
from aps.orders import Lot, Orders, Task
from aps.plant import UNKNOWN, Plant
from aps.problem import Stage
from aps.worktime import INF, Ints


@dataclass(eq=False)
class Times:
    """When everything happens; `INF` where the calendar ends or panels never come."""

    assembly_start: Ints
    assembly_end: Ints
    paint_start: Ints
    paint_end: Ints
    task_start: Ints
    task_end: Ints
    lot_start: Ints
    lot_end: Ints
    lot_setup: Ints
    weld_end: Ints
    reason: Ints
    blocked: bool


@dataclass(eq=False)
class Clocks:
    """The calendars of all lines, machines and presses in one flat pair of arrays."""

    starts: Ints
    ends: Ints
    before: Ints
    offset: Ints

    @classmethod
    def of(cls, plant: Plant) -> "Clocks":
        """Concatenate assembly, paint, machines, presses, in this order."""
        clocks = [plant.assembly_time, plant.paint_time, *plant.machine_time, *plant.press_time]
        offset = np.cumsum([0, *(len(c.starts) for c in clocks)]).astype(np.int64)
        return cls(
            np.concatenate([c.starts for c in clocks]),
            np.concatenate([c.ends for c in clocks]),
            np.concatenate([c.before for c in clocks]),
            offset,
        )


class Flow:
    """The forward walk through one plant, its fixed arrays computed once."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self._clocks = Clocks.of(plant)
        self._paint_facts = plant.paint_facts()
        self._assembly_facts = plant.assembly_facts()
        self._welding: list[tuple[int, int, int, int]] = self._running_tasks()
        self._begun = self._facts()
        self._first = np.array(
            [self._last_assembly_work(), self._last_paint_work(), self._last_color()], np.int64
        )
        self._held = self._held_starts()
        self._rack = np.array([self._room_for(panel) for panel in plant.panels], np.int64)
        self._tasks_read: tuple[tuple[Task, ...], tuple[Ints, ...]] = ((), self._task_arrays(()))

    def _running_tasks(self) -> list[tuple[int, int, int, int]]:
        """Return (end, car, machine, start) of the weld operations that run at time 0."""
        plant, running = self.plant, []
        for car, fact in plant.frozen.items():
            if plant.rank[car] != Stage.IN_BODY.rank:
                continue
            steps = plant.routing[plant.cars[car].body_type]
            for at, operation in enumerate(fact.weld):
                if operation.start_s > 0:
                    continue
                machine = plant.machines[operation.machine]
                work = operation.left_s
                if work is None:
                    step = steps[fact.steps_done + at]
                    work = next(
                        a.duration_s for a in step.alternatives if a.machine == operation.machine
                    )
                end = plant.machine_time[machine].finish(0, work)
                running.append((end, car, machine, operation.start_s))
        return sorted(running)

    @property
    def running_tasks(self) -> list[tuple[int, int, int, int]]:
        """The weld operations that run at time 0: (end, car, machine, start), by end."""
        return self._welding

    def run(self, orders: Orders, *, stock: Ints | None = None) -> Times:
        """Return the earliest times that these orders allow, from this stock if another is given."""
        plant, problem, clocks = self.plant, self.plant.problem, self._clocks
        n = plant.n
        times = {name: begun.copy() for name, begun in self._begun.items()}
        job_ready = np.zeros(n, np.int64)
        machine_free = np.zeros(len(plant.machines), np.int64)
        welded = []
        for end, car, machine, _ in self._welding:
            machine_free[machine] = max(machine_free[machine], end)
            job_ready[car] = end
            if not plant.steps_left(car):
                times["w1"][car] = end
                welded.append(car)
        welded += orders.weld_order()
        weld_rank = np.full(n, -1, np.int64)
        weld_rank[welded] = np.arange(len(welded))
        panel, press, quantity, setup, stamping, lot_held, lot_start, lot_end = self._lot_arrays(
            orders.lots
        )
        tasks = orders.tasks
        known, arrays = self._tasks_read
        if known is not tasks:
            arrays = self._task_arrays(tasks)
            self._tasks_read = tasks, arrays
        task_car, task_machine, task_duration, task_held = arrays
        task_start = np.full(len(tasks), UNKNOWN, np.int64)
        task_end = np.full(len(tasks), UNKNOWN, np.int64)
        reason = np.zeros(n, np.int64)
        pace = (
            problem.assembly.takt_s,
            problem.assembly.lead_s,
            problem.paint.takt_s,
            problem.paint.lead_s,
        )
        stores = (
            len(plant.at(Stage.PAINTED)),
            problem.paint.store_capacity,
            len(self._paint_facts),
            len(plant.at(Stage.WELDED)),
            problem.body.store_capacity,
        )
        done = walk(
            clocks.starts,
            clocks.ends,
            clocks.before,
            clocks.offset,
            np.array(pace, np.int64),
            np.array(stores, np.int64),
            self._first,
            np.array(orders.assembly, np.int64),
            np.array(orders.paint, np.int64),
            plant.color,
            plant.purge_s,
            *self._held,
            self.room_after(orders),
            plant.release,
            plant.rank,
            times["a0"],
            times["a1"],
            times["p0"],
            times["p1"],
            times["w1"],
            job_ready,
            task_car,
            task_machine,
            task_duration,
            task_held,
            weld_rank,
            machine_free,
            plant.demand,
            plant.stock if stock is None else stock,
            self._rack,
            panel,
            press,
            quantity,
            setup,
            stamping,
            lot_held,
            lot_start,
            lot_end,
            np.zeros(len(plant.presses), np.int64),
            task_start,
            task_end,
            reason,
        )
        return Times(
            assembly_start=times["a0"],
            assembly_end=times["a1"],
            paint_start=times["p0"],
            paint_end=times["p1"],
            weld_end=times["w1"],
            task_start=task_start,
            task_end=task_end,
            lot_start=lot_start,
            lot_end=lot_end,
            lot_setup=setup,
            reason=reason,
            blocked=not done,
        )

    def tasks_sorted(self, orders: Orders, order: Ints) -> tuple[Task, ...]:
        """Return the tasks of the last walk in another order, which the next one then need not read."""
        tasks = tuple(orders.tasks[k] for k in order.tolist())
        known, arrays = self._tasks_read
        if known is orders.tasks:
            self._tasks_read = tasks, tuple(np.ascontiguousarray(one[order]) for one in arrays)
        return tasks

    def _facts(self) -> dict[str, Ints]:
        """Return the times of work that has begun; all others unknown."""
        plant = self.plant
        times = {
            name: np.full(plant.n, UNKNOWN, np.int64) for name in ("a0", "a1", "p0", "p1", "w1")
        }
        times["w1"][plant.rank >= Stage.WELDED.rank] = 0
        times["p1"][plant.rank >= Stage.PAINTED.rank] = 0
        for car in self._paint_facts:
            times["p0"][car] = plant.paint_held(car) or 0
            times["p1"][car] = plant.paint_fact_end(car)
        for car in self._assembly_facts:
            times["a0"][car] = plant.assembly_held(car) or 0
            times["a1"][car] = plant.assembly_fact_end(car)
        return times

    def _last_assembly_work(self) -> int:
        """Return the work clock of the last start on the line, so that the next is a takt on."""
        plant = self.plant
        starts = [plant.assembly_held(car) or 0 for car in self._assembly_facts]
        clock = plant.assembly_time
        return max((clock.work(s) for s in starts), default=-plant.problem.assembly.takt_s)

    def _last_paint_work(self) -> int:
        plant, paint = self.plant, self.plant.problem.paint
        starts = [plant.paint_held(car) or 0 for car in self._paint_facts]
        longest = int(plant.purge_s.max())
        return max((plant.paint_time.work(s) for s in starts), default=-paint.takt_s - longest)

    def _last_color(self) -> int:
        """Return the colour sprayed last, -1: none is known."""
        plant, color = self.plant, self.plant.problem.paint.previous_color
        if self._paint_facts:
            return int(plant.color[self._paint_facts[-1]])
        return -1 if color is None else plant.color_names.index(color)

    def _held_starts(self) -> tuple[Ints, Ints]:
        """Return the assembly and the paint start before which a car may not start."""
        plant = self.plant
        assembly, paint = np.zeros(plant.n, np.int64), np.zeros(plant.n, np.int64)
        for car in plant.frozen:
            assembly[car] = plant.assembly_held(car) or 0
            paint[car] = plant.paint_held(car) or 0
        return assembly, paint

    def room_after(self, orders: Orders) -> Ints:
        """Return for each car the one that must have left its lane before it comes in; -1: none."""
        plant = self.plant
        found = np.full(plant.n, -1, np.int64)
        lanes = in_lanes(plant, orders.assembly, orders.lanes)
        for lane, bodies in zip(plant.problem.paint.lanes, lanes, strict=True):
            for ahead, car in zip(bodies, bodies[lane.capacity :], strict=False):
                found[car] = ahead
        return found

    def _room_for(self, panel: str) -> int:
        die = self.plant.dies.get(panel)
        return INF if die is None else die.rack_capacity

    def _task_arrays(self, tasks: tuple[Task, ...]) -> tuple[Ints, ...]:
        """Return car, machine, duration and held start of the tasks."""
        wanted = ("car", "machine", "duration_s", "held_s")
        return tuple(np.fromiter(map(attrgetter(x), tasks), np.int64, len(tasks)) for x in wanted)

    def _lot_arrays(self, lots: tuple[Lot, ...]) -> tuple[Ints, ...]:
        """Return panel, press, quantity, setup, work, held, start and end of the lots."""
        plant = self.plant
        mounted = [press.mounted for press in plant.problem.press.presses]
        rows = []
        for lot in lots:
            panel = plant.panels[lot.panel]
            press = plant.problem.press.presses[lot.press]
            setup = plant.dies[panel].setup_s(mounted[lot.press])
            mounted[lot.press] = panel
            start, end = UNKNOWN, UNKNOWN
            if lot.fixed is not None:
                setup = 0
                start, end = lot.fixed
            work = stamping_s(lot.quantity, press.strokes_per_min)
            rows.append((lot.panel, lot.press, lot.quantity, setup, work, lot.held_s, start, end))
        table = np.array(rows, np.int64).reshape(len(rows), 8)
        return tuple(np.ascontiguousarray(table[:, i]) for i in range(8))


def stamping_s(quantity: int, strokes_per_min: int) -> int:
    """Return the working seconds of a lot, one panel a stroke, rounded up."""
    return -(-quantity * 60 // strokes_per_min)


def locked_lots(plant: Plant) -> tuple[Lot, ...]:
    """Return the lots that a planner has put in time, those that run or are frozen left out, by time."""
    held = {lot.id for lot in plant.problem.press.held_lots}
    return tuple(
        Lot(
            id=lock.lot_id,
            panel=plant.panel_index[lock.panel_type],
            press=plant.presses[lock.press],
            quantity=lock.quantity,
            held_s=max(0, lock.from_s),
        )
        for lock in sorted(plant.lot_locks.values(), key=lambda x: (x.from_s, x.lot_id))
        if lock.lot_id not in held
    )


def held_lots(plant: Plant) -> tuple[Lot, ...]:
    """Return the lots that run or are frozen, in order of their start."""
    lots = []
    for held in sorted(plant.problem.press.held_lots, key=lambda lot: (lot.start_s, lot.id)):
        press = plant.presses[held.press]
        fixed = None
        if held.start_s <= 0:
            strokes = plant.problem.press.presses[press].strokes_per_min
            work = stamping_s(held.quantity, strokes) if held.left_s is None else held.left_s
            fixed = (held.start_s, plant.press_time[press].finish(0, work))
        lots.append(
            Lot(
                id=held.id,
                panel=plant.panel_index[held.panel_type],
                press=press,
                quantity=held.quantity,
                held_s=max(0, held.start_s),
                fixed=fixed,
            )
        )
    return tuple(lots)
