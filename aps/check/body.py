"""The rules of the weld shop and of the welded body store."""

from itertools import pairwise

import numpy as np

from aps.check.facts import View, Violation, broken, overfull
from aps.check.worked import NEVER, column
from aps.problem import Stage
from aps.schedule import Operation


def _to_weld(view: View) -> list[str]:
    """Return the cars whose remaining weld steps must be in the plan."""
    return [c for c in view.assembly if view.steps_left(c)]


def every_step_is_done_once_in_order(view: View) -> list[Violation]:
    """The steps left of each planned car are there once each, one after the other."""
    if _all_in_order(view):
        return []
    found = []
    for car_id in _to_weld(view):
        steps = [step.id for step in view.steps_left(car_id)]
        planned = view.weld.get(car_id, [])
        if steps != [o.step for o in planned]:
            said = ", ".join(o.step for o in planned) or "none"
            sentence = f"Body {car_id} needs {', '.join(steps)} and gets {said}."
            found.append(broken("weld.steps", car_id, sentence))
        for before, after in pairwise(planned):
            if after.start_s < before.end_s:
                sentence = f"{after.step} of {car_id} starts before {before.step} is done."
                found.append(broken("weld.order", car_id, sentence, start_s=after.start_s))
    for car_id, operations in view.weld.items():
        if car_id in view.assembly and view.steps_left(car_id):
            continue
        if any(not _runs(view, o) for o in operations):
            sentence = f"Body {car_id} is welded without being planned or needing it."
            found.append(broken("weld.idle", car_id, sentence))
    return found


def _all_in_order(view: View) -> bool:
    """Say whether every planned car, and no other, has its steps from the first to the last without overlap."""
    known, welds = view.known, view.welds
    order = np.lexsort((welds.start, welds.car))
    car, start, end = welds.car[order], welds.start[order], welds.end[order]
    begins = np.concatenate(([True], car[1:] != car[:-1])) if len(car) else np.zeros(0, np.bool_)
    first = np.maximum.accumulate(np.where(begins, np.arange(len(car)), 0))
    due = np.zeros(len(known.rank), np.int64)
    due[view.assembly_row.car] = known.steps_to_do[view.assembly_row.car]
    return bool(
        (np.bincount(car, minlength=len(due)) == due).all()
        and (view.weld_places[order] == np.arange(len(car)) - first).all()
        and (begins[1:] | (start[1:] >= end[:-1])).all()
    )


def _runs(view: View, operation: Operation) -> bool:
    held = view.held(operation)
    return held is not None and held.start_s <= 0


def steps_take_their_time_on_an_allowed_machine(view: View) -> list[Violation]:
    """Start in working time, after the release; end after the step's working time there."""
    known, plan = view.known, view.schedule.weld
    takes = column((known.works(o.car_id, o.step).get(o.machine, NEVER) for o in plan), len(plan))
    start, end = view.welds.start, view.welds.end
    released = known.release[view.welds.car]
    calendars = {m.id: m.calendar for m in view.problem.body.machines}
    follows = np.array([calendars[o.machine] for o in plan], np.object_)
    odd = (takes == NEVER) | (start < released)
    for calendar in set(calendars.values()):
        clock, own_ops = known.calendars[calendar], np.flatnonzero((follows == calendar) & ~odd)
        late = clock.each_after(start[own_ops], takes[own_ops]) != end[own_ops]
        odd[own_ops] |= late | ~clock.each_working(start[own_ops])
    found = []
    for at in np.flatnonzero(odd).tolist():
        o = plan[at]
        if _runs(view, o):
            continue
        works = known.works(o.car_id, o.step)
        if o.machine not in works:
            sentence = f"{o.machine} cannot do {o.step} of {o.car_id}."
            found.append(broken("weld.machine", o.car_id, sentence, machine=o.machine))
            continue
        own_clock = known.calendars[calendars[o.machine]]
        done = own_clock.after(o.start_s, works[o.machine])
        if not own_clock.working(o.start_s) or done != o.end_s:
            sentence = f"{o.step} of {o.car_id} from {o.start_s} on {o.machine} ends at {done}."
            found.append(broken("weld.duration", o.car_id, sentence, end_s=o.end_s))
        if o.start_s < view.cars[o.car_id].release_s:
            sentence = f"{o.step} of {o.car_id} starts before the body is released."
            found.append(broken("weld.too_early", o.car_id, sentence, start_s=o.start_s))
    return found


def one_body_per_machine_at_a_time(view: View) -> list[Violation]:
    """No two operations overlap on a machine."""
    plan, welds = view.schedule.weld, view.welds
    number = {machine.id: k for k, machine in enumerate(view.problem.body.machines)}
    on = column((number[o.machine] for o in plan), len(plan))
    order = np.lexsort((welds.end, welds.start, on))
    same = on[order][1:] == on[order][:-1]
    if not (same & (welds.start[order][1:] < welds.end[order][:-1])).any():
        return []
    found = []
    last: dict[str, Operation] = {}
    for o in (plan[at] for at in np.lexsort((welds.end, welds.start)).tolist()):
        before = last.get(o.machine)
        if before is not None and o.start_s < before.end_s:
            sentence = f"{o.machine} welds {o.car_id} before it is done with {before.car_id}."
            found.append(broken("weld.overlap", o.machine, sentence, start_s=o.start_s))
        last[o.machine] = o
    return found


def running_and_frozen_operations_are_kept(view: View) -> list[Violation]:
    """A running operation keeps machine and times; a frozen one its machine, not before its time."""
    calendars = {m.id: view.calendars[m.calendar] for m in view.problem.body.machines}
    found = []
    for fact in view.problem.frozen:
        if view.stage(fact.car_id) not in (Stage.NOT_STARTED, Stage.IN_BODY):
            continue
        planned = {o.step: o for o in view.weld.get(fact.car_id, ())}
        for held in fact.weld:
            o = planned.get(held.step)
            if held.start_s <= 0:
                step = next(
                    s for s in view.routing[view.cars[fact.car_id].body_type] if s.id == held.step
                )
                left = held.left_s
                if left is None:
                    left = next(
                        a.duration_s for a in step.alternatives if a.machine == held.machine
                    )
                end = calendars[held.machine].after(0, left)
                kept = o is not None and (o.machine, o.start_s, o.end_s) == (
                    held.machine,
                    held.start_s,
                    end,
                )
            elif fact.car_id not in view.assembly:
                continue
            else:
                kept = o is not None and o.machine == held.machine and o.start_s >= held.start_s
            if not kept:
                sentence = f"{held.step} of {fact.car_id} is fixed on {held.machine} and moved."
                found.append(broken("weld.fact", fact.car_id, sentence, start_s=held.start_s))
    return found


def _room_for_all(view: View, initial: int, capacity: int) -> bool:
    """Say whether no last weld operation, running ones too, ends when the store is full."""
    welds, paint = view.welds, view.paint_row
    last = view.weld_places == view.known.steps_to_do[welds.car] - 1
    come = np.sort(welds.end[last])
    gone = np.sort(paint.start[view.known.rank[paint.car] != Stage.IN_PAINT.rank])
    levels = initial + np.arange(1, len(come) + 1) - np.searchsorted(gone, come, side="right")
    return bool((levels <= capacity).all())


def the_welded_store_holds_what_comes(view: View) -> list[Violation]:
    """Welded bodies not yet in paint never outnumber the store's places."""
    capacity = view.problem.body.store_capacity
    initial = sum(1 for car in view.problem.cars if car.at is Stage.WELDED)
    if _room_for_all(view, initial, capacity):
        return []
    arrivals = []
    for car_id, operations in view.weld.items():
        steps = view.steps_left(car_id)
        if steps and operations[-1].step == steps[-1].id:
            arrivals.append((operations[-1].end_s, car_id, _runs(view, operations[-1])))
    leaves = [s.start_s for s in view.schedule.paint if view.stage(s.car_id) is not Stage.IN_PAINT]
    return [
        broken(
            "store.welded",
            car,
            f"Body {car} leaves weld at {t} as number {level} in a store of {capacity}.",
            level=level,
            capacity=capacity,
        )
        for t, car, level in overfull(initial, capacity, arrivals, leaves)
    ]
