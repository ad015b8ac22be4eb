"""L2 once more, for a store of lanes: the best order in which they can give what they will hold.

Once it is known which body goes into which lane, and when, an assembly order is one merge of the
lanes, and each of them keeps its own order. So the sequence is searched again among the merges,
with the places that bodies can have as they really come. An order so found is one that other lanes
may give too: the bodies are dealt to the lanes anew for it, and it is searched again.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from aps.budget import Share
from aps.flow import Flow
from aps.lanes.orders import in_lanes
from aps.levels.assembly import Windows, order_of, start_of, task_of, wanted_places
from aps.levels.slotting import Caps, Places, held_cars
from aps.locks import kept
from aps.placed import Placed, place
from aps.plant import Plant
from aps.sequencing.polish import polish
from aps.sequencing.search import improve

_ROUNDS = 3


def leaving(
    plant: Plant, flow: Flow, placed: Placed, share: Share, *, seed: int
) -> Iterator[Placed]:
    """Yield the plan with other assembly orders that its lanes can give, one after the other.

    None where the painted store has no lanes; none of them need be better.
    """
    if not plant.problem.paint.lanes or share.moves == 0:
        return
    for number in range(_ROUNDS):
        if share.spent():
            return
        part = share.part(1 / (_ROUNDS - number)) if share.wall else share
        order = _searched(plant, flow, placed, part, seed + number)
        if order == placed.orders.assembly:
            return
        placed = kept(flow, place(flow, replace(placed.orders, assembly=order), placed.dropped))
        yield placed


def _searched(plant: Plant, flow: Flow, placed: Placed, share: Share, seed: int) -> tuple[int, ...]:
    """Return an assembly order that keeps the order inside each lane."""
    orders = placed.orders
    windows = _windows(plant, flow, placed)
    held = [c for c in orders.assembly if c not in windows]
    if orders.assembly[: len(held)] != tuple(held):
        return orders.assembly
    lanes = in_lanes(plant, orders.assembly, orders.lanes)
    task, rows = task_of(plant, held, windows, lanes)
    start = start_of(task, rows, orders.assembly)
    found, _ = improve(
        task,
        start,
        moves=share.moves,
        seed=seed,
        keep_going=lambda _cost, _sequence: not share.spent(),
    )
    return order_of(task, rows, polish(task, found, share, seed=seed))


def _windows(plant: Plant, flow: Flow, placed: Placed) -> Windows:
    """Return the places of the free cars that due dates, locks, paint and the lanes allow.

    Whoever must be gone before another can come into his lane leaves before that one comes, or at
    least no later than he does now.
    """
    orders, times = placed.orders, placed.times
    held = set(held_cars(plant))
    ready = np.maximum(times.paint_end, plant.release)
    order = orders.assembly
    places = Places.of(plant, Caps(tuple(sorted(int(ready[c]) for c in order))))
    last = len(order) - 1
    gone_by = dict.fromkeys(order, last)
    place_of = {c: k for k, c in enumerate(order)}
    for car, ahead in enumerate(flow.room_after(orders)):
        if ahead >= 0:
            comes = places.at_or_after(int(times.paint_end[car]))
            gone_by[int(ahead)] = min(last, max(comes, place_of[int(ahead)]))
    windows: Windows = {}
    for c in order:
        if c not in held:
            low = min(last, places.at_or_after(int(ready[c])))
            windows[c] = wanted_places(plant, places, c, low, max(low, gone_by[c]))
    return windows
