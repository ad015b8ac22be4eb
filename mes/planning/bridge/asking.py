"""Ask the library: solve, follow an earlier plan, find a place for one more car, explain."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import aps.problem as p
import aps.schedule as s
from aps import explain, insert, remedy, repair
from aps.change import in_words
from aps.check import check
from aps.solve import Budget, solve
from mes.planning.bridge.packing import (
    Broken,
    broken_rules,
    unpack_problem,
    unpack_schedule,
)
from mes.planning.bridge.problem import Snapshot
from mes.planning.facts import CarFact
from mes.planning.network import PlantNetwork


@dataclass(frozen=True, slots=True)
class Answer:
    """A schedule and what the independent checker says of it."""

    schedule: s.Schedule
    violations: list[Broken]
    seconds: float


def order_of_work(snap: Snapshot) -> list[UUID]:
    """Return the orders in the drum sequence of a quick plan; cars without a place come last."""
    found = solve(snap.problem, budget=Budget(wall_s=0))
    placed = [slot.car_id for slot in found.assembly]
    out = [one.car_id for one in found.unplaced]
    return [snap.cars[car_id].order_id for car_id in [*placed, *out] if car_id in snap.cars]


def answer(snap: Snapshot, wall_s: float) -> Answer:
    """Solve a snapshot in this process within so many wall seconds."""
    began = time.perf_counter()
    schedule = _named(solve(snap.problem, budget=Budget(wall_s=wall_s)), _held(snap.problem))
    found = check(snap.problem, schedule)
    return Answer(schedule, broken_rules(found), time.perf_counter() - began)


def follow(snap: Snapshot, reference: s.Schedule, *, moved: Iterable[str] = ()) -> Answer:
    """Return the plan of a snapshot in the order of an earlier plan; `moved` cars get new places."""
    began = time.perf_counter()
    schedule = repair.rebase(snap.problem, reference, reinsert=tuple(moved))
    schedule = _named(schedule, _held(snap.problem) | {lot.id for lot in reference.press})
    found = check(snap.problem, schedule, reference=reference)
    return Answer(schedule, broken_rules(found), time.perf_counter() - began)


def _held(problem: p.Problem) -> set[str]:
    """Return the die lots that are more than a plan: they run, keep their place, or are locked."""
    held = {lot.id for lot in problem.press.held_lots}
    return held | {lock.lot_id for lock in problem.lot_locks}


def _named(schedule: s.Schedule, known: set[str]) -> s.Schedule:
    """Return the schedule with a name of its own for every die lot that is new.

    The library counts lots from 1 in every plan; at the lines a lot of yesterday is another lot.
    """
    tag = schedule.snapshot_hash[:8]
    lots = tuple(
        lot if lot.id in known else replace(lot, id=f"{lot.panel_type}-{tag}-{number}")
        for number, lot in enumerate(schedule.press, start=1)
    )
    return replace(schedule, press=lots)


def with_place_of(current: s.Schedule, former: s.Schedule, car_ids: Iterable[str]) -> s.Schedule:
    """Return the current plan with these cars back behind the cars they followed in a former one."""
    assembly, paint = list(current.assembly), list(current.paint)
    for car_id in car_ids:
        assembly = _put_back(assembly, list(former.assembly), car_id)
        paint = _put_back(paint, list(former.paint), car_id)
    return replace(current, assembly=tuple(assembly), paint=tuple(paint))


def _put_back(current: list[s.Slot], former: list[s.Slot], car_id: str) -> list[s.Slot]:
    place = next((i for i, slot in enumerate(former) if slot.car_id == car_id), None)
    own = next((slot for slot in current if slot.car_id == car_id), None)
    if place is None or own is None:
        return current
    rest = [slot for slot in current if slot.car_id != car_id]
    at = {slot.car_id: i for i, slot in enumerate(rest)}
    here = 1 + next((at[x.car_id] for x in reversed(former[:place]) if x.car_id in at), -1)
    if here < len(rest):
        own = replace(own, start_s=min(own.start_s, rest[here].start_s))
    return [*rest[:here], own, *rest[here:]]


def too_late(snap: Snapshot, reference: s.Schedule) -> set[str]:
    """Return the delayed cars that cannot start their next stage when `reference` says."""
    times = {one.car_id: one for one in reference.times}
    late = set()
    for car in snap.problem.cars:
        planned = times.get(car.id)
        if car.release_s <= 0 or planned is None or car.at is p.Stage.IN_ASSEMBLY:
            continue
        if car.at.rank >= p.Stage.IN_PAINT.rank:
            start = planned.assembly_start_s
        elif car.at is p.Stage.WELDED:
            start = planned.paint_start_s
        else:
            start = planned.paint_start_s
        if start is not None and start < car.release_s:
            late.add(car.id)
    return late


class Book:
    """The plan in force, ready to answer where one more car fits; one per process and version."""

    def __init__(self, problem: p.Problem, schedule: s.Schedule, anchor: datetime) -> None:
        self._problem = problem
        self._inserter = insert.Inserter(problem, schedule)
        self._anchor = anchor

    @classmethod
    def unpacked(cls, problem: bytes, schedule: bytes, anchor: datetime) -> Book:
        """Return the book of a stored plan, asked once so that the first who asks waits for no kernel."""
        found = cls(unpack_problem(problem), unpack_schedule(schedule), anchor)
        cars = found._problem.cars
        if cars:
            found._inserter.best(replace(cars[0], id="first question"), earliest_s=0)
        return found

    def place(
        self, car: CarFact, network: PlantNetwork, *, earliest: datetime
    ) -> tuple[datetime, datetime] | None:
        """Return start on the drum and finish of the best place from `earliest` on; None beyond the calendar.

        It is the place that a repair gives the car: a nearer one, which pushes promised cars back or makes
        them late, is none to promise.
        """
        wanted = p.Car(
            id=car.car_id,
            model=car.model,
            color=car.color,
            body_type=network.body_type(car.model, car.options),
            options=frozenset((car.model, *car.options)),
            due_s=None if car.due_at is None else int((car.due_at - self._anchor).total_seconds()),
        )
        found = self._inserter.best(
            wanted,
            earliest_s=max(0, int((earliest - self._anchor).total_seconds())),
        )
        if found is None:
            return None
        return (
            self._anchor + timedelta(seconds=found.start_s),
            self._anchor + timedelta(seconds=found.finish_s),
        )


def why_late(problem: bytes, schedule: bytes, car_id: str) -> tuple[dict[str, object], ...]:
    """Return why a car of a stored plan is late, link by link from line-off backward; seconds from its anchor."""
    asked = unpack_problem(problem)
    if all(car.id != car_id for car in asked.cars):
        return ()
    found = explain.why_late(asked, unpack_schedule(schedule), car_id)
    return tuple(_told(reason) for reason in found)


@dataclass(frozen=True, slots=True)
class Help:
    """Changes with which a car is in time: tried in a branch that the checker accepts."""

    changes: tuple[dict[str, object], ...]
    finish_s: int
    """Seconds from the anchor of the plan."""
    made_late: int
    """Cars in time in the plan and late in the branch."""


def what_helps(problem: bytes, schedule: bytes, car_id: str) -> tuple[Help, ...]:
    """Return what would bring a late car of a stored plan in time; a second or two in a big plant."""
    asked = unpack_problem(problem)
    if all(car.id != car_id for car in asked.cars):
        return ()
    return tuple(
        Help(
            changes=tuple(_told(in_words(asked, change)) for change in one.changes),
            finish_s=one.finish_s,
            made_late=one.made_late,
        )
        for one in remedy.remedies(asked, unpack_schedule(schedule), car_id)
    )


def _told(reason: explain.Reason) -> dict[str, object]:
    return {
        "code": reason.code,
        "level": reason.level,
        "facts": dict(reason.facts),
        "reason": reason.sentence,
    }
