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

from dataclasses import dataclass, replace

import numpy as np

from aps.jit import kernel
from aps.plant import UNKNOWN, Plant
from aps.problem import Stage
from aps.worktime import INF, Ints, end_at, start_at, work_until

ASSEMBLY_CALENDAR, PAINT_CALENDAR, WELD_CALENDAR, NO_PANELS, STORE_FULL = 1, 2, 3, 4, 5
"""Why a car got no time of its own at a stage (0: it has one, or an earlier stage has none)."""


@dataclass(frozen=True, slots=True)
class Task:
    """A weld operation to be planned: a step of a car on the machine chosen for it."""

    car: int
    step: str
    machine: int
    duration_s: int
    held_s: int = 0


@dataclass(frozen=True, slots=True)
class Lot:
    """A die lot; `fixed` times are those of a lot that runs already."""

    id: str
    panel: int
    press: int
    quantity: int
    held_s: int = 0
    fixed: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What is decided: four orders of work. Facts (cars on the lines) are not in them.

    `tasks` is in an order in which each task follows its car's and its machine's earlier tasks;
    bodies are launched in the order of their first tasks. `welded` is the order in which bodies
    come to the welded store, that of their last tasks if empty. `lots` is in an order that holds
    on each press and for each die.
    """

    assembly: tuple[int, ...] = ()
    paint: tuple[int, ...] = ()
    tasks: tuple[Task, ...] = ()
    lots: tuple[Lot, ...] = ()
    welded: tuple[int, ...] = ()

    def weld_order(self) -> tuple[int, ...]:
        """Return the order in which bodies come to the welded store."""
        if self.welded:
            return self.welded
        last = {task.car: None for task in reversed(self.tasks)}
        return tuple(reversed(last))

    def without(self, cars: set[int]) -> "Orders":
        """Return the orders with these cars taken out."""
        return replace(
            self,
            assembly=tuple(c for c in self.assembly if c not in cars),
            paint=tuple(c for c in self.paint if c not in cars),
            tasks=tuple(t for t in self.tasks if t.car not in cars),
            welded=tuple(c for c in self.welded if c not in cars),
        )


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


@kernel
def _begin(starts: Ints, ends: Ints, before: Ints, earliest: int, work: int, until: int) -> int:
    """Return the least work clock from `earliest` on at which work done ends at `until` or later.

    A wish to end inside a break cannot be met exactly; one second more work ends after it.
    """
    if earliest >= INF or until >= INF:
        return INF
    at = work_until(starts, ends, before, until) - work
    if at > earliest:
        earliest = at
    if end_at(starts, ends, before, earliest + work) < until:
        earliest += 1
    return earliest


@kernel
def _run(
    starts: Ints,
    ends: Ints,
    before: Ints,
    offset: Ints,
    pace: Ints,
    stores: Ints,
    first: Ints,
    sigma: Ints,
    pi: Ints,
    color: Ints,
    held_assembly: Ints,
    held_paint: Ints,
    release: Ints,
    rank: Ints,
    assembly_start: Ints,
    assembly_end: Ints,
    paint_start: Ints,
    paint_end: Ints,
    weld_end: Ints,
    job_ready: Ints,
    task_car: Ints,
    task_machine: Ints,
    task_duration: Ints,
    task_held: Ints,
    weld_rank: Ints,
    machine_free: Ints,
    demand: Ints,
    stock: Ints,
    rack: Ints,
    lot_panel: Ints,
    lot_press: Ints,
    lot_quantity: Ints,
    lot_setup: Ints,
    lot_work: Ints,
    lot_held: Ints,
    lot_start: Ints,
    lot_end: Ints,
    press_free: Ints,
    task_start: Ints,
    task_end: Ints,
    reason: Ints,
) -> bool:
    a_takt, a_lead, p_takt, p_lead, purge = pace
    painted_init, painted_cap, painted_facts, welded_init, welded_cap = stores
    a_last, p_last, last_color = first
    n_cars = len(rank)
    n_sigma, n_pi, n_tasks, n_lots = len(sigma), len(pi), len(task_car), len(lot_panel)
    n_panels = len(stock)
    n_machines = len(machine_free)
    a_lo, a_hi, p_hi = offset[0], offset[1], offset[2]
    a_starts, a_ends, a_before = starts[a_lo:a_hi], ends[a_lo:a_hi], before[a_lo:a_hi]
    p_starts, p_ends, p_before = starts[a_hi:p_hi], ends[a_hi:p_hi], before[a_hi:p_hi]

    # Launches (first steps of cars not started) in order, and what each needs of the presses.
    task_before = np.full(n_tasks, -1, np.int64)
    weld_last = np.full(n_cars, -1, np.int64)
    launch_rank = np.full(n_cars, -1, np.int64)
    launch_car = np.empty(n_cars, np.int64)
    n_launch = 0
    for t in range(n_tasks):
        c = task_car[t]
        task_before[t] = weld_last[c]
        weld_last[c] = t
        if rank[c] == 0 and launch_rank[c] < 0:
            launch_rank[c] = n_launch
            launch_car[n_launch] = c
            n_launch += 1
    machine_tasks = np.argsort(task_machine, kind="mergesort")
    machine_last = np.zeros(n_machines, np.int64)
    for t in range(n_tasks):
        machine_last[task_machine[t]] += 1
    machine_last = np.cumsum(machine_last)
    machine_next = np.zeros(n_machines, np.int64)
    machine_next[1:] = machine_last[:-1]
    launch_time = np.full(n_launch, UNKNOWN, np.int64)
    needs_lot = np.full((n_launch, n_panels), -1, np.int64)
    lot_after = np.full(n_lots, -1, np.int64)
    lots_of = np.full((n_panels, n_lots + 1), -1, np.int64)
    lots_count = np.zeros(n_panels, np.int64)
    for k in range(n_lots):
        lots_of[lot_panel[k], lots_count[lot_panel[k]]] = k
        lots_count[lot_panel[k]] += 1
    for q in range(n_panels):
        used, supply, at = 0, stock[q], 0
        for r in range(n_launch):
            need = demand[launch_car[r], q]
            if need == 0:
                continue
            used += need
            while used > supply and at < lots_count[q]:
                supply += lot_quantity[lots_of[q, at]]
                at += 1
            needs_lot[r, q] = at - 1 if used <= supply else lots_count[q]
        used, supply, r = 0, stock[q], 0
        for at in range(lots_count[q]):
            k = lots_of[q, at]
            supply += lot_quantity[k]
            while supply - used > rack[q] and r < n_launch:
                used += demand[launch_car[r], q]
                r += 1
            if supply - used > rack[q]:
                lot_after[k] = n_launch
                supply -= lot_quantity[k]
            else:
                lot_after[k] = r - 1
    lot_done = np.zeros(n_lots, np.bool_)
    next_lot = np.zeros(len(press_free), np.int64)
    die_free = np.zeros(n_panels, np.int64)
    die_next = np.zeros(n_panels, np.int64)
    for k in range(n_lots):
        if lot_end[k] != UNKNOWN:
            lot_done[k] = True
            die_free[lot_panel[k]] = max(die_free[lot_panel[k]], lot_end[k])
            press_free[lot_press[k]] = max(press_free[lot_press[k]], lot_end[k])

    i_a = 0
    i_p = 0
    tasks_done = 0
    launched = 0
    last_launch = 0
    progress = True
    while progress:
        progress = False
        # Assembly: one car a takt, from the painted store.
        while i_a < n_sigma:
            c = sigma[i_a]
            if paint_end[c] == UNKNOWN:
                break
            ready = max(paint_end[c], held_assembly[c], 0)
            if rank[c] >= 3:
                ready = max(ready, release[c])
            w = work_until(a_starts, a_ends, a_before, ready)
            w = max(w, a_last + a_takt)
            assembly_start[c] = start_at(a_starts, a_ends, a_before, min(w, INF))
            assembly_end[c] = end_at(a_starts, a_ends, a_before, min(w + a_lead, INF))
            if assembly_end[c] < INF:
                a_last = w
            else:
                assembly_start[c] = INF
                if paint_end[c] < INF:
                    reason[c] = ASSEMBLY_CALENDAR
            i_a += 1
            progress = True
        # Paint: one car a takt, a purge where the colour changes, room in the painted store.
        while i_p < n_pi:
            c = pi[i_p]
            if weld_end[c] == UNKNOWN:
                break
            room = 0
            k = painted_init + painted_facts + i_p - painted_cap
            if k >= n_sigma:
                room = INF
            elif k >= 0:
                room = assembly_start[sigma[k]]
                if room == UNKNOWN:
                    break
            ready = max(weld_end[c], held_paint[c], 0)
            if rank[c] == 2:
                ready = max(ready, release[c])
            w = work_until(p_starts, p_ends, p_before, ready)
            step = p_takt
            if last_color >= 0 and color[c] != last_color:
                step += purge
            w = min(max(w, p_last + step), INF)
            w = _begin(p_starts, p_ends, p_before, w, p_lead, room)
            paint_start[c] = start_at(p_starts, p_ends, p_before, w)
            paint_end[c] = end_at(p_starts, p_ends, p_before, min(w + p_lead, INF))
            if paint_end[c] < INF:
                p_last = w
                last_color = color[c]
            else:
                paint_start[c] = INF
                if weld_end[c] < INF:
                    reason[c] = PAINT_CALENDAR if room < INF else STORE_FULL
            i_p += 1
            progress = True
        # Weld: each machine takes its tasks in order; launches go in their order and need
        # panels, last steps need room in the welded store.
        for m in range(n_machines):
            lo, hi = offset[2 + m], offset[3 + m]
            m_starts, m_ends, m_before = starts[lo:hi], ends[lo:hi], before[lo:hi]
            while machine_next[m] < machine_last[m]:
                i_t = machine_tasks[machine_next[m]]
                if task_before[i_t] >= 0 and task_end[task_before[i_t]] == UNKNOWN:
                    break
                c = task_car[i_t]
                ready = max(job_ready[c], task_held[i_t])
                ready = max(ready, release[c])
                launch = rank[c] == 0 and task_before[i_t] < 0
                if launch:
                    if launch_rank[c] != launched:
                        break
                    ready = max(ready, last_launch)
                    waits = False
                    for q in range(n_panels):
                        at = needs_lot[launched, q]
                        if at >= lots_count[q]:
                            ready = INF
                            reason[c] = NO_PANELS
                            continue
                        for one in range(at + 1):
                            k = lots_of[q, one]
                            if not lot_done[k]:
                                waits = True
                            else:
                                ready = max(ready, lot_end[k])
                                if lot_end[k] >= INF:
                                    reason[c] = NO_PANELS
                    if waits:
                        break
                room = 0
                if weld_last[c] == i_t:
                    k = welded_init + weld_rank[c] - welded_cap
                    if k >= n_pi:
                        room = INF
                    elif k >= 0:
                        room = paint_start[pi[k]]
                        if room == UNKNOWN:
                            break
                w = work_until(m_starts, m_ends, m_before, max(ready, machine_free[m]))
                w = _begin(m_starts, m_ends, m_before, w, task_duration[i_t], room)
                task_start[i_t] = start_at(m_starts, m_ends, m_before, w)
                task_end[i_t] = end_at(m_starts, m_ends, m_before, min(w + task_duration[i_t], INF))
                if task_end[i_t] >= INF:
                    task_start[i_t] = INF
                    if ready < INF:
                        reason[c] = WELD_CALENDAR if room < INF else STORE_FULL
                else:
                    machine_free[m] = task_end[i_t]
                if launch:
                    launch_time[launched] = task_start[i_t]
                    if task_start[i_t] < INF:
                        last_launch = task_start[i_t]
                    launched += 1
                job_ready[c] = task_end[i_t]
                if weld_last[c] == i_t:
                    weld_end[c] = task_end[i_t]
                machine_next[m] += 1
                tasks_done += 1
                progress = True
        # Presses: each works off its lots in order; a lot waits for room in its racks.
        for press in range(len(press_free)):
            while True:
                k = next_lot[press]
                while k < n_lots and (lot_press[k] != press or lot_done[k]):
                    k += 1
                next_lot[press] = k
                if k >= n_lots:
                    break
                q = lot_panel[k]
                while die_next[q] < lots_count[q] and lot_done[lots_of[q, die_next[q]]]:
                    die_next[q] += 1
                if lots_of[q, die_next[q]] != k:
                    break
                room = 0
                if lot_after[k] >= n_launch:
                    room = INF
                elif lot_after[k] >= 0:
                    room = launch_time[lot_after[k]]
                    if room == UNKNOWN:
                        break
                at = 2 + n_machines + press
                lo, hi = offset[at], offset[at + 1]
                r_starts, r_ends, r_before = starts[lo:hi], ends[lo:hi], before[lo:hi]
                ready = max(press_free[press], die_free[q], lot_held[k])
                work = lot_setup[k] + lot_work[k]
                w = work_until(r_starts, r_ends, r_before, ready)
                w = _begin(r_starts, r_ends, r_before, w, work, room)
                lot_start[k] = start_at(r_starts, r_ends, r_before, w)
                lot_end[k] = end_at(r_starts, r_ends, r_before, min(w + work, INF))
                if lot_end[k] >= INF:
                    lot_start[k] = INF
                else:
                    press_free[press] = lot_end[k]
                    die_free[q] = lot_end[k]
                lot_done[k] = True
                progress = True
    done = i_a == n_sigma and i_p == n_pi and tasks_done == n_tasks
    return bool(done and lot_done.all())


class Flow:
    """The forward walk through one plant, its fixed arrays computed once."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self._clocks = Clocks.of(plant)
        self._paint_facts = plant.paint_facts()
        self._assembly_facts = plant.assembly_facts()
        self._welding: list[tuple[int, int, int, int]] = self._running_tasks()

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
        times = {name: np.full(n, UNKNOWN, np.int64) for name in ("a0", "a1", "p0", "p1", "w1")}
        self._enter_facts(times)
        job_ready = np.zeros(n, np.int64)
        machine_free = np.zeros(len(plant.machines), np.int64)
        weld_rank = np.full(n, -1, np.int64)
        ranked = 0
        for end, car, machine, _ in self._welding:
            machine_free[machine] = max(machine_free[machine], end)
            job_ready[car] = end
            if not plant.steps_left(car):
                times["w1"][car] = end
                weld_rank[car] = ranked
                ranked += 1
        for car in orders.weld_order():
            weld_rank[car] = ranked
            ranked += 1
        panel, press, quantity, setup, stamping, lot_held, lot_start, lot_end = self._lot_arrays(
            orders.lots
        )
        sequence = np.array([0, 0, -1], np.int64)
        sequence[0] = self._last_assembly_work()
        sequence[1] = self._last_paint_work()
        if self._paint_facts:
            sequence[2] = plant.color[self._paint_facts[-1]]
        elif problem.paint.previous_color is not None:
            sequence[2] = plant.color_names.index(problem.paint.previous_color)
        tasks = orders.tasks
        task_start = np.full(len(tasks), UNKNOWN, np.int64)
        task_end = np.full(len(tasks), UNKNOWN, np.int64)
        reason = np.zeros(n, np.int64)
        pace = (
            problem.assembly.takt_s,
            problem.assembly.lead_s,
            problem.paint.takt_s,
            problem.paint.lead_s,
            problem.paint.purge_s,
        )
        stores = (
            len(plant.at(Stage.PAINTED)),
            problem.paint.store_capacity,
            len(self._paint_facts),
            len(plant.at(Stage.WELDED)),
            problem.body.store_capacity,
        )
        held_assembly, held_paint = self._held()
        done = _run(
            clocks.starts,
            clocks.ends,
            clocks.before,
            clocks.offset,
            np.array(pace, np.int64),
            np.array(stores, np.int64),
            sequence,
            np.array(orders.assembly, np.int64),
            np.array(orders.paint, np.int64),
            plant.color,
            held_assembly,
            held_paint,
            plant.release,
            plant.rank,
            times["a0"],
            times["a1"],
            times["p0"],
            times["p1"],
            times["w1"],
            job_ready,
            np.array([t.car for t in tasks], np.int64),
            np.array([t.machine for t in tasks], np.int64),
            np.array([t.duration_s for t in tasks], np.int64),
            np.array([t.held_s for t in tasks], np.int64),
            weld_rank,
            machine_free,
            plant.demand,
            plant.stock if stock is None else stock,
            np.array([self._rack(panel) for panel in plant.panels], np.int64),
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

    def _enter_facts(self, times: dict[str, Ints]) -> None:
        plant = self.plant
        times["w1"][plant.rank >= Stage.WELDED.rank] = 0
        times["p1"][plant.rank >= Stage.PAINTED.rank] = 0
        for car in self._paint_facts:
            times["p0"][car] = plant.paint_held(car) or 0
            times["p1"][car] = plant.paint_fact_end(car)
        for car in self._assembly_facts:
            times["a0"][car] = plant.assembly_held(car) or 0
            times["a1"][car] = plant.assembly_fact_end(car)

    def _last_assembly_work(self) -> int:
        """Return the work clock of the last start on the line, so that the next is a takt on."""
        plant = self.plant
        starts = [plant.assembly_held(car) or 0 for car in self._assembly_facts]
        clock = plant.assembly_time
        return max((clock.work(s) for s in starts), default=-plant.problem.assembly.takt_s)

    def _last_paint_work(self) -> int:
        plant, paint = self.plant, self.plant.problem.paint
        starts = [plant.paint_held(car) or 0 for car in self._paint_facts]
        return max(
            (plant.paint_time.work(s) for s in starts), default=-paint.takt_s - paint.purge_s
        )

    def _held(self) -> tuple[Ints, Ints]:
        plant = self.plant
        assembly, paint = np.zeros(plant.n, np.int64), np.zeros(plant.n, np.int64)
        for car in plant.frozen:
            assembly[car] = plant.assembly_held(car) or 0
            paint[car] = plant.paint_held(car) or 0
        return assembly, paint

    def _rack(self, panel: str) -> int:
        die = self.plant.dies.get(panel)
        return INF if die is None else die.rack_capacity

    def _lot_arrays(self, lots: tuple[Lot, ...]) -> tuple[Ints, ...]:
        """Return panel, press, quantity, setup, work, held, start and end of the lots."""
        plant = self.plant
        mounted = [press.mounted for press in plant.problem.press.presses]
        rows = []
        for lot in lots:
            panel = plant.panels[lot.panel]
            press = plant.problem.press.presses[lot.press]
            setup = 0 if mounted[lot.press] == panel else plant.dies[panel].changeover_s
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
