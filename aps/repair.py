"""Repairs: a disturbed plan put right by insertion, in milliseconds, changing few cars.

The order of everything that is not hit stays as it is; only times move. A car that comes later
or joins is put in at its cheapest place. The result is a plan of the disturbed problem.
"""

from collections.abc import Callable, Iterable

from aps.budget import never
from aps.build import schedule_of
from aps.disturbance import CarAdded, CarDelayed, CarScrapped, Disturbance, disturb
from aps.errors import Cancelled
from aps.flow import Flow, held_lots, locked_lots
from aps.insert import Inserter
from aps.levels.stamping import wanted
from aps.locks import kept as keep_locks
from aps.orders import Lot, Orders, Task
from aps.parking import kept as keep_in_time
from aps.parking import put_in_time
from aps.placed import Placed, weld_order
from aps.placing import held_machine, held_s, with_car, with_panels
from aps.plant import Plant
from aps.problem import Problem, Stage
from aps.schedule import LevelResult, Schedule
from aps.validate import validate


def repair(problem: Problem, schedule: Schedule, disturbance: Disturbance) -> Schedule:
    """Return a plan of `disturb(problem, disturbance)` that keeps the order of `schedule`.

    The schedule may be that of an older snapshot: what has begun since is taken from the
    problem. Raises `ProblemError` if the problem contradicts itself or the disturbance names
    something unknown.
    """
    disturbed = disturb(problem, disturbance)
    hit: tuple[str, ...] = ()
    if isinstance(disturbance, CarDelayed) and _comes_too_late(schedule, disturbed, disturbance):
        hit = (disturbance.car_id,)
    if isinstance(disturbance, CarAdded):
        hit = (disturbance.car.id,)
    if isinstance(disturbance, CarScrapped):
        hit = (disturbance.successor.id,)
    return rebase(disturbed, schedule, reinsert=hit)


def rebase(
    problem: Problem,
    schedule: Schedule,
    *,
    reinsert: Iterable[str] = (),
    cancelled: Callable[[], bool] = never,
) -> Schedule:
    """Return a plan of this problem in the order of an earlier plan.

    Cars in `reinsert`, and cars the earlier plan does not have, get their cheapest places.
    Raises `Cancelled` once `cancelled` says so, which is asked before each of them.
    """
    validate(problem)
    plant = Plant(problem)
    flow = Flow(plant)
    again = {plant.index[car_id] for car_id in reinsert if car_id in plant.index}
    known = {s.car_id for s in schedule.assembly}
    again |= {
        c
        for c, car in enumerate(plant.cars)
        if car.id not in known and plant.rank[c] < Stage.IN_ASSEMBLY.rank
    }
    orders = put_in_time(flow, orders_of(plant, schedule, again), schedule)
    placed = with_panels(plant, flow, orders)
    kept = tuple(placed.dropped)
    for car in sorted(again, key=lambda c: (-int(plant.priority[c]), int(plant.due[c]), c)):
        if cancelled():
            raise Cancelled("cancelled while cars were put in")
        placed = _insert(plant, flow, placed, car)
    placed = keep_locks(flow, keep_in_time(flow, placed))
    moved = len(again) + len(kept)
    note = f"{len(again)} cars inserted, {len(placed.dropped)} left out"
    result = LevelResult(level="repair", pass_no=0, status="REPAIRED", objective=moved, note=note)
    return schedule_of(plant, flow, placed, levels=(result,), reference=schedule)


def _comes_too_late(schedule: Schedule, disturbed: Problem, delay: CarDelayed) -> bool:
    """Return whether the car misses the start of its next stage."""
    stage = next(car.at for car in disturbed.cars if car.id == delay.car_id)
    times = next((t for t in schedule.times if t.car_id == delay.car_id), None)
    if times is None or stage is Stage.IN_ASSEMBLY:
        return False
    start = times.assembly_start_s
    if stage is Stage.WELDED:
        start = times.paint_start_s
    if stage.rank <= Stage.IN_BODY.rank:
        starts = [o.start_s for o in schedule.weld if o.car_id == delay.car_id and o.start_s > 0]
        start = min(starts, default=times.paint_start_s)
    return start is not None and start < delay.available_s


def orders_of(plant: Plant, schedule: Schedule, leave: set[int]) -> Orders:
    """Return the orders of a plan for the cars that are still before each stage.

    Cars whose work the plan does not have in full are added to `leave`.
    """

    def keep(car_id: str, before: Stage) -> bool:
        car = plant.index.get(car_id)
        return car is not None and car not in leave and plant.rank[car] < before.rank

    paint = [s.car_id for s in schedule.paint if keep(s.car_id, Stage.IN_PAINT)]
    assembly = [s.car_id for s in schedule.assembly if keep(s.car_id, Stage.IN_ASSEMBLY)]
    tasks = []
    left: dict[int, list[str]] = {}
    for car_id in paint:
        car = plant.index[car_id]
        left[car] = [step.id for step in plant.steps_left(car)]
    for operation in schedule.weld:
        car = plant.index.get(operation.car_id, -1)
        if operation.step not in left.get(car, ()):
            continue
        step = next(s for s in plant.steps_left(car) if s.id == operation.step)
        works = {a.machine: a.duration_s for a in step.alternatives}
        machine = held_machine(plant, car, step.id) or operation.machine
        if machine not in works:
            continue
        left[car].remove(operation.step)
        held = held_s(plant, car, operation.step)
        tasks.append(Task(car, step.id, plant.machines[machine], works[machine], held))
    lots = [*held_lots(plant)]
    names = {lot.id for lot in lots}
    locked = {lot.id: lot for lot in locked_lots(plant)}
    for one in schedule.press:
        if one.id in names or one.panel_type not in plant.panel_index or one.start_s < 0:
            continue
        if one.id in locked:
            lots.append(locked.pop(one.id))
        elif one.press in plant.presses:
            panel, press = plant.panel_index[one.panel_type], plant.presses[one.press]
            lots.append(Lot(id=one.id, panel=panel, press=press, quantity=one.quantity))
    lots += locked.values()
    lots = _still_needed(plant, lots, tasks)
    ends: dict[int, int] = {}
    welding = {task.car for task in tasks}
    for operation in schedule.weld:
        car = plant.index.get(operation.car_id, -1)
        if car in welding:
            ends[car] = max(ends.get(car, 0), operation.end_s)
    painting = _held_first(plant, [plant.index[c] for c in paint], assembly=False)
    # Bodies that the earlier plan had further on than they are now get new places.
    incomplete = {c for c, steps in left.items() if steps}
    incomplete |= {
        c
        for c in (plant.index[car_id] for car_id in assembly)
        if plant.rank[c] < Stage.IN_PAINT.rank and c not in left
    }
    leave |= incomplete
    return Orders(
        assembly=tuple(_held_first(plant, [plant.index[c] for c in assembly], assembly=True)),
        paint=tuple(painting),
        tasks=tuple(tasks),
        lots=tuple(lots),
        welded=weld_order(ends, painting),
        lanes=tuple(
            (plant.index[x.car_id], x.lane) for x in schedule.lanes if keep(x.car_id, Stage.PAINTED)
        ),
    ).without(incomplete)


def _still_needed(plant: Plant, lots: list[Lot], tasks: list[Task]) -> list[Lot]:
    """Return the lots without those at the end that only repeat what is in stock by now."""
    launched = {t.car for t in tasks if plant.rank[t.car] == Stage.NOT_STARTED.rank}
    kept = list(lots)
    for panel, name in enumerate(plant.panels):
        if name not in plant.dies:
            continue
        need = wanted(plant.dies[name], sum(int(plant.demand[c, panel]) for c in launched))
        supply = int(plant.stock[panel]) + sum(x.quantity for x in lots if x.panel == panel)
        held = {lot.id for lot in plant.problem.press.held_lots} | plant.lot_locks.keys()
        for lot in reversed([x for x in lots if x.panel == panel and x.id not in held]):
            if supply - lot.quantity < need:
                break
            supply -= lot.quantity
            kept.remove(lot)
    return kept


def _held_first(plant: Plant, cars: list[int], *, assembly: bool) -> list[int]:
    """Return the cars with frozen ones in front, in the order of their frozen starts."""

    def key(at_car: tuple[int, int]) -> tuple[int, int, int]:
        at, car = at_car
        held = plant.assembly_held(car) if assembly else plant.paint_held(car)
        return (1, 0, at) if held is None else (0, held, at)

    return [car for _, car in sorted(enumerate(cars), key=key)]


def _insert(plant: Plant, flow: Flow, placed: Placed, car: int) -> Placed:
    """Put a car in at its cheapest place; if the lines cannot follow there, at the end."""
    line = plant.problem.assembly
    margin = 2 * line.takt_s + plant.problem.paint.takt_s + int(plant.purge_s.max())
    earliest = plant.earliest_assembly(car)
    if plant.rank[car] < Stage.IN_PAINT.rank:
        earliest += margin
    before = len(plant.assembly_facts())
    held = plant.assembly_held(car)
    if held is not None:
        places = [sum(1 for c in placed.orders.assembly if _is_frozen_before(plant, c, held))]
    else:
        inserter = Inserter.of(plant, placed.orders, placed.times)
        best = inserter.best(plant.cars[car], earliest_s=earliest)
        places = [] if best is None else [best.position - before]
        places.append(len(placed.orders.assembly))
    known = len(placed.dropped)
    fallback: Placed | None = None
    for at in places:
        orders = with_car(plant, placed.orders, car, at)
        trial = with_panels(plant, flow, orders)
        if not trial.dropped:
            return Placed(trial.orders, trial.times, placed.dropped)
        fallback = trial
    code = "never_started"
    if fallback is not None:
        code = next((code for c, code in fallback.dropped if c == car), "slot.capacity")
    dropped = [d for d in placed.dropped if d[0] != car]
    return Placed(placed.orders, placed.times, (*dropped[:known], (car, code)))


def _is_frozen_before(plant: Plant, car: int, held_s: int) -> bool:
    start = plant.assembly_held(car)
    return start is not None and start < held_s
