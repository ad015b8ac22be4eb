"""What stands in the lanes of the painted store, for a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import aps.problem as p
import aps.schedule as s
from aps.lanes.turns import Turn, lane_for
from mes.planning.facts import CarFact

T = TypeVar("T", bound=Turn)
_LAST = 1 << 60
"""When a body leaves that the plan does not have."""


def lane_contents(
    painted: Iterable[CarFact], count: int, length: int, reference: s.Schedule | None
) -> list[tuple[str, ...]]:
    """Return the bodies of each lane, the next to leave first.

    Bodies whose lane nobody has noted are dealt behind the others as they came, by when `reference` lets
    them leave.
    """
    leaves = {slot.car_id: slot.start_s for slot in reference.assembly} if reference else {}
    lanes: list[list[str]] = [[] for _ in range(count)]
    unknown: list[str] = []
    placed = [(car.place, car.car_id) for car in painted if car.place is not None]
    for place, car_id in sorted(placed, key=lambda one: (one[0].since, one[1])):
        known = place.lane is not None and place.lane < count
        (lanes[place.lane] if known and place.lane is not None else unknown).append(car_id)
    turns = [[leaves.get(one, _LAST) for one in lane] for lane in lanes]
    chosen = lanes_in(turns, length, [leaves.get(one, _LAST) for one in unknown])
    for car_id, lane in zip(unknown, chosen, strict=True):
        lanes[lane].append(car_id)
    return [tuple(bodies) for bodies in lanes]


def lanes_in(standing: Sequence[Sequence[T]], length: int, coming: Iterable[T]) -> list[int]:
    """Return the lanes that bodies go into, one after the other, by when each leaves.

    Where no lane has room, a body goes into the one with the fewest: it stands there already.
    """
    lanes = [list(bodies) for bodies in standing]
    chosen = []
    for leaves in coming:
        room = {k: own[-1] if own else None for k, own in enumerate(lanes) if len(own) < length}
        if room:
            lane, _ = lane_for(room, leaves)
        else:
            lane = min(range(len(lanes)), key=lambda k: len(lanes[k]))
        lanes[lane].append(leaves)
        chosen.append(lane)
    return chosen


class LaneHeads:
    """Which bodies can leave, as others have left before."""

    def __init__(self, lanes: Sequence[p.Lane]) -> None:
        self._lanes = [list(lane.bodies) for lane in lanes]

    def give(self, car_id: str) -> bool:
        """Let a body leave; False where it does not stand at the head of a lane."""
        for bodies in self._lanes:
            if bodies and bodies[0] == car_id:
                bodies.pop(0)
                return True
        return not self._lanes
