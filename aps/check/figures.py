"""The rules of the plan as a whole: names, completeness, repeated times, and the KPIs recounted."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

from aps.check.facts import View, Violation, broken
from aps.check.lines import pairs_too_close, purge_between, spacing_rules
from aps.problem import RatioPriority, SpacingPriority, Stage, snapshot_hash
from aps.schedule import BrokenLock, CarTimes


def names_that_do_not_exist(view: View) -> list[Violation]:
    """Every car, machine, press, panel type and shift of the plan is one of the problem's."""
    plan, problem = view.schedule, view.problem
    cars = {s.car_id for slots in (plan.assembly, plan.paint, plan.slots) for s in slots}
    cars |= {o.car_id for o in plan.weld} | {c for lot in plan.press for c in lot.pegged}
    cars |= {u.car_id for u in plan.unplaced} | {t.car_id for t in plan.times}
    cars |= {one.car_id for one in plan.lanes}
    named: tuple[tuple[str, set[str], Iterable[str]], ...] = (
        ("car", cars, view.cars),
        ("machine", {o.machine for o in plan.weld}, {m.id for m in problem.body.machines}),
        ("press", {lot.press for lot in plan.press}, {p.id for p in problem.press.presses}),
        ("die", {lot.panel_type for lot in plan.press}, {d.panel_type for d in problem.press.dies}),
        ("shift", {s.shift_id for s in plan.slots}, {s.id for s in problem.shifts}),
    )
    unknown = sorted((kind, one) for kind, names, known in named for one in names.difference(known))
    return [
        broken(f"{kind}.unknown", name, f"The plan names the unknown {kind} {name}.")
        for kind, name in unknown
    ]


def the_plan_answers_this_problem(view: View) -> list[Violation]:
    """The plan carries the hash of the problem it was made for."""
    if view.schedule.snapshot_hash == snapshot_hash(view.problem):
        return []
    sentence = "The plan was made for another problem."
    return [broken("plan.other_problem", "plan", sentence, hash=view.schedule.snapshot_hash)]


def every_car_is_planned_or_left_out_once(view: View) -> list[Violation]:
    """Each car that is not done is in assembly once or left out once, with a reason."""
    plan = view.schedule
    found = []
    named: tuple[tuple[str, list[tuple[str, ...]]], ...] = (
        ("assembly", [(s.car_id,) for s in plan.assembly]),
        ("paint", [(s.car_id,) for s in plan.paint]),
        ("unplaced", [(u.car_id,) for u in plan.unplaced]),
        ("press", [(lot.id,) for lot in plan.press]),
        ("weld", [(o.car_id, o.step) for o in plan.weld]),
    )
    for name, ids in named:
        twice = sorted(one for one, times in Counter(ids).items() if times > 1)
        for words in twice:
            one = " ".join(words)
            found.append(broken("plan.twice", one, f"{one} is in {name} twice."))
    out = {u.car_id for u in plan.unplaced}
    for car in view.problem.cars:
        there = (car.id in view.assembly) + (car.id in out)
        if there != (car.at is not Stage.DONE):
            sentence = f"Car {car.id} is {car.at.value} and {there} times in the plan."
            found.append(broken("plan.coverage", car.id, sentence, times=there))
    found += [
        broken("plan.no_reason", u.car_id, f"Car {u.car_id} is left out without a reason.")
        for u in plan.unplaced
        if not u.code or not u.sentence
    ]
    for slot in plan.paint:
        if slot.car_id not in view.assembly and view.stage(slot.car_id) is not Stage.IN_PAINT:
            sentence = f"Car {slot.car_id} is painted and never assembled."
            found.append(broken("plan.half", slot.car_id, sentence))
    return found


def car_times_repeat_the_plan(view: View) -> list[Violation]:
    """The projected times of each car are those of its slots and operations."""
    said = {t.car_id: t for t in view.schedule.times}
    found = []
    for car_id in sorted({*view.assembly, *view.paint}):
        times = said.get(car_id)
        slot, paint, weld = view.assembly.get(car_id), view.paint.get(car_id), view.weld.get(car_id)
        real = (
            weld[0].start_s if weld else None,
            max(o.end_s for o in weld) if weld else None,
            paint.start_s if paint else None,
            paint.end_s if paint else None,
            slot.start_s if slot else None,
            slot.end_s if slot else None,
            view.cars[car_id].due_s,
        )
        if times is None or _projected(times) != real:
            sentence = f"The times of car {car_id} are not those of its work."
            found.append(broken("times.wrong", car_id, sentence))
    return found


def _projected(times: CarTimes) -> tuple[int | None, ...]:
    return (
        times.weld_start_s,
        times.weld_end_s,
        times.paint_start_s,
        times.paint_end_s,
        times.assembly_start_s,
        times.finish_s,
        times.due_s,
    )


def the_kpis_are_true(view: View) -> list[Violation]:
    """Every figure of the plan, counted again from the plan."""
    kpis = view.schedule.kpis
    real = recount(view)
    found = []
    for name, value in real.items():
        said = getattr(kpis, name)
        if said != value:
            sentence = f"The plan says {name} is {said}; it is {value}."
            found.append(broken("kpi.wrong", name, sentence, said=str(said), real=str(value)))
    return found


def recount(view: View) -> dict[str, object]:
    """Return every KPI by name, counted from the plan alone."""
    plan = view.schedule
    late = [
        max(0, s.end_s - due)
        for s in plan.assembly
        if (due := view.cars[s.car_id].due_s) is not None
    ]
    ratio = _ratio_violations(view)
    rules = {r.id: r.priority for r in view.problem.assembly.ratio_rules}
    changes, longest = _color_runs(view)
    makespan = max((s.end_s for s in plan.assembly), default=0)
    return {
        "cars_planned": len(plan.assembly),
        "cars_unplaced": len(plan.unplaced),
        "late_cars": sum(1 for one in late if one > 0),
        "total_tardiness_s": sum(late),
        "max_tardiness_s": max(late, default=0),
        "ratio_violations": tuple(ratio.items()),
        "ratio_violations_high": sum(v for r, v in ratio.items() if rules[r] is RatioPriority.HIGH),
        "ratio_violations_low": sum(v for r, v in ratio.items() if rules[r] is RatioPriority.LOW),
        "color_changes": changes,
        "longest_color_run": longest,
        "die_changes": sum(1 for lot in plan.press if lot.setup_s > 0),
        "stock_out_s": _below_cover_s(view, makespan),
        "store_peak": _peak(
            sum(1 for car in view.problem.cars if car.at is Stage.PAINTED),
            [s.end_s for s in plan.paint],
            [s.start_s for s in plan.assembly if view.stage(s.car_id) is not Stage.IN_ASSEMBLY],
        ),
        "welded_peak": _peak(
            sum(1 for car in view.problem.cars if car.at is Stage.WELDED),
            _welded(view),
            [s.start_s for s in plan.paint if view.stage(s.car_id) is not Stage.IN_PAINT],
        ),
        "makespan_s": makespan,
        "moved_cars": _moved(view),
        **_spacing(view),
        **_purges(view),
        "broken_locks": _broken_locks(view),
    }


def _broken_locks(view: View) -> tuple[BrokenLock, ...]:
    """Locked cars that start outside their windows, but for work that had begun."""
    found: list[BrokenLock] = []
    for lock in view.problem.locks:
        on_the_drum = lock.line == view.problem.assembly.id
        begun = Stage.IN_ASSEMBLY if on_the_drum else Stage.IN_PAINT
        if view.stage(lock.car_id).rank >= begun.rank:
            continue
        slot = (view.assembly if on_the_drum else view.paint).get(lock.car_id)
        if slot is None:
            found.append((lock.car_id, lock.line, None))
        elif slot.start_s < lock.from_s:
            found.append((lock.car_id, lock.line, slot.start_s - lock.from_s))
        elif slot.start_s > lock.to_s:
            found.append((lock.car_id, lock.line, slot.start_s - lock.to_s))
    return (*found, *_welds_out_of_time(view), *_lots_out_of_time(view))


def _welds_out_of_time(view: View) -> list[BrokenLock]:
    """Weld steps to come that start outside their windows; without an end nothing is too late."""
    found: list[BrokenLock] = []
    for lock in view.problem.weld_locks:
        running = view.known.fixed.get((lock.car_id, lock.step))
        if lock.step not in {step.id for step in view.steps_left(lock.car_id)}:
            continue
        if running is not None and running.start_s <= 0:
            continue
        starts = [o.start_s for o in view.weld.get(lock.car_id, ()) if o.step == lock.step]
        if not starts:
            found.append((lock.car_id, lock.step, None))
        elif starts[0] < lock.from_s:
            found.append((lock.car_id, lock.step, starts[0] - lock.from_s))
        elif lock.to_s is not None and starts[0] > lock.to_s:
            found.append((lock.car_id, lock.step, starts[0] - lock.to_s))
    return found


def _lots_out_of_time(view: View) -> list[BrokenLock]:
    """Die lots to come that start outside their windows, on another press, or are not made."""
    found: list[BrokenLock] = []
    running = {lot.id for lot in view.problem.press.held_lots if lot.start_s <= 0}
    made = {lot.id: lot for lot in view.schedule.press}
    for lock in view.problem.lot_locks:
        lot = made.get(lock.lot_id)
        if lock.lot_id in running:
            continue
        if lot is None or lot.press != lock.press:
            found.append((lock.lot_id, lock.press, None))
        elif lot.start_s < lock.from_s:
            found.append((lock.lot_id, lock.press, lot.start_s - lock.from_s))
        elif lock.to_s is not None and lot.start_s > lock.to_s:
            found.append((lock.lot_id, lock.press, lot.start_s - lock.to_s))
    return found


def _ratio_violations(view: View) -> dict[str, int]:
    """Cars beyond n, over every window of p consecutive cars that holds one of the plan."""
    line = view.problem.assembly
    options = [car.options for car in line.previous]
    before = len(options)
    options += [view.cars[s.car_id].options for s in view.schedule.assembly]
    found = {}
    for rule in line.ratio_rules:
        total = 0
        for end in range(max(before + 1, rule.p), len(options) + 1):
            count = sum(rule.option in own for own in options[end - rule.p : end])
            total += max(0, count - rule.n)
        found[rule.id] = total
    return found


def _color_runs(view: View) -> tuple[int, int]:
    shop = view.problem.paint
    color, run = shop.previous_color, shop.previous_run
    changes, longest = 0, 0
    for slot in view.schedule.paint:
        if color is not None and slot.color != color:
            changes += 1
        run = run + 1 if slot.color == color else 1
        color = slot.color
        longest = max(longest, run)
    return changes, longest


def _spacing(view: View) -> dict[str, object]:
    """Pairs of cars nearer than a rule says, one of them at least the plan's."""
    close = {rule.id: len(pairs_too_close(view, rule)) for rule in spacing_rules(view)}
    low = {r.id for r in spacing_rules(view) if r.priority is SpacingPriority.LOW}
    return {
        "spacing_violations": tuple(close.items()),
        "spacing_high": sum(count for rule, count in close.items() if rule not in low),
        "spacing_low": sum(count for rule, count in close.items() if rule in low),
    }


def _purges(view: View) -> dict[str, object]:
    """Seconds and cost of every purge; a plan of before pairs had their own may leave them out."""
    shop, kpis = view.problem.paint, view.schedule.kpis
    if not shop.purges and kpis.purge_s is None and kpis.purge_cost is None:
        return {}
    seconds = cost = 0
    color = shop.previous_color
    for slot in view.schedule.paint:
        if color is not None and slot.color != color:
            purge = purge_between(view, color, slot.color)
            seconds, cost = seconds + purge[0], cost + purge[1]
        color = slot.color
    return {"purge_s": seconds, "purge_cost": cost}


def _below_cover_s(view: View, until: int) -> int:
    stock = dict(view.problem.press.stock)
    seconds = 0
    for die in view.problem.press.dies:
        level, at = stock.get(die.panel_type, 0), 0
        changes = view.panel_changes(die.panel_type)
        for t, change in zip(changes.t.tolist(), changes.panels.tolist(), strict=True):
            if level < die.min_cover:
                seconds += max(0, min(t, until) - at)
            level += change
            at = min(t, until)
        if level < die.min_cover:
            seconds += until - at
    return seconds


def _welded(view: View) -> list[int]:
    found = []
    for car_id, operations in view.weld.items():
        steps = view.steps_left(car_id)
        if steps and operations[-1].step == steps[-1].id:
            found.append(operations[-1].end_s)
    return found


def _peak(initial: int, arrivals: list[int], departures: list[int]) -> int:
    peak = initial
    leaves = sorted(departures)
    for count, t in enumerate(sorted(arrivals), 1):
        gone = bisect_left(leaves, t + 1)
        peak = max(peak, initial + count - gone)
    return peak


def _moved(view: View) -> int | None:
    """Cars outside the longest common order of both plans' assembly sequences."""
    if view.reference is None:
        return view.schedule.kpis.moved_cars
    old = {s.car_id: at for at, s in enumerate(view.reference.assembly)}
    places = [
        old[s.car_id]
        for s in view.schedule.assembly
        if s.car_id in old and view.stage(s.car_id) is not Stage.IN_ASSEMBLY
    ]
    longest: list[int] = []
    for place in places:
        at = bisect_left(longest, place)
        longest[at : at + 1] = [place]
    return len(places) - len(longest)
