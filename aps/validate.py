"""What a problem must satisfy before it is solved: every error names its record."""

from collections.abc import Callable, Iterable

from aps.errors import ProblemError
from aps.problem import Car, FrozenCar, Interval, Problem, Stage

MOST_COST = 10_000
"""The most that one colour change may cost."""
MOST_GAP = 100
"""The most places that a spacing rule may keep apart."""


def validate(problem: Problem) -> None:
    """Raise `ProblemError` for the first record that is contradictory, unknown or negative."""
    for rule in (
        _there_is_something_to_plan,
        _ids_are_unique,
        _calendars_are_sorted_and_known,
        _shifts_hold_their_breaks,
        _the_assembly_line_is_sound,
        _the_paint_shop_is_sound,
        _the_body_shop_is_sound,
        _the_press_shop_is_sound,
        _cars_are_buildable,
        _frozen_work_is_consistent,
        _locks_are_windows,
        _bars_are_put_where_they_can_be,
    ):
        check: Callable[[Problem], None] = rule
        check(problem)


def _fail(code: str, subject: str, sentence: str) -> None:
    raise ProblemError(code, subject, sentence)


def _there_is_something_to_plan(problem: Problem) -> None:
    if problem.horizon_s <= 0:
        _fail("horizon.not_positive", "horizon", f"is {problem.horizon_s} s; it must be positive")
    if not problem.cars:
        _fail("problem.empty", "problem", "has no cars")


def _unique(kind: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if not one:
            _fail(f"{kind}.empty_id", kind, "has an empty id")
        if one in seen:
            _fail(f"{kind}.duplicate", f"{kind} {one}", "is there twice")
        seen.add(one)


def _ids_are_unique(problem: Problem) -> None:
    body, press = problem.body, problem.press
    _unique("car", (c.id for c in problem.cars))
    _unique("calendar", (c.id for c in problem.calendars))
    _unique("shift", (s.id for s in problem.shifts))
    _unique("ratio rule", (r.id for r in problem.assembly.ratio_rules))
    _unique("spacing rule", (r.id for r in problem.assembly.spacing_rules))
    _unique("machine", (m.id for m in body.machines))
    _unique("routing", (r.body_type for r in body.routings))
    _unique("press", (p.id for p in press.presses))
    _unique("die", (d.panel_type for d in press.dies))
    _unique("panel stock", (panel for panel, _ in press.stock))
    _unique("held lot", (lot.id for lot in press.held_lots))
    _unique("frozen car", (f.car_id for f in problem.frozen))
    lines = [problem.assembly.id, problem.paint.id]
    _unique("resource", [*lines, *(m.id for m in body.machines), *(p.id for p in press.presses)])
    known = {c.id for c in problem.cars}
    for car in problem.assembly.previous:
        if car.id in known:
            _fail("previous.planned", f"car {car.id}", "is a previous car and one of the cars")


def _sorted_disjoint(subject: str, intervals: tuple[Interval, ...]) -> None:
    last = 0
    for begin, end in intervals:
        if begin < 0:
            _fail("interval.negative", subject, f"[{begin}, {end}) begins before 0")
        if end <= begin:
            _fail("interval.empty", subject, f"[{begin}, {end}) is empty or reversed")
        if begin < last:
            _fail("interval.overlap", subject, f"[{begin}, {end}) begins before {last}")
        last = end


def _calendars_are_sorted_and_known(problem: Problem) -> None:
    shifts = {s.id for s in problem.shifts}
    for calendar in problem.calendars:
        subject = f"calendar {calendar.id}"
        _sorted_disjoint(subject, calendar.working)
        if len(calendar.shift_ids) != len(calendar.working):
            _fail("calendar.shift_ids", subject, "needs one shift id for each interval")
        for shift in calendar.shift_ids:
            if shift not in shifts:
                _fail("calendar.unknown_shift", subject, f"names the unknown shift {shift}")
    known = {c.id for c in problem.calendars}
    users = [
        (f"line {problem.assembly.id}", problem.assembly.calendar),
        (f"line {problem.paint.id}", problem.paint.calendar),
        *((f"machine {m.id}", m.calendar) for m in problem.body.machines),
        *((f"press {p.id}", p.calendar) for p in problem.press.presses),
    ]
    for subject, calendar_id in users:
        if calendar_id not in known:
            _fail("calendar.unknown", subject, f"names the unknown calendar {calendar_id}")


def _shifts_hold_their_breaks(problem: Problem) -> None:
    for shift in problem.shifts:
        subject = f"shift {shift.id}"
        _sorted_disjoint(subject, ((shift.start_s, shift.end_s),))
        _sorted_disjoint(subject, shift.breaks)
        for begin, end in shift.breaks:
            if begin < shift.start_s or end > shift.end_s:
                _fail("shift.break_outside", subject, f"has a break [{begin}, {end}) outside it")


def _the_assembly_line_is_sound(problem: Problem) -> None:
    line = problem.assembly
    _positive(f"line {line.id}", takt_s=line.takt_s, lead_s=line.lead_s)
    for rule in line.ratio_rules:
        if not 0 <= rule.n <= rule.p or rule.p < 1:
            _fail("ratio.bounds", f"ratio rule {rule.id}", f"{rule.n} in {rule.p} is no ratio")
    for spacing in line.spacing_rules:
        if not 2 <= spacing.gap <= MOST_GAP:
            sentence = f"keeps {spacing.gap} places apart; from 2 to {MOST_GAP} can be kept"
            _fail("spacing.bounds", f"spacing rule {spacing.id}", sentence)


def _the_paint_shop_is_sound(problem: Problem) -> None:
    shop = problem.paint
    subject = f"line {shop.id}"
    _positive(subject, takt_s=shop.takt_s, lead_s=shop.lead_s, batch_limit=shop.batch_limit)
    _positive(subject, store_capacity=shop.store_capacity)
    _not_negative(subject, purge_s=shop.purge_s, previous_run=shop.previous_run)
    if shop.previous_run and shop.previous_color is None:
        _fail("paint.previous", subject, "has a previous run without its colour")
    _affordable(subject, shop.purge_cost)
    _lanes_hold_what_is_painted(problem)
    _unique("purge", (f"{one.before} to {one.after}" for one in shop.purges))
    for one in shop.purges:
        subject = f"purge {one.before} to {one.after}"
        if one.before == one.after:
            _fail("paint.purge", subject, "is no colour change")
        _not_negative(subject, purge_s=one.purge_s)
        _affordable(subject, one.cost)


def _lanes_hold_what_is_painted(problem: Problem) -> None:
    lanes = problem.paint.lanes
    if not lanes:
        return
    subject = "painted store"
    for number, lane in enumerate(lanes):
        _positive(f"lane {number} of the {subject}", capacity=lane.capacity)
    places = sum(lane.capacity for lane in lanes)
    if places != problem.paint.store_capacity:
        sentence = (
            f"has lanes with {places} places and a capacity of {problem.paint.store_capacity}"
        )
        _fail("lane.capacity", subject, sentence)
    _unique(f"body in the {subject}", (body for lane in lanes for body in lane.bodies))
    at = {car.id: car.at for car in problem.cars}
    stand = {body for lane in lanes for body in lane.bodies}
    for body in sorted(stand):
        if at.get(body) is not Stage.PAINTED:
            _fail(
                "lane.body", f"car {body}", f"stands in a lane of the {subject}; it is not painted"
            )
    for car in problem.cars:
        if car.at is Stage.PAINTED and car.id not in stand:
            _fail(
                "lane.body", f"car {car.id}", f"is painted and stands in no lane of the {subject}"
            )


def _affordable(subject: str, cost: int) -> None:
    """Refuse costs that could outweigh a rule of the assembly line."""
    _not_negative(subject, cost=cost)
    if cost > MOST_COST:
        _fail(
            "paint.purge_cost",
            subject,
            f"costs {cost}; the most is {MOST_COST}, take a larger unit",
        )


def _the_body_shop_is_sound(problem: Problem) -> None:
    machines = {m.id for m in problem.body.machines}
    _positive("body shop", store_capacity=problem.body.store_capacity)
    for routing in problem.body.routings:
        subject = f"routing {routing.body_type}"
        if not routing.steps:
            _fail("routing.empty", subject, "has no steps")
        _unique(f"step of {subject}", (s.id for s in routing.steps))
        for step in routing.steps:
            if not step.alternatives:
                _fail("step.no_machine", f"{subject} step {step.id}", "has no machine")
            _unique(f"alternative of {subject}", (a.machine for a in step.alternatives))
            for alternative in step.alternatives:
                if alternative.machine not in machines:
                    _fail(
                        "machine.unknown",
                        f"{subject} step {step.id}",
                        f"names the unknown machine {alternative.machine}",
                    )
                _positive(f"{subject} step {step.id}", duration_s=alternative.duration_s)


def _the_press_shop_is_sound(problem: Problem) -> None:
    shop = problem.press
    presses = {p.id for p in shop.presses}
    dies = {d.panel_type for d in shop.dies}
    for press in shop.presses:
        _positive(f"press {press.id}", strokes_per_min=press.strokes_per_min)
        if press.mounted is not None and press.mounted not in dies:
            _fail("die.unknown", f"press {press.id}", f"mounts the unknown die {press.mounted}")
    for die in shop.dies:
        subject = f"die {die.panel_type}"
        _positive(subject, lot_size=die.lot_size, rack_capacity=die.rack_capacity)
        _not_negative(subject, changeover_s=die.changeover_s, min_cover=die.min_cover)
        _unique(f"changeover of {subject}", (before for before, _ in die.changeovers))
        for before, seconds in die.changeovers:
            if before not in dies or before == die.panel_type:
                _fail("die.changeover", subject, f"has a changeover from {before}, no other die")
            _not_negative(subject, changeover_s=seconds)
        if not die.presses:
            _fail("die.no_press", subject, "has no press")
        for press_id in die.presses:
            if press_id not in presses:
                _fail("press.unknown", subject, f"names the unknown press {press_id}")
    for panel, quantity in shop.stock:
        _not_negative(f"panel stock {panel}", quantity=quantity)
    for lot in shop.held_lots:
        subject = f"held lot {lot.id}"
        if lot.press not in presses:
            _fail("press.unknown", subject, f"names the unknown press {lot.press}")
        if lot.panel_type not in dies:
            _fail("die.unknown", subject, f"names the unknown die {lot.panel_type}")
        _positive(subject, quantity=lot.quantity)
        _started_work_says_what_is_left(subject, lot.start_s, lot.left_s)


def _cars_are_buildable(problem: Problem) -> None:
    routings = {r.body_type for r in problem.body.routings}
    panels = {d.panel_type for d in problem.press.dies} | {p for p, _ in problem.press.stock}
    for car in problem.cars:
        subject = f"car {car.id}"
        _not_negative(subject, release_s=car.release_s)
        if car.body_type not in routings and car.at.rank <= Stage.IN_BODY.rank:
            _fail("body_type.unknown", subject, f"has the unknown body type {car.body_type}")
        _unique(f"panel of {subject}", (panel for panel, _ in car.panels))
        for panel, quantity in car.panels:
            if panel not in panels:
                _fail("panel.unknown", subject, f"needs the unknown panel {panel}")
            _positive(subject, panel_quantity=quantity)


def _frozen_work_is_consistent(problem: Problem) -> None:
    cars = {c.id: c for c in problem.cars}
    frozen = {f.car_id: f for f in problem.frozen}
    for fact in problem.frozen:
        if fact.car_id not in cars:
            _fail("frozen.unknown_car", f"frozen car {fact.car_id}", "is not among the cars")
        _frozen_car_is_consistent(problem, cars[fact.car_id], fact)
    for car in problem.cars:
        held = frozen.get(car.id)
        if car.at is Stage.IN_ASSEMBLY and (held is None or held.assembly_start_s is None):
            _fail("frozen.missing", f"car {car.id}", "is in assembly without a start")
        if car.at is Stage.IN_PAINT and (held is None or held.paint_start_s is None):
            _fail("frozen.missing", f"car {car.id}", "is in paint without a start")
    _no_two_at_once(problem)


def _frozen_car_is_consistent(problem: Problem, car: Car, fact: FrozenCar) -> None:
    subject = f"frozen car {car.id}"
    if fact.assembly_start_s is not None:
        if car.at is Stage.IN_ASSEMBLY:
            _started_work_says_what_is_left(subject, fact.assembly_start_s, fact.assembly_left_s)
        else:
            _not_negative(subject, assembly_start_s=fact.assembly_start_s)
    if fact.paint_start_s is not None and car.at.rank <= Stage.IN_PAINT.rank:
        if car.at is Stage.IN_PAINT:
            _started_work_says_what_is_left(subject, fact.paint_start_s, fact.paint_left_s)
        else:
            _not_negative(subject, paint_start_s=fact.paint_start_s)
    if car.at.rank > Stage.IN_BODY.rank:
        return
    if car.at is Stage.NOT_STARTED and fact.steps_done:
        _fail("frozen.steps_done", subject, "has steps done and is not started")
    steps = next(r.steps for r in problem.body.routings if r.body_type == car.body_type)
    if not 0 <= fact.steps_done < len(steps):
        _fail("frozen.steps_done", subject, f"has {fact.steps_done} of {len(steps)} steps done")
    expected = steps[fact.steps_done :]
    last = None
    for operation, step in zip(fact.weld, expected, strict=False):
        if operation.step != step.id:
            _fail("frozen.step", subject, f"freezes {operation.step} where {step.id} comes next")
        if operation.machine not in {a.machine for a in step.alternatives}:
            _fail("frozen.machine", subject, f"{operation.machine} cannot do {step.id}")
        if last is not None and operation.start_s <= max(0, last):
            _fail("frozen.overlap", subject, f"{operation.step} starts before the step before it")
        if operation.start_s <= 0 and car.at is Stage.NOT_STARTED:
            _fail("frozen.step", subject, f"{operation.step} runs and the car is not started")
        _started_work_says_what_is_left(subject, operation.start_s, operation.left_s)
        last = operation.start_s
    if len(fact.weld) > len(expected):
        _fail("frozen.step", subject, "freezes more steps than its routing has left")


def _locks_are_windows(problem: Problem) -> None:
    cars, lines = {car.id for car in problem.cars}, (problem.assembly.id, problem.paint.id)
    for lock in problem.locks:
        subject = f"lock of {lock.car_id} on {lock.line}"
        if lock.car_id not in cars:
            _fail("lock.unknown_car", subject, "is of none of the cars")
        if lock.line not in lines:
            _fail("lock.unknown_line", subject, f"is not on {lines[0]} or {lines[1]}")
        if lock.to_s < lock.from_s:
            _fail("lock.window", subject, f"[{lock.from_s}, {lock.to_s}] is reversed")
    _unique("lock", (f"{lock.car_id} on {lock.line}" for lock in problem.locks))


def _bars_are_put_where_they_can_be(problem: Problem) -> None:
    body_type = {car.id: car.body_type for car in problem.cars}
    steps = {r.body_type: {step.id for step in r.steps} for r in problem.body.routings}
    presses = {press.id for press in problem.press.presses}
    dies = {die.panel_type: die.presses for die in problem.press.dies}
    for weld in problem.weld_locks:
        subject = f"lock of {weld.car_id} at {weld.step}"
        if weld.car_id not in body_type:
            _fail("lock.unknown_car", subject, "is of none of the cars")
        if weld.step not in steps[body_type[weld.car_id]]:
            _fail("lock.unknown_step", subject, "is of no step of its routing")
        _window(subject, weld.from_s, weld.to_s)
    for lot in problem.lot_locks:
        subject = f"lock of lot {lot.lot_id}"
        if lot.press not in presses:
            _fail("lock.unknown_press", subject, f"is on the unknown press {lot.press}")
        if lot.press not in dies.get(lot.panel_type, ()):
            sentence = f"{lot.press} does not take the die of {lot.panel_type}"
            _fail("lock.no_die", subject, sentence)
        _positive(subject, quantity=lot.quantity)
        _window(subject, lot.from_s, lot.to_s)
    _unique("lock", (f"{weld.car_id} at {weld.step}" for weld in problem.weld_locks))
    _unique("lock", (f"lot {lot.lot_id}" for lot in problem.lot_locks))


def _window(subject: str, from_s: int, to_s: int | None) -> None:
    if to_s is not None and to_s < from_s:
        _fail("lock.window", subject, f"[{from_s}, {to_s}] is reversed")


def _no_two_at_once(problem: Problem) -> None:
    """Overlapping locks: the same machine, line start or press held twice at one moment."""
    held: dict[tuple[str, int], str] = {}
    for fact in problem.frozen:
        starts = [
            (problem.assembly.id, fact.assembly_start_s),
            (problem.paint.id, fact.paint_start_s),
        ]
        starts += [(o.machine, o.start_s if o.start_s > 0 else -1) for o in fact.weld]
        for resource, start in starts:
            if start is None:
                continue
            other = held.setdefault((resource, start), fact.car_id)
            if other != fact.car_id:
                sentence = f"and {other} both hold {resource} at {max(start, 0)} s"
                _fail("frozen.overlap", f"frozen car {fact.car_id}", sentence)
    lots: dict[tuple[str, int], str] = {}
    for lot in problem.press.held_lots:
        other = lots.setdefault((lot.press, lot.start_s if lot.start_s > 0 else -1), lot.id)
        if other != lot.id:
            _fail("frozen.overlap", f"held lot {lot.id}", f"and {other} both run on {lot.press}")


def _started_work_says_what_is_left(subject: str, start_s: int, left_s: int | None) -> None:
    if start_s < 0 and left_s is None:
        _fail("frozen.left", subject, f"started at {start_s} s; the work left is not given")
    if left_s is not None:
        _not_negative(subject, left_s=left_s)


def _positive(subject: str, **values: int) -> None:
    for name, value in values.items():
        if value <= 0:
            _fail("value.not_positive", subject, f"{name} is {value}; it must be positive")


def _not_negative(subject: str, **values: int) -> None:
    for name, value in values.items():
        if value < 0:
            _fail("value.negative", subject, f"{name} is {value}; it must not be negative")
