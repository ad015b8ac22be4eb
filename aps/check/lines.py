"""The rules of the two paced lines, assembly and paint, and of the painted body store."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from aps.check.facts import Row, View, Violation, broken, overfull
from aps.check.worked import NEVER, Column, Marks, Worked
from aps.problem import SpacingPriority, SpacingRule, Stage
from aps.schedule import Slot


def _kept(
    view: View,
    slots: dict[str, Slot],
    stage: Stage,
    clock: Worked,
    lead_s: int,
    facts: dict[str, tuple[int | None, int | None]],
) -> list[Violation]:
    """Work that has begun keeps its start; its end is the work left, walked from time 0."""
    found = []
    for car_id, (start, left) in facts.items():
        if view.stage(car_id) is not stage:
            continue
        slot = slots.get(car_id)
        end = clock.after(0, left) if left is not None else clock.after(start or 0, lead_s)
        if end is not None and stage is Stage.IN_ASSEMBLY:
            end = max(end, view.cars[car_id].release_s)
        if slot is None or slot.start_s != start or slot.end_s != end:
            found.append(
                broken(
                    f"{stage.value}.fact",
                    car_id,
                    f"Car {car_id} has begun at {start} and ends at {end}; the plan says else.",
                    start_s=start or 0,
                )
            )
    return found


def cars_on_the_assembly_line_keep_their_times(view: View) -> list[Violation]:
    """Started assembly is a fact."""
    line = view.problem.assembly
    facts = {f.car_id: (f.assembly_start_s, f.assembly_left_s) for f in view.problem.frozen}
    clock = view.calendars[line.calendar]
    return _kept(view, view.assembly, Stage.IN_ASSEMBLY, clock, line.lead_s, facts)


def cars_on_the_paint_line_keep_their_times(view: View) -> list[Violation]:
    """Started paint is a fact."""
    shop = view.problem.paint
    facts = {f.car_id: (f.paint_start_s, f.paint_left_s) for f in view.problem.frozen}
    clock = view.calendars[shop.calendar]
    return _kept(view, view.paint, Stage.IN_PAINT, clock, shop.lead_s, facts)


def purge_between(view: View, before: str, after: str) -> tuple[int, int]:
    """Return (seconds, cost) of spraying one colour behind another one."""
    for one in view.problem.paint.purges:
        if (one.before, one.after) == (before, after):
            return one.purge_s, one.cost
    return view.problem.paint.purge_s, view.problem.paint.purge_cost


def _paced(
    view: View,
    slots: Sequence[Slot],
    row: Row,
    line: str,
    stage: Stage,
    clock: Worked,
    takt: int,
    changes: dict[int, int],
) -> list[Violation]:
    """W(start of next) - W(start) >= takt, and the purge of the pair where the colour changes."""
    free = view.known.rank[row.car] != stage.rank
    idle = free & ~clock.each_working(row.start)
    least = np.full(len(slots), takt, np.int64)
    least[list(changes)] += np.array(list(changes.values()), np.int64)
    worked = clock.each_by(row.start)
    apart = worked[1:] - worked[:-1]
    close = np.zeros(len(slots), np.bool_)
    close[1:] = free[1:] & (apart < least[1:])
    found = []
    for at in np.flatnonzero(idle | close).tolist():
        slot = slots[at]
        if idle[at]:
            sentence = f"Car {slot.car_id} starts at {slot.start_s}, when {line} does not work."
            found.append(broken("line.not_working", slot.car_id, sentence, start_s=slot.start_s))
        if close[at]:
            is_s, needs_s = int(apart[at - 1]), int(least[at])
            sentence = (
                f"Car {slot.car_id} starts on {line} {is_s} s of work behind "
                f"{slots[at - 1].car_id}; {needs_s} s are needed."
            )
            found.append(broken("line.takt", slot.car_id, sentence, apart_s=is_s, least_s=needs_s))
    return found


def assembly_starts_a_takt_apart_in_working_time(view: View) -> list[Violation]:
    """One car a takt on the assembly line."""
    line = view.problem.assembly
    clock = view.calendars[line.calendar]
    slots, row = view.schedule.assembly, view.assembly_row
    return _paced(view, slots, row, line.id, Stage.IN_ASSEMBLY, clock, line.takt_s, {})


def paint_starts_a_takt_apart_in_working_time(view: View) -> list[Violation]:
    """One body a takt on the paint line, between colours the purge of the pair."""
    shop = view.problem.paint
    clock = view.calendars[shop.calendar]
    slots, row = view.schedule.paint, view.paint_row
    own = {(one.before, one.after): one.purge_s for one in reversed(shop.purges)}
    colors = [slot.color for slot in slots]
    changes = {
        at: own.get((before, after), shop.purge_s)
        for at, (before, after) in enumerate(pairwise(colors), 1)
        if before != after
    }
    return _paced(view, slots, row, shop.id, Stage.IN_PAINT, clock, shop.takt_s, changes)


def _lead(
    view: View,
    slots: Sequence[Slot],
    row: Row,
    line: str,
    stage: Stage,
    clock: Worked,
    lead_s: int,
) -> list[Violation]:
    free = view.known.rank[row.car] != stage.rank
    found = []
    for at in np.flatnonzero(free & (clock.each_after(row.start, lead_s) != row.end)).tolist():
        slot = slots[at]
        end = clock.after(slot.start_s, lead_s)
        sentence = f"Car {slot.car_id} leaves {line} at {end}, not at {slot.end_s}."
        found.append(broken("line.lead", slot.car_id, sentence, end_s=slot.end_s))
    return found


def assembly_takes_its_lead_time(view: View) -> list[Violation]:
    """A car leaves the line its lead of working time after its start."""
    line = view.problem.assembly
    clock = view.calendars[line.calendar]
    slots, row = view.schedule.assembly, view.assembly_row
    return _lead(view, slots, row, line.id, Stage.IN_ASSEMBLY, clock, line.lead_s)


def paint_takes_its_lead_time(view: View) -> list[Violation]:
    """A body leaves paint its lead of working time after its start."""
    shop = view.problem.paint
    clock = view.calendars[shop.calendar]
    slots, row = view.schedule.paint, view.paint_row
    return _lead(view, slots, row, shop.id, Stage.IN_PAINT, clock, shop.lead_s)


def _too_early(row: Row, ready: Column, looked_at: Marks) -> list[int]:
    """Return the places whose car starts before it is there."""
    return [int(at) for at in np.flatnonzero(looked_at & (row.start < ready))]


def assembly_follows_paint(view: View) -> list[Violation]:
    """A car starts assembly after it left paint, and not before it is released."""
    row = view.assembly_row
    rank, release = view.known.rank[row.car], view.known.release[row.car]
    painted = view.painted_at[row.car]
    released = (rank == Stage.IN_PAINT.rank) | (rank == Stage.PAINTED.rank)
    ready = np.where(released, release, 0)
    comes = rank != Stage.PAINTED.rank
    ready = np.where(comes, np.maximum(ready, painted), ready)
    found = []
    for at in _too_early(row, ready, rank != Stage.IN_ASSEMBLY.rank):
        slot = view.schedule.assembly[at]
        if comes[at] and painted[at] == NEVER:
            sentence = f"Car {slot.car_id} is assembled and never painted."
            found.append(broken("assembly.unpainted", slot.car_id, sentence))
            continue
        there = int(ready[at])
        sentence = f"Car {slot.car_id} starts assembly at {slot.start_s}, it is there at {there}."
        found.append(
            broken("assembly.too_early", slot.car_id, sentence, start_s=slot.start_s, ready_s=there)
        )
    return found


def paint_follows_weld(view: View) -> list[Violation]:
    """A body starts paint after its last weld step, and not before it is released."""
    row = view.paint_row
    rank, release = view.known.rank[row.car], view.known.release[row.car]
    welded = view.welded_at[row.car]
    welded = np.where(welded == NEVER, row.start + 1, welded)
    ready = np.where(rank == Stage.WELDED.rank, release, welded)
    twice = rank > Stage.IN_PAINT.rank
    ready[twice] = NEVER
    found = []
    for at in _too_early(row, ready, rank != Stage.IN_PAINT.rank):
        slot, there = view.schedule.paint[at], int(ready[at])
        if twice[at]:
            sentence = f"Car {slot.car_id} is painted already."
            found.append(broken("paint.twice", slot.car_id, sentence))
            continue
        sentence = f"Body {slot.car_id} starts paint at {slot.start_s}, it is there at {there}."
        found.append(
            broken("paint.too_early", slot.car_id, sentence, start_s=slot.start_s, ready_s=there)
        )
    return found


def _held_order(slots: Sequence[Slot], held: dict[str, int], line: str) -> list[Violation]:
    """Frozen cars come first on a line, in the order of their frozen starts."""
    order = [slot.car_id for slot in slots]
    expected = sorted((c for c in order if c in held), key=lambda c: (held[c], order.index(c)))
    return [
        broken("frozen.order", frozen, f"Car {frozen} lost its frozen place on {line} to {found}.")
        for frozen, found in zip(expected, order, strict=False)
        if frozen != found
    ]


def frozen_assembly_keeps_its_place_and_time(view: View) -> list[Violation]:
    """A frozen car starts at its time, or as soon after it as its body and the line allow."""
    line = view.problem.assembly
    clock = view.calendars[line.calendar]
    if not view.frozen:
        return []
    free = [s for s in view.schedule.assembly if view.stage(s.car_id) is not Stage.IN_ASSEMBLY]
    held = {s.car_id: start for s in free if (start := view.held_assembly(s.car_id)) is not None}
    found = _held_order(free, held, line.id)
    last: Slot | None = None
    for slot in view.schedule.assembly:
        if slot.car_id in held:
            car = view.cars[slot.car_id]
            ready = held[slot.car_id]
            if car.at in (Stage.PAINTED, Stage.IN_PAINT):
                ready = max(ready, car.release_s)
            if slot.car_id in view.paint:
                ready = max(ready, view.paint[slot.car_id].end_s)
            worked = clock.by(ready)
            if last is not None:
                worked = max(worked, clock.by(last.start_s) + line.takt_s)
            expected = clock.next_start(worked)
            if expected != slot.start_s:
                sentence = f"Frozen car {slot.car_id} starts at {slot.start_s}, not at {expected}."
                found.append(broken("frozen.time", slot.car_id, sentence, start_s=slot.start_s))
        last = slot
    return found


def frozen_paint_keeps_its_place(view: View) -> list[Violation]:
    """Frozen bodies come first in paint, in their order, and not before their time."""
    if not view.frozen:
        return []
    free = [s for s in view.schedule.paint if view.stage(s.car_id) is not Stage.IN_PAINT]
    held = {s.car_id: start for s in free if (start := view.held_paint(s.car_id)) is not None}
    found = _held_order(free, held, view.problem.paint.id)
    for slot in free:
        if slot.start_s < held.get(slot.car_id, slot.start_s):
            sentence = f"Frozen body {slot.car_id} starts paint before its time."
            found.append(broken("frozen.time", slot.car_id, sentence, start_s=slot.start_s))
    return found


def each_car_starts_in_the_shift_it_is_slotted_to(view: View) -> list[Violation]:
    """L1's shift is the one that works when the car starts."""
    clock = view.calendars[view.problem.assembly.calendar]
    slotted = {one.car_id: one.shift_id for one in view.schedule.slots}
    found = []
    for slot in view.schedule.assembly:
        if slot.start_s < 0 or view.stage(slot.car_id) is Stage.IN_ASSEMBLY:
            continue
        shift = clock.shift(slot.start_s)
        if slotted.get(slot.car_id) != shift:
            said = slotted.get(slot.car_id, "none")
            sentence = f"Car {slot.car_id} starts in shift {shift} and is slotted to {said}."
            found.append(broken("slot.shift", slot.car_id, sentence, shift=shift or "none"))
    return found


def spacing_rules(view: View) -> tuple[SpacingRule, ...]:
    """Return the rules that keep cars apart on the assembly line."""
    return view.problem.assembly.spacing_rules


def pairs_too_close(view: View, rule: SpacingRule) -> list[tuple[str, str, int]]:
    """Return (car before, car behind, places between their starts) wherever they are too close."""
    previous = view.problem.assembly.previous
    row = view.assembly_row
    one, other = (
        np.concatenate(
            (
                np.array([option in car.options for car in previous], np.bool_),
                view.known.having(option)[row.car],
            )
        )
        for option in (rule.option, rule.other)
    )
    found = []
    for back in range(1, min(rule.gap, len(one))):
        close = (one[:-back] & other[back:]) | (other[:-back] & one[back:])
        found += [(int(at) + back, back) for at in np.flatnonzero(close)]
    names = [car.id for car in previous] + [s.car_id for s in view.schedule.assembly]
    return [
        (names[at - back], names[at], back) for at, back in sorted(found) if at >= len(previous)
    ]


def cars_kept_apart_are_not_too_close(view: View) -> list[Violation]:
    """Under a hard spacing rule no free car starts too close behind another one."""
    found = []
    for rule in spacing_rules(view):
        if rule.priority is not SpacingPriority.HARD:
            continue
        for other, car, apart in pairs_too_close(view, rule):
            free = view.stage(car) is not Stage.IN_ASSEMBLY and view.held_assembly(car) is None
            if free:
                sentence = f"Car {car} is {apart} places behind {other}; {rule.gap} are needed."
                found.append(
                    broken(
                        "assembly.too_close",
                        car,
                        sentence,
                        other=other,
                        apart=apart,
                        least=rule.gap,
                        rule=rule.id,
                    )
                )
    return found


def no_color_runs_longer_than_the_batch_limit(view: View) -> list[Violation]:
    """No run of one colour is longer than the batch limit, but for what is frozen already."""
    shop = view.problem.paint
    color, run = shop.previous_color, shop.previous_run
    found = []
    for slot in view.schedule.paint:
        run = run + 1 if slot.color == color else 1
        color = slot.color
        free = view.stage(slot.car_id) is not Stage.IN_PAINT
        if run > shop.batch_limit and free and view.held_paint(slot.car_id) is None:
            sentence = (
                f"Body {slot.car_id} is the {run}th {color} in a row; {shop.batch_limit} may."
            )
            found.append(broken("paint.batch_limit", slot.car_id, sentence, run=run))
    return found


def slots_show_position_and_color(view: View) -> list[Violation]:
    """Positions count from 0 in the order of starts; the colour is the car's."""
    found = []
    for slots in (view.schedule.assembly, view.schedule.paint):
        last = slots[0].start_s if slots else 0
        for at, slot in enumerate(slots):
            later, last = slot.start_s >= last, slot.start_s
            if slot.position != at or not later:
                sentence = f"Car {slot.car_id} is at place {slot.position}, its start says {at}."
                found.append(broken("slot.position", slot.car_id, sentence, place=at))
            if slot.color != view.cars[slot.car_id].color:
                sentence = f"Car {slot.car_id} is {view.cars[slot.car_id].color}, not {slot.color}."
                found.append(broken("slot.color", slot.car_id, sentence))
    return found


def the_painted_store_holds_what_comes(view: View) -> list[Violation]:
    """Painted bodies not yet in assembly never outnumber the store's places."""
    shop = view.problem.paint
    initial = sum(1 for car in view.problem.cars if car.at is Stage.PAINTED)
    cars = view.cars
    arrivals = [
        (s.end_s, s.car_id, cars[s.car_id].at is Stage.IN_PAINT) for s in view.schedule.paint
    ]
    leaves = [
        s.start_s for s in view.schedule.assembly if cars[s.car_id].at is not Stage.IN_ASSEMBLY
    ]
    return [
        broken(
            "store.painted",
            car,
            f"Body {car} leaves paint at {t} as number {level} in a store of {shop.store_capacity}.",
            level=level,
            capacity=shop.store_capacity,
        )
        for t, car, level in overfull(initial, shop.store_capacity, arrivals, leaves)
    ]
