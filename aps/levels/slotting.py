"""L1: cars to assembly shifts by spec class, under shift capacity and option caps.

Cars that look alike to the plan (same options of rules, first and due shift, priority) are one
class; CP-SAT decides how many of each class start in each shift. Inside a class the urgent ones
go first. A lower level that could not deliver comes back as `Caps`.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from aps.budget import Share, run_solver
from aps.plant import NO_DUE, Plant
from aps.problem import SpacingPriority, Stage
from aps.schedule import LevelResult
from aps.sequencing.task import Flags
from aps.worktime import Ints, start_at

_LEFT_OUT, _LATE_SHIFT, _HIGH, _LOW, _EARLY = 2_000_000, 20_000, 400, 40, 10
_UNPARTED = 500_000
"""A car more than a hard spacing rule lets a shift part: it would be left out further down."""
_WEIGHTS = {
    SpacingPriority.HARD: _UNPARTED,
    SpacingPriority.HIGH: _HIGH,
    SpacingPriority.LOW: _LOW,
}


@dataclass(frozen=True, slots=True)
class Caps:
    """What the levels below could not do in the pass before.

    `pace`: when the first, second, ... body really reached the line; a shift whose places come
    later than the line's own takt has fewer of them. `not_before`: bodies that came late while
    others behind them stood ready, and when they came.
    """

    pace: tuple[int, ...] = ()
    not_before: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShiftSlots:
    """A shift of the assembly line: the places of the sequence that fall into it."""

    shift_id: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Slotting:
    """Cars by shift in the order of the shifts, and the cars no shift has room for."""

    shifts: tuple[ShiftSlots, ...]
    cars: tuple[tuple[int, ...], ...]
    left_out: tuple[int, ...]
    result: LevelResult


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The places of the assembly sequence (0 first) and the work clock at which each can start.

    Place k starts a takt after place k - 1, but not before k + 1 cars can have reached the line,
    each shop upstream at its own pace: a line that must wait for its first bodies has its first
    place late. Behind the cars to plan there is a place each takt until the calendar ends.
    """

    plant: Plant
    clock: Ints

    @classmethod
    def of(cls, plant: Plant, caps: Caps | None = None) -> "Places":
        """Return the places behind the cars that are on the line already."""
        line = plant.problem.assembly
        facts = plant.assembly_facts()
        time = plant.assembly_time
        at = max((time.work(plant.assembly_held(c) or 0) + line.takt_s for c in facts), default=0)
        at = max(0, at)
        last = time.total - line.lead_s
        clock = []
        for ready in _arrivals(plant, caps or Caps()):
            at = max(at, time.work(ready))
            if at > last:
                break
            clock.append(at)
            at += line.takt_s
        clock += range(at, last + 1, line.takt_s)
        return cls(plant, np.array(clock, np.int64))

    @property
    def count(self) -> int:
        """How many cars can start and still be finished before the calendar ends."""
        return len(self.clock)

    def time(self, place: int) -> int:
        """Return the start time of a place; the calendar's end for places beyond it."""
        time = self.plant.assembly_time
        if place >= len(self.clock):
            return int(time.ends[-1]) if len(time.ends) else 0
        return int(start_at(time.starts, time.ends, time.before, int(self.clock[place])))

    def at_or_after(self, t: int) -> int:
        """Return the first place that starts at `t` or later."""
        return int(np.searchsorted(self.clock, self.plant.assembly_time.work(t), side="left"))

    def latest_for(self, due_s: int) -> int:
        """Return the last place whose car is finished by `due_s`; negative if there is none."""
        work = self.plant.assembly_time.work(due_s) - self.plant.problem.assembly.lead_s
        return int(np.searchsorted(self.clock, work, side="right")) - 1

    def shifts(self) -> tuple[ShiftSlots, ...]:
        """Return the places of each shift, shifts without a place left out."""
        calendar = next(
            c for c in self.plant.problem.calendars if c.id == self.plant.problem.assembly.calendar
        )
        ends: dict[str, int] = {}
        worked = 0
        for (begin, end), shift in zip(calendar.working, calendar.shift_ids, strict=True):
            worked += end - begin
            ends[shift] = worked
        found, first = [], 0
        for shift, end in sorted(ends.items(), key=lambda item: item[1]):
            past = int(np.searchsorted(self.clock, end, side="left"))
            if past > first:
                found.append(ShiftSlots(shift, first, past - 1))
                first = past
        return tuple(found)


def _arrivals(plant: Plant, caps: Caps) -> list[int]:
    """Return when the first, second, ... car can be at the line, paint at its pace."""
    paint = plant.problem.paint
    there: list[int] = []
    to_paint: list[int] = []
    for c in range(plant.n):
        if plant.rank[c] >= Stage.IN_ASSEMBLY.rank:
            continue
        held = plant.assembly_held(c) or 0
        ready = max(plant.earliest_assembly(c), caps.not_before.get(c, 0), held)
        (to_paint if plant.rank[c] < Stage.IN_PAINT.rank else there).append(ready)
    work = -paint.takt_s
    for ready in sorted(to_paint):
        work = max(work + paint.takt_s, plant.paint_time.work(ready))
        there.append(max(ready, plant.paint_time.finish(0, work) if work > 0 else 0))
    there.sort()
    for k, real in enumerate(caps.pace[: len(there)]):
        there[k] = max(there[k], real)
    return there


def candidates(plant: Plant) -> list[int]:
    """Return the cars whose assembly is to be planned and is not frozen."""
    return [
        c
        for c in range(plant.n)
        if plant.rank[c] < Stage.IN_ASSEMBLY.rank and plant.assembly_held(c) is None
    ]


def held_cars(plant: Plant) -> list[int]:
    """Return the cars whose assembly is frozen but has not begun, in order."""
    cars = [
        c
        for c in range(plant.n)
        if plant.rank[c] < Stage.IN_ASSEMBLY.rank and plant.assembly_held(c) is not None
    ]
    return sorted(cars, key=lambda c: (plant.assembly_held(c) or 0, c))


def urgency(plant: Plant, car: int) -> tuple[int, int, int, str]:
    """Return the sort key by which cars are served: priority, promise, progress, id."""
    return (
        -int(plant.priority[car]),
        int(plant.due[car]),
        -int(plant.rank[car]),
        plant.cars[car].id,
    )


def slot(plant: Plant, caps: Caps, share: Share, *, seed: int, pass_no: int) -> Slotting:
    """Give every car an assembly shift, or leave it out where every shift is full."""
    places = Places.of(plant, caps)
    shifts = places.shifts()
    held = len(held_cars(plant))
    room = [max(0, s.last + 1 - max(s.first, held)) for s in shifts]
    classes: dict[tuple[bytes, int, int, int], list[int]] = defaultdict(list)
    left_out: list[int] = []
    cars_to_slot = candidates(plant)
    scarce = _scarce(plant, cars_to_slot)
    flags = np.array([cap.has for cap in scarce], np.uint8).reshape(len(scarce), plant.n)
    for c in cars_to_slot:
        ready = max(plant.earliest_assembly(c), caps.not_before.get(c, 0))
        if c in plant.assembly_locks:
            ready = max(ready, plant.assembly_locks[c].from_s)
        first = next(
            (k for k, s in enumerate(shifts) if places.at_or_after(ready) <= s.last), len(shifts)
        )
        if first == len(shifts):
            left_out.append(c)
            continue
        due = len(shifts)
        if plant.due[c] < NO_DUE:
            latest = places.latest_for(int(plant.due[c]))
            due = next((k for k, s in enumerate(shifts) if latest <= s.last), len(shifts))
        if c in plant.assembly_locks:
            due = first
        key = (flags[:, c].tobytes(), first, due, int(plant.priority[c]))
        classes[key].append(c)
    keys = sorted(classes)
    counts, result = _counts(plant, keys, classes, scarce, room, share, seed, pass_no)
    cars: list[list[int]] = [[] for _ in shifts]
    for key, row in zip(keys, counts, strict=True):
        members = iter(sorted(classes[key], key=lambda c: urgency(plant, c)))
        for k, count in enumerate(row):
            cars[k] += [next(members) for _ in range(count)]
        left_out += list(members)
    ordered = tuple(tuple(sorted(some, key=lambda c: urgency(plant, c))) for some in cars)
    return Slotting(shifts, ordered, tuple(left_out), result)


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """A shift takes `n` in `p` of its cars with an option, rounded up to `more` in `p`."""

    n: int
    p: int
    more: int
    weight: int
    has: Flags


def _densities(plant: Plant) -> list[Density]:
    """Return what ratio rules, and spacing rules of an option with itself, let a shift take.

    Cars `p` places from each other: in a shift of k cars there is one at places 0, p, 2 p, ..., so k
    divided by p and rounded up. Two options kept from each other bound no count of one alone.
    """
    line = plant.problem.assembly
    own = slice(len(line.previous), None)
    found = [
        Density(rule.n, rule.p, 0, _HIGH if high else _LOW, plant.has[own, k])
        for k, (rule, high) in enumerate(zip(line.ratio_rules, plant.high, strict=True))
    ]
    for k, spacing in enumerate(line.spacing_rules):
        if spacing.option == spacing.other:
            has = (plant.side[own, k] > 0).astype(np.uint8)
            weight = _WEIGHTS[spacing.priority]
            found.append(Density(1, spacing.gap, spacing.gap - 1, weight, has))
    return found


def _scarce(plant: Plant, cars: list[int]) -> list[Density]:
    """Return the rules that the cars fill to four fifths or more: the others never bind."""
    if not cars:
        return []
    return [one for one in _densities(plant) if one.has[cars].mean() >= 0.8 * one.n / one.p]


Key = tuple[bytes, int, int, int]


def _fill(keys: list[Key], classes: dict[Key, list[int]], room: list[int]) -> list[list[int]]:
    """Serve classes by priority and due shift, each into its first shifts with room."""
    counts = [[0] * len(room) for _ in keys]
    left = list(room)
    for at in sorted(range(len(keys)), key=lambda k: (-keys[k][3], keys[k][2], keys[k][1], k)):
        need = len(classes[keys[at]])
        for k in range(keys[at][1], len(room)):
            taken = min(need, left[k])
            counts[at][k] = taken
            left[k] -= taken
            need -= taken
    return counts


def _excess(counts: list[list[int]], has: Flags, shift: int, cap: Density) -> int:
    """Return the cars with an option in a shift beyond what it takes."""
    total = sum(row[shift] for row in counts)
    count = sum(row[shift] for row, own in zip(counts, has, strict=True) if own)
    return max(0, -(-(cap.p * count - cap.n * total - cap.more) // cap.p))


def _counts(
    plant: Plant,
    keys: list[Key],
    classes: dict[Key, list[int]],
    scarce: list[Density],
    room: list[int],
    share: Share,
    seed: int,
    pass_no: int,
) -> tuple[list[list[int]], LevelResult]:
    """Return how many cars of each class start in each shift."""
    start = _fill(keys, classes, room)
    if len(room) < 2 or not keys:
        return start, LevelResult(level="L1", pass_no=pass_no, status="ONLY_ONE_SHIFT")
    has = np.array([np.frombuffer(key[0], np.uint8) for key in keys])
    # Shifts that are surely not needed stay out of the model.
    filled = np.cumsum(room) - sum(len(members) for members in classes.values())
    needed = min(len(room), int(np.searchsorted(filled, 0)) + 2)
    needed = max(needed, 1 + max(k for row in start for k, count in enumerate(row) if count))
    model = cp_model.CpModel()
    x = []
    cost: list[Any] = []
    for at, key in enumerate(keys):
        size = len(classes[key])
        row = {
            k: model.new_int_var(0, min(size, room[k]), "")
            for k in range(key[1], max(needed, key[1] + 1))
        }
        for k, var in row.items():
            model.add_hint(var, start[at][k])
            late = max(0, k - key[2])
            cost.append(var * ((late * _LATE_SHIFT) * (1 + max(0, key[3])) + k * _EARLY))
        missing = size - sum(row.values())
        model.add(sum(row.values()) <= size)
        cost.append(missing * (_LEFT_OUT * (1 + max(0, key[3]))))
        x.append(row)
    for k, places in enumerate(room):
        total = sum(row[k] for row in x if k in row)
        model.add(total <= places)
        for r, cap in enumerate(scarce):
            if not has[:, r].any():
                continue
            count = sum(row[k] for at, row in enumerate(x) if k in row and has[at, r])
            excess = model.new_int_var(0, places, "")
            model.add_hint(excess, _excess(start, has[:, r], k, cap))
            model.add(cap.p * count - cap.n * total <= cap.p * excess + cap.more)
            cost.append(excess * cap.weight)
    model.minimize(sum(cost))
    solver, status = run_solver(model, share, seed=seed)
    if status not in ("OPTIMAL", "FEASIBLE"):
        return start, LevelResult(level="L1", pass_no=pass_no, status="GREEDY")
    counts = [[solver.value(row[k]) if k in row else 0 for k in range(len(room))] for row in x]
    return counts, LevelResult(
        level="L1",
        pass_no=pass_no,
        status=status,
        objective=int(solver.objective_value),
        bound=int(solver.best_objective_bound),
    )
