"""A planner's hand on the plan in force: moves in the plant's words in, what comes of them out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np

import aps.schedule as s
from aps.check import check
from aps.hand import Hand, Trial
from aps.moves import AnyMove, Line, LotMove, Move, Refused, WeldMove
from mes.planning.bridge.asking import Answer, _held, _named
from mes.planning.bridge.packing import broken_rules
from mes.planning.bridge.parking import HandMove
from mes.planning.bridge.problem import Snapshot, with_locks
from mes.planning.facts import LockFact
from mes.planning.network import PlantNetwork
from mes.planning.operations import lot_subject

Key = tuple[str, str]
"""Line and car."""
Span = tuple[int, int]
"""Start and end in seconds from the snapshot."""
WORTH_TELLING_S = 300
"""A car that is late anyway is told again when it becomes so much later."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a move runs into. `hard` ones keep it from being published; soft ones are told.

    `code` and `facts` are put into words by the page; `sentence` is the checker's own, in English.
    """

    code: str
    hard: bool
    car_ids: tuple[str, ...]
    facts: dict[str, str | int]
    sentence: str


class TriedOperation(NamedTuple):
    """When a car or a die lot would be on a line, in seconds from the snapshot; thousands for every drop."""

    bar: str
    """How the board knows it: the line of the plan in force and the order or lot."""
    line: str
    """Where it would be: a die lot may go to another press."""
    car_id: str
    start_s: int
    end_s: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What comes of some moves."""

    anchor: datetime
    """Plant time of the snapshot, from which the seconds of `rows` count."""
    rows: list[TriedOperation]
    """Operations that start or end at another time than in the plan in force."""
    added: dict[UUID, str]
    """Order → car of those that the plan in force does not have: cars from the tray."""
    parked: dict[str, datetime | None]
    """Bar that was moved in time → not before when it is to start; None: no longer."""
    conflicts: list[Conflict]
    late_s: dict[str, int]
    color_changes: int
    color_changes_before: int
    purge_s: int
    purge_s_before: int
    seconds: float


class Board:
    """The plan in force, read once and tried many times; one per process, version, and what is locked."""

    def __init__(
        self,
        snap: Snapshot,
        schedule: s.Schedule,
        network: PlantNetwork,
        locks: Sequence[LockFact] = (),
    ) -> None:
        # A lot that the plan no longer has is not made again by a trial.
        made = {lot.id for lot in schedule.press}
        gone = {x.lot_id for x in locks if x.lot_id is not None and x.lot_id not in made}
        snap = with_locks(snap, locks, network, gone=gone)
        self._snap, self._network = snap, network
        self._hand = Hand(snap.problem, schedule)
        before = self._hand.try_out([])
        self._times = times_of(snap, schedule, network)
        self._cars = {car_id for _, car_id in self._times}
        self._lots = _lots_of(schedule)
        self._bars: dict[Key, str] = {}
        self._car_of = {car.order_id: car_id for car_id, car in snap.cars.items()}
        self._colors, self._purge_s = before.color_changes, before.purge_s
        self._late = before.late

    def try_out(
        self, moves: Sequence[HandMove], locks: Sequence[LockFact] = (), *, frozen_until: datetime
    ) -> Tried:
        """Return what comes of these moves.

        Locked cars are to start in their windows; what starts before `frozen_until` stays.
        """
        began = time.perf_counter()
        frozen_s = int((frozen_until - self._snap.anchor).total_seconds())
        asked = _of_library(moves, self._network, self._snap.anchor)
        trial = self._hand.try_out(asked, frozen_until_s=frozen_s)
        times = times_of(self._snap, trial.work, self._network)
        was = self._times.get
        return Tried(
            anchor=self._snap.anchor,
            rows=[
                TriedOperation(self._bar(key), *key, *span)
                for key, span in times.items()
                if was(key) != span
            ]
            + self._lots_moved(trial),
            added={
                self._snap.cars[car_id].order_id: car_id
                for _, car_id in times
                if car_id not in self._cars
            },
            parked={self._bar_of(move): move.not_before for move in moves if self._is_bar(move)},
            conflicts=[
                *_conflicts(trial, self._late),
                *self._collisions(trial, times, moves),
                *self._locks_broken(trial, times, locks),
            ],
            late_s=trial.late,
            color_changes=trial.color_changes,
            color_changes_before=self._colors,
            purge_s=trial.purge_s,
            purge_s_before=self._purge_s,
            seconds=time.perf_counter() - began,
        )

    def _lots_moved(self, trial: Trial) -> list[TriedOperation]:
        """Return the die lots of the plan in force that are made at another time or elsewhere."""
        site = self._network.plant.site.id
        return [
            TriedOperation(
                f"{self._lots[lot_id][0]}/{lot_subject(site, lot_id)}",
                press,
                lot_id,
                start_s,
                end_s,
            )
            for lot_id, (press, start_s, end_s) in _lots_of(trial.work).items()
            if lot_id in self._lots and self._lots[lot_id] != (press, start_s, end_s)
        ]

    def _locks_broken(
        self, trial: Trial, times: dict[Key, Span], locks: Sequence[LockFact]
    ) -> list[Conflict]:
        """Return the locks that the moves break; one that the plan in force breaks already is told, no more."""
        found = []
        lots = {(x.press, x.id): x.start_s for x in trial.work.press}
        lots_before = {(press, lot): start for lot, (press, start, _) in self._lots.items()}
        for lock in locks:
            car = lock.lot_id
            if lock.order_id is not None:
                car = self._car_of.get(lock.order_id)
            if car is None or lock.to_at is None:
                continue
            first, last = (
                int((at - self._snap.anchor).total_seconds()) for at in (lock.from_at, lock.to_at)
            )
            key = (lock.line, car)
            start = times[key][0] if key in times else lots.get(key)
            if start is None and lock.lot_id is not None and car in self._lots:
                facts: dict[str, str | int] = {"car": car, "line": lock.line}
                found.append(Conflict("lot.locked_there", True, (car,), facts, ""))
            if start is None:
                continue
            was = self._times[key][0] if key in self._times else lots_before.get(key, start)
            if first <= start <= last or start == was:
                continue
            kept = first <= was <= last
            facts = {"car": car, "line": lock.line, "moved_s": start - was}
            found.append(Conflict("move.locked", kept, (car,), facts, ""))
        return found

    def _collisions(
        self, trial: Trial, times: dict[Key, Span], moves: Sequence[HandMove]
    ) -> list[Conflict]:
        """Return what the bar moved last would run into where it was dropped, and how much later it starts."""
        if not trial.collisions:
            return []
        move = moves[-1]
        if move.not_before is None:
            return []
        put_s = int((move.not_before - self._snap.anchor).total_seconds())
        lots = _lots_of(trial.work)
        start_s = lots[move.car_id][1] if move.car_id in lots else times[move.at, move.car_id][0]
        facts: dict[str, str | int] = {"car": move.car_id, "later_s": start_s - put_s}
        codes = {v.code: v for v in reversed(trial.collisions)}
        return [Conflict("move.collides", False, (move.car_id,), facts, "")] + [
            Conflict(
                v.code, False, (move.car_id,), {**dict(v.facts), "subject": v.subject}, v.sentence
            )
            for v in codes.values()
        ]

    def _is_bar(self, move: HandMove) -> bool:
        """Say whether a move is one of a bar that can be put in time and that the plan in force has."""
        if move.line == "press":
            return move.car_id in self._lots
        return move.line == "weld" and (move.at, move.car_id) in self._times

    def _bar_of(self, move: HandMove) -> str:
        """Return how the board knows a moved bar of welding or pressing."""
        if move.line == "press":
            site = self._network.plant.site.id
            return f"{self._lots[move.car_id][0]}/{lot_subject(site, move.car_id)}"
        return self._bar((move.at, move.car_id))

    def _bar(self, key: Key) -> str:
        found = self._bars.get(key)
        if found is None:
            line, car_id = key
            found = self._bars[key] = f"{line}/{self._snap.cars[car_id].order_id}"
        return found


def _lots_of(work: s.Schedule) -> dict[str, tuple[str, int, int]]:
    """Return press, start and end of the die lots."""
    return {lot.id: (lot.press, lot.start_s, lot.end_s) for lot in work.press}


def times_of(snap: Snapshot, work: s.Schedule, network: PlantNetwork) -> dict[Key, Span]:
    """Return when each car is on each line, as `operations` tells it, for cars that are ordered.

    A trial has thousands of them for every drop: seconds, by (line, car), and nothing else.
    """
    cars = {car_id for car_id, car in snap.cars.items() if not car.quoted}
    line_of = network.weld_line_of_step
    found: dict[Key, Span] = {}
    for step in work.weld:
        if step.car_id in cars:
            key = (line_of[step.step], step.car_id)
            begin, end = found.get(key, (step.start_s, step.end_s))
            found[key] = (min(begin, step.start_s), max(end, step.end_s))
    paint = network.paint_line.id
    found.update({(paint, x.car_id): (x.start_s, x.end_s) for x in work.paint if x.car_id in cars})
    lead = network.drum_lead_s
    slots = [x for x in work.assembly if x.car_id in cars]
    begins = np.array([x.start_s for x in slots], np.int64)
    whole = np.array([x.end_s for x in slots], np.int64) - begins
    for line in (network.drum_line, *network.finish_lines):
        starts = begins + whole * network.offset_s(line.id) // lead
        ends = starts + whole * network.takes_s(line) // lead
        name = line.id
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        found.update({(name, x.car_id): span for x, span in zip(slots, spans, strict=True)})
    return found


def follow_by_hand(
    snap: Snapshot, reference: s.Schedule, moves: Sequence[HandMove], network: PlantNetwork
) -> tuple[Answer, list[Conflict]]:
    """Return the plan of a snapshot in the order of the plan in force with these moves in it."""
    began = time.perf_counter()
    hand = Hand(snap.problem, reference)
    schedule, refused = hand.schedule(_of_library(moves, network, snap.anchor))
    schedule = _named(schedule, _held(snap.problem) | {lot.id for lot in reference.press})
    found = check(snap.problem, schedule, reference=reference)
    answer = Answer(schedule, broken_rules(found), time.perf_counter() - began)
    known = {(car, line) for car, line, _ in reference.kpis.broken_locks}
    line_of = network.weld_line_of_step
    locked = [
        Conflict(
            "move.locked" if away is not None else "lot.locked_there",
            True,
            (car,),
            {"car": car, "line": line_of.get(line, line), "moved_s": away or 0},
            "",
        )
        for car, line, away in schedule.kpis.broken_locks
        if (car, line) not in known
    ]
    return answer, [*(_refusal(one) for one in refused), *locked]


def _of_library(
    moves: Sequence[HandMove], network: PlantNetwork, anchor: datetime
) -> list[AnyMove]:
    """Return the moves in the library's words: a weld line is the first of its steps."""
    first = {line.id: line.steps[0][0].step_id for line in network.weld_lines}
    found: list[AnyMove] = []
    for m in moves:
        put_s = None
        if m.not_before is not None:
            put_s = int((m.not_before - anchor).total_seconds())
        if m.line == "weld":
            step = first.get(m.at, "")
            found.append(WeldMove(car_id=m.car_id, step=step, before=m.before, not_before_s=put_s))
        elif m.line == "press":
            found.append(LotMove(lot_id=m.car_id, press=m.at, before=m.before, not_before_s=put_s))
        else:
            found.append(Move(car_id=m.car_id, line=Line(m.line), before=m.before))
    return found


def _refusal(one: Refused) -> Conflict:
    move = one.move
    subject = move.lot_id if isinstance(move, LotMove) else move.car_id
    facts: dict[str, str | int] = {"car": subject, "before": move.before or ""}
    if isinstance(move, LotMove):
        facts["line"] = move.press
    return Conflict(f"move.{one.code}", True, (subject,), facts, "")


def _conflicts(trial: Trial, late_before: dict[str, int]) -> list[Conflict]:
    found = [_refusal(one) for one in trial.refused]
    found += [Conflict(code, True, (car,), {"car": car}, "") for car, code in trial.left_out]
    found += [Conflict("lot.left_out", True, (lot,), {"car": lot}, "") for lot in trial.lots_out]
    found += [
        Conflict(v.code, True, (v.subject,), dict(v.facts), v.sentence) for v in trial.violations
    ]
    for car, seconds in trial.late.items():
        if car not in late_before or seconds - late_before[car] >= WORTH_TELLING_S:
            facts: dict[str, str | int] = {
                "car": car,
                "late_s": seconds,
                "more_s": seconds - late_before.get(car, 0),
            }
            found.append(Conflict("late", False, (car,), facts, ""))
    found += [
        Conflict(
            "ratio",
            False,
            w.car_ids,
            {"option": w.option, "count": w.count, "n": w.n, "p": w.p},
            "",
        )
        for w in trial.crowded
    ]
    found += [
        Conflict(
            "spacing",
            False,
            pair.car_ids,
            {"option": pair.option, "other": pair.other, "gap": pair.gap, "apart": pair.apart},
            "",
        )
        for pair in trial.close
    ]
    return found
