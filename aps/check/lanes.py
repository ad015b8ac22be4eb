"""The rules of a store of lanes, looked at one passage after the other, without the solver's code."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from aps.check.facts import View, Violation, broken
from aps.lanes.bank import Body, Passage, Purge
from aps.problem import RatioRule, Stage


def check_passages(
    capacities: Sequence[int], stored: Sequence[Sequence[str]], passages: Iterable[Passage]
) -> tuple[Violation, ...]:
    """Return every passage that no store of lanes could have made.

    `stored` are the bodies that stand in each lane at the start, heads first. A body goes into a
    lane that exists and has room, once; it leaves once, and only from the head of its own lane.
    """
    lanes = [deque(bodies) for bodies in stored]
    seen = {body for lane in lanes for body in lane}
    found: list[Violation] = []
    if len(lanes) != len(capacities):
        found.append(broken("lane.unknown", "store", f"{len(lanes)} lanes, not {len(capacities)}."))
        return tuple(found)
    for lane, (bodies, most) in enumerate(zip(lanes, capacities, strict=True)):
        if len(bodies) > most:
            sentence = f"Lane {lane} holds {len(bodies)} bodies at the start, {most} fit."
            found.append(broken("lane.full", f"lane {lane}", sentence, lane=lane))
    for number, one in enumerate(passages):
        where = {"lane": one.lane, "number": number}
        if not 0 <= one.lane < len(lanes):
            sentence = f"Body {one.body_id} uses lane {one.lane}, which does not exist."
            found.append(broken("lane.unknown", one.body_id, sentence, **where))
            continue
        lane_bodies = lanes[one.lane]
        if not one.out:
            if one.body_id in seen:
                sentence = f"Body {one.body_id} comes into the store twice."
                found.append(broken("lane.twice", one.body_id, sentence, **where))
                continue
            if len(lane_bodies) >= capacities[one.lane]:
                sentence = f"Body {one.body_id} goes into lane {one.lane}, which is full."
                found.append(broken("lane.full", one.body_id, sentence, **where))
            seen.add(one.body_id)
            lane_bodies.append(one.body_id)
        elif one.body_id not in lane_bodies:
            sentence = f"Body {one.body_id} leaves lane {one.lane}, where it does not stand."
            found.append(broken("lane.not_there", one.body_id, sentence, **where))
        else:
            if lane_bodies[0] != one.body_id:
                sentence = f"Body {one.body_id} leaves lane {one.lane} behind {lane_bodies[0]}."
                found.append(broken("lane.blocked", one.body_id, sentence, **where))
            lane_bodies.remove(one.body_id)
    return tuple(found)


def bodies_pass_the_lanes_of_the_store(view: View) -> list[Violation]:
    """Painted bodies go into a lane with room and leave it first in, first out.

    Bodies that the plan leaves out are taken out of their lanes. More bodies in a lane than it has
    places are a fact where they stand there at the start or are on the paint line then.
    """
    lanes = view.problem.paint.lanes
    said = {one.car_id: one.lane for one in view.schedule.lanes}
    if not lanes:
        return [
            broken("lane.unknown", car, f"Body {car} goes into a lane of a store without lanes.")
            for car in said
        ]
    leave = [s for s in view.schedule.assembly if view.stage(s.car_id) is not Stage.IN_ASSEMBLY]
    leaving = {slot.car_id for slot in leave}
    stored = [[body for body in lane.bodies if body in leaving] for lane in lanes]
    lane_of = {body: number for number, bodies in enumerate(stored) for body in bodies}
    found: list[Violation] = []
    passages: list[Passage] = []
    gone = 0
    for slot in sorted(view.schedule.paint, key=lambda one: (one.end_s, one.position)):
        if slot.car_id not in leaving:
            continue
        if slot.car_id not in said:
            sentence = f"Body {slot.car_id} leaves paint and goes into no lane."
            found.append(broken("lane.unknown", slot.car_id, sentence))
            continue
        while gone < len(leave) and (
            leave[gone].start_s < slot.end_s
            or (leave[gone].start_s == slot.end_s and leave[gone].car_id in lane_of)
        ):
            passages.append(_out(leave[gone].car_id, lane_of))
            gone += 1
        lane_of[slot.car_id] = said[slot.car_id]
        passages.append(Passage(body_id=slot.car_id, lane=said[slot.car_id], out=False))
    passages += [_out(slot.car_id, lane_of) for slot in leave[gone:]]
    facts = {car.id for car in view.problem.cars if car.at is Stage.IN_PAINT}
    facts |= {f"lane {number}" for number in range(len(lanes))}
    checked = check_passages([lane.capacity for lane in lanes], stored, passages)
    found += [one for one in checked if one.code != "lane.full" or one.subject not in facts]
    return found


def _out(body: str, lane_of: dict[str, int]) -> Passage:
    return Passage(body_id=body, lane=lane_of.get(body, -1), out=True)


def ratio_violations(order: Sequence[Body], rules: Iterable[RatioRule]) -> dict[str, int]:
    """Return how much the full windows of an order hold beyond each rule."""
    found = {}
    for rule in rules:
        flags = [rule.option in body.options for body in order]
        windows = (flags[k : k + rule.p] for k in range(len(flags) - rule.p + 1))
        found[rule.id] = sum(max(0, sum(window) - rule.n) for window in windows)
    return found


def color_changes(order: Sequence[Body]) -> int:
    """Return how often the colour changes along an order."""
    return sum(a.color != b.color for a, b in pairwise(order))


def purge_cost(order: Sequence[Body], purge: int, purges: Iterable[Purge]) -> int:
    """Return what the colour changes of an order cost; pairs without an entry cost `purge`."""
    prices = {(one.before, one.after): one.cost for one in purges}
    return sum(
        prices.get((a.color, b.color), purge if a.color != b.color else 0)
        for a, b in pairwise(order)
    )


def longest_run(order: Sequence[Body]) -> int:
    """Return the longest run of one colour."""
    longest = run = 0
    for k, body in enumerate(order):
        run = run + 1 if k and order[k - 1].color == body.color else 1
        longest = max(longest, run)
    return longest
