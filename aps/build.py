"""From placed orders to a schedule: count, peg, and say what did not fit."""

from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter

import numpy as np

from aps.flow import Flow, Times
from aps.kpis import count
from aps.orders import Orders
from aps.placed import Placed
from aps.plant import Plant
from aps.problem import Stage, snapshot_hash
from aps.schedule import (
    CarTimes,
    DieLot,
    LanePlace,
    LevelResult,
    Operation,
    Schedule,
    Slot,
    SlotAssignment,
    Unplaced,
)
from aps.worktime import Ints

_SENTENCES = {
    "calendar.assembly": "Assembly has no working time left for it before the calendar ends.",
    "calendar.paint": "Paint has no working time left for it before the calendar ends.",
    "calendar.weld": "The weld machines have no working time left for it.",
    "press.no_panels": "Panels it needs are neither in stock nor in a die lot that fits.",
    "store.full": "A body store is full of bodies that are not leaving it.",
    "store.no_lane": "It is frozen to go before bodies that stand in front of it in the store's lanes.",
    "slot.capacity": "Every shift it could start in is full.",
    "paint.batch_limit": "Its colour would have to run longer than the batch limit.",
    "assembly.too_close": "No place keeps it as far from other cars as it has to be.",
    "orders.blocked": "The orders of the lines around it wait for each other.",
    "never_started": "A stage before assembly has no time for it.",
}


def unplaced(
    plant: Plant, car: int, code: str, facts: tuple[tuple[str, str | int], ...] = ()
) -> Unplaced:
    """Return the record of a car left out, its reason in words."""
    own = plant.cars[car]
    facts = (("color", own.color), ("release_s", own.release_s), *facts)
    return Unplaced(car_id=own.id, code=code, facts=facts, sentence=_SENTENCES[code])


def schedule_of(
    plant: Plant,
    flow: Flow,
    placed: Placed,
    *,
    levels: Sequence[LevelResult] = (),
    reference: Schedule | None = None,
) -> Schedule:
    """Return the schedule of placed orders, its KPIs counted."""
    orders, times = placed.orders, placed.times
    assembly = _slots(
        plant,
        [*plant.assembly_facts(), *orders.assembly],
        times.assembly_start,
        times.assembly_end,
    )
    paint = _slots(plant, [*plant.paint_facts(), *orders.paint], times.paint_start, times.paint_end)
    weld = _operations(plant, flow, orders, times)
    pegged, ready = _peg(plant, orders, times)
    press = _lots(plant, orders, times, pegged)
    out = tuple(unplaced(plant, car, code) for car, code in placed.dropped)
    return Schedule(
        snapshot_hash=snapshot_hash(plant.problem),
        slots=_assignments(plant, assembly),
        assembly=assembly,
        paint=paint,
        weld=weld,
        press=press,
        unplaced=tuple(sorted(out, key=lambda u: u.car_id)),
        times=_car_times(plant, orders, times, weld, ready),
        kpis=count(plant, flow, orders, times, len(out), reference),
        levels=tuple(levels),
        lanes=_lanes(plant, orders),
    )


def work_of(plant: Plant, flow: Flow, placed: Placed, former: Schedule) -> Schedule:
    """Return what the lines do in placed orders, uncounted and unpegged.

    Car times and figures stay those of `former`: a plan to look at and to check, not to work by.
    """
    orders, times = placed.orders, placed.times
    assembly = _slots(
        plant,
        [*plant.assembly_facts(), *orders.assembly],
        times.assembly_start,
        times.assembly_end,
    )
    return replace(
        former,
        slots=_assignments(plant, assembly),
        assembly=assembly,
        paint=_slots(
            plant, [*plant.paint_facts(), *orders.paint], times.paint_start, times.paint_end
        ),
        weld=_operations(plant, flow, orders, times),
        press=_lots(plant, orders, times, [[] for _ in orders.lots]),
        unplaced=tuple(unplaced(plant, car, code) for car, code in placed.dropped),
        lanes=_lanes(plant, orders),
    )


def _lanes(plant: Plant, orders: Orders) -> tuple[LanePlace, ...]:
    return tuple(LanePlace(car_id=plant.cars[c].id, lane=lane) for c, lane in orders.lanes)


def _lots(
    plant: Plant, orders: Orders, times: Times, pegged: Sequence[Sequence[int]]
) -> tuple[DieLot, ...]:
    return tuple(
        DieLot(
            id=lot.id,
            panel_type=plant.panels[lot.panel],
            press=plant.problem.press.presses[lot.press].id,
            quantity=lot.quantity,
            start_s=int(times.lot_start[k]),
            end_s=int(times.lot_end[k]),
            setup_s=int(times.lot_setup[k]),
            pegged=tuple(plant.cars[c].id for c in pegged[k]),
        )
        for k, lot in sorted(
            enumerate(orders.lots), key=lambda kl: (times.lot_start[kl[0]], kl[1].id)
        )
    )


def _slots(plant: Plant, order: Sequence[int], starts: Ints, ends: Ints) -> tuple[Slot, ...]:
    cars, places = plant.cars, np.array(order, np.int64)
    rows = zip(order, starts[places].tolist(), ends[places].tolist(), strict=True)
    return tuple(
        Slot(car_id=cars[c].id, position=at, start_s=start, end_s=end, color=cars[c].color)
        for at, (c, start, end) in enumerate(rows)
    )


def _assignments(plant: Plant, assembly: Sequence[Slot]) -> tuple[SlotAssignment, ...]:
    calendar = next(c for c in plant.problem.calendars if c.id == plant.problem.assembly.calendar)
    begins = [begin for begin, _ in calendar.working]
    shifts = np.searchsorted(begins, [slot.start_s for slot in assembly], side="right") - 1
    return tuple(
        SlotAssignment(car_id=slot.car_id, shift_id=calendar.shift_ids[at])
        for slot, at in zip(assembly, shifts.tolist(), strict=True)
        if at >= 0
    )


def _operations(plant: Plant, flow: Flow, orders: Orders, times: Times) -> tuple[Operation, ...]:
    machines = plant.problem.body.machines
    found = []
    for end, car, machine, start in flow.running_tasks:
        fact = plant.frozen[car]
        step = next(o.step for o in fact.weld if o.start_s <= 0)
        found.append((start, end, plant.cars[car].id, step, machines[machine].id))
    found.sort(key=itemgetter(0))  # what runs has started before all that is planned
    names, ids = [car.id for car in plant.cars], [machine.id for machine in machines]
    tasks, starts, ends = orders.tasks, times.task_start.tolist(), times.task_end.tolist()
    for k in np.argsort(times.task_start, kind="stable").tolist():
        task = tasks[k]
        found.append((starts[k], ends[k], names[task.car], task.step, ids[task.machine]))
    return tuple(
        Operation(car_id=car_id, step=step, machine=machine_id, start_s=start, end_s=end)
        for start, end, car_id, step, machine_id in found
    )


def launches(plant: Plant, orders: Orders) -> list[int]:
    """Return the cars not yet started in the order in which they are launched."""
    return list(
        dict.fromkeys(t.car for t in orders.tasks if plant.rank[t.car] == Stage.NOT_STARTED.rank)
    )


def _peg(plant: Plant, orders: Orders, times: Times) -> tuple[list[list[int]], dict[int, int]]:
    """Peg lots to the cars that consume them, first in first out, stock before lots.

    Returns the cars of each lot, and for each launched car when its last panel is in the racks.
    """
    pegged: list[list[int]] = [[] for _ in orders.lots]
    order = launches(plant, orders)
    ready = dict.fromkeys(order, 0)
    for panel in range(len(plant.panels)):
        of_panel = [k for k, lot in enumerate(orders.lots) if lot.panel == panel]
        left, at = int(plant.stock[panel]), -1
        for car in order:
            need = int(plant.demand[car, panel])
            while need > 0 and at < len(of_panel):
                if left == 0:
                    at += 1
                    left = orders.lots[of_panel[at]].quantity if at < len(of_panel) else 0
                    continue
                taken = min(need, left)
                need, left = need - taken, left - taken
                if at >= 0:
                    k = of_panel[at]
                    if car not in pegged[k][-1:]:
                        pegged[k].append(car)
                    ready[car] = max(ready[car], int(times.lot_end[k]))
    return pegged, ready


def _car_times(
    plant: Plant,
    orders: Orders,
    times: Times,
    weld: Sequence[Operation],
    ready: dict[int, int],
) -> tuple[CarTimes, ...]:
    welded: dict[str, tuple[int, int]] = {}
    for operation in weld:
        begin, end = welded.get(operation.car_id, (operation.start_s, operation.end_s))
        welded[operation.car_id] = (min(begin, operation.start_s), max(end, operation.end_s))
    placed = {*orders.assembly, *plant.assembly_facts()}
    painted = {*orders.paint, *plant.paint_facts()}
    found = []
    for c, car in enumerate(plant.cars):
        if car.at is Stage.DONE or (c not in placed and c not in painted):
            continue
        weld_start, weld_end = welded.get(car.id, (None, None))
        weld_by, paint_by, assembly_by = need_by(plant, c)
        found.append(
            CarTimes(
                car_id=car.id,
                press_s=ready.get(c),
                weld_start_s=weld_start,
                weld_end_s=weld_end,
                paint_start_s=int(times.paint_start[c]) if c in painted else None,
                paint_end_s=int(times.paint_end[c]) if c in painted else None,
                assembly_start_s=int(times.assembly_start[c]) if c in placed else None,
                finish_s=int(times.assembly_end[c]) if c in placed else None,
                weld_by_s=weld_by,
                paint_by_s=paint_by,
                assembly_by_s=assembly_by,
                due_s=car.due_s,
            )
        )
    return tuple(found)


def need_by(plant: Plant, car: int) -> tuple[int | None, int | None, int | None]:
    """Return the latest starts of weld, paint and assembly for the promise, walked backward.

    Negative times say that the promise was out of reach before the horizon began.
    """
    own = plant.cars[car]
    if own.due_s is None:
        return None, None, None
    problem, weld_by, paint_by = plant.problem, None, None
    assembly_by = plant.assembly_time.back(own.due_s, problem.assembly.lead_s)
    if own.at.rank <= Stage.WELDED.rank:
        paint_by = plant.paint_time.back(assembly_by, problem.paint.lead_s)
        steps = plant.steps_left(car)
        if steps:
            clock = plant.machine_time[plant.machines[steps[0].alternatives[0].machine]]
            weld_by = clock.back(paint_by, plant.min_weld_s(car))
    return weld_by, paint_by, assembly_by
