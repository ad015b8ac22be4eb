"""What a repair changes against the plan in force, read from both schedules."""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from itertools import pairwise

import aps.schedule as s
from aps.problem import Stage
from mes.planning.bridge.problem import Snapshot
from mes.planning.proposals.model import Difference, Moved

LISTED = 100


def weigh(snap: Snapshot, before: s.Schedule, after: s.Schedule) -> Difference:
    """Return the difference of two plans of one plant; second 0 of both is the snapshot's."""
    finish_before = {slot.car_id: slot.end_s for slot in before.assembly}
    finish_after = {slot.car_id: slot.end_s for slot in after.assembly}
    begun = {car.id for car in snap.problem.cars if car.at.rank >= Stage.IN_ASSEMBLY.rank}
    known = {
        car_id
        for car_id in finish_before
        if car_id in snap.cars and not snap.cars[car_id].quoted and car_id not in begun
    }
    both = {car_id for car_id in known if car_id in finish_after}
    later = [finish_after[car] - finish_before[car] for car in both]
    later = [seconds for seconds in later if seconds > 60]
    promises = []
    for car_id in known:
        car, finish = snap.cars[car_id], finish_after.get(car_id)
        if car.promised_at is None:
            continue
        due_s = (car.promised_at - snap.anchor).total_seconds()
        if finish_before[car_id] <= due_s and (finish is None or finish > due_s):
            promises.append((car, finish_before[car_id], finish))
    promises.sort(key=lambda one: (one[0].promised_at, one[0].number))
    moved = _moved([x.car_id for x in before.assembly], [x.car_id for x in after.assembly], both)
    moved |= _moved([x.car_id for x in before.paint], [x.car_id for x in after.paint], both)

    def at(seconds: int) -> str:
        return (snap.anchor + timedelta(seconds=seconds)).isoformat()

    return Difference(
        cars=len(both),
        cars_moved=len(moved),
        cars_later=len(later),
        minutes=max(later, default=0) // 60,
        minutes_in_all=sum(later) // 60,
        color_changes_before=_color_changes(snap, before, both),
        color_changes_after=_color_changes(snap, after, both),
        purge_s_before=_purge_s(snap, before, both),
        purge_s_after=_purge_s(snap, after, both),
        promises_later=len(promises),
        promises=[
            Moved(
                number=car.number,
                promised_at=car.promised_at.isoformat() if car.promised_at else "",
                before_at=at(was),
                after_at=None if will is None else at(will),
            )
            for car, was, will in promises[:LISTED]
        ],
        locks_broken=_locks_broken(snap, before, after),
    )


def _locks_broken(snap: Snapshot, before: s.Schedule, after: s.Schedule) -> int:
    """Return how many locked starts the plan before keeps and the one after does not."""
    starts = {(snap.problem.assembly.id, slot.car_id): slot.start_s for slot in before.assembly}
    starts |= {(snap.problem.paint.id, slot.car_id): slot.start_s for slot in before.paint}
    starts |= {(operation.step, operation.car_id): operation.start_s for operation in before.weld}
    starts |= {(lot.press, lot.id): lot.start_s for lot in before.press}
    broken = {(line, car) for car, line, _ in after.kpis.broken_locks}
    windows: list[tuple[tuple[str, str], int, int | None]] = [
        *(((x.line, x.car_id), x.from_s, x.to_s) for x in snap.problem.locks),
        *(((x.step, x.car_id), x.from_s, x.to_s) for x in snap.problem.weld_locks),
        *(((x.press, x.lot_id), x.from_s, x.to_s) for x in snap.problem.lot_locks),
    ]
    kept = {
        key
        for key, from_s, to_s in windows
        if key in starts and from_s <= starts[key] and (to_s is None or starts[key] <= to_s)
    }
    return len(kept & broken)


def _moved(before: list[str], after: list[str], both: set[str]) -> set[str]:
    """Return the fewest cars that were taken out and put in elsewhere to make one order of the other."""
    place = {car: at for at, car in enumerate(car for car in after if car in both)}
    sequence = [place[car] for car in before if car in place]
    kept = _longest_rising(sequence)
    return {car for car in before if car in place and place[car] not in kept}


def _longest_rising(sequence: list[int]) -> set[int]:
    """Return the members of a longest increasing subsequence (patience sorting)."""
    tails: list[int] = []
    tail_at: list[int] = []
    former: list[int] = []
    for at, value in enumerate(sequence):
        pile = bisect_left(tails, value)
        former.append(tail_at[pile - 1] if pile else -1)
        if pile == len(tails):
            tails.append(value)
            tail_at.append(at)
        else:
            tails[pile], tail_at[pile] = value, at
    kept: set[int] = set()
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        kept.add(sequence[at])
        at = former[at]
    return kept


def _color_changes(snap: Snapshot, schedule: s.Schedule, both: set[str]) -> int:
    return len(_changes(snap, schedule, both))


def _purge_s(snap: Snapshot, schedule: s.Schedule, both: set[str]) -> int:
    shop = snap.problem.paint
    own = {(one.before, one.after): one.purge_s for one in shop.purges}
    return sum(own.get(pair, shop.purge_s) for pair in _changes(snap, schedule, both))


def _changes(snap: Snapshot, schedule: s.Schedule, both: set[str]) -> list[tuple[str, str]]:
    colors = [snap.cars[slot.car_id].color for slot in schedule.paint if slot.car_id in both]
    return [pair for pair in pairwise(colors) if pair[0] != pair[1]]
