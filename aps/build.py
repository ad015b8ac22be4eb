"""From orders to a schedule: place every car that fits, count, peg, and say what did not fit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np

from aps import forward as f
from aps.flow import Flow, Times
from aps.kpis import count
from aps.lanes.orders import laned
from aps.orders import Orders
from aps.parting import cars_too_close
from aps.plant import UNKNOWN, Plant
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
from aps.worktime import INF, Ints

_SETTLING = 8

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
_CODES = {
    f.ASSEMBLY_CALENDAR: "calendar.assembly",
    f.PAINT_CALENDAR: "calendar.paint",
    f.WELD_CALENDAR: "calendar.weld",
    f.NO_PANELS: "press.no_panels",
    f.STORE_FULL: "store.full",
    0: "never_started",
}


@dataclass(frozen=True, slots=True)
class Placed:
    """Orders that work, their times, and the cars that had to be taken out, with the code why."""

    orders: Orders
    times: Times
    dropped: tuple[tuple[int, str], ...]


def place(flow: Flow, orders: Orders, dropped: Sequence[tuple[int, str]] = ()) -> Placed:
    """Walk the orders forward, taking out what gets no time, causes before consequences.

    Cars that got no time only because another one has none stay in for the next round.
    If the orders contradict each other, the car that blocks is taken out.
    """
    out = list(dropped)
    patience = 60
    while True:
        orders, stuck = laned(flow.plant, orders)
        if stuck is not None:
            out.append((stuck, "store.no_lane"))
            orders = orders.without({stuck})
            continue
        times = flow.run(orders)
        if times.blocked:
            patience -= 1
            eased = _eased(flow.plant, orders, times) if patience > 0 else None
            if eased is not None:
                orders = eased
                continue
            car = _first_blocked(flow.plant, orders, times)
            lots = orders.lots
            if car is None:
                stuck = int(np.flatnonzero(times.lot_end == UNKNOWN)[0])
                orders = replace(orders, lots=lots[:stuck] + lots[stuck + 1 :])
                continue
            out.append((car, "orders.blocked"))
            orders = orders.without({car})
            continue
        lost = [c for c in orders.assembly if times.assembly_end[c] >= INF]
        if lost:
            causes = [c for c in lost if times.reason[c] not in (0, f.STORE_FULL)] or lost
            out += [(c, _CODES[int(times.reason[c])]) for c in causes]
            orders = orders.without(set(causes))
            continue
        over = _over_the_batch_limit(flow.plant, orders)
        if over is not None:
            out.append((over, "paint.batch_limit"))
            orders = orders.without({over})
            continue
        close = next(cars_too_close(flow.plant, orders.assembly), None)
        if close is not None:
            out.append((close, "assembly.too_close"))
            orders = orders.without({close})
            continue
        never = [k for k in range(len(orders.lots)) if times.lot_end[k] >= INF]
        if not never:
            return _settled(flow, Placed(orders, times, tuple(out)))
        lots = tuple(lot for k, lot in enumerate(orders.lots) if k not in set(never))
        orders = replace(orders, lots=lots)


def _settled(flow: Flow, placed: Placed) -> Placed:
    """Put weld tasks into the order of their starts, so that the plan itself tells the orders.

    The times of a plan satisfy the orders read off them, so sorting can only bring work forward;
    it is repeated until nothing moves. A rebase of the plan then gives the same plan.
    """
    for _ in range(_SETTLING):
        known = placed.orders.tasks
        starts, ends = placed.times.task_start, placed.times.task_end
        order = np.argsort(starts, kind="stable")
        sorted_already = bool((order[1:] > order[:-1]).all())
        tasks = known if sorted_already else flow.tasks_sorted(placed.orders, order)
        cars = [task.car for task in tasks]
        last = dict(zip(cars, ends[order].tolist(), strict=True))
        welded = weld_order(last, placed.orders.paint)
        if sorted_already and welded == placed.orders.welded:
            break
        orders = replace(placed.orders, tasks=tasks, welded=welded)
        times = flow.run(orders)
        if times.blocked or (times.assembly_end[list(orders.assembly)] >= INF).any():
            break
        placed = Placed(orders, times, placed.dropped)
    return placed


def weld_order(ends: dict[int, int], paint: Sequence[int]) -> tuple[int, ...]:
    """Return bodies by the end of their weld; of those that come together the first to go."""
    place_of = {c: k for k, c in enumerate(paint)}
    return tuple(sorted(ends, key=lambda c: (ends[c], place_of.get(c, len(place_of)), c)))


def _eased(plant: Plant, orders: Orders, times: Times) -> Orders | None:
    """Let the first body that stands in a full store go before the head that is not there yet.

    `None`: no free car can, at either line.
    """
    held = (plant.assembly_held, plant.paint_held)
    lines = (
        (orders.assembly, times.assembly_end, times.paint_end),
        (orders.paint, times.paint_end, times.weld_end),
    )
    for at, (order, done, there) in enumerate(lines):
        head = next((k for k, c in enumerate(order) if done[c] == UNKNOWN), None)
        if head is None or there[order[head]] != UNKNOWN or held[at](order[head]) is not None:
            continue
        ready = next((k for k in range(head, len(order)) if there[order[k]] != UNKNOWN), None)
        if ready is None or held[at](order[ready]) is not None:
            continue
        eased = (*order[:head], order[ready], *order[head:ready], *order[ready + 1 :])
        return replace(orders, assembly=eased) if at == 0 else replace(orders, paint=eased)
    return None


def _first_blocked(plant: Plant, orders: Orders, times: Times) -> int | None:
    """Return the car to take out: a frozen head of a line, else the furthest upstream."""
    for order, ends, held in (
        (orders.assembly, times.assembly_end, plant.assembly_held),
        (orders.paint, times.paint_end, plant.paint_held),
    ):
        head = next((c for c in order if ends[c] == UNKNOWN), None)
        if head is not None and held(head) is not None:
            return head
    for task, start in zip(orders.tasks, times.task_start, strict=True):
        if start == UNKNOWN:
            return task.car
    for order, ends in ((orders.paint, times.paint_end), (orders.assembly, times.assembly_end)):
        for car in order:
            if ends[car] == UNKNOWN:
                return car
    return None


def _over_the_batch_limit(plant: Plant, orders: Orders) -> int | None:
    """Return the first free body whose colour runs too long, as happens where others drop out."""
    shop = plant.problem.paint
    color, run = shop.previous_color, shop.previous_run
    facts = plant.paint_facts()
    for k, car in enumerate([*facts, *orders.paint]):
        own = plant.cars[car].color
        run = run + 1 if own == color else 1
        color = own
        if run > shop.batch_limit and k >= len(facts) and plant.paint_held(car) is None:
            return car
    return None


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
