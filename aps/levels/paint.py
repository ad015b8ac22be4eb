"""L3: the paint order: colour runs within the batch limit, as far as the body store allows.

With `init` bodies in the painted store, capacity C, and a car's place in the assembly order, its
arrival rank may be at most place - init + C - 1, or the store would have to hold more than C
(see `aps.flow`). That is a due date for each car; so is the rank that reaches assembly in time.
Between these due dates the order is free to form colour batches.
"""

from dataclasses import dataclass, replace

import numpy as np

from aps.budget import Share
from aps.kpis import purges
from aps.lanes.painting import painted_for_lanes
from aps.levels.slotting import Places
from aps.plant import NO_DUE, Plant
from aps.problem import Stage
from aps.schedule import LevelResult
from aps.sequencing.greedy import greedy
from aps.sequencing.search import improve
from aps.sequencing.task import SequenceTask, Weights, cost_of
from aps.worktime import Ints

_WINDOW = 10**6
_ALIKE = 0.7
"""Part of the moves in which all colour changes cost the same."""


@dataclass(frozen=True, slots=True)
class PaintOrder:
    """The paint order (cars on the line not included) and the assembly order it can feed.

    `left_out` are cars whose colour cannot be sprayed within the batch limit.
    """

    cars: tuple[int, ...]
    assembly: tuple[int, ...]
    left_out: tuple[int, ...]
    result: LevelResult


def paint_order(
    plant: Plant, assembly: tuple[int, ...], share: Share, *, seed: int, pass_no: int
) -> PaintOrder:
    """Order paint for an assembly order; where the store cannot, assembly follows paint."""
    to_paint = [c for c in assembly if plant.rank[c] < Stage.IN_PAINT.rank]
    held = sorted(
        (c for c in to_paint if plant.paint_held(c) is not None),
        key=lambda c: (plant.paint_held(c) or 0, c),
    )
    held_set = set(held)
    surplus = _beyond_the_batch_limit(plant, [c for c in to_paint if c not in held_set], held)
    gone = set(surplus)
    assembly = tuple(c for c in assembly if c not in gone)
    free = [c for c in to_paint if c not in gone and c not in held_set]
    latest = _latest_ranks(plant, assembly, [*held, *free])
    hard = _store_ranks(plant, assembly)
    if plant.problem.paint.lanes and pass_no % 2:  # neither way is always the better one
        order = painted_for_lanes(plant, assembly, held, np.minimum(latest, hard))
        result = LevelResult(
            level="L3",
            pass_no=pass_no,
            status="BY_LANES",
            objective=_cost_of_purges(plant, order),
            bound=_least_cost(plant, order),
        )
        return PaintOrder(order, assembly, tuple(surplus), result)
    task, rows = _task(plant, held, free, np.minimum(latest, hard))
    found = greedy(task)
    if share.moves:
        found = _search(task, found, share, seed)
    counted = cost_of(task, found)
    order = _cars(task, rows, found, len(held))
    status, note = "SEARCHED", f"{counted.out_of_place} places after need"
    if not _fits(plant, order, hard) or counted.longest_run > plant.problem.paint.batch_limit:
        found = greedy(_task(plant, held, free, hard)[0])
        order = _cars(task, rows, found, len(held))
        status = "FIRST_DUE_FIRST"
    if (
        not _fits(plant, order, hard)
        or cost_of(task, found).longest_run > plant.problem.paint.batch_limit
    ):
        unbound = np.full(plant.n, plant.n, np.int64)
        found = greedy(_task(plant, held, free, unbound)[0])
        order = _cars(task, rows, found, len(held))
        assembly = _assembly_behind(plant, assembly, order)
        status, note = "ASSEMBLY_FOLLOWS", "the store is too small for the assembly order"
    result = LevelResult(
        level="L3",
        pass_no=pass_no,
        status=status,
        objective=_cost_of_purges(plant, order),
        bound=_least_cost(plant, order),
        note=note,
    )
    return PaintOrder(order, assembly, tuple(surplus), result)


def _search(task: SequenceTask, start: Ints, share: Share, seed: int) -> Ints:
    """Search with all changes alike first: pairs of their own leave few moves that cost nothing."""
    stretches = [(task, share.moves)]
    if task.purge is not None:
        alike = int(share.moves * _ALIKE)
        stretches = [(replace(task, purge=None), alike), (task, share.moves - alike)]
    found = start
    for stretch, moves in stretches:
        found, _ = improve(
            stretch,
            found,
            moves=moves,
            seed=seed,
            keep_going=lambda _cost, _sequence: not share.spent(),
        )
    return min((found, start), key=lambda one: cost_of(task, one).total)


def _cars(task: SequenceTask, rows: list[int], found: Ints, held: int) -> tuple[int, ...]:
    before = task.fixed - held
    return tuple(rows[row - before] for row in found[before:])


def _prefix(plant: Plant) -> list[int]:
    """Return the colours sprayed last, as far back as the batch limit looks."""
    shop = plant.problem.paint
    before: list[int] = []
    if shop.previous_color is not None:
        color = plant.color_names.index(shop.previous_color)
        before = [color] * max(1, min(shop.previous_run, shop.batch_limit))
    return before + [int(plant.color[c]) for c in plant.paint_facts()]


def _task(
    plant: Plant, held: list[int], free: list[int], latest: Ints
) -> tuple[SequenceTask, list[int]]:
    """Return the paint order as a sequencing task; rows are what was sprayed, held, free."""
    before = _prefix(plant)
    rows = [*held, *free]
    full = _must_leave_first(plant, rows)
    size = len(before) + len(rows)
    earliest = np.zeros(size, np.int64)
    for k, c in enumerate(rows):
        if not _is_there(plant, c):
            earliest[len(before) + k] = len(before) + full
    due = np.full(size, size, np.int64)
    due[len(before) :] = len(before) + np.clip(latest[np.array(rows, np.int64)], 0, len(rows))
    due = np.maximum(due, earliest)
    task = SequenceTask(
        has=np.zeros((size, 0), np.uint8),
        n=np.zeros(0, np.int64),
        p=np.zeros(0, np.int64),
        color=np.array([*before, *(int(plant.color[c]) for c in rows)], np.int64),
        earliest=earliest,
        latest=due,
        weights=Weights(np.zeros(0, np.int64), 1, _WINDOW * plant.dearest_purge),
        fixed=len(before) + len(held),
        batch_limit=plant.problem.paint.batch_limit,
        purge=plant.purge_price,
    )
    return task, rows


def _store_ranks(plant: Plant, assembly: tuple[int, ...]) -> Ints:
    """Return the last place in the paint order that the painted store allows each car."""
    stored = len(plant.at(Stage.PAINTED))
    facts = len(plant.paint_facts())
    ranks = np.full(plant.n, plant.n, np.int64)
    for place, c in enumerate(assembly):
        ranks[c] = place - stored + plant.problem.paint.store_capacity - 1 - facts
    return ranks


def _latest_ranks(plant: Plant, assembly: tuple[int, ...], cars: list[int]) -> Ints:
    """Return the last place in the paint order that still reaches assembly in time.

    A car that would be late even in assembly order gets its rank in that order.
    """
    paint = plant.problem.paint
    places = Places.of(plant)
    clock = plant.paint_time
    facts = plant.paint_facts()
    first = max((clock.work(plant.paint_held(c) or 0) + paint.takt_s for c in facts), default=0)
    pace = paint.takt_s + _mean_purge(plant)
    wanted = set(cars)
    place_of = {c: place for place, c in enumerate(assembly) if c in wanted}
    first_out = [c for c in place_of if _is_there(plant, c)][: _must_leave_first(plant, cars)]
    base = [*first_out, *(c for c in place_of if c not in set(first_out))]
    spare = _spare_places(plant, places, assembly)
    ranks = np.full(plant.n, plant.n, np.int64)
    for rank, c in enumerate(base):
        start = clock.back(places.time(place_of[c]), paint.lead_s)
        ranks[c] = max(rank + spare, (clock.work(start) - first) // pace)
    return ranks


def _spare_places(plant: Plant, places: Places, assembly: tuple[int, ...]) -> int:
    """Return how many takts assembly may start later for the sake of colour batches.

    As many as make no car late that would be on time, and a third of the store at most.
    """
    latest = [
        (places.latest_for(int(plant.due[c])), place)
        for place, c in enumerate(assembly)
        if plant.due[c] < NO_DUE
    ]
    slack = min((last - place for last, place in latest if last >= place), default=places.count)
    beyond = places.count - len(assembly)
    return max(0, min(slack, beyond, plant.problem.paint.store_capacity // 3))


def _is_there(plant: Plant, car: int) -> bool:
    """Return whether a body is in the welded store or on its last weld machine."""
    if plant.rank[car] == Stage.IN_BODY.rank:
        return not plant.steps_left(car)
    return bool(plant.rank[car] == Stage.WELDED.rank)


def _must_leave_first(plant: Plant, cars: list[int]) -> int:
    """Return how many bodies must leave a full welded store before the first new one comes."""
    there = sum(1 for c in cars if _is_there(plant, c))
    return max(0, there - plant.problem.body.store_capacity + 1)


def _mean_purge(plant: Plant) -> int:
    """Return the purge seconds per car, if colours run half their batch limit."""
    paint = plant.problem.paint
    apart = plant.purge_s[~np.eye(len(plant.purge_s), dtype=np.bool_)]
    return int(apart.mean()) // max(1, min(paint.batch_limit, 8) // 2)


def _fits(plant: Plant, order: tuple[int, ...], hard: Ints) -> bool:
    return all(rank <= hard[c] for rank, c in enumerate(order))


def _assembly_behind(
    plant: Plant, assembly: tuple[int, ...], order: tuple[int, ...]
) -> tuple[int, ...]:
    """Return an assembly order that takes painted bodies first and then follows paint."""
    held = [c for c in assembly if plant.assembly_held(c) is not None]
    rest = [c for c in assembly if plant.assembly_held(c) is None]
    stored = [c for c in rest if plant.rank[c] == Stage.PAINTED.rank]
    on_line = [c for c in plant.paint_facts() if c in set(rest)]
    held_set = set(held)
    return (*held, *stored, *on_line, *(c for c in order if c not in held_set))


def _beyond_the_batch_limit(plant: Plant, free: list[int], held: list[int]) -> list[int]:
    """Return the cars that no order can spray: one colour outnumbers what the others can part.

    m cars of a colour need the others to cut them into runs: m <= (others + 1) * limit, less
    what its run behind the last sprayed colour has used up.
    """
    limit = plant.problem.paint.batch_limit
    sprayed = [*_prefix(plant), *(int(plant.color[c]) for c in held)]
    if plant.problem.paint.previous_color is None and not sprayed:
        last, run = -1, 0
    else:
        last, run = (sprayed[-1] if sprayed else -1), 0
        for color in reversed(sprayed):
            if color != last:
                break
            run += 1
    counts: dict[int, list[int]] = {}
    for c in free:
        counts.setdefault(int(plant.color[c]), []).append(c)
    surplus: list[int] = []
    for color, cars in sorted(counts.items()):
        others = len(free) - len(cars)
        room = (others + 1) * limit - (min(run, limit) if color == last else 0)
        surplus += cars[max(0, room) :]
    return surplus


def _least_cost(plant: Plant, order: tuple[int, ...]) -> int:
    """Return a bound: every colour needs its runs; the first may go on from the last sprayed.

    Each change costs at least what the cheapest does.
    """
    limit = plant.problem.paint.batch_limit
    counts: dict[int, int] = {}
    for c in order:
        counts[int(plant.color[c])] = counts.get(int(plant.color[c]), 0) + 1
    runs = sum(-(-count // limit) for count in counts.values())
    shop = plant.problem.paint
    cheapest = min([shop.purge_cost, *(one.cost for one in shop.purges)])
    return max(0, runs - 1) * cheapest


def _cost_of_purges(plant: Plant, order: tuple[int, ...]) -> int:
    return purges(plant, [*plant.paint_facts(), *order])[1]
