"""L4: the weld shop: which machine does which step, in which order; lean CP-SAT on windows.

Bodies are first dispatched in paint order to the machine that finishes them first. Windows of
cars are then solved again as a flexible job shop with optional fixed-size intervals, exactly one
machine a step, no overlap, and the redundant "load of a machine <= makespan" that makes bounds
tight. Times are working seconds of the shop; `aps.flow` gives the exact ones.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from ortools.sat.python import cp_model

from aps.budget import Share, run_solver
from aps.flow import Flow
from aps.orders import Task
from aps.plant import Plant
from aps.problem import Stage, Step
from aps.schedule import LevelResult
from aps.worktime import INF

WINDOW = 10
_SHARE_OF_WINDOW = 0.1
_LATE = 20


@dataclass(frozen=True, slots=True)
class Welding:
    """Weld tasks in an order that machines and cars can follow."""

    tasks: tuple[Task, ...]
    result: LevelResult


@dataclass(slots=True)
class _Planned:
    """A task with its dispatched start and end on the clock."""

    task: Task
    start: int
    end: int
    serial: int


def weld(
    plant: Plant, flow: Flow, paint: tuple[int, ...], share: Share, *, seed: int, pass_no: int
) -> Welding:
    """Choose machines and orders for the bodies in the order paint wants them."""
    cars = [c for c in paint if plant.steps_left(c)]
    cars.sort(key=lambda c: not _holds_weld(plant, c))
    planned = _dispatch(plant, flow, cars)
    note = f"{len(planned)} steps dispatched"
    solved = 0
    improved = 0
    spent = 0.0
    if share.moves:
        for first in range(0, len(cars), WINDOW):
            if share.spent() or spent + _SHARE_OF_WINDOW > share.deterministic_s:
                break
            window = cars[first : first + WINDOW]
            better = _solve_window(plant, planned, window, share, seed)
            spent += _SHARE_OF_WINDOW
            solved += 1
            improved += better
        note += f", {solved} windows solved, {improved} of them better"
    ordered = sorted(planned, key=lambda one: (one.start, one.serial))
    ordered = _store_safe(plant, flow, paint, ordered, planned)
    makespan = max((one.end for one in planned), default=0)
    return Welding(
        tuple(one.task for one in ordered),
        LevelResult(
            level="L4",
            pass_no=pass_no,
            status="DISPATCHED" if solved == 0 else "SEARCHED",
            objective=makespan,
            note=note,
        ),
    )


def _holds_weld(plant: Plant, car: int) -> bool:
    fact = plant.frozen.get(car)
    return fact is not None and any(operation.start_s > 0 for operation in fact.weld)


def _held_operation(plant: Plant, car: int, step: Step) -> tuple[int, int] | None:
    """Return (machine, start) where the step is frozen."""
    fact = plant.frozen.get(car)
    for operation in fact.weld if fact is not None else ():
        if operation.step == step.id and operation.start_s > 0:
            return plant.machines[operation.machine], operation.start_s
    return None


def _dispatch(plant: Plant, flow: Flow, cars: list[int]) -> list[_Planned]:
    """Give each step, car by car, the machine that finishes it first.

    A body that a planner has put in time goes when the machines come to its time.
    """
    free = [0] * len(plant.machines)
    ready = {c: int(plant.release[c]) for c in cars}
    for end, car, machine, _ in flow.running_tasks:
        free[machine] = max(free[machine], end)
        ready[car] = max(ready.get(car, 0), end)
    planned: list[_Planned] = []
    launched = 0
    begin_by = {c: at for c in cars if (at := _begin_by(plant, c))}
    waiting = deque(sorted(begin_by, key=lambda c: begin_by[c]))
    order = deque(c for c in cars if c not in begin_by)
    while order or waiting:
        next_start = (
            _next_start(plant, order[0], max(ready[order[0]], launched), free) if order else INF
        )
        c = waiting.popleft() if waiting and begin_by[waiting[0]] <= next_start else order.popleft()
        for k, step in enumerate(plant.steps_left(c)):
            earliest = ready[c]
            if k == 0 and plant.rank[c] == Stage.NOT_STARTED.rank:
                earliest = max(earliest, launched)
            held = _held_operation(plant, c, step)
            best: tuple[int, int, int, int] | None = None
            for alternative in step.alternatives:
                m = plant.machines[alternative.machine]
                if held is not None:
                    if m != held[0]:
                        continue
                    earliest = max(earliest, held[1])
                else:
                    earliest = max(earliest, plant.weld_from(c, step.id))
                clock = plant.machine_time[m]
                start = clock.start(max(earliest, free[m]))
                end = clock.finish(start, alternative.duration_s) if start < INF else INF
                key = (end, start, m, alternative.duration_s)
                if best is None or key < best:
                    best = key
            if best is None:
                continue
            end, start, m, duration = best
            begin_s = plant.weld_from(c, step.id) if held is None else held[1]
            task = Task(c, step.id, m, duration, begin_s)
            planned.append(_Planned(task, start, end, len(planned)))
            free[m] = max(free[m], end)
            ready[c] = end
            if k == 0 and plant.rank[c] == Stage.NOT_STARTED.rank and start < INF:
                launched = start
    return planned


def _begin_by(plant: Plant, car: int) -> int:
    """Return when a body has to begin so that its step put in time does not wait for it; 0: it is free."""
    if not plant.weld_locks:
        return 0
    needs = found = 0
    for step in plant.steps_left(car):
        if at := plant.weld_from(car, step.id):
            found = max(found, at - needs, 1)
        needs += min(a.duration_s for a in step.alternatives)
    return found


def _next_start(plant: Plant, car: int, ready_s: int, free: list[int]) -> int:
    """Return when a body begins if it is the next one."""
    machines = [plant.machines[a.machine] for a in plant.steps_left(car)[0].alternatives]
    return min(plant.machine_time[m].start(max(ready_s, free[m])) for m in machines)


def _solve_window(
    plant: Plant, planned: list[_Planned], cars: list[int], share: Share, seed: int
) -> bool:
    """Solve the tasks of these cars again between what runs before and after them."""
    inside = set(cars)
    own = [one for one in planned if one.task.car in inside]
    if any(one.task.held_s or one.end >= INF for one in own):
        return False
    begin = min(one.start for one in own)
    free = dict.fromkeys(range(len(plant.machines)), begin)
    serials = {one.serial for one in own}
    horizon = max(one.end for one in own)
    first_serial = min(serials)
    for one in planned:
        if one.serial < first_serial and one.end < INF:
            free[one.task.machine] = max(free[one.task.machine], one.end)
    clocks = plant.machine_time
    base = clocks[own[0].task.machine]
    origin = base.work(begin)
    length = base.work(horizon) - origin
    model = cp_model.CpModel()
    makespan = model.new_int_var(0, length, "")
    on_machine: dict[int, list[cp_model.IntervalVar]] = {m: [] for m in free}
    load: dict[int, list[Any]] = {m: [] for m in free}
    choice: dict[int, list[tuple[int, int, cp_model.IntVar]]] = {}
    start_of: dict[int, cp_model.IntVar] = {}
    ends: list[Any] = []
    steps_of = {c: {step.id: step for step in plant.steps_left(c)} for c in cars}
    last_end: dict[int, Any] = {}
    for one in own:
        car = one.task.car
        start = model.new_int_var(0, length, "")
        model.add_hint(start, max(0, base.work(one.start) - origin))
        model.add(start >= max(0, base.work(int(plant.release[car])) - origin))
        if car in last_end:
            model.add(start >= last_end[car])
        options = []
        for alternative in steps_of[car][one.task.step].alternatives:
            m = plant.machines[alternative.machine]
            here = model.new_bool_var("")
            on_machine[m].append(
                model.new_optional_fixed_size_interval_var(start, alternative.duration_s, here, "")
            )
            after = max(0, base.work(free[m]) - origin)
            model.add(start >= after).only_enforce_if(here)
            model.add_hint(here, m == one.task.machine)
            load[m].append(here * alternative.duration_s)
            options.append((m, alternative.duration_s, here))
        model.add_exactly_one(here for _, _, here in options)
        end = start + sum(here * duration for _, duration, here in options)
        model.add(end <= makespan)
        start_of[one.serial], choice[one.serial], last_end[car] = start, options, end
    for m, intervals in on_machine.items():
        model.add_no_overlap(intervals)
        if load[m]:
            after = max(0, base.work(free[m]) - origin)
            model.add(sum(load[m]) + after <= makespan)
    last = {one.task.car: one for one in own}
    for car, end in last_end.items():
        # Paint counts on the dispatched order: a body later than that is dearer than many early.
        late = model.new_int_var(0, length, "")
        model.add(late >= end - (base.work(last[car].end) - origin))
        model.add_hint(late, 0)
        ends.append(end + late * _LATE)
    model.add_hint(makespan, length)
    model.minimize(makespan * len(cars) + sum(ends))
    solver, status = run_solver(model, share, seed=seed, deterministic_s=_SHARE_OF_WINDOW)
    if status not in ("OPTIMAL", "FEASIBLE"):
        return False
    before = length * len(cars) + sum(base.work(one.end) - origin for one in last.values())
    if solver.objective_value >= before:
        return False
    for one in own:
        m, duration = next((m, d) for m, d, here in choice[one.serial] if solver.value(here))
        start_work = origin + solver.value(start_of[one.serial])
        one.task = Task(one.task.car, one.task.step, m, duration)
        one.start = base.finish(0, start_work) if start_work else 0
        one.end = clocks[m].finish(one.start, duration)
    return True


def _store_safe(
    plant: Plant,
    flow: Flow,
    paint: tuple[int, ...],
    ordered: list[_Planned],
    planned: list[_Planned],
) -> list[_Planned]:
    """Return the order if the welded store can resequence it into paint's, else paint's own."""
    running = [car for _, car, _, _ in flow.running_tasks if not plant.steps_left(car)]
    rank = {car: k for k, car in enumerate(running)}
    left: dict[int, int] = {}
    for one in planned:
        left[one.task.car] = left.get(one.task.car, 0) + 1
    for one in ordered:
        left[one.task.car] -= 1
        if left[one.task.car] == 0:
            rank[one.task.car] = len(rank)
    stored = len(plant.at(Stage.WELDED))
    room = plant.problem.body.store_capacity - stored - 1
    if all(rank[c] <= place + room for place, c in enumerate(paint) if c in rank):
        return ordered
    return sorted(planned, key=lambda one: one.serial)
