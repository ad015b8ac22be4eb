"""A planner's hand on the plan in force: moves in the plant's words in, what comes of them out."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

import aps.schedule as s
from aps.check import check
from aps.hand import Hand, Line, Move, Refused, Trial
from mes.planning.bridge.asking import Answer, _held, _named
from mes.planning.bridge.packing import broken_rules
from mes.planning.bridge.problem import Snapshot
from mes.planning.network import PlantNetwork

Span = tuple[int, int]
"""Start and end in seconds from the snapshot."""
WORTH_TELLING_S = 300
"""A car that is late anyway is told again when it becomes so much later."""


@dataclass(frozen=True, slots=True)
class HandMove:
    """A car put in front of another one (None: at the end) on the drum line or in paint."""

    car_id: str
    line: Literal["assembly", "paint"]
    before: str | None


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
    """When a car would be on a line; plant time."""

    line: str
    car_id: str
    subject_id: UUID
    start_at: datetime
    end_at: datetime


@dataclass(frozen=True, slots=True)
class Tried:
    """What comes of some moves; times are plant time."""

    rows: list[TriedOperation]
    """Operations that start or end at another time than in the plan in force."""
    added: list[TriedOperation]
    """Those of `rows` that the plan in force does not have: cars from the tray."""
    conflicts: list[Conflict]
    late_s: dict[str, int]
    color_changes: int
    color_changes_before: int
    purge_s: int
    purge_s_before: int
    seconds: float


class Board:
    """The plan in force, read once and tried many times; one per process and version."""

    def __init__(
        self,
        snap: Snapshot,
        schedule: s.Schedule,
        network: PlantNetwork,
        *,
        frozen_until: datetime,
    ) -> None:
        self._snap, self._schedule, self._network = snap, schedule, network
        frozen_s = int((frozen_until - snap.anchor).total_seconds())
        self._hand = Hand(snap.problem, schedule, frozen_until_s=frozen_s)
        before = self._hand.try_out([])
        self._times = times_of(snap, before.work, network)
        self._colors, self._purge_s = before.color_changes, before.purge_s
        self._late = before.late

    def try_out(self, moves: Sequence[HandMove], locked: Collection[str] = ()) -> Tried:
        """Return what comes of these moves; `locked` cars are not to start at another time."""
        began = time.perf_counter()
        trial = self._hand.try_out(_of_library(moves))
        times = times_of(self._snap, trial.work, self._network)
        changed = [
            self._row(key, span) for key, span in times.items() if self._times.get(key) != span
        ]
        before = {car_id for _, car_id in self._times}
        return Tried(
            rows=changed,
            added=[row for row in changed if row.car_id not in before],
            conflicts=_conflicts(trial, self._schedule, self._late, locked),
            late_s=trial.late,
            color_changes=trial.color_changes,
            color_changes_before=self._colors,
            purge_s=trial.purge_s,
            purge_s_before=self._purge_s,
            seconds=time.perf_counter() - began,
        )

    def _row(self, key: tuple[str, str], span: Span) -> TriedOperation:
        line, car_id = key
        anchor = self._snap.anchor
        return TriedOperation(
            line,
            car_id,
            self._snap.cars[car_id].order_id,
            anchor + timedelta(seconds=span[0]),
            anchor + timedelta(seconds=max(span)),
        )


def times_of(
    snap: Snapshot, work: s.Schedule, network: PlantNetwork
) -> dict[tuple[str, str], Span]:
    """Return when each car is on each line, as `operations` tells it, for cars that are ordered.

    A trial has thousands of them for every drop: seconds, by (line, car), and nothing else.
    """
    cars = {car_id for car_id, car in snap.cars.items() if not car.quoted}
    line_of = network.weld_line_of_step
    found: dict[tuple[str, str], Span] = {}
    for step in work.weld:
        key = (line_of[step.step], step.car_id)
        begin, end = found.get(key, (step.start_s, step.end_s))
        found[key] = (min(begin, step.start_s), max(end, step.end_s))
    paint = network.paint_line.id
    found.update({(paint, x.car_id): (x.start_s, x.end_s) for x in work.paint})
    lead = network.drum_lead_s
    for line in (network.drum_line, *network.finish_lines):
        offset, takes = network.offset_s(line.id), network.takes_s(line)
        for slot in work.assembly:
            whole = slot.end_s - slot.start_s
            start = slot.start_s + whole * offset // lead
            found[line.id, slot.car_id] = (start, start + whole * takes // lead)
    return {key: span for key, span in found.items() if key[1] in cars}


def follow_by_hand(
    snap: Snapshot, reference: s.Schedule, moves: Sequence[HandMove]
) -> tuple[Answer, list[Conflict]]:
    """Return the plan of a snapshot in the order of the plan in force with these moves in it."""
    began = time.perf_counter()
    hand = Hand(snap.problem, reference)
    schedule, refused = hand.schedule(_of_library(moves))
    schedule = _named(schedule, _held(snap.problem) | {lot.id for lot in reference.press})
    found = check(snap.problem, schedule, reference=reference)
    answer = Answer(schedule, broken_rules(found), time.perf_counter() - began)
    return answer, [_refusal(one) for one in refused]


def _of_library(moves: Sequence[HandMove]) -> list[Move]:
    return [Move(car_id=m.car_id, line=Line(m.line), before=m.before) for m in moves]


def _refusal(one: Refused) -> Conflict:
    cars = [one.move.car_id, one.move.before or ""]
    return Conflict(
        f"move.{one.code}",
        True,
        tuple(c for c in cars[:1]),
        {"car": cars[0], "before": cars[1]},
        "",
    )


def _conflicts(
    trial: Trial, base: s.Schedule, late_before: dict[str, int], locked: Collection[str]
) -> list[Conflict]:
    found = [_refusal(one) for one in trial.refused]
    found += [Conflict(code, True, (car,), {"car": car}, "") for car, code in trial.left_out]
    found += [
        Conflict(v.code, True, (v.subject,), dict(v.facts), v.sentence) for v in trial.violations
    ]
    was = {slot.car_id: slot.start_s for slot in base.assembly}
    for slot in trial.work.assembly:
        if slot.car_id in locked and was.get(slot.car_id) != slot.start_s:
            moved = slot.start_s - was.get(slot.car_id, slot.start_s)
            facts: dict[str, str | int] = {"car": slot.car_id, "moved_s": moved}
            found.append(Conflict("move.locked", True, (slot.car_id,), facts, ""))
    for car, seconds in trial.late.items():
        if car not in late_before or seconds - late_before[car] >= WORTH_TELLING_S:
            facts = {"car": car, "late_s": seconds, "more_s": seconds - late_before.get(car, 0)}
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
