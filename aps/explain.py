"""Why a car is late or left out: its plan walked backward from the line-off, binding by binding.

Every start in a plan is the earliest its bindings allow, so at each level the binding that is
tight is the reason; where the body itself is, the walk goes on one level up.
"""

from dataclasses import dataclass
from typing import Literal

from aps.plant import Plant
from aps.problem import Problem, SpacingPriority, Stage
from aps.schedule import CarTimes, Facts, Schedule, Slot

_SHORT = 2

Level = Literal["assembly", "paint", "weld", "press", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One link of the chain: the level, a stable code, its figures, and a sentence."""

    level: Level
    code: str
    facts: Facts
    sentence: str


def why_late(problem: Problem, schedule: Schedule, car_id: str) -> tuple[Reason, ...]:
    """Return the chain of reasons, from the line-off backward; empty for a car on time.

    Raises `KeyError` for a car that is not in the problem.
    """
    plant = Plant(problem)
    car = plant.index[car_id]
    for left_out in schedule.unplaced:
        if left_out.car_id == car_id:
            found = _left_out(left_out.code, left_out.facts, left_out.sentence)
            return (found, *_kept_apart(plant, schedule, car, until=None))
    times = next((t for t in schedule.times if t.car_id == car_id), None)
    due = problem.cars[car].due_s
    if times is None or times.finish_s is None or due is None or times.finish_s <= due:
        return ()
    walk = _Walk(plant, schedule, times, car)
    reasons = [*walk.assembly()]
    best = plant.assembly_time.finish(plant.earliest_assembly(car), problem.assembly.lead_s)
    if plant.rank[car] < Stage.IN_ASSEMBLY.rank and best > due:
        reasons.append(
            _reason(
                "plan",
                "promise.unreachable",
                f"Even alone in the plant it would be finished at {best} s, after {due} s.",
                earliest_s=best,
                due_s=due,
            )
        )
    return tuple(reasons)


def _left_out(code: str, facts: Facts, sentence: str) -> Reason:
    levels: dict[str, Level] = {"press": "press", "paint": "paint", "store": "paint"}
    return Reason(
        level=levels.get(code.split(".")[0], "plan"), code=code, facts=facts, sentence=sentence
    )


def _reason(level: Level, code: str, sentence: str, **facts: str | int) -> Reason:
    return Reason(level=level, code=code, facts=tuple(facts.items()), sentence=sentence)


def _kept_apart(plant: Plant, schedule: Schedule, car: int, *, until: int | None) -> list[Reason]:
    """Return the spacing rules that keep a car from each place at which it could have been in time.

    A place is that of another car which starts before `until`, all of them for a car left out, when
    this one could have and early enough for its promise; there it would stand too close to another.
    """
    line, own = plant.problem.assembly, plant.cars[car]
    earliest = plant.earliest_assembly(car)
    order = [s for s in schedule.assembly if s.car_id != own.id]
    options = [before.options for before in line.previous]
    options += [plant.cars[plant.index[s.car_id]].options for s in order]
    skip = len(line.previous)
    places = [
        skip + k
        for k, slot in enumerate(order)
        if slot.start_s >= max(0, earliest)
        and (until is None or slot.start_s < until)
        and (own.due_s is None or slot.end_s <= own.due_s)
        and plant.assembly_held(plant.index[slot.car_id]) is None
    ]
    found = []
    for rule in line.spacing_rules if places else ():
        against = [
            (rule.option in own.options and rule.other in other)
            or (rule.other in own.options and rule.option in other)
            for other in options
        ]
        reach = rule.gap - 1
        if not all(any(against[max(0, at - reach) : at + reach]) for at in places):
            continue
        hard = rule.priority is SpacingPriority.HARD
        sentence = (
            f"At each of the {len(places)} places where it would be in time a car with {rule.option} "
            f"or {rule.other} stands less than {rule.gap} places away (rule {rule.id})."
        )
        found.append(
            _reason(
                "assembly",
                "spacing.hard" if hard else "spacing.soft",
                sentence,
                rule=rule.id,
                option=rule.option,
                other=rule.other,
                gap=rule.gap,
                places=len(places),
            )
        )
    return found


class _Walk:
    """The backward walk of one late car."""

    def __init__(self, plant: Plant, schedule: Schedule, times: CarTimes, car: int) -> None:
        self._plant = plant
        self._schedule = schedule
        self._times = times
        self._car = car
        self._own = plant.cars[car]

    def assembly(self) -> list[Reason]:
        """Return what holds the start of assembly, and what lies behind it."""
        plant, own, start = self._plant, self._own, self._times.assembly_start_s or 0
        line = plant.problem.assembly
        if own.at is Stage.IN_ASSEMBLY:
            if own.release_s >= (self._times.finish_s or 0):
                return [self._held("assembly", own.release_s)]
            sentence = (
                f"It is on {line.id} since {start} s; what is left of the line takes its time."
            )
            return [_reason("assembly", "assembly.started", sentence, start_s=start)]
        held = plant.assembly_held(self._car)
        if held is not None and start == plant.assembly_time.start(held):
            sentence = f"Its place on {line.id} is frozen at {held} s."
            return [_reason("assembly", "frozen", sentence, start_s=held)]
        ready = own.release_s if own.at.rank >= Stage.IN_PAINT.rank else 0
        painted = self._times.paint_end_s or 0
        if own.release_s >= painted and ready and start == plant.assembly_time.start(ready):
            return [self._held("assembly", ready)]
        if start == plant.assembly_time.start(painted) and own.at.rank <= Stage.IN_PAINT.rank:
            sentence = f"It starts on {line.id} as soon as it leaves paint at {painted} s."
            found = _reason("assembly", "assembly.waits_for_body", sentence, paint_end_s=painted)
            return [found, *self.paint()]
        queue = self._queue("assembly", self._schedule.assembly, line.id, start, painted)
        upstream = self.paint() if _is_short(queue) and own.at.rank <= Stage.IN_PAINT.rank else []
        apart = _kept_apart(plant, self._schedule, self._car, until=start)
        return [queue, *self._ratio_caps(), *apart, *upstream]

    def paint(self) -> list[Reason]:
        """Return what holds the start of paint, and what lies behind it."""
        plant, own, start = self._plant, self._own, self._times.paint_start_s or 0
        shop = plant.problem.paint
        if own.at is Stage.IN_PAINT:
            sentence = f"It is on {shop.id} since {start} s."
            return [_reason("paint", "paint.started", sentence, start_s=start)]
        ready = self._times.weld_end_s or 0
        if (
            own.at is Stage.WELDED
            and own.release_s
            and start == plant.paint_time.start(own.release_s)
        ):
            return [self._held("paint", own.release_s)]
        if own.at is not Stage.WELDED and start == plant.paint_time.start(ready):
            sentence = f"It starts on {shop.id} as soon as it is welded at {ready} s."
            found = _reason("paint", "paint.waits_for_body", sentence, weld_end_s=ready)
            return [found, *self.weld()]
        if self._store_was_full():
            sentence = f"The painted store held {shop.store_capacity} bodies when it came."
            return [_reason("paint", "store.full", sentence, capacity=shop.store_capacity)]
        before = [s for s in self._schedule.paint if s.start_s < start]
        run = 0
        for slot in reversed(before):
            if slot.color == own.color or (run and slot.color != before[-1].color):
                break
            run += 1
        if run > 1:
            color = before[-1].color
            sentence = f"A batch of {run} {color} bodies was painted before it."
            return [_reason("paint", "paint.batch", sentence, color=color, bodies=run)]
        if start <= 0:
            return []
        queue = self._queue("paint", self._schedule.paint, shop.id, start, ready)
        upstream = self.weld() if _is_short(queue) and own.at.rank <= Stage.IN_BODY.rank else []
        return [queue, *upstream]

    def weld(self) -> list[Reason]:
        """Return what holds the weld steps, the panels included."""
        own = self._own
        operations = [o for o in self._schedule.weld if o.car_id == own.id]
        if not operations:
            return []
        first = operations[0]
        pressed = self._times.press_s or 0
        if pressed and first.start_s >= pressed and self._waited_for_press(first.start_s, pressed):
            lot = next(
                lot for lot in self._schedule.press if lot.end_s == pressed and own.id in lot.pegged
            )
            sentence = f"Its {lot.panel_type} come from lot {lot.id}, ready at {pressed} s."
            return [
                _reason("press", "press.lot", sentence, lot=lot.id, press=lot.press, end_s=pressed)
            ]
        if own.release_s and first.start_s <= own.release_s + 1:
            return [self._held("weld", own.release_s)]
        waits = []
        last_end = own.release_s
        for operation in operations:
            waits.append((operation.start_s - max(0, last_end), operation))
            last_end = operation.end_s
        wait, operation = max(waits, key=lambda one: one[0])
        ahead = sum(
            1
            for o in self._schedule.weld
            if o.machine == operation.machine and o.end_s <= operation.start_s
        )
        sentence = (
            f"It waits {wait} s for {operation.machine}, which welds {ahead} bodies before it."
        )
        return [
            _reason(
                "weld",
                "weld.capacity",
                sentence,
                machine=operation.machine,
                wait_s=wait,
                ahead=ahead,
            )
        ]

    def _waited_for_press(self, start: int, pressed: int) -> bool:
        steps = self._plant.steps_left(self._car)
        machines = {a.machine for a in steps[0].alternatives} if steps else set()
        clocks = [self._plant.machine_time[self._plant.machines[m]] for m in machines]
        return any(start == clock.start(pressed) for clock in clocks)

    def _held(self, level: Level, release_s: int) -> Reason:
        sentence = f"It is held or in rework until {release_s} s."
        return _reason(level, "held", sentence, release_s=release_s)

    def _store_was_full(self) -> bool:
        end = self._times.paint_end_s or 0
        level = sum(1 for car in self._plant.cars if car.at is Stage.PAINTED)
        level += sum(1 for s in self._schedule.paint if s.end_s <= end)
        level -= sum(
            1
            for s in self._schedule.assembly
            if s.start_s <= end and self._plant.rank[self._plant.index[s.car_id]] < 5
        )
        leaves = any(s.start_s == end for s in self._schedule.assembly)
        return leaves and level >= self._plant.problem.paint.store_capacity

    def _queue(
        self, level: Level, slots: tuple[Slot, ...], line: str, start: int, ready: int
    ) -> Reason:
        """Say that the line takes others first, or does not work."""
        clock = self._plant.assembly_time if level == "assembly" else self._plant.paint_time
        begins = {int(s) for s in clock.starts}
        before = next((s for s in reversed(slots) if s.start_s < start), None)
        if start in begins and (
            before is None or start - before.start_s > 2 * _takt(self._plant, level)
        ):
            sentence = f"{line} does not work before {start} s."
            return _reason(level, "calendar", sentence, start_s=start)
        ahead = [s for s in slots if ready <= s.start_s < start]
        urgent = sum(1 for s in ahead if self._is_more_urgent(s.car_id))
        sentence = (
            f"{line} takes {len(ahead)} cars between {ready} s, when it could start, and {start} s; "
            f"{urgent} of them are as urgent."
        )
        code = f"{level}.capacity"
        return _reason(level, code, sentence, ahead=len(ahead), as_urgent=urgent)

    def _is_more_urgent(self, car_id: str) -> bool:
        other = self._plant.index[car_id]
        own_key = (-int(self._plant.priority[self._car]), int(self._plant.due[self._car]))
        return (-int(self._plant.priority[other]), int(self._plant.due[other])) <= own_key

    def _ratio_caps(self) -> list[Reason]:
        """Say which of its options are used up in its shift."""
        shift_of = {s.car_id: s.shift_id for s in self._schedule.slots}
        shift = shift_of.get(self._own.id)
        mates = [c for c in self._plant.cars if shift_of.get(c.id) == shift]
        found = []
        for rule in self._plant.problem.assembly.ratio_rules:
            if rule.option not in self._own.options or shift is None:
                continue
            count = sum(rule.option in mate.options for mate in mates)
            cap = len(mates) * rule.n // rule.p
            if count >= cap:
                sentence = (
                    f"{count} cars with {rule.option} start in shift {shift}; {cap} fit its ratio."
                )
                found.append(
                    _reason("assembly", "ratio.cap", sentence, rule=rule.id, count=count, cap=cap)
                )
        return found


def _is_short(queue: Reason) -> bool:
    """Return whether a queue is only the takt between bodies that come together."""
    return dict(queue.facts).get("ahead", _SHORT + 1) in range(_SHORT + 1)


def _takt(plant: Plant, level: Level) -> int:
    problem = plant.problem
    return problem.assembly.takt_s if level == "assembly" else problem.paint.takt_s
