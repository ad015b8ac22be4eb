"""Starts that a planner has locked: the orders of the lines give them back what was pushed or taken.

A search knows the windows of locked cars on the drum, an order taken over from an earlier plan does
not, and a car put in pushes all that stand behind it. Both end here: drum and paint are gone through
start by start, a locked car goes when its window would close, everything else in its order, and a body that
would come too late is welded and painted earlier. What no order can keep (its line is down in the window, its
body is released later) is left as it is: the plan counts it, and the checker counts it again.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace

from aps.flow import Flow
from aps.kpis import broken_locks
from aps.lock import Lock
from aps.orders import Orders
from aps.placed import Placed
from aps.placing import with_car, with_panels
from aps.plant import Plant
from aps.problem import Stage
from aps.reorder import with_weld_before
from aps.worktime import INF, WorkTime

ROUNDS = 3
"""Times that all locks are gone through: what moves for one changes the times of the others."""
ALONE = 6
"""Locks tried one by one when all together cannot be kept: each costs a walk through the plant."""
MARGIN_TAKTS = 2
"""So far inside its window a car is put, if the window is wide enough: its start moves with those around it."""
PATIENCE_TAKTS = 3
"""A body that is so little late is waited for, even where others might go first."""
AHEAD = 60
"""Cars looked at behind one whose body is not there yet."""


def kept(flow: Flow, placed: Placed) -> Placed:
    """Return placed orders with every lock kept that the orders of the lines can keep."""
    best = placed
    for _ in range(ROUNDS):
        before = best
        for waits in (True, False):
            if not _broken(flow.plant, best):
                return best
            trial = _walked(flow, best, _all_moved(flow.plant, best, waits=waits))
            best = _better_of(flow.plant, best, trial)
        if best is before:
            break
    for lock in _broken(flow.plant, best)[:ALONE]:
        orders = _alone(flow.plant, best, lock)
        if orders is not None:
            best = _better_of(flow.plant, best, _walked(flow, best, orders))
    # To come nearer to a window is a way to it, and no reason to move cars where none is kept in the end.
    return best if _harm(flow.plant, best)[:2] < _harm(flow.plant, placed)[:2] else placed


def _harm(plant: Plant, placed: Placed) -> tuple[int, int, int]:
    """Return how many cars have no place, how many locks are broken, and by how many seconds in all."""
    away = broken_locks(plant, placed.orders, placed.times)
    return len(placed.dropped), len(away), sum(abs(seconds or 0) for _, _, seconds in away)


def _better_of(plant: Plant, placed: Placed, trial: Placed | None) -> Placed:
    if trial is not None and _harm(plant, trial) < _harm(plant, placed):
        return trial
    return placed


def _walked(flow: Flow, placed: Placed, orders: Orders) -> Placed | None:
    """Return other orders placed; `None` where the lines would wait for each other by them."""
    if not flow.plant.problem.paint.lanes and flow.run(orders).blocked:
        return None
    found = with_panels(flow.plant, flow, orders)
    return replace(found, dropped=(*placed.dropped, *found.dropped))


def _broken(plant: Plant, placed: Placed) -> list[Lock]:
    """Return the locks that placed orders break and others may keep, in the order of time."""
    away = {(car, line) for car, line, _ in broken_locks(plant, placed.orders, placed.times)}
    found = [lock for lock in plant.problem.locks if (lock.car_id, lock.line) in away]
    return sorted(
        (lock for lock in found if _can_be_kept(plant, placed, lock)),
        key=lambda lock: (lock.from_s, lock.car_id),
    )


def _can_be_kept(plant: Plant, placed: Placed, lock: Lock) -> bool:
    """Say whether a lock's car is free, and its line and its body can be there within the window."""
    car = plant.index[lock.car_id]
    if lock.line == plant.problem.assembly.id:
        row, held, clock = placed.orders.assembly, plant.assembly_held, plant.assembly_time
        earliest = plant.earliest_assembly(car)
    else:
        row, held, clock = placed.orders.paint, plant.paint_held, plant.paint_time
        earliest = plant.earliest_weld_end(car)
    return (
        car in row and held(car) is None and clock.start(max(earliest, lock.from_s, 0)) <= lock.to_s
    )


@dataclass(frozen=True, slots=True)
class _Window:
    """When a car is to start, as work clocks: from `turn` in its turn, from `first` where it would be late.

    It goes by `by`, since times around it move and others need their turn as well; behind `last` it is too late.
    """

    first: int
    turn: int
    last: int
    by: int


@dataclass(frozen=True, slots=True)
class _Line:
    """A line whose free cars are put in order: what it takes to start them one after the other."""

    clock: WorkTime
    takt_s: int
    begin: int
    """Work clock of its first free start."""
    free: list[int]
    ready: list[int]
    """Work clock at which each free body is there."""
    slots: list[int]
    """Work clocks before which the line does not come to its first, second, … start."""


def _all_moved(plant: Plant, placed: Placed, *, waits: bool) -> Orders:
    """Return orders in which all locked cars go when their windows want it, and the walk through them.

    `waits`: the line waits for a body whose turn it is; otherwise those behind it go first.
    """
    orders, times = placed.orders, placed.times
    free, held = _parted(orders.assembly, plant.assembly_held)
    there = [max(int(times.paint_end[c]), _released(plant, c, Stage.IN_PAINT)) for c in free]
    line = _line(plant.assembly_time, plant.problem.assembly.takt_s, free, there, [])
    begun = [int(times.assembly_start[c]) for c in [*plant.assembly_facts(), *held]]
    line = replace(line, begin=_after(line, begun))
    windows = _windows(plant, placed, plant.problem.assembly.id, line, {})
    order, wanted = _in_turn(line, windows, waits=waits)
    orders = replace(orders, assembly=(*held, *order))
    # Whose body is needed earlier than it comes is painted earlier.
    lead_s = plant.problem.paint.lead_s
    due = {c: plant.paint_time.back(t, lead_s) for c, t in wanted.items() if c in orders.paint}
    free, held = _parted(orders.paint, plant.paint_held)
    there = [max(int(times.weld_end[c]), _released(plant, c, Stage.WELDED)) for c in free]
    starts = [int(times.paint_start[c]) for c in free]
    line = _line(plant.paint_time, plant.problem.paint.takt_s, free, there, starts)
    windows = _windows(plant, placed, plant.problem.paint.id, line, due)
    order, wanted = _in_turn(line, windows, waits=waits)
    orders = replace(orders, paint=(*held, *order))
    for car, at in wanted.items():
        orders = _welded_by(plant, placed, orders, car, at)
    return orders


def _parted(row: tuple[int, ...], held: Callable[[int], int | None]) -> tuple[list[int], list[int]]:
    """Return the free and the held cars of an order."""
    return [c for c in row if held(c) is None], [c for c in row if held(c) is not None]


def _released(plant: Plant, car: int, stage: Stage) -> int:
    """Return the release of a car that is at this stage or beyond; 0 for one that is still to come there."""
    return int(plant.release[car]) if plant.rank[car] >= stage.rank else 0


def _line(
    clock: WorkTime, takt_s: int, free: list[int], there: list[int], starts: list[int]
) -> _Line:
    slots = [clock.work(t) for t in starts]
    begin = slots[0] if slots else 0
    return _Line(clock, takt_s, begin, free, [clock.work(t) for t in there], slots)


def _after(line: _Line, begun: list[int]) -> int:
    """Return the work clock a takt behind the last of these starts."""
    return max((line.clock.work(t) + line.takt_s for t in begun), default=0)


def _windows(
    plant: Plant, placed: Placed, line_id: str, line: _Line, due: dict[int, int]
) -> dict[int, _Window]:
    """Return the windows of a line's free cars: of locks that can be kept, and of bodies that are due."""
    places, work = set(line.free), line.clock.work
    found: dict[int, _Window] = {}
    for lock in plant.problem.locks:
        car = plant.index[lock.car_id]
        if lock.line != line_id or car not in places or not _can_be_kept(plant, placed, lock):
            continue
        room = min((lock.to_s - lock.from_s) // 2, MARGIN_TAKTS * line.takt_s)
        last, soft = work(lock.to_s + 1) - 1, work(lock.to_s - room + 1) - 1
        found[car] = _Window(work(lock.from_s), work(lock.from_s + room), last, soft)
    for car, at in due.items():
        own, by = found.get(car, _Window(0, 0, INF, INF)), work(at) - line.takt_s
        found[car] = replace(own, last=min(own.last, work(at)), by=min(own.by, by))
    by = INF
    for car in sorted(found, key=lambda c: found[c].by, reverse=True):
        by = min(found[car].by, by - line.takt_s)
        found[car] = replace(found[car], by=by)
    return found


def _in_turn(
    line: _Line, windows: dict[int, _Window], *, waits: bool
) -> tuple[list[int], dict[int, int]]:
    """Return the free cars in the order in which they go, and when bodies are needed that come later.

    A car goes at once when its window would close before the next start; otherwise the first one goes whose
    turn it is, whose window is open, and whose body is there.
    """
    ready = dict(zip(line.free, line.ready, strict=True))
    urgent = sorted(windows, key=lambda c: windows[c].by)
    queue, gone = list(line.free), set[int]()
    order: list[int] = []
    wanted: dict[int, int] = {}
    at, next_urgent = line.begin, 0

    def opens(car: int) -> int:
        window = windows.get(car)
        turn = 0 if window is None else window.turn
        return (
            turn
            if waits or ready[car] <= at + PATIENCE_TAKTS * line.takt_s
            else max(turn, ready[car])
        )

    while queue:
        if len(order) < len(line.slots):
            at = max(at, line.slots[len(order)])
        while next_urgent < len(urgent) and (
            urgent[next_urgent] in gone or windows[urgent[next_urgent]].last < at
        ):
            next_urgent += 1
        ahead = queue[:AHEAD]
        car = next((c for c in ahead if opens(c) <= at), None)
        car = min(ahead, key=opens) if car is None else car
        start = max(at, opens(car), ready[car])
        if next_urgent < len(urgent):
            now = windows[urgent[next_urgent]]
            if now.first <= at and now.by < start + line.takt_s:
                car, start = urgent[next_urgent], at
                if ready[car] > at:
                    wanted[car] = line.clock.at(at)
        order.append(car)
        gone.add(car)
        queue.remove(car)
        at = start + line.takt_s
    return order, wanted


def _welded_by(plant: Plant, placed: Placed, orders: Orders, car: int, at: int) -> Orders:
    """Return the orders with a body welded in the turn of one that is done by then, if there is such a turn."""
    steps = plant.steps_left(car)
    if not steps or car in plant.frozen:
        return orders
    ends = placed.times.weld_end
    before = next(
        (
            other
            for other in reversed(orders.weld_order())
            if other != car and ends[other] <= at and other not in plant.frozen
        ),
        None,
    )
    if before is None or not plant.steps_left(before):
        return orders
    found = with_weld_before(plant, orders, car, steps[0].id, before)
    return orders if isinstance(found, str) else found


def _alone(plant: Plant, placed: Placed, lock: Lock) -> Orders | None:
    """Return the orders with one car where it starts in its window, the other cars in their order."""
    orders, times = placed.orders, placed.times
    car = plant.index[lock.car_id]
    on_the_drum = lock.line == plant.problem.assembly.id
    row = orders.assembly if on_the_drum else orders.paint
    if car not in row:
        return None
    held = plant.assembly_held if on_the_drum else plant.paint_held
    others = [c for c in row if c != car]
    starts = times.assembly_start if on_the_drum else times.paint_start
    first = sum(1 for c in others if held(c) is not None)
    takt = plant.problem.assembly.takt_s if on_the_drum else plant.problem.paint.takt_s
    room = min((lock.to_s - lock.from_s) // 2, MARGIN_TAKTS * takt)
    aim = min(max(int(starts[car]), lock.from_s + room), lock.to_s - room)
    at = max(first, bisect_left([int(starts[c]) for c in others], aim))
    if on_the_drum:
        return with_car(plant, orders.without({car}), car, at)
    return replace(orders, paint=(*others[:at], car, *others[at:]))
