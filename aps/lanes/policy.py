"""Which lane in, which body next: decided car by car, in a millisecond.

In: a body joins the lane whose last body is most like it, so that heads stay different and runs of
a colour stand behind each other. Out: a beam search over what the lanes can give next, as far as
`_DEPTH` bodies, and of the best continuation the first body. What is left behind counts too: options
in excess of what their rules can take of the bodies left.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aps.jit import kernel
from aps.lanes.bank import Aims, Bank, Body, LaneError
from aps.problem import RatioPriority
from aps.sequencing.task import Flags
from aps.worktime import Ints

_DEPTH, _WIDTH = 24, 48
_LATE, _TOO_LONG, _HIGH, _LOW, _COLOR = 10**10, 10**9, 10**6, 10**3, 1
_COLOR_FIRST = 10**7
_NEVER = 1 << 40
Floats = npt.NDArray[np.float64]


@kernel
def _next_lane(
    lane_begin: Ints,
    lane_end: Ints,
    has: Flags,
    color: Ints,
    latest: Ints,
    past: Ints,
    n: Ints,
    p: Ints,
    weight: Floats,
    purge: Floats,
    late_weight: float,
    too_long: float,
    limit: int,
    place: int,
    depth: int,
    width: int,
) -> int:
    """Return the lane whose head leaves next; bodies are rows, `past` the rows that left before.

    Lane k holds the rows `lane_begin[k]..lane_end[k] - 1`, its head first.
    """
    lanes, rules = len(lane_begin), len(n)
    stored = 0
    for k in range(lanes):
        stored += lane_end[k] - lane_begin[k]
    depth = min(depth, stored)
    before = len(past)
    # Nodes of the beam: next row of each lane, what was given, cost so far, run of one colour.
    at = np.empty((width, lanes), np.int64)
    given = np.empty((width, depth), np.int64)
    cost = np.zeros(width)
    run = np.zeros(width, np.int64)
    inside = np.zeros((width, rules), np.int64)
    left = np.zeros((width, rules), np.int64)
    at2, given2, cost2 = at.copy(), given.copy(), cost.copy()
    run2, inside2, left2 = run.copy(), inside.copy(), left.copy()
    at[0] = lane_begin
    nodes = 1
    k = before - 1
    while k >= 0 and color[past[k]] == color[past[before - 1]]:
        run[0] += 1
        k -= 1
    for r in range(rules):
        for k in range(max(0, before - p[r] + 1), before):
            inside[0, r] += has[past[k], r]
        for k in range(lanes):
            for row in range(lane_begin[k], lane_end[k]):
                left[0, r] += has[row, r]
    rest2 = inside.copy()
    tries = width * lanes
    key = np.empty(tries)
    own_cost = np.empty(tries)
    parent = np.empty(tries, np.int64)
    lane_of = np.empty(tries, np.int64)
    for step in range(depth):
        count = 0
        remaining = stored - step - 1
        for node in range(nodes):
            last = given[node, step - 1] if step > 0 else (past[before - 1] if before > 0 else -1)
            free = False
            for k in range(lanes):
                row = at[node, k]
                if row < lane_end[k] and (
                    last < 0 or color[row] != color[last] or run[node] < limit
                ):
                    free = True
            for k in range(lanes):
                row = at[node, k]
                if row >= lane_end[k]:
                    continue
                if free and last >= 0 and color[row] == color[last] and run[node] >= limit:
                    continue
                price = 0.0
                if last >= 0 and color[row] != color[last]:
                    price += purge[color[last], color[row]]
                elif run[node] >= limit:
                    price += too_long
                price += late_weight * max(0, place + step - latest[row])
                behind = 0.0
                for r in range(rules):
                    price += weight[r] * max(0, inside[node, r] + has[row, r] - n[r])
                    # Options left beyond what their rule takes of the bodies left will cost.
                    over = (left[node, r] - has[row, r]) * p[r] - n[r] * remaining
                    if over > 0:
                        behind += weight[r] * over / p[r]
                parent[count], lane_of[count] = node, k
                own_cost[count] = cost[node] + price
                key[count] = own_cost[count] + behind
                count += 1
        order = np.argsort(key[:count])
        kept = 0
        for one in order:
            node, k = parent[one], lane_of[one]
            row = at[node, k]
            # The same bodies given, with the same last one and as many options in its windows:
            # only the cheapest order is kept.
            twin = False
            for other in range(kept):
                if given2[other, step] == row:
                    same = True
                    for lane in range(lanes):
                        if at2[other, lane] != at[node, lane] + (1 if lane == k else 0):
                            same = False
                            break
                    for r in range(rules):
                        if rest2[other, r] != inside[node, r] + has[row, r]:
                            same = False
                            break
                    if same:
                        twin = True
                        break
            if twin:
                continue
            at2[kept] = at[node]
            at2[kept, k] += 1
            given2[kept, :step] = given[node, :step]
            given2[kept, step] = row
            cost2[kept] = own_cost[one]
            last = given[node, step - 1] if step > 0 else (past[before - 1] if before > 0 else -1)
            run2[kept] = run[node] + 1 if last >= 0 and color[row] == color[last] else 1
            for r in range(rules):
                rest2[kept, r] = inside[node, r] + has[row, r]
                inside2[kept, r] = inside[node, r] + has[row, r]
                left2[kept, r] = left[node, r] - has[row, r]
                gone = before + step - p[r] + 1
                if gone >= 0:
                    old = past[gone] if gone < before else given2[kept, gone - before]
                    inside2[kept, r] -= has[old, r]
            kept += 1
            if kept == width:
                break
        at, at2 = at2, at
        given, given2 = given2, given
        cost, cost2 = cost2, cost
        run, run2 = run2, run
        inside, inside2 = inside2, inside
        left, left2 = left2, left
        nodes = kept
    first = given[0, 0]
    for k in range(lanes):
        if lane_begin[k] <= first < lane_end[k]:
            return k
    return -1


class Controller:
    """The store's controller: asked for a lane at each arrival and for a body at each call.

    It knows what has left (`sent`) and nothing of what will come.
    """

    def __init__(self, aims: Aims, *, depth: int = _DEPTH, width: int = _WIDTH) -> None:
        rules = aims.ratio_rules
        self._aims, self._depth, self._width = aims, depth, width
        self._n = np.array([rule.n for rule in rules], np.int64)
        self._p = np.array([rule.p for rule in rules], np.int64)
        high = [rule.priority is RatioPriority.HIGH for rule in rules]
        self._weight = np.array([_HIGH if one else _LOW for one in high], np.float64)
        self._purges = {(one.before, one.after): one.cost for one in aims.purges}
        self._sent: list[Body] = []
        self._count = 0
        self._memory = max([*(rule.p for rule in rules), min(aims.batch_limit, 1000), 1])

    def lane_for(self, bank: Bank, body: Body) -> int:
        """Return the lane that a body should go into.

        The lane whose last body is most like it; of equal ones an empty lane, then the shortest.

        Raises:
            LaneError: every lane is full.
        """
        room = bank.room()
        if not room:
            raise LaneError(f"the store is full; body {body.id} finds no lane")

        def key(lane: int) -> tuple[float, int, int]:
            bodies = bank.lanes[lane]
            if not bodies:
                return (-0.5 * self._worth(), 0, lane)
            tail = bodies[-1]
            alike = self._color_worth() * (tail.color == body.color)
            for rule, weight in zip(self._aims.ratio_rules, self._weight, strict=True):
                alike += weight * ((rule.option in tail.options) == (rule.option in body.options))
            early = body.latest is not None and (tail.latest or 0) > body.latest
            return (_LATE * early - alike, len(bodies), lane)

        return min(room, key=key)

    def next_lane(self, bank: Bank) -> int:
        """Return the lane whose head should leave now.

        Raises:
            LaneError: the store is empty.
        """
        if not bank.stored:
            raise LaneError("the store is empty")
        bodies = [*self._sent, *(body for lane in bank.lanes for body in lane)]
        names = {name: k for k, name in enumerate(dict.fromkeys(b.color for b in bodies))}
        ends = len(self._sent) + np.cumsum([len(lane) for lane in bank.lanes])
        begins = ends - np.array([len(lane) for lane in bank.lanes])
        rules = self._aims.ratio_rules
        has = np.array([[rule.option in b.options for rule in rules] for b in bodies], np.uint8)
        return int(
            _next_lane(
                begins.astype(np.int64),
                ends.astype(np.int64),
                has.reshape(len(bodies), len(rules)),
                np.array([names[b.color] for b in bodies], np.int64),
                np.array([_NEVER if b.latest is None else b.latest for b in bodies], np.int64),
                np.arange(len(self._sent)),
                self._n,
                self._p,
                self._weight,
                self._purge(list(names)),
                float(_LATE),
                float(_TOO_LONG),
                self._aims.batch_limit,
                self._count,
                self._depth,
                self._width,
            )
        )

    def sent(self, body: Body) -> None:
        """Take note of a body that has left, by whoever's choice."""
        self._count += 1
        self._sent = [*self._sent, body][-self._memory :]

    def _purge(self, names: Sequence[str]) -> Floats:
        unit = _COLOR_FIRST if self._aims.colors_first else _COLOR
        default = self._aims.purge
        return np.array(
            [[unit * self._purges.get((a, b), default * (a != b)) for b in names] for a in names],
            np.float64,
        )

    def _color_worth(self) -> float:
        dearest = max([self._aims.purge, *self._purges.values()])
        return float(dearest * (_COLOR_FIRST if self._aims.colors_first else _COLOR))

    def _worth(self) -> float:
        return self._color_worth() + float(self._weight.sum())


def release(bank: Bank, controller: Controller) -> tuple[Body, int, Bank]:
    """Let the controller's choice leave; return it, its lane, and the bank without it."""
    lane = controller.next_lane(bank)
    body, after = bank.without_head(lane)
    controller.sent(body)
    return body, lane, after
