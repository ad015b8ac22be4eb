"""The rules of the two paced lines, assembly and paint, and of the painted body store."""

from collections.abc import Callable, Sequence

from aps.check.facts import View, Violation, Worked, broken, overfull
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
    line: str,
    stage: Stage,
    clock: Worked,
    takt: int,
    purge_s: Callable[[str, str], int],
) -> list[Violation]:
    """W(start of next) - W(start) >= takt, and the purge of the pair where the colour changes."""
    found = []
    last: Slot | None = None
    for slot in slots:
        fact = view.stage(slot.car_id) is stage
        if not fact and not clock.working(slot.start_s):
            sentence = f"Car {slot.car_id} starts at {slot.start_s}, when {line} does not work."
            found.append(broken("line.not_working", slot.car_id, sentence, start_s=slot.start_s))
        if last is not None and not fact:
            least = takt + (purge_s(last.color, slot.color) if slot.color != last.color else 0)
            apart = clock.by(slot.start_s) - clock.by(last.start_s)
            if apart < least:
                sentence = (
                    f"Car {slot.car_id} starts on {line} {apart} s of work behind "
                    f"{last.car_id}; {least} s are needed."
                )
                found.append(
                    broken("line.takt", slot.car_id, sentence, apart_s=apart, least_s=least)
                )
        last = slot
    return found


def assembly_starts_a_takt_apart_in_working_time(view: View) -> list[Violation]:
    """One car a takt on the assembly line."""
    line = view.problem.assembly
    clock = view.calendars[line.calendar]
    slots = view.schedule.assembly
    return _paced(view, slots, line.id, Stage.IN_ASSEMBLY, clock, line.takt_s, lambda *_: 0)


def paint_starts_a_takt_apart_in_working_time(view: View) -> list[Violation]:
    """One body a takt on the paint line, between colours the purge of the pair."""
    shop = view.problem.paint
    clock = view.calendars[shop.calendar]
    slots = view.schedule.paint

    def purge_s(before: str, after: str) -> int:
        return purge_between(view, before, after)[0]

    return _paced(view, slots, shop.id, Stage.IN_PAINT, clock, shop.takt_s, purge_s)


def _lead(
    view: View, slots: Sequence[Slot], line: str, stage: Stage, clock: Worked, lead_s: int
) -> list[Violation]:
    found = []
    for slot in slots:
        if view.stage(slot.car_id) is stage:
            continue
        end = clock.after(slot.start_s, lead_s)
        if end != slot.end_s:
            sentence = f"Car {slot.car_id} leaves {line} at {end}, not at {slot.end_s}."
            found.append(broken("line.lead", slot.car_id, sentence, end_s=slot.end_s))
    return found


def assembly_takes_its_lead_time(view: View) -> list[Violation]:
    """A car leaves the line its lead of working time after its start."""
    line = view.problem.assembly
    clock = view.calendars[line.calendar]
    slots = view.schedule.assembly
    return _lead(view, slots, line.id, Stage.IN_ASSEMBLY, clock, line.lead_s)


def paint_takes_its_lead_time(view: View) -> list[Violation]:
    """A body leaves paint its lead of working time after its start."""
    shop = view.problem.paint
    clock = view.calendars[shop.calendar]
    return _lead(view, view.schedule.paint, shop.id, Stage.IN_PAINT, clock, shop.lead_s)


def assembly_follows_paint(view: View) -> list[Violation]:
    """A car starts assembly after it left paint, and not before it is released."""
    found = []
    for slot in view.schedule.assembly:
        car = view.cars[slot.car_id]
        if car.at is Stage.IN_ASSEMBLY:
            continue
        ready = car.release_s if car.at in (Stage.IN_PAINT, Stage.PAINTED) else 0
        if car.at is not Stage.PAINTED:
            painted = view.paint.get(car.id)
            if painted is None:
                sentence = f"Car {car.id} is assembled and never painted."
                found.append(broken("assembly.unpainted", car.id, sentence))
                continue
            ready = max(ready, painted.end_s)
        if slot.start_s < ready:
            sentence = f"Car {car.id} starts assembly at {slot.start_s}, it is there at {ready}."
            found.append(
                broken("assembly.too_early", car.id, sentence, start_s=slot.start_s, ready_s=ready)
            )
    return found


def paint_follows_weld(view: View) -> list[Violation]:
    """A body starts paint after its last weld step, and not before it is released."""
    found = []
    for slot in view.schedule.paint:
        car = view.cars[slot.car_id]
        if car.at is Stage.IN_PAINT:
            continue
        if car.at.rank > Stage.IN_PAINT.rank:
            found.append(broken("paint.twice", car.id, f"Car {car.id} is painted already."))
            continue
        ready = car.release_s if car.at is Stage.WELDED else 0
        if car.at is not Stage.WELDED:
            ready = max((o.end_s for o in view.weld.get(car.id, [])), default=slot.start_s + 1)
        if slot.start_s < ready:
            sentence = f"Body {car.id} starts paint at {slot.start_s}, it is there at {ready}."
            found.append(
                broken("paint.too_early", car.id, sentence, start_s=slot.start_s, ready_s=ready)
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
    before = [(car.id, car.options) for car in view.problem.assembly.previous]
    order = before + [(s.car_id, view.cars[s.car_id].options) for s in view.schedule.assembly]
    wanted = [{rule.option, rule.other} & own for _, own in order]
    found = []
    for at in range(len(before), len(order)):
        if not wanted[at]:
            continue
        for back in range(1, min(rule.gap - 1, at) + 1):
            first, second = order[at - back][1], order[at][1]
            if (rule.option in first and rule.other in second) or (
                rule.other in first and rule.option in second
            ):
                found.append((order[at - back][0], order[at][0], back))
    return found


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
    arrivals = [
        (s.end_s, s.car_id, view.stage(s.car_id) is Stage.IN_PAINT) for s in view.schedule.paint
    ]
    leaves = [
        s.start_s for s in view.schedule.assembly if view.stage(s.car_id) is not Stage.IN_ASSEMBLY
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
