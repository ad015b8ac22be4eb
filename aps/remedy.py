"""What would help a late or unplaced car: changes of which each has been tried and found to work.

The reasons of `aps.explain` say what to look at. Each candidate is applied to a branch of the
problem, the plan is laid over it (its order kept, or the one car moved forward), and only a branch
that the checker accepts and in which the car is in time is offered, in the least amount that does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from aps.build import schedule_of
from aps.change import (
    Change,
    CloserCars,
    ExtraMachine,
    HoldEnds,
    LaterPromise,
    LongerBatch,
    MorePanels,
    MoreStore,
    Overtime,
    Rush,
    Unfrozen,
    changed,
)
from aps.check import check
from aps.errors import ProblemError
from aps.explain import Reason, why_late
from aps.flow import Flow
from aps.orders import Orders
from aps.placing import with_car, with_panels
from aps.plant import Plant
from aps.problem import Calendar, Car, Interval, Problem, Stage
from aps.repair import orders_of
from aps.schedule import LevelResult, Schedule
from aps.validate import validate
from aps.worktime import INF

_HALF_HOUR, _LONGEST = 1800, 4 * 3600
_HOLD_STEP = 600
_GAPS = 2
_FORWARD = 4
"""Places tried for a car that goes forward."""

Family = tuple[Callable[[int], tuple[Change, ...]], int]
"""Changes by their amount, and the greatest amount; a change that knows no amount has 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Changes with which the car is in time, and what the plan then looks like.

    `problem` is the branch, `plan` a plan of it that the checker accepts. `made_late` cars were in
    time before and are not in that plan.
    """

    changes: tuple[Change, ...]
    finish_s: int
    made_late: int
    problem: Problem
    plan: Schedule


def remedies(
    problem: Problem, schedule: Schedule, car_id: str, *, most: int = 3, trials: int = 40
) -> tuple[Remedy, ...]:
    """Return changes that would bring a car in time, those that hurt least first.

    Empty for a car in time, or where nothing within `trials` helps. For a late car that has a
    place a later promise is the last resort and always there. The plan must be one of this problem.
    Raises `KeyError` for a car that is not in the problem.
    """
    reasons = why_late(problem, schedule, car_id)
    if not reasons:
        return ()
    search = _Search(problem, schedule, car_id, trials)
    found: list[Remedy] = []
    if search.possible():
        for family in search.families(reasons):
            if _kinds(family[0](1)) & {kind for one in found for kind in _kinds(one.changes)} - {
                Rush
            }:
                continue  # more of what already helps
            for rushed in search.ways():
                remedy = search.least(family, rushed=rushed)
                if remedy is not None:
                    found.append(remedy)
                    break
            if len(found) >= most or search.trials <= 0:
                break
    if not found:
        found += search.later_promise()
    return tuple(sorted(found, key=lambda one: (one.made_late, len(one.changes))))


def _kinds(changes: tuple[Change, ...]) -> set[type[Change]]:
    return {type(change) for change in changes}


class _Search:
    """The branches of one late car."""

    def __init__(self, problem: Problem, schedule: Schedule, car_id: str, trials: int) -> None:
        self.trials = trials
        self._problem, self._schedule = problem, schedule
        self._plant = Plant(problem)
        self._index = self._plant.index[car_id]
        self._car: Car = self._plant.cars[self._index]
        self._placed = any(slot.car_id == car_id for slot in schedule.assembly)
        times = next((t for t in schedule.times if t.car_id == car_id), None)
        self._finish = None if times is None else times.finish_s
        due = {car.id: car.due_s for car in problem.cars}
        self._in_time = {
            slot.car_id
            for slot in schedule.assembly
            if (by := due[slot.car_id]) is not None and slot.end_s <= by
        }
        self._out = {one.car_id: one.code for one in schedule.unplaced if one.car_id != car_id}

    def possible(self) -> bool:
        """Return whether the promise leaves the time that the work itself takes."""
        if self._car.due_s is None:
            return not self._placed
        plant, rank = self._plant, self._car.at.rank
        if rank >= Stage.IN_ASSEMBLY.rank:
            return self._car.due_s > 0
        work = plant.problem.assembly.lead_s
        if rank <= Stage.WELDED.rank:
            work += plant.problem.paint.lead_s + plant.min_weld_s(self._index)
        return self._car.due_s >= work

    def ways(self) -> tuple[bool, ...]:
        """Return whether the car goes forward in the order: first not, then too, if it can."""
        if not self._placed or self._car.at.rank >= Stage.IN_ASSEMBLY.rank:
            return (False,)
        return (False, True)

    def families(self, reasons: tuple[Reason, ...]) -> Iterator[Family]:
        """Yield what the reasons point at, cheap things first."""
        codes = {reason.code for reason in reasons}
        levels = [reason.level for reason in reasons]
        yield (lambda _amount: ()), 1
        if self._car.release_s > 0:
            yield self._hold_ends, -(-self._car.release_s // _HOLD_STEP)
        if locked := self._locked():
            yield (lambda _amount: (Unfrozen(car_ids=locked),)), 1
        for panel, pieces in self._panels(reasons):
            yield partial(_more_panels, panel), pieces
        if "paint.batch_limit" in codes:
            yield (lambda n: (LongerBatch(bodies=n),)), max(1, len(self._problem.cars))
        gaps = {rule.id: rule.gap for rule in self._problem.assembly.spacing_rules}
        for rule in dict.fromkeys(
            str(dict(r.facts)["rule"]) for r in reasons if r.code.startswith("spacing.")
        ):
            yield partial(_closer_cars, rule), gaps[rule] - 1
        if codes & {"store.full", "orders.blocked"}:
            yield (lambda n: (MoreStore(places=n),)), len(self._problem.cars)
        yield from self._overtime(levels)
        for machine in dict.fromkeys(
            str(dict(r.facts)["machine"]) for r in reasons if r.code == "weld.capacity"
        ):
            yield partial(_extra_machine, machine), 1

    def least(self, family: Family, *, rushed: bool) -> Remedy | None:
        """Return the branch with the least amount that does, `None` if the greatest does not."""
        make, greatest = family
        if not make(1) and self._placed and not rushed:
            return None  # nothing would be changed
        rushed = rushed or not make(1)
        rush: tuple[Change, ...] = (Rush(car_id=self._car.id),) if rushed else ()
        best = self._branch((*make(greatest), *rush), forward=rushed)
        low, high = 0, greatest
        while best is not None and high - low > 1 and self.trials > 0:
            middle = (low + high) // 2
            less = self._branch((*make(middle), *rush), forward=rushed)
            if less is None:
                low = middle
            else:
                best, high = less, middle
        return best

    def later_promise(self) -> list[Remedy]:
        """Return the promise that the plan in force keeps, for a car that it has."""
        if self._finish is None:
            return []
        self.trials = max(1, self.trials)
        change = LaterPromise(car_id=self._car.id, due_s=self._finish)
        found = self._branch((change,), forward=False)
        return [] if found is None else [found]

    def _branch(self, changes: tuple[Change, ...], *, forward: bool) -> Remedy | None:
        """Plan a branch; `None` unless the car is in time, nothing drops out and it checks."""
        if self.trials <= 0:
            return None
        self.trials -= 1
        problem = changed(self._problem, changes)
        try:
            validate(problem)
        except ProblemError:
            return None
        plant = Plant(problem)
        flow = Flow(plant)
        car = plant.cars[self._index]
        due = INF if car.due_s is None else car.due_s
        again = set() if self._placed and not forward else {self._index}
        away = {plant.index[one] for one in self._out}
        orders = orders_of(plant, self._schedule, again | away)
        for trial in self._trials(plant, flow, orders, due, again=bool(again)):
            placed = with_panels(plant, flow, trial)
            finish = int(placed.times.assembly_end[self._index])
            if finish > due or placed.dropped:
                continue
            out = tuple((plant.index[one], code) for one, code in self._out.items())
            result = LevelResult(level="remedy", pass_no=0, status="TRIED", objective=len(changes))
            plan = schedule_of(
                plant,
                flow,
                replace(placed, dropped=out),
                levels=(result,),
                reference=self._schedule,
            )
            if check(problem, plan, reference=self._schedule):
                continue
            late = sum(
                1
                for slot in plan.assembly
                if slot.car_id in self._in_time and slot.end_s > plant.due[plant.index[slot.car_id]]
            )
            return Remedy(
                changes=changes, finish_s=finish, made_late=late, problem=problem, plan=plan
            )
        return None

    def _trials(
        self, plant: Plant, flow: Flow, orders: Orders, due: int, *, again: bool
    ) -> Iterator[Orders]:
        """Yield the orders to try: as they are, or with the car at later to earlier places."""
        if not again:
            yield orders
            return
        base = with_panels(plant, flow, orders)
        if base.dropped:
            return
        orders = base.orders
        first = sum(1 for c in orders.assembly if plant.assembly_held(c) is not None)
        lead = plant.problem.assembly.lead_s
        last = len(orders.assembly)
        ends = base.times.assembly_end[list(orders.assembly)]
        if due < INF:
            fit = first + int((ends[first:] <= due).sum())
            last = fit if fit == last else max(first, fit - 1)
        earliest = plant.earliest_assembly(self._index)
        starts = base.times.assembly_start[list(orders.assembly)]
        soonest = min(last, max(first, int((starts < earliest).sum())))
        if plant.assembly_time.finish(earliest, lead) > due:
            return
        places = dict.fromkeys(
            last - (last - soonest) * step // (_FORWARD - 1) for step in range(_FORWARD)
        )
        for place in places:
            yield with_car(plant, orders, self._index, place)

    def _hold_ends(self, steps: int) -> tuple[Change, ...]:
        release = max(0, self._car.release_s - steps * _HOLD_STEP)
        return (HoldEnds(car_id=self._car.id, release_s=release),)

    def _locked(self) -> tuple[str, ...]:
        """Return the frozen cars that have not begun and stand before this one, itself included."""
        start = self._finish if self._finish is not None else self._problem.horizon_s
        found = []
        for car, fact in self._plant.frozen.items():
            own = self._plant.cars[car]
            held = [
                fact.assembly_start_s if own.at is not Stage.IN_ASSEMBLY else None,
                fact.paint_start_s if own.at.rank < Stage.IN_PAINT.rank else None,
                *(o.start_s for o in fact.weld if o.start_s > 0),
            ]
            if any(at is not None and at <= start for at in held):
                found.append(own.id)
        return tuple(sorted(found))

    def _panels(self, reasons: tuple[Reason, ...]) -> Iterator[tuple[str, int]]:
        """Yield the panel types the car waits for, and the most pieces that would be needed."""
        lots = {lot.id: lot.panel_type for lot in self._schedule.press}
        types = [lots[str(dict(r.facts)["lot"])] for r in reasons if r.code == "press.lot"]
        if any(r.code == "press.no_panels" for r in reasons):
            types += [panel for panel, _ in self._car.panels]
        for panel in dict.fromkeys(types):
            column = self._plant.panel_index[panel]
            yield panel, max(1, int(self._plant.demand[:, column].sum()))

    def _overtime(self, levels: Sequence[str]) -> Iterator[Family]:
        """Yield work in the gaps between shifts: of the shops that hold it, then of all."""
        problem = self._problem
        of_level = {
            "assembly": (problem.assembly.calendar,),
            "paint": (problem.paint.calendar,),
            "weld": tuple(m.calendar for m in problem.body.machines),
            "press": tuple(p.calendar for p in problem.press.presses),
        }
        everywhere = tuple(dict.fromkeys(c for some in of_level.values() for c in some))
        asked = [tuple(dict.fromkeys(of_level[level])) for level in levels if level in of_level]
        known = {calendar.id: calendar for calendar in problem.calendars}
        for calendars in dict.fromkeys([*asked, everywhere]):
            gaps = {name: self._gaps(known[name]) for name in calendars}
            gaps = {name: found for name, found in gaps.items() if found}
            for back in range(min(_GAPS, max((len(g) for g in gaps.values()), default=0))):
                chosen = [(name, g[back]) for name, g in gaps.items() if back < len(g)]
                longest = max(end - begin for _, ((begin, end), _, _) in chosen)
                yield partial(_overtime, tuple(chosen)), max(1, -(-longest // _HALF_HOUR))

    def _gaps(self, calendar: Calendar) -> list[tuple[Interval, str, bool]]:
        """Return where the calendar rests between shifts before the car is finished, latest first.

        Each with the shift beside, and whether that shift comes after the gap.
        """
        until = self._finish if self._finish is not None else self._problem.horizon_s
        found: list[tuple[Interval, str, bool]] = []
        end, shift = 0, ""
        for (begin, stop), own in zip(calendar.working, calendar.shift_ids, strict=True):
            if begin > end and own != shift and end < until:
                found.append(((end, begin), shift or own, not shift))
            end, shift = stop, own
        if shift and end < min(until, self._problem.horizon_s):
            found.append(((end, self._problem.horizon_s), shift, False))
        return [
            ((max(b, e - _LONGEST), e) if before else (b, min(e, b + _LONGEST)), shift, before)
            for (b, e), shift, before in reversed(found)
        ]


def _overtime(
    chosen: tuple[tuple[str, tuple[Interval, str, bool]], ...], amount: int
) -> tuple[Change, ...]:
    """Return overtime of so many half hours in each gap, beside the shift that it belongs to."""
    changes = []
    for name, ((begin, end), shift, before) in chosen:
        first = max(begin, end - amount * _HALF_HOUR) if before else begin
        last = end if before else min(end, begin + amount * _HALF_HOUR)
        changes.append(Overtime(calendar=name, shift=shift, start_s=first, end_s=last))
    return tuple(changes)


def _more_panels(panel: str, pieces: int) -> tuple[Change, ...]:
    return (MorePanels(panel_type=panel, pieces=pieces),)


def _closer_cars(rule: str, places: int) -> tuple[Change, ...]:
    return (CloserCars(rule=rule, places=places),)


def _extra_machine(machine: str, _amount: int) -> tuple[Change, ...]:
    return (ExtraMachine(machine=machine),)
