"""L5: die lots: what to press when, so that panels are there when bodies are launched.

The launch times of the weld shop give each panel type its consumption. A lot is due when stock
would fall below the minimum cover, and must be there when it would fall below nothing; it may not
come before the racks have room. CP-SAT orders the lots of each press (`add_circuit`) with a
changeover wherever the die differs. Lots that a planner has put in time are made in any case: the others
go around them.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from aps.budget import Share, run_solver
from aps.build import launches
from aps.flow import Flow, Times, held_lots, locked_lots, stamping_s
from aps.orders import Lot, Orders
from aps.plant import UNKNOWN, Plant
from aps.problem import Die
from aps.schedule import LevelResult
from aps.worktime import INF, WorkTime

_OUT_OF_TIME, _SHORT, _LOW_COVER, _CHANGE = 10_000, 1000, 10, 1
_MOST_LOTS = 40


@dataclass(frozen=True, slots=True)
class Stamping:
    """All lots, held ones included, in an order that holds on each press and for each die."""

    lots: tuple[Lot, ...]
    result: LevelResult


@dataclass(frozen=True, slots=True)
class _Need:
    """A lot with the times (clock) between which it should be ready.

    One put in time starts from `lot.held_s` on, and by `to_s`. `place` counts the lots of its die.
    """

    lot: Lot
    room_s: int
    cover_s: int
    short_s: int
    place: int
    to_s: int | None = None


def stamp(
    plant: Plant, flow: Flow, orders: Orders, share: Share, *, seed: int, pass_no: int
) -> Stamping:
    """Return the lots that these orders need and the order in which each press makes them."""
    held = held_lots(plant)
    plenty = np.full(len(plant.panels), 1 << 40, np.int64)
    times = flow.run(replace(orders, lots=()), stock=plenty)
    launched = dict(zip(launches(plant, orders), _launch_times(plant, orders, times), strict=True))
    needs: list[_Need] = []
    load = [clock.work(0) for clock in plant.press_time]
    for lot in held:
        load[lot.press] += stamping_s(lot.quantity, _strokes(plant, lot.press))
    locked = locked_lots(plant)
    for lot in locked:
        load[lot.press] += stamping_s(lot.quantity, _strokes(plant, lot.press))
    for panel, name in enumerate(plant.panels):
        if name in plant.dies:
            own_locked = [lot for lot in locked if lot.panel == panel]
            needs += _lots_of(plant, panel, launched, held, own_locked, load)
    free = [0] * len(plant.presses)
    mounted = [press.mounted for press in plant.problem.press.presses]
    for lot in held:
        end = lot.fixed[1] if lot.fixed is not None else _held_end(plant, lot, mounted)
        free[lot.press] = max(free[lot.press], end)
        mounted[lot.press] = plant.panels[lot.panel]
    ordered: list[tuple[int, Lot]] = []
    late = 0
    statuses = []
    for press in range(len(plant.presses)):
        own = sorted((n for n in needs if n.lot.press == press), key=_due_order)
        found, status, lateness = _order(
            plant, press, own, free[press], mounted[press], share, seed
        )
        ordered += found
        late += lateness
        statuses.append(status)
    ordered.sort(key=lambda one: (one[0], one[1].id))
    return Stamping(
        (*held, *(lot for _, lot in ordered)),
        LevelResult(
            level="L5",
            pass_no=pass_no,
            status=min(statuses, default="NOTHING_TO_DO"),
            objective=late,
            note=f"{len(ordered)} die lots",
        ),
    )


def _due_order(need: _Need) -> tuple[int, int, int, int]:
    return need.short_s, need.cover_s, need.lot.panel, need.place


def _strokes(plant: Plant, press: int) -> int:
    return plant.problem.press.presses[press].strokes_per_min


def _held_end(plant: Plant, lot: Lot, mounted: list[str | None]) -> int:
    name = plant.panels[lot.panel]
    setup = plant.dies[name].setup_s(mounted[lot.press])
    work = setup + stamping_s(lot.quantity, _strokes(plant, lot.press))
    clock = plant.press_time[lot.press]
    return clock.finish(clock.start(lot.held_s), work)


def _launch_times(plant: Plant, orders: Orders, times: Times) -> list[int]:
    found: dict[int, int] = {}
    for k, task in enumerate(orders.tasks):
        if plant.rank[task.car] == 0 and task.car not in found:
            start = int(times.task_start[k])
            found[task.car] = INF if start == UNKNOWN else start
    return list(found.values())


def wanted(die: Die, demand: int) -> int:
    """Return the panels that stock and lots must add up to, the cover kept at the end included."""
    size = min(die.lot_size, die.rack_capacity)
    return demand + (min(die.min_cover, die.rack_capacity - size) if demand else 0)


def _lots_of(
    plant: Plant,
    panel: int,
    launched: dict[int, int],
    held: tuple[Lot, ...],
    locked: list[Lot],
    load: list[int],
) -> list[_Need]:
    """Return the lots of one panel type with their times; new ones go to its least loaded press."""
    name = plant.panels[panel]
    die = plant.dies[name]
    uses = [(t, int(plant.demand[c, panel])) for c, t in launched.items() if plant.demand[c, panel]]
    demand = sum(q for _, q in uses)
    supply = int(plant.stock[panel]) + sum(lot.quantity for lot in held if lot.panel == panel)
    size = min(die.lot_size, die.rack_capacity)
    put_in_time = sum(lot.quantity for lot in locked)
    count = max(0, -(-(wanted(die, demand) - supply - put_in_time) // size))
    if count == 0 and not locked:
        return []
    press = min((plant.presses[p] for p in die.presses), key=lambda p: (load[p], p))
    work = die.changeover_s + stamping_s(size, _strokes(plant, press))
    load[press] += count * work
    clock = plant.press_time[press]
    needs: list[_Need] = []
    used = np.concatenate(([0], np.cumsum([q for _, q in uses]))).astype(np.int64)
    when = [t for t, _ in uses]

    def reached(level: int) -> int:
        """Return when consumption takes stock below a level, `INF` if it never does."""
        at = int(np.searchsorted(used, level, side="right")) - 1
        return when[at] if at < len(when) else INF

    waiting, left, before = list(locked), count, supply
    # What the racks could take beyond what is used in the end: a lot more, ahead of one that is put late.
    spare = demand + die.rack_capacity - supply - put_in_time - count * size
    number = len(held)
    while waiting or left:
        lot = waiting[0] if waiting else None
        if lot is not None and _made_by(plant, lot) > reached(before) and (left or spare >= size):
            spare -= 0 if left else size
            lot = None
        if lot is None:
            left = max(0, left - 1)
            number = _free_number(plant, name, number + 1)
            lot = Lot(id=f"{name}#{number}", panel=panel, press=press, quantity=size)
        else:
            waiting.pop(0)
        after = before + lot.quantity
        at = int(np.searchsorted(used, after - die.rack_capacity, side="left"))
        room = 0 if after <= die.rack_capacity else (when[at - 1] if at <= len(when) else INF)
        if room >= INF:
            break
        cover_s = min(reached(max(0, before - die.min_cover)), int(clock.ends[-1]))
        lock = plant.lot_locks.get(lot.id)
        to_s = None if lock is None else lock.to_s
        needs.append(_Need(lot, room, cover_s, reached(before), len(needs), to_s))
        before = after
    return needs


def _made_by(plant: Plant, lot: Lot) -> int:
    """Return when a lot put in time is made at the earliest, its die mounted already."""
    clock = plant.press_time[lot.press]
    start = clock.start(lot.held_s)
    return clock.finish(start, stamping_s(lot.quantity, _strokes(plant, lot.press)))


def _free_number(plant: Plant, panel: str, number: int) -> int:
    """Return the first number from this one on under which no lot of a panel type is known."""
    while f"{panel}#{number}" in plant.lot_locks:
        number += 1
    return number


def _order(
    plant: Plant,
    press: int,
    needs: list[_Need],
    free_s: int,
    mounted: str | None,
    share: Share,
    seed: int,
) -> tuple[list[tuple[int, Lot]], str, int]:
    """Return the lots of one press with their planned starts, in order."""
    clock = plant.press_time[press]
    if not needs or clock.total == 0:
        return [], "NOTHING_TO_DO", 0
    begin = clock.work(free_s)
    length = [stamping_s(n.lot.quantity, _strokes(plant, press)) for n in needs]
    panel = [n.lot.panel for n in needs]
    start_panel = plant.panel_index.get(mounted, -1) if mounted is not None else -1
    dies = [(k, plant.dies[plant.panels[k]]) for k in sorted(set(panel))]
    setup = {
        (before, after): die.setup_s(plant.panels[before] if before >= 0 else None)
        for after, die in dies
        for before in {start_panel, *panel}
    }
    order = _in_turn(needs, clock, begin, length, panel)
    status = "DUE_DATE"
    if 1 < len(needs) <= _MOST_LOTS and share.moves and not share.spent():
        order, status = _circuit(
            needs, order, clock, begin, length, setup, panel, start_panel, share, seed
        )
    at, last, late = begin, start_panel, 0
    found = []
    for k in order:
        work = length[k] + setup[last, panel[k]]
        at = max(at, clock.work(needs[k].room_s) - work, clock.work(needs[k].lot.held_s))
        found.append((clock.finish(0, at) if at else 0, needs[k].lot))
        at += work
        last = panel[k]
        if needs[k].short_s < INF:
            late += max(0, at - clock.work(needs[k].short_s))
    return found, status, late


def _in_turn(
    needs: list[_Need], clock: WorkTime, begin: int, length: list[int], panel: list[int]
) -> list[int]:
    """Return the lots of one press by their dates; one put in time goes when its window wants it.

    Lots of one die keep their order.
    """
    first = [clock.work(need.lot.held_s) for need in needs]
    last = [INF if need.to_s is None else clock.work(need.to_s + 1) - 1 for need in needs]
    at, left = begin, list(range(len(needs)))
    order: list[int] = []
    while left:
        heads = [k for n, k in enumerate(left) if panel[k] not in {panel[i] for i in left[:n]}]
        k = next((k for k in heads if first[k] <= at), min(heads, key=lambda k: first[k]))
        urgent = min(heads, key=lambda k: last[k])
        if last[urgent] < max(at, first[k]) + length[k]:
            k = urgent
        order.append(k)
        left.remove(k)
        at = max(at, first[k]) + length[k]
    return order


def _circuit(
    needs: list[_Need],
    known: list[int],
    clock: WorkTime,
    begin: int,
    length: list[int],
    setup: dict[tuple[int, int], int],
    panel: list[int],
    start_panel: int,
    share: Share,
    seed: int,
) -> tuple[list[int], str]:
    """Order the lots of one press: windows first, then shortages, low cover, and changeovers."""
    count = len(needs)
    first = [clock.work(need.lot.held_s) for need in needs]
    last = [INF if need.to_s is None else clock.work(need.to_s + 1) - 1 for need in needs]
    all_work = sum(length) + count * max(setup.values())
    longest = begin + all_work
    room = [clock.work(n.room_s) for n in needs]
    longest = max([longest, *(r + all_work for r in room), *(w + all_work for w in first)])
    model = cp_model.CpModel()
    end = [model.new_int_var(begin, longest, "") for _ in needs]
    behind = [model.new_int_var(0, longest, "") if to < INF else None for to in last]
    arcs = []
    cost: list[Any] = [late * _OUT_OF_TIME for late in behind if late is not None]

    def begun(j: int, change: int, arc: cp_model.IntVar) -> None:
        """Hold lot j in its window where this arc comes before it."""
        if first[j] > begin:
            model.add(end[j] >= first[j] + change + length[j]).only_enforce_if(arc)
        late = behind[j]
        if late is not None:
            model.add(late >= end[j] - change - length[j] - last[j]).only_enforce_if(arc)

    for j in range(count):
        opens = model.new_bool_var("")
        arcs.append((0, j + 1, opens))
        arcs.append((j + 1, 0, model.new_bool_var("")))
        change = setup[start_panel, panel[j]]
        model.add(end[j] >= begin + change + length[j]).only_enforce_if(opens)
        begun(j, change, opens)
        cost.append(opens * (change * _CHANGE))
        model.add(end[j] >= room[j])
        for i in range(count):
            if i == j or (panel[i] == panel[j] and i > j):
                continue
            after = model.new_bool_var("")
            arcs.append((i + 1, j + 1, after))
            change = setup[panel[i], panel[j]]
            model.add(end[j] >= end[i] + change + length[j]).only_enforce_if(after)
            begun(j, change, after)
            cost.append(after * (change * _CHANGE))
    model.add_circuit(arcs)
    for i in range(count):
        same = [j for j in range(i + 1, count) if panel[j] == panel[i]]
        if same:
            model.add(end[same[0]] >= end[i] + length[same[0]])
        for due_s, weight in ((needs[i].short_s, _SHORT), (needs[i].cover_s, _LOW_COVER)):
            due = clock.work(due_s)
            if due_s < INF and due < longest:
                late = model.new_int_var(0, longest, "")
                model.add(late >= end[i] - due)
                cost.append(late * weight)
    at, mounted = begin, start_panel
    for k in known:
        at = max(max(at, first[k]) + length[k] + setup[mounted, panel[k]], room[k])
        model.add_hint(end[k], at)
        mounted = panel[k]
    model.minimize(sum(cost))
    solver, status = run_solver(model, share, seed=seed)
    if status not in ("OPTIMAL", "FEASIBLE"):
        return known, "DUE_DATE"
    return sorted(range(count), key=lambda k: solver.value(end[k])), status
