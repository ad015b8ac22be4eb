"""One more car in the orders of all lines, and the die lots that it needs."""

from dataclasses import replace

from aps.flow import Flow
from aps.insert import NO_PLACE, paint_reach
from aps.orders import Lot, Orders, Task
from aps.placed import Placed, place
from aps.plant import Plant
from aps.problem import Stage


def with_panels(plant: Plant, flow: Flow, orders: Orders) -> Placed:
    """Place orders; where only panels are missing, add die lots at the end and place again."""
    placed = place(flow, orders)
    for _ in range(len(plant.panels)):
        short = {c for c, code in placed.dropped if code == "press.no_panels"}
        if not short:
            break
        more = _more_lots(plant, orders, short)
        if not more:
            break
        orders = replace(orders, lots=(*orders.lots, *more))
        again = place(flow, orders)
        if len(again.dropped) >= len(placed.dropped):
            break
        placed = again
    return placed


def _more_lots(plant: Plant, orders: Orders, short: set[int]) -> list[Lot]:
    """Return one more lot of each panel type that the plan runs out of."""
    launched = {t.car for t in orders.tasks if plant.rank[t.car] == Stage.NOT_STARTED.rank}
    found: list[Lot] = []
    for panel, name in enumerate(plant.panels):
        die = plant.dies.get(name)
        if die is None or not any(plant.demand[c, panel] for c in short):
            continue
        demand = sum(int(plant.demand[c, panel]) for c in launched)
        supply = sum(lot.quantity for lot in orders.lots if lot.panel == panel)
        if demand > supply + int(plant.stock[panel]):
            load = {plant.presses[p]: 0 for p in die.presses}
            for lot in orders.lots:
                if lot.press in load:
                    load[lot.press] += lot.quantity
            press = min(load, key=lambda p: (load[p], p))
            size = min(die.lot_size, die.rack_capacity)
            lot_id = f"{name}#+{len(orders.lots) + len(found)}"
            found.append(Lot(id=lot_id, panel=panel, press=press, quantity=size))
    return found


def with_car(plant: Plant, orders: Orders, car: int, at: int) -> Orders:
    """Return the orders with a car at an assembly place, and upstream where that place needs it."""
    assembly = (*orders.assembly[:at], car, *orders.assembly[at:])
    if plant.rank[car] >= Stage.IN_PAINT.rank:
        return replace(orders, assembly=assembly)
    spot = _paint_place(plant, orders, car, at)
    paint = (*orders.paint[:spot], car, *orders.paint[spot:])
    follower = next((c for c in orders.paint[spot:] if plant.steps_left(c)), None)
    tasks = list(orders.tasks)
    used = _machine_use(tasks)
    ahead_of = {t.step: k for k, t in enumerate(tasks) if t.car == follower}
    floor = 0
    for before, step in enumerate(plant.steps_left(car)):
        index = len(tasks)
        if follower is not None:
            ids = [s.id for s in plant.steps_left(follower)]
            wanted = step.id if step.id in ids else ids[-1]
            # What was put in stands ahead of it and moves it on; where not, `floor` lies behind it.
            index = ahead_of[wanted] + before
        index = max(index, floor)
        held = held_s(plant, car, step.id)
        choice = min(
            step.alternatives,
            key=lambda a: (used.get(plant.machines[a.machine], 0), a.duration_s, a.machine),
        )
        machine = held_machine(plant, car, step.id)
        if machine is not None:
            choice = next(a for a in step.alternatives if a.machine == machine)
        tasks.insert(
            index, Task(car, step.id, plant.machines[choice.machine], choice.duration_s, held)
        )
        floor = index + 1
    welded = list(orders.weld_order())
    if plant.steps_left(car):
        where = welded.index(follower) if follower is not None else len(welded)
        welded.insert(where, car)
    return replace(orders, assembly=assembly, paint=paint, tasks=tuple(tasks), welded=tuple(welded))


def _machine_use(tasks: list[Task]) -> dict[int, int]:
    """Return the planned seconds of each machine."""
    used: dict[int, int] = {}
    for task in tasks:
        used[task.machine] = used.get(task.machine, 0) + task.duration_s
    return used


def _paint_place(plant: Plant, orders: Orders, car: int, at: int) -> int:
    """Return the paint place with the cheapest purges near the assembly place."""
    ahead = set(orders.assembly[:at])
    nominal = sum(1 for c in orders.paint if c in ahead)
    own_hold = plant.paint_held(car)
    if own_hold is not None:
        holds = [plant.paint_held(c) for c in orders.paint]
        return sum(1 for start in holds if start is not None and start < own_hold)
    held = sum(1 for c in orders.paint if plant.paint_held(c) is not None)
    reach = paint_reach(plant)
    own = int(plant.color[car])
    limit = plant.problem.paint.batch_limit
    colors = [int(plant.color[c]) for c in plant.paint_facts()]
    if not colors and plant.problem.paint.previous_color is not None:
        name = plant.problem.paint.previous_color
        colors = [plant.color_names.index(name)] * max(1, plant.problem.paint.previous_run)
    offset = len(colors)
    colors += [int(plant.color[c]) for c in orders.paint]
    price = plant.price_of_purges.tolist()

    def cost(spot: int) -> tuple[int, int]:
        k = offset + spot
        change = price[colors[k - 1]][own] if k else 0
        if k < len(colors):
            change += price[own][colors[k]] - (price[colors[k - 1]][colors[k]] if k else 0)
        run = 1
        i = k - 1
        while i >= 0 and colors[i] == own:
            run, i = run + 1, i - 1
        i = k
        while i < len(colors) and colors[i] == own:
            run, i = run + 1, i + 1
        return (NO_PLACE if run > limit else change, abs(spot - nominal))

    first = max(held, nominal - reach)
    last = max(first, min(len(orders.paint), nominal + reach // 2))
    spots = range(first, last + 1)
    best = min(spots, key=cost)
    if cost(best)[0] >= NO_PLACE:
        best = min(range(held, len(orders.paint) + 1), key=cost)
    return best


def held_s(plant: Plant, car: int, step: str) -> int:
    """Return the start before which a weld step may not begin: what is frozen, else what is locked."""
    fact = plant.frozen.get(car)
    held = [o.start_s for o in fact.weld if o.step == step] if fact is not None else []
    return max(0, *held) if held else plant.weld_from(car, step)


def held_machine(plant: Plant, car: int, step: str) -> str | None:
    fact = plant.frozen.get(car)
    return next((o.machine for o in fact.weld if o.step == step), None) if fact else None
