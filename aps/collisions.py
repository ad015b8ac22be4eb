"""What a bar put in time would run into at that very time, by the checker's own rules.

The walk through the plant lets it begin as soon as it can from then on; why that is later is what the checker
says of the same work with the bar begun at its time.
"""

from dataclasses import replace

from aps.check import Checker, Violation
from aps.flow import stamping_s
from aps.moves import AnyMove, LotMove, WeldMove
from aps.plant import Plant
from aps.schedule import Schedule


def collisions(
    plant: Plant,
    checker: Checker,
    work: Schedule,
    move: AnyMove | None,
    known: tuple[Violation, ...],
) -> tuple[Violation, ...]:
    """Return what the checker says of a moved bar that begins in `work` later than it was put.

    Nothing where it begins in time, or was not put in time. `known` is what the checker says of `work`.
    """
    there: Schedule | None = None
    if isinstance(move, LotMove) and move.not_before_s is not None:
        there = _with_lot(plant, work, move.lot_id, move.not_before_s)
    elif isinstance(move, WeldMove) and move.not_before_s is not None:
        there = _with_step(plant, work, move.car_id, move.step, move.not_before_s)
    if there is None:
        return ()
    return tuple(v for v in checker.check_work(there) if v not in known)


def _with_lot(plant: Plant, work: Schedule, lot_id: str, from_s: int) -> Schedule | None:
    """Return the work with a die lot begun at a time; `None` where it begins no later anyway."""
    lots = {lot.id: lot for lot in work.press}
    lot = lots.get(lot_id)
    if lot is None:
        return None
    press = plant.presses[lot.press]
    clock = plant.press_time[press]
    begin_s = clock.start(from_s)
    if lot.start_s <= begin_s:
        return None
    stamping = stamping_s(lot.quantity, plant.problem.press.presses[press].strokes_per_min)
    end_s = clock.finish(begin_s, lot.setup_s + stamping)
    lots[lot_id] = replace(lot, start_s=begin_s, end_s=end_s)
    return replace(work, press=tuple(sorted(lots.values(), key=lambda x: x.start_s)))


def _with_step(
    plant: Plant, work: Schedule, car_id: str, step_id: str, from_s: int
) -> Schedule | None:
    """Return the work with a weld step begun at a time; `None` where it begins no later anyway."""
    own = next((o for o in work.weld if (o.car_id, o.step) == (car_id, step_id)), None)
    if own is None:
        return None
    clock = plant.machine_time[plant.machines[own.machine]]
    begin_s = clock.start(from_s)
    if own.start_s <= begin_s:
        return None
    steps = plant.steps_left(plant.index[car_id])
    choices = next(step for step in steps if step.id == step_id).alternatives
    takes_s = next(a.duration_s for a in choices if a.machine == own.machine)
    here = replace(own, start_s=begin_s, end_s=clock.finish(begin_s, takes_s))
    return replace(work, weld=tuple(here if o is own else o for o in work.weld))
