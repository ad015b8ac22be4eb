"""Best insertion: where one more car costs least, exactly, at every place at once.

No solver: inserting a car before place k of a sequence makes the p windows that hold it, and
unmakes the p - 1 windows that spanned the place. With running sums over both kinds of windows
the exact change is O(1) a place and rule, so 10,000 places take a few milliseconds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aps.flow import Times
from aps.jit import kernel
from aps.orders import Orders
from aps.plant import NO_DUE, Plant
from aps.problem import Car, Problem, SpacingPriority
from aps.schedule import Schedule
from aps.sequencing.task import Flags, clashes
from aps.validate import validate
from aps.worktime import INF, Ints

_BARRED = 1 << 61
"""What a place costs where a hard spacing rule would break."""
_LATE, _HIGH, _PUSHED, _LOW, _COLOR = 10**12, 10**9, 10**7, 10**5, 10**3
"""A car bears a hundred others that come a takt later for a high rule, and none for a low one or a colour:
the slack of their promises is used up takt by takt."""
NO_PLACE = 1 << 40
"""What a paint place costs where the run of its colour would be too long."""
_MINUTES_OF_ANOTHER = 30
"""Minutes of its own lateness that a car bears before it makes another one late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """The best place for a car in the assembly order, and what it costs.

    `position` counts as in `Schedule.assembly`; `start_s` and `finish_s` are those of the car
    that stands there now. Deltas are exact changes of the counts; `made_late` counts the cars
    behind that one takt more would make late; `color` is the change of what colour changes cost in
    paint (1 each, where all cost the same) at the cheapest paint place that serves this position.
    """

    car_id: str
    position: int
    start_s: int
    finish_s: int
    ratio_high: int
    ratio_low: int
    color: int
    made_late: int
    tardiness_s: int
    spacing_high: int = 0
    spacing_low: int = 0


@kernel
def _ratio_deltas(
    has: Flags, own: Flags, n: Ints, p: Ints, high: Flags, previous: int, delta: Ints
) -> None:
    """Add to delta[place, 0 low / 1 high] the violations that the car makes at each place."""
    size = len(has)
    total = np.zeros(size + 1, np.int64)
    made = np.zeros(size + 2, np.int64)
    unmade = np.zeros(size + 2, np.int64)
    for r in range(len(n)):
        for k in range(size):
            total[k + 1] = total[k] + has[k, r]
        first = max(0, previous - p[r] + 1)
        for s in range(size + 1):
            made[s + 1] = made[s]
            unmade[s + 1] = unmade[s]
            if s >= first and s + p[r] - 1 <= size:
                inside = total[s + p[r] - 1] - total[s] + own[r]
                made[s + 1] += max(0, inside - n[r])
            if s >= first and s + p[r] <= size:
                unmade[s + 1] += max(0, total[s + p[r]] - total[s] - n[r])
        for k in range(previous, size + 1):
            low = max(0, k - p[r] + 1)
            change = made[k + 1] - made[low] - unmade[k] + unmade[low]
            delta[k - previous, high[r]] += change


def spacing_deltas(side: Ints, own: int, gap: int, previous: int) -> tuple[Ints, Ints]:
    """Return how many pairs too close a car of side `own` makes and parts at each free place.

    It parts the pairs gap - 1 apart that stand on both sides of the place.
    """
    size, reach = len(side), gap - 1
    places = np.arange(previous, size + 1)
    close = np.concatenate(([0], np.cumsum(clashes(side, np.full(size, own, np.int64)))))
    made: Ints = close[np.minimum(size, places + reach)] - close[np.maximum(0, places - reach)]
    ends = clashes(side[: max(0, size - reach)], side[reach:])
    before = np.concatenate(([0], np.cumsum(ends)))
    first, last = np.clip(places - reach, 0, len(ends)), np.clip(places, 0, len(ends))
    parted: Ints = before[last] - before[first]
    return made, parted


@kernel
def _color_deltas(color: Ints, own: int, purge: Ints, limit: int, out: Ints) -> None:
    """Fill out[place] with the change of purge cost; `NO_PLACE` where the run would be too long."""
    size = len(color)
    for k in range(size + 1):
        change = 0
        if k > 0:
            change += purge[color[k - 1], own]
        if k < size:
            change += purge[own, color[k]]
        if k > 0 and k < size:
            change -= purge[color[k - 1], color[k]]
        run = 1
        i = k - 1
        while i >= 0 and color[i] == own and run <= limit:
            run += 1
            i -= 1
        i = k
        while i < size and color[i] == own and run <= limit:
            run += 1
            i += 1
        out[k] = NO_PLACE if run > limit else change


class Inserter:
    """A schedule compiled for insertions: build it once per plan, ask it for each car.

    The plan must be one of this problem. Asking changes nothing; what each rule and colour costs at
    every place is worked out once and kept.
    """

    def __init__(self, problem: Problem, schedule: Schedule) -> None:
        plant = Plant(problem)
        assembly, paint = schedule.assembly, schedule.paint
        self._enter(
            plant,
            [plant.index[s.car_id] for s in assembly],
            [plant.index[s.car_id] for s in paint],
            np.array([s.start_s for s in assembly], np.int64),
            np.array([s.end_s for s in assembly], np.int64),
        )

    @classmethod
    def of(cls, plant: Plant, orders: Orders, times: Times) -> "Inserter":
        """Return the inserter of a plan that is still orders and times."""
        self = cls.__new__(cls)
        cars = [*plant.assembly_facts(), *orders.assembly]
        paint = [*plant.paint_facts(), *orders.paint]
        self._enter(plant, cars, paint, times.assembly_start[cars], times.assembly_end[cars])
        return self

    def _enter(
        self, plant: Plant, cars: list[int], paint: list[int], starts: Ints, ends: Ints
    ) -> None:
        self._plant = plant
        line = plant.problem.assembly
        previous = len(line.previous)
        self._previous = previous
        self._has = np.ascontiguousarray(
            plant.has[[*range(previous), *(previous + c for c in cars)]]
        )
        self._n = np.array([r.n for r in line.ratio_rules], np.int64)
        self._p = np.array([r.p for r in line.ratio_rules], np.int64)
        self._high = plant.high.astype(np.uint8)
        self._starts = starts
        slack = plant.due[np.array(cars, np.int64)] - ends
        self._made_late = _behind((slack >= 0) & (slack < line.takt_s))
        later_still = _behind(slack < 0) * line.takt_s // 60
        self._to_others = (self._made_late * _MINUTES_OF_ANOTHER + later_still) * _LATE
        self._to_others += np.arange(len(starts), -1, -1) * _PUSHED
        fixed = [at for at, c in enumerate(cars) if plant.assembly_held(c) is not None]
        self._first = max(fixed, default=-1) + 1  # behind what is on the line or frozen
        self._paint = np.array(paint, np.int64)
        fixed_paint = [at for at, c in enumerate(paint) if plant.paint_held(c) is not None]
        self._first_paint = max(fixed_paint, default=-1) + 1
        place = {c: at for at, c in enumerate(cars)}
        paint_place = np.sort(np.array([place.get(c, 0) for c in paint], np.int64))
        self._nominal = np.searchsorted(paint_place, np.arange(len(starts) + 1), side="left")
        self._names = {name: k for k, name in enumerate(plant.color_names)}
        self._side = plant.side[[*range(previous), *(previous + c for c in cars)]].astype(np.int64)
        self._by_sides: dict[tuple[int, ...], tuple[Ints, Ints, Ints]] = {}
        self._by_rule: dict[tuple[int, bool], Ints] = {}
        self._by_color: dict[int, Ints] = {}
        self._purge = plant.price_of_purges
        self._usual_purge = max(1, int(np.median(self._purge[self._purge > 0], axis=None)))

    def best(self, car: Car, *, earliest_s: int) -> Insertion | None:
        """Return the cheapest place that starts at `earliest_s` or later, `None` if none does.

        Cheapest: least lateness of the car itself and of those behind it (those that are late
        already become later still), then high ratio rules and few cars pushed back, then low
        rules and colour changes.
        """
        plant, line = self._plant, self._plant.problem.assembly
        clock = plant.assembly_time
        size = len(self._starts)
        starts = np.empty(size + 1, np.int64)
        starts[:size] = self._starts
        after = clock.work(int(self._starts[-1])) + line.takt_s if size else 0
        last = max(clock.work(earliest_s), after)
        at_end = clock.finish(0, last) if last > 0 else 0
        starts[size] = clock.start(max(at_end, earliest_s)) if at_end < INF else INF
        first = max(self._first, int(np.searchsorted(starts[:size], earliest_s, side="left")))
        past = size if starts[size] >= INF else size + 1
        if first >= past:
            return None
        high, low = np.zeros(past - first, np.int64), np.zeros(past - first, np.int64)
        for r, rule in enumerate(line.ratio_rules):
            made = self._ratio_by_place(r, own=rule.option in car.options)[first:past]
            if self._high[r]:
                high += made
            else:
                low += made
        colors = self._color_by_place(car)
        barred, spaced_high, spaced_low = (some[first:past] for some in self._spacing_by_place(car))
        high, low = high + spaced_high, low + spaced_low
        cost = high * _HIGH + low * _LOW + colors[first:past] * _COLOR // self._usual_purge
        cost += self._to_others[first:past]
        if car.due_s is not None:
            last_work = clock.work(car.due_s) - line.lead_s
            latest_start = clock.finish(0, last_work) if last_work > 0 else last_work
            cost += np.maximum(0, starts[first:past] - latest_start) // 60 * _LATE
        cost = np.where(barred > 0, _BARRED, cost)
        best = int(np.argmin(cost))
        k = first + best
        start = int(starts[k])
        finish = clock.finish(start, line.lead_s)
        due = NO_DUE if car.due_s is None else car.due_s
        return Insertion(
            car_id=car.id,
            position=k,
            start_s=start,
            finish_s=finish,
            ratio_high=int(high[best] - spaced_high[best]),
            ratio_low=int(low[best] - spaced_low[best]),
            spacing_high=int(spaced_high[best]),
            spacing_low=int(spaced_low[best]),
            color=int(colors[k]),
            made_late=int(self._made_late[k]),
            tardiness_s=max(0, finish - due),
        )

    def _ratio_by_place(self, r: int, *, own: bool) -> Ints:
        """Return the violations of one rule that a car with (`own`) or without its option makes."""
        found = self._by_rule.get((r, own))
        if found is None:
            deltas = np.zeros((len(self._starts) + 1, 2), np.int64)
            only = slice(r, r + 1)
            _ratio_deltas(
                np.ascontiguousarray(self._has[:, only]),
                np.array([own], np.uint8),
                self._n[only],
                self._p[only],
                self._high[only],
                self._previous,
                deltas,
            )
            found = self._by_rule[r, own] = deltas.sum(axis=1)
        return found

    def _spacing_by_place(self, car: Car) -> tuple[Ints, Ints, Ints]:
        """Return by place the hard pairs made, and the change of the counts high and low."""
        rules = self._plant.problem.assembly.spacing_rules
        own = tuple(
            (rule.option in car.options) + 2 * (rule.other in car.options) for rule in rules
        )
        found = self._by_sides.get(own)
        if found is None:
            barred, high, low = (np.zeros(len(self._starts) + 1, np.int64) for _ in range(3))
            for r, rule in enumerate(rules):
                made, parted = spacing_deltas(self._side[:, r], own[r], rule.gap, self._previous)
                counts = low if rule.priority is SpacingPriority.LOW else high
                counts += made - parted
                if rule.priority is SpacingPriority.HARD:
                    barred += made
            found = self._by_sides[own] = (barred, high, low)
        return found

    def _color_by_place(self, car: Car) -> Ints:
        """Return the colour cost of each assembly place: the best paint place near it."""
        own = self._names.get(car.color, -1)
        found = self._by_color.get(own)
        if found is None:
            found = self._by_color[own] = self._color_costs(own)
        return found

    def _color_costs(self, own: int) -> Ints:
        size = len(self._starts)
        if len(self._paint) == 0:
            return np.zeros(size + 1, np.int64)
        shop = self._plant.problem.paint
        sprayed = 0
        if shop.previous_color is not None:
            sprayed = max(1, min(shop.previous_run, shop.batch_limit))
        before = np.full(sprayed, self._names.get(shop.previous_color or "", -1), np.int64)
        colors = np.concatenate((before, self._plant.color[self._paint]))
        every = np.empty(len(colors) + 1, np.int64)
        _color_deltas(colors, own, self._purge, shop.batch_limit, every)
        deltas = every[sprayed:]
        deltas[: self._first_paint] = NO_PLACE
        reach = paint_reach(self._plant)
        away = np.full(reach, NO_PLACE)
        padded = np.concatenate((away, deltas, away))
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
        dearest = 2 * int(self._purge.max())
        found: Ints = np.minimum(windows.min(axis=1)[self._nominal], dearest)
        return found


def _behind(hit: NDArray[np.bool_]) -> Ints:
    """Return for each place how many of the cars behind it are hit."""
    counted: Ints = np.concatenate((np.cumsum(hit[::-1].astype(np.int64))[::-1], [0]))
    return counted


def paint_reach(plant: Plant) -> int:
    """Return how many places a body may be painted away from its assembly order in a repair.

    A third of the painted store, so that the store's own resequencing keeps its room.
    """
    return max(1, min(40, plant.problem.paint.store_capacity // 3))


def best_insertion(
    problem: Problem, schedule: Schedule, car: Car, *, earliest_s: int
) -> Insertion | None:
    """Return the cheapest place for a car from `earliest_s` on; see `Inserter` for many cars.

    Raises `ProblemError` if the problem contradicts itself.
    """
    validate(problem)
    return Inserter(problem, schedule).best(car, earliest_s=earliest_s)
