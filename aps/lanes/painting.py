"""A paint order that a store of lanes can turn into the assembly order: colour runs as far as lanes allow.

Bodies are painted in the order of assembly, but the next of the last colour goes first where it is found near,
where its lane lets it leave at its turn, and where nobody who is passed comes too late for it. One lane is
always left to the body that assembly needs first, so that this one can be painted whenever it has to be.
"""

from collections import deque
from collections.abc import Sequence

from aps.lanes.orders import in_lanes
from aps.lanes.turns import lane_for
from aps.plant import Plant
from aps.worktime import Ints

_NEAR = 80
"""How many bodies ahead of the first one are looked at."""


def painted_for_lanes(
    plant: Plant, assembly: Sequence[int], held: Sequence[int], latest: Ints
) -> tuple[int, ...]:
    """Return the paint order of the bodies that are still to be painted, frozen ones first.

    `latest` is the last place in it that brings a body to assembly in time.
    """
    return _Painting(plant, assembly, held, latest).order()


class _Painting:
    def __init__(
        self, plant: Plant, assembly: Sequence[int], held: Sequence[int], latest: Ints
    ) -> None:
        shop = plant.problem.paint
        self._plant, self._latest, self._limit = plant, latest, shop.batch_limit
        self._turn = {c: k for k, c in enumerate(assembly)}
        self._line = deque(assembly)
        self._size = [lane.capacity for lane in shop.lanes]
        self._lanes = [deque(bodies) for bodies in in_lanes(plant, self._turn, ())]
        self._lane_of = {c: k for k, lane in enumerate(self._lanes) for c in lane}
        self._order: list[int] = []
        self._left: set[int] = set()
        self._color, self._run = -1, 0
        if shop.previous_color is not None:
            self._color = plant.color_names.index(shop.previous_color)
            self._run = shop.previous_run
        self._settle()
        for car in plant.paint_facts():
            self._spray(car)
        for car in plant.paint_leavers():
            if car in self._turn:
                self._arrive(car)
        for car in held:
            self._take(car)
        done = {*self._order, *plant.paint_facts(), *self._lane_of, *self._left}
        self._todo = [c for c in assembly if c not in done]

    def order(self) -> tuple[int, ...]:
        """Choose body by body."""
        while self._todo:
            car = self._choice()
            self._todo.remove(car)
            self._take(car)
        return tuple(self._order)

    def _choice(self) -> int:
        near = self._todo[:_NEAR]
        first, rank = near[0], len(self._order)
        full_run = self._run >= self._limit
        urgent = min(near, key=lambda c: int(self._latest[c]))
        if self._latest[urgent] <= rank and self._may_pass(urgent, first, full_run):
            return urgent
        spare = len(self._latest) + rank
        other = None
        for k, car in enumerate(near):
            alike = self._plant.color[car] == self._color
            if spare > rank and self._may_pass(car, first, full_run):
                if alike:
                    return car
                other = car if other is None else other
            spare = min(spare, int(self._latest[car]) - k)
        return first if other is None else other

    def _may_pass(self, car: int, first: int, full_run: bool) -> bool:
        """Return whether a body can be painted next without taking the last lane from the first one."""
        if full_run and self._plant.color[car] == self._color:
            return False
        if car == first:
            return True
        room = {k: self._last(k) for k in range(len(self._lanes)) if self._has_room(k)}
        if not room:
            return False
        lane, in_turn = lane_for(room, self._turn[car])
        if not in_turn:
            return False
        return any(
            k != lane and (last is None or last < self._turn[first]) for k, last in room.items()
        )

    def _take(self, car: int) -> None:
        self._order.append(car)
        self._spray(car)
        if car in self._turn:
            self._arrive(car)

    def _spray(self, car: int) -> None:
        color = int(self._plant.color[car])
        self._run = self._run + 1 if color == self._color else 1
        self._color = color

    def _arrive(self, car: int) -> None:
        room = {k: self._last(k) for k in range(len(self._lanes)) if self._has_room(k)}
        if not room:
            front = min((lane[0] for lane in self._lanes), key=lambda c: self._turn[c])
            self._leave(front)
            room = {k: self._last(k) for k in range(len(self._lanes)) if self._has_room(k)}
        lane, _ = lane_for(room, self._turn[car])
        self._lanes[lane].append(car)
        self._lane_of[car] = lane
        self._settle()

    def _settle(self) -> None:
        """Let leave what can: the first in the line, and what stands in front of it."""
        while self._line:
            head = self._line[0]
            if head in self._left:
                self._line.popleft()
            elif head in self._lane_of:
                self._leave(self._lanes[self._lane_of[head]][0])
            else:
                return

    def _leave(self, car: int) -> None:
        self._lanes[self._lane_of.pop(car)].popleft()
        self._left.add(car)

    def _has_room(self, lane: int) -> bool:
        return len(self._lanes[lane]) < self._size[lane]

    def _last(self, lane: int) -> int | None:
        return self._turn[self._lanes[lane][-1]] if self._lanes[lane] else None
