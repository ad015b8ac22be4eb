"""The painted store's lanes in a plan: which lane in, and an assembly order that the lanes can give.

Bodies come in the paint order and leave in the assembly order. The two are walked through the lanes
together: what can leave leaves at once, so that what is left has the most room, and what comes goes
into the lane whose last body leaves shortly before it does (with this rule the fewest lanes suffice).
Where every last body leaves after it, the body goes behind the first of them, and leaves then.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from heapq import heappop, heappush

from aps.lanes.turns import lane_for
from aps.orders import Orders
from aps.plant import Plant

Turn = tuple[int, int]
"""When a body leaves, as places in a line: one put behind another shares its first number."""
_FIRST: Turn = (-1, 0)


def laned(plant: Plant, orders: Orders) -> tuple[Orders, int | None]:
    """Return the orders with a lane for each body that comes, and the assembly order that follows.

    The lanes of `orders` are kept where they can be. Bodies that the plan leaves out are taken out of
    their lanes. The car returned, if any, is frozen to go before bodies that the lanes give first:
    then there is no such order.
    """
    if not plant.problem.paint.lanes:
        return orders, None
    return _Walk(plant, orders).orders()


def in_lanes(
    plant: Plant, cars: Iterable[int], entered: Iterable[tuple[int, int]]
) -> list[list[int]]:
    """Return which of the cars pass each lane, first in first: those that stand there, and who comes."""
    leave = set(cars)
    found = [
        [c for c in (plant.index[body] for body in lane.bodies) if c in leave]
        for lane in plant.problem.paint.lanes
    ]
    for car, lane in entered:
        if car in leave:
            found[lane].append(car)
    return found


class _Walk:
    """One walk through the lanes."""

    def __init__(self, plant: Plant, orders: Orders) -> None:
        self._plant, self._orders = plant, orders
        self._turn: dict[int, Turn] = {c: (k, 0) for k, c in enumerate(orders.assembly)}
        self._queue = [(turn, c) for c, turn in self._turn.items()]  # sorted, so a heap
        coming = [c for c in [*plant.paint_leavers(), *orders.paint] if c in self._turn]
        self._coming = deque(coming)
        self._held_coming = sum(1 for c in coming if self._held(c))
        self._wish = dict(orders.lanes)
        self._room = [lane.capacity for lane in plant.problem.paint.lanes]
        self._lanes = [deque(bodies) for bodies in in_lanes(plant, self._turn, ())]
        self._stands = {c: number for number, lane in enumerate(self._lanes) for c in lane}
        self._entered: list[tuple[int, int]] = []
        self._left: dict[int, None] = {}
        self._emptied = [0] * len(self._lanes)

    def orders(self) -> tuple[Orders, int | None]:
        """Walk; return the orders as the lanes allow them, or the frozen car they do not allow."""
        while (head := self._head()) is not None:
            if head in self._stands:
                front = self._lanes[self._stands[head]][0]
                if front != head and self._held(head) and not self._held(front):
                    return self._orders, head
                self._leave(front)
            elif self._coming:
                stuck = self._come(head)
                if stuck is not None:
                    return self._orders, stuck
            else:
                self._left[head] = None  # its body never comes: the walk through time says why
        found = replace(self._orders, assembly=tuple(self._left), lanes=tuple(self._entered))
        return found, None

    def _held(self, car: int) -> bool:
        return self._plant.assembly_held(car) is not None

    def _head(self) -> int | None:
        """Return who should leave next."""
        while self._queue:
            turn, car = self._queue[0]
            if car not in self._left and self._turn[car] == turn:
                return car
            heappop(self._queue)
        return None

    def _leave(self, car: int) -> None:
        lane = self._stands.pop(car)
        self._lanes[lane].popleft()
        self._left[car] = None
        if not self._lanes[lane]:
            self._emptied[lane] = len(self._left)

    def _come(self, head: int) -> int | None:
        """Let the next body in, or make room for it; return the frozen car that cannot be."""
        car, free = self._coming[0], self._with_room()
        if not free:
            if self._held(head):
                return head
            fronts = [lane[0] for lane in self._lanes if lane]
            self._leave(min(fronts, key=lambda c: self._turn[c]))
            return None
        allowed = free
        if not self._held(car) and self._held_coming:
            allowed = [k for k in free if k != self._kept_free()] or free
        last = {k: self._last_turn(k) for k in sorted(allowed, key=self._emptied_at)}
        lane, in_turn = lane_for(last, self._turn[car])
        wish = self._wish.get(car)
        if wish in last and ((own := last[wish]) is None or own < self._turn[car]):
            lane, in_turn = wish, True
        if not in_turn:
            if self._held(car):
                return car
            first, behind = last[lane] or _FIRST
            self._turn[car] = (first, behind + 1)
            heappush(self._queue, (self._turn[car], car))
        self._coming.popleft()
        self._held_coming -= self._held(car)
        self._lanes[lane].append(car)
        self._stands[car] = lane
        self._entered.append((car, lane))
        return None

    def _emptied_at(self, lane: int) -> int:
        return self._emptied[lane]

    def _with_room(self) -> list[int]:
        return [k for k, lane in enumerate(self._lanes) if len(lane) < self._room[k]]

    def _last_turn(self, lane: int) -> Turn | None:
        """Return when the last body of a lane leaves; `None` if the lane is empty."""
        bodies = self._lanes[lane]
        return self._turn[bodies[-1]] if bodies else None

    def _kept_free(self) -> int:
        """Return the lane left to frozen cars that still come: the one with the earliest last body."""
        return min(range(len(self._lanes)), key=lambda k: (self._last_turn(k) or _FIRST, k))
