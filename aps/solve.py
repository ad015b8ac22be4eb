"""The whole-plant solve: five levels in turn, what fails below goes back up, the best plan wins.

    L1 shifts -> L2 assembly order -> L3 paint order -> L4 weld -> L5 die lots -> forward walk
    (-> the order in which the lanes of the painted store give bodies -> forward walk)

The first pass is greedy and gives a plan at once. Each further pass searches; starts that the
shops below could not feed return to L1 and L2 as caps. The best plan by `plan_key` is kept, so a
solve is never worse than any plan it has shown.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from aps.budget import Budget, Clock, Share
from aps.build import schedule_of
from aps.errors import Cancelled
from aps.flow import Flow
from aps.levels.assembly import Sequence, sequence
from aps.levels.leaving import leaving
from aps.levels.paint import PaintOrder, paint_order
from aps.levels.slotting import Caps, Places, Slotting, slot
from aps.levels.stamping import Stamping, stamp
from aps.levels.weld import Welding, weld
from aps.locks import kept
from aps.old_order import in_the_old_order
from aps.orders import Orders
from aps.parking import kept as kept_in_time
from aps.parting import parted
from aps.placed import Placed, place
from aps.plant import Plant
from aps.problem import Problem
from aps.schedule import LevelResult, Schedule
from aps.validate import validate
from aps.worktime import INF

__all__ = ["Budget", "Levels", "plan_key", "solve"]

_PASSES = 3
_SHARES = {"L1": 0.12, "L2": 0.4, "L3": 0.35, "L4": 0.7, "L5": 0.8}
"""Each level's part of what its pass has left."""
_LEAVING = 0.3
"""The part of a pass kept for the order in which bodies leave a store of lanes."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The five decisions; a test or a study may put another one in the place of each."""

    slot: Callable[..., Slotting] = slot
    sequence: Callable[..., Sequence] = sequence
    paint: Callable[..., PaintOrder] = paint_order
    weld: Callable[..., Welding] = weld
    stamp: Callable[..., Stamping] = stamp


def plan_key(problem: Problem, schedule: Schedule) -> tuple[int, ...]:
    """Return what makes one plan better than another, most important first; smaller is better.

    Cars left out by priority, locks that are broken, tardiness in minutes, violations of high ratio
    and spacing rules, of low ones, what the purges cost, panel stock below cover (minutes), die changes, makespan.
    """
    urgent = {u.car_id for u in schedule.unplaced}
    left_out = sum(1 + max(0, car.priority) for car in problem.cars if car.id in urgent)
    kpis = schedule.kpis
    return (
        left_out,
        len(kpis.broken_locks),
        kpis.total_tardiness_s // 60,
        kpis.ratio_violations_high + kpis.spacing_high,
        kpis.ratio_violations_low + kpis.spacing_low,
        kpis.color_changes if kpis.purge_cost is None else kpis.purge_cost,
        kpis.stock_out_s // 60,
        kpis.die_changes,
        kpis.makespan_s,
    )


def solve(
    problem: Problem,
    *,
    budget: Budget | None = None,
    on_incumbent: Callable[[Schedule], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    executor: Executor | None = None,
    reference: Schedule | None = None,
    levels: Levels | None = None,
) -> Schedule:
    """Return the best plan found within the budget.

    `on_incumbent` is called with each better plan. `cancel` is asked often; once it says yes the
    best plan so far is returned. `executor` runs several seeds of the assembly search at once.
    `reference` is the plan in force, against which `Kpis.moved_cars` counts. The solve begins with it
    (see `aps.old_order`): where its order passes the checker, nothing worse by `plan_key` is returned,
    and where nothing better is found, that order.

    Raises `ProblemError` for a problem that contradicts itself, `Cancelled` if cancelled before
    there is any plan.
    """
    validate(problem)
    budget = budget or Budget()
    clock = Clock(budget) if cancel is None else Clock(budget, cancel)
    plant = Plant(problem)
    flow = Flow(plant)
    levels = levels or Levels()
    if clock.cancelled():
        raise Cancelled("cancelled before the first plan")
    seed = (problem.seed * 1_000_003 + budget.seed) & 0x7FFFFFFF
    best: Schedule | None = None
    best_key: tuple[int, ...] = ()
    caps = Caps()
    passes = _PASSES if budget.wall_s is None or budget.wall_s > 0 else 0

    def take(schedule: Schedule) -> None:
        nonlocal best, best_key
        key = plan_key(problem, schedule)
        if best is None or key < best_key:
            best, best_key = schedule, key
            if on_incumbent is not None:
                on_incumbent(schedule)

    if reference is not None:
        for schedule in in_the_old_order(problem, reference, clock):
            take(schedule)
    for pass_no in range(1 + passes):
        if best is not None and (clock.cancelled() or (pass_no > 0 and clock.left_s() <= 0)):
            break
        searching = pass_no > 0
        parts = passes - pass_no + 1 if budget.wall_s is not None else passes
        share = clock.share(1.0 / max(1, parts))
        if pass_no == 0:  # every level only does its greedy part
            share = replace(share, moves=0, deterministic_s=0.0)
        most = share.part(1 - _LEAVING) if problem.paint.lanes else share
        placed, results = _pass(plant, flow, caps, most, levels, seed, pass_no, executor)
        take(schedule_of(plant, flow, placed, levels=results, reference=reference))
        rest = share if share.wall else share.part(_LEAVING)
        for other in leaving(plant, flow, placed, rest, seed=seed):
            take(schedule_of(plant, flow, other, levels=results, reference=reference))
            placed = other
        if searching:
            fed_back = _caps(plant, caps, placed)
            if fed_back == caps and budget.wall_s is None and pass_no > 1:
                break
            caps = fed_back
            seed = (seed + 7919) & 0x7FFFFFFF
    if best is None:
        raise Cancelled("cancelled before the first plan")
    return best


def _pass(
    plant: Plant,
    flow: Flow,
    caps: Caps,
    share: Share,
    levels: Levels,
    seed: int,
    pass_no: int,
    executor: Executor | None,
) -> tuple[Placed, list[LevelResult]]:
    """Go down the levels once."""
    slotting = levels.slot(plant, caps, share.part(_SHARES["L1"]), seed=seed, pass_no=pass_no)
    order = levels.sequence(
        plant,
        slotting,
        caps,
        share.part(_SHARES["L2"]),
        seed=seed,
        pass_no=pass_no,
        executor=executor,
    )
    paint = levels.paint(plant, order.cars, share.part(_SHARES["L3"]), seed=seed, pass_no=pass_no)
    welding = levels.weld(
        plant, flow, paint.cars, share.part(_SHARES["L4"]), seed=seed, pass_no=pass_no
    )
    orders = Orders(
        assembly=parted(plant, paint.assembly),
        paint=paint.cars,
        tasks=welding.tasks,
        lanes=order.lanes,
    )
    stamping = levels.stamp(
        plant, flow, orders, share.part(_SHARES["L5"]), seed=seed, pass_no=pass_no
    )
    dropped = [(c, "slot.capacity") for c in slotting.left_out]
    dropped += [(c, "paint.batch_limit") for c in paint.left_out]
    placed = kept_in_time(flow, place(flow, replace(orders, lots=stamping.lots), dropped))
    placed = kept(flow, placed)
    results = [slotting.result, order.result, paint.result, welding.result, stamping.result]
    return placed, results


def _caps(plant: Plant, caps: Caps, placed: Placed) -> Caps:
    """Return what the shops below could not do: how bodies really came, and which came late."""
    places = Places.of(plant, caps)
    times, order = placed.times, placed.orders.assembly
    ready = [max(int(times.paint_end[c]), int(plant.release[c])) for c in order]
    not_before = dict(caps.not_before)
    soonest = INF
    for k in range(len(order) - 1, -1, -1):
        if ready[k] > max(places.time(k), soonest):
            not_before[order[k]] = max(not_before.get(order[k], 0), ready[k])
        soonest = min(soonest, ready[k])
    return Caps(tuple(sorted(ready)), not_before)
