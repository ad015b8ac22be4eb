"""Between the plant and the planning library: the only module that knows both.

Plant time in, whole seconds from the snapshot inside, plant time out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import zstandard

import aps.problem as p
import aps.schedule as s
from aps import explain, insert, repair
from aps.check import check
from aps.solve import Budget, plan_key, solve
from mes.contracts.plant import Line
from mes.planning.facts import CarFact, PlantFacts
from mes.planning.network import PlantNetwork
from mes.planning.operations import PlannedOperation, lot_subject
from mes.planning.progress import (
    Reached,
    one_body_a_station,
    one_start_a_second,
    progress_of,
)

Schedule = s.Schedule
"""A plan in the library's seconds; other modules pass it on and do not look inside."""

_STAGES = {
    Reached.NOT_STARTED: p.Stage.NOT_STARTED,
    Reached.IN_BODY: p.Stage.IN_BODY,
    Reached.WELDED: p.Stage.WELDED,
    Reached.IN_PAINT: p.Stage.IN_PAINT,
    Reached.PAINTED: p.Stage.PAINTED,
    Reached.IN_ASSEMBLY: p.Stage.IN_ASSEMBLY,
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen problem and what is needed to read its answer back."""

    problem: p.Problem
    anchor: datetime
    cars: dict[str, CarFact]

    @property
    def hash(self) -> str:
        """The name of the problem: same plant, same hash."""
        return p.snapshot_hash(self.problem)


def snapshot(
    facts: PlantFacts,
    network: PlantNetwork,
    *,
    horizon_s: int,
    freeze_s: int = 0,
    reference: s.Schedule | None = None,
) -> Snapshot:
    """Return the planning problem of these facts.

    Args:
        horizon_s: how far the plan looks; shifts must reach that far.
        freeze_s: work that `reference` starts before keeps its place, unless its car is held.
        reference: the schedule in force, its seconds counted from `facts.at`.
    """
    builder = _Builder(facts, network, horizon_s)
    return Snapshot(
        problem=builder.problem(freeze_s, reference),
        anchor=facts.at,
        cars={car.car_id: car for car in builder.cars},
    )


class _Builder:
    def __init__(self, facts: PlantFacts, network: PlantNetwork, horizon_s: int) -> None:
        self.facts, self.network, self.horizon_s = facts, network, horizon_s
        progress = {c.car_id: progress_of(network, c, at=facts.at) for c in facts.cars}
        progress = one_body_a_station(progress, len(network.weld_steps))
        for stage in (Reached.IN_PAINT, Reached.IN_ASSEMBLY):
            progress = one_start_a_second(progress, stage)
        self.progress = progress
        self.cars = [c for c in facts.cars if progress[c.car_id].reached is not Reached.DONE]

    def problem(self, freeze_s: int, reference: s.Schedule | None) -> p.Problem:
        network, plant = self.network, self.network.plant
        drum, paint = network.drum_line, network.paint_line
        shifts, calendars = self._calendars()
        return p.Problem(
            horizon_s=self.horizon_s,
            cars=tuple(self._car(car) for car in self.cars),
            assembly=p.AssemblyLine(
                id=drum.id,
                takt_s=max(1, round(drum.takt_s)),
                lead_s=network.drum_lead_s,
                calendar=self._paced_calendar(drum),
                ratio_rules=tuple(
                    p.RatioRule(
                        id=rule.id,
                        option=rule.option,
                        n=rule.n,
                        p=rule.p,
                        priority=p.RatioPriority(rule.priority),
                    )
                    for rule in plant.ratio_rules
                    if rule.line == drum.id
                ),
            ),
            paint=p.PaintShop(
                id=paint.id,
                takt_s=max(1, round(paint.takt_s)),
                lead_s=network.takes_s(paint),
                calendar=self._paced_calendar(paint),
                batch_limit=plant.paint.batch_limit,
                store_capacity=plant.store(network.painted_store).capacity,
                purge_s=round(plant.paint.purge_s),
            ),
            body=self._body_shop(),
            press=self._press_shop(freeze_s, reference),
            shifts=shifts,
            calendars=calendars,
            frozen=self._frozen(freeze_s, reference),
            seed=self.facts.seed,
        )

    def _seconds(self, moment: datetime) -> int:
        return int((moment - self.facts.at).total_seconds())

    def _car(self, car: CarFact) -> p.Car:
        started = self.progress[car.car_id]
        available = 0 if car.available_at is None else max(0, self._seconds(car.available_at))
        if available and started.reached is Reached.IN_ASSEMBLY:
            available += self._after_line_s(car)
        panels = self.network.panels(car.model) if started.reached is Reached.NOT_STARTED else {}
        return p.Car(
            id=car.car_id,
            model=car.model,
            color=car.color,
            body_type=self.network.body_type(car.model, car.options),
            options=frozenset((car.model, *car.options)),
            panels=tuple(sorted(panels.items())),
            due_s=None if car.due_at is None else self._seconds(car.due_at),
            priority=car.priority,
            release_s=available,
            at=_STAGES[started.reached],
        )

    def _after_line_s(self, car: CarFact) -> int:
        """Return the seconds from leaving the line that the car is on to being finished."""
        chain = (self.network.drum_line, *self.network.finish_lines)
        ids = [line.id for line in chain]
        at = ids.index(car.place.line) if car.place is not None else len(ids)
        return sum(self.network.takes_s(line) for line in chain[at + 1 :])

    # Calendars: one for each of the plant's, and one of its own for a line that is down.

    def _calendar_of(self, line: Line, station: str) -> str:
        """Return the calendar of a weld station: it stops alone, or with its line."""
        for down in self.facts.down:
            if down.line == line.id and down.station in (None, station):
                return f"{line.calendar}@{station}"
        return line.calendar

    def _paced_calendar(self, line: Line) -> str:
        """Return the calendar of a paced line: one station down stops all of it."""
        down = any(one.line == line.id for one in self.facts.down)
        return f"{line.calendar}@{line.id}" if down else line.calendar

    def _calendars(self) -> tuple[tuple[p.Shift, ...], tuple[p.Calendar, ...]]:
        by_calendar: dict[str, list[p.Shift]] = {}
        for fact in self.facts.shifts:
            start, end = max(0, self._seconds(fact.start_at)), self._seconds(fact.end_at)
            end = min(end, self.horizon_s)
            if end <= start:
                continue
            breaks = (
                (max(start, self._seconds(begin)), min(end, self._seconds(until)))
                for begin, until in sorted(fact.breaks)
            )
            by_calendar.setdefault(fact.calendar, []).append(
                p.Shift(
                    id=fact.id,
                    start_s=start,
                    end_s=end,
                    breaks=tuple((begin, until) for begin, until in breaks if until > begin),
                )
            )
        calendars = [p.calendar_of(name, tuple(shifts)) for name, shifts in by_calendar.items()]
        known = {calendar.id: calendar for calendar in calendars}
        own = [
            _without(known[base], name, self._down_until(target))
            for name, base, target in self._own_calendars()
        ]
        shifts = tuple(shift for group in by_calendar.values() for shift in group)
        return shifts, (*calendars, *own)

    def _own_calendars(self) -> list[tuple[str, str, str]]:
        """Return (calendar id, base calendar, line or station) of everything that is down."""
        network = self.network
        found = [
            (self._paced_calendar(line), line.calendar, line.id)
            for line in (network.paint_line, network.drum_line, *network.press_lines)
            if self._paced_calendar(line) != line.calendar
        ]
        for line in network.weld_lines:
            for station in line.stations:
                name = self._calendar_of(line, station.id)
                if name != line.calendar:
                    found.append((name, line.calendar, station.id))
        return found

    def _down_until(self, target: str) -> int:
        """Return the second until which a line or station does not work."""
        stations = {st.id: line.id for line in self.network.plant.lines for st in line.stations}
        line = stations.get(target, target)
        ends = [
            self._seconds(down.until_at)
            for down in self.facts.down
            if down.line == line and (target == line or down.station in (None, target))
        ]
        return max(ends, default=0)

    # Shops

    def _body_shop(self) -> p.BodyShop:
        network = self.network
        machines = tuple(
            p.Machine(id=station.id, calendar=self._calendar_of(line, station.id))
            for line in network.weld_lines
            for station in line.stations
        )
        kinds = {network.body_type(c.model, c.options): (c.model, *c.options) for c in self.cars}
        routings = tuple(
            p.Routing(
                body_type=body_type,
                steps=tuple(
                    p.Step(
                        id=step[0].step_id,
                        alternatives=tuple(
                            p.Alternative(machine=st.id, duration_s=network.step_s(st, codes))
                            for st in step
                        ),
                    )
                    for step in network.weld_steps
                ),
            )
            for body_type, codes in sorted(kinds.items())
        )
        store = network.plant.store(network.welded_store)
        return p.BodyShop(machines=machines, routings=routings, store_capacity=store.capacity)

    def _press_shop(self, freeze_s: int, reference: s.Schedule | None) -> p.PressShop:
        network, plant = self.network, self.network.plant
        store = {line.id: plant.store(line.gives_to) for line in network.press_lines}
        presses = tuple(
            p.Press(
                id=line.id,
                calendar=self._paced_calendar(line),
                strokes_per_min=max(1, round(line.strokes_per_min or 60 / line.takt_s)),
                mounted=self.facts.mounted.get(line.id),
            )
            for line in network.press_lines
        )
        dies = tuple(
            p.Die(
                panel_type=panel.code,
                presses=panel.presses,
                changeover_s=round(plant.die_changeover_min * 60),
                lot_size=panel.lot_size,
                min_cover=panel.min_cover,
                rack_capacity=store[panel.presses[0]].capacity,
            )
            for panel in plant.panels
        )
        return p.PressShop(
            presses=presses,
            dies=dies,
            stock=tuple(sorted(self._stock().items())),
            held_lots=self._held_lots(freeze_s, reference),
        )

    def _stock(self) -> dict[str, int]:
        """Return the panels that no body under way will still take."""
        stock = {
            panel.code: self.facts.stock.get(panel.code, 0) for panel in self.network.plant.panels
        }
        for car in self.cars:
            done = self.progress[car.car_id]
            if done.reached is Reached.IN_BODY:
                needed = self.network.panels(car.model, from_step=done.steps_done)
                for panel, quantity in needed.items():
                    stock[panel] = max(0, stock[panel] - quantity)
        return stock

    def _held_lots(self, freeze_s: int, reference: s.Schedule | None) -> tuple[p.HeldLot, ...]:
        press = {line.id: line for line in self.network.press_lines}
        held = []
        for number, lot in enumerate(self.facts.lots):
            left = max(1, lot.quantity - lot.good)
            strokes = max(
                1, round(press[lot.press].strokes_per_min or 60 / press[lot.press].takt_s)
            )
            held.append(
                p.HeldLot(
                    id=lot.lot_id,
                    panel_type=lot.panel,
                    press=lot.press,
                    quantity=left,
                    start_s=min(-number, self._seconds(lot.started_at)),
                    left_s=-(-left * 60 // strokes),
                )
            )
        running = {lot.lot_id for lot in self.facts.lots}
        free_at = dict.fromkeys(press, 0)
        for planned in sorted(reference.press if reference else (), key=lambda one: one.start_s):
            if planned.start_s >= freeze_s or planned.id in running | self.facts.done_lots:
                continue
            start = max(planned.start_s, free_at[planned.press] + 1)
            free_at[planned.press] = start
            held.append(
                p.HeldLot(
                    id=planned.id,
                    panel_type=planned.panel_type,
                    press=planned.press,
                    quantity=planned.quantity,
                    start_s=start,
                )
            )
        return tuple(held)

    # Facts and frozen work

    def _frozen(self, freeze_s: int, reference: s.Schedule | None) -> tuple[p.FrozenCar, ...]:
        found = {car.car_id: self._begun(car) for car in self.cars}
        if reference is not None:
            free = {
                car.car_id
                for car in self.cars
                if car.available_at is None or car.available_at <= self.facts.at
            }
            self._freeze(found, free, freeze_s, reference)
        return tuple(fact for fact in found.values() if fact != p.FrozenCar(car_id=fact.car_id))

    def _begun(self, car: CarFact) -> p.FrozenCar:
        done = self.progress[car.car_id]
        fact = p.FrozenCar(car_id=car.car_id)
        if done.reached is Reached.IN_ASSEMBLY:
            return replace(fact, assembly_start_s=done.start_s, assembly_left_s=done.left_s)
        if done.reached is Reached.IN_PAINT:
            return replace(fact, paint_start_s=done.start_s, paint_left_s=done.left_s)
        if done.reached is not Reached.IN_BODY:
            return fact
        if done.station is None:
            return replace(fact, steps_done=done.steps_done)
        step = self.network.weld_steps[done.steps_done][0].step_id
        running = p.FrozenOperation(
            step=step, machine=done.station, start_s=done.start_s, left_s=done.left_s
        )
        return replace(fact, steps_done=done.steps_done, weld=(running,))

    def _freeze(
        self,
        found: dict[str, p.FrozenCar],
        free: set[str],
        freeze_s: int,
        reference: s.Schedule,
    ) -> None:
        last = 0
        for slot in sorted(reference.assembly, key=lambda one: one.start_s):
            if slot.start_s >= freeze_s:
                break
            if self._before(slot.car_id, Reached.IN_ASSEMBLY) and slot.car_id in free:
                last = max(slot.start_s, last + 1)
                found[slot.car_id] = replace(found[slot.car_id], assembly_start_s=last)
        last = 0
        for slot in sorted(reference.paint, key=lambda one: one.start_s):
            if slot.start_s >= freeze_s:
                break
            if self._before(slot.car_id, Reached.IN_PAINT) and slot.car_id in free:
                last = max(slot.start_s, last + 1)
                found[slot.car_id] = replace(found[slot.car_id], paint_start_s=last)
        self._freeze_weld(found, free, freeze_s, reference)

    def _freeze_weld(
        self,
        found: dict[str, p.FrozenCar],
        free: set[str],
        freeze_s: int,
        reference: s.Schedule,
    ) -> None:
        """Freeze the launches: a body that is handed to its first weld line keeps that place."""
        machine_at: dict[str, int] = {}
        first = self.network.weld_steps[0][0].step_id
        for operation in sorted(reference.weld, key=lambda one: one.start_s):
            if operation.start_s >= freeze_s:
                break
            if operation.step != first or operation.car_id not in free:
                continue
            if not self._before(operation.car_id, Reached.IN_BODY):
                continue
            start = max(operation.start_s, machine_at.get(operation.machine, 0) + 1)
            machine_at[operation.machine] = start
            held = p.FrozenOperation(step=first, machine=operation.machine, start_s=start)
            found[operation.car_id] = replace(found[operation.car_id], weld=(held,))

    def _before(self, car_id: str, stage: Reached) -> bool:
        return car_id in self.progress and self.progress[car_id].reached < stage


def _without(calendar: p.Calendar, name: str, until_s: int) -> p.Calendar:
    """Return a calendar under a new name that does not work before `until_s`."""
    kept = [
        ((max(begin, until_s), end), shift)
        for (begin, end), shift in zip(calendar.working, calendar.shift_ids, strict=True)
        if end > until_s
    ]
    return p.Calendar(
        id=name,
        working=tuple(interval for interval, _ in kept),
        shift_ids=tuple(shift for _, shift in kept),
    )


# The answer, back in plant time


def operations(
    snap: Snapshot, schedule: s.Schedule, network: PlantNetwork, *, frozen_until: datetime
) -> list[PlannedOperation]:
    """Return what every line does when, each line in order of starts."""
    reader = _Reader(snap, network, frozen_until)
    rows = [*reader.weld(schedule), *reader.paint(schedule), *reader.last_stage(schedule)]
    rows += reader.lots(schedule)
    ordered: list[PlannedOperation] = []
    count: dict[str, int] = {}
    for row in sorted(rows, key=lambda one: (one.start_at, one.sequence, one.subject_id)):
        count[row.line] = count.get(row.line, 0) + 1
        ordered.append(replace(row, sequence=count[row.line]))
    return ordered


class _Reader:
    def __init__(self, snap: Snapshot, network: PlantNetwork, frozen_until: datetime) -> None:
        self.snap, self.network, self.frozen_until = snap, network, frozen_until

    def _at(self, seconds: int) -> datetime:
        return self.snap.anchor + timedelta(seconds=seconds)

    def _row(
        self,
        line: str,
        car_id: str,
        place: int,
        span: tuple[int, int],
        need_by_s: int | None,
        finish_s: int | None,
    ) -> PlannedOperation | None:
        car = self.snap.cars.get(car_id)
        if car is None or car.quoted:
            return None
        start = self._at(span[0])
        return PlannedOperation(
            line=line,
            subject_id=car.order_id,
            kind="body",
            order_id=car.order_id,
            order_number=car.number,
            car_id=car_id,
            body_id=car.body_id,
            body_number=car.body_number,
            model=car.model,
            color=car.color,
            options=car.options,
            sequence=place,
            start_at=start,
            end_at=self._at(max(span)),
            need_by_at=None if need_by_s is None else self._at(need_by_s),
            finish_at=None if finish_s is None else self._at(finish_s),
            promised_at=car.promised_at,
            frozen=start < self.frozen_until,
            started=span[0] <= 0,
        )

    def weld(self, schedule: s.Schedule) -> list[PlannedOperation]:
        """Join the steps of a body on one weld line."""
        times = {one.car_id: one for one in schedule.times}
        line_of = self.network.weld_line_of_step
        first = self.network.weld_lines[0].id
        spans: dict[tuple[str, str], tuple[int, int]] = {}
        for operation in schedule.weld:
            key = (line_of[operation.step], operation.car_id)
            begin, end = spans.get(key, (operation.start_s, operation.end_s))
            spans[key] = (min(begin, operation.start_s), max(end, operation.end_s))
        rows = []
        for place, ((line, car_id), span) in enumerate(spans.items()):
            car = times.get(car_id)
            need_by = car.weld_by_s if car and line == first else None
            finish = car.finish_s if car else None
            rows.append(self._row(line, car_id, place, span, need_by, finish))
        return [row for row in rows if row is not None]

    def paint(self, schedule: s.Schedule) -> list[PlannedOperation]:
        """The paint line."""
        times = {one.car_id: one for one in schedule.times}
        rows = []
        for slot in schedule.paint:
            car = times.get(slot.car_id)
            span = (slot.start_s, slot.end_s)
            rows.append(
                self._row(
                    self.network.paint_line.id,
                    slot.car_id,
                    slot.position,
                    span,
                    car.paint_by_s if car else None,
                    car.finish_s if car else None,
                )
            )
        return [row for row in rows if row is not None]

    def last_stage(self, schedule: s.Schedule) -> list[PlannedOperation]:
        """The drum and what follows it: one stage of the plan, its time shared out by the lines' own."""
        times = {one.car_id: one for one in schedule.times}
        rows = []
        net, lead = self.network, self.network.drum_lead_s
        chain = [
            (line.id, net.offset_s(line.id), net.takes_s(line))
            for line in (net.drum_line, *net.finish_lines)
        ]
        for slot in schedule.assembly:
            car = times.get(slot.car_id)
            whole = slot.end_s - slot.start_s
            for line, offset, takes in chain:
                start = slot.start_s + whole * offset // lead
                span = (start, start + whole * takes // lead)
                need_by = None
                if car is not None and car.assembly_by_s is not None:
                    need_by = car.assembly_by_s + offset
                rows.append(self._row(line, slot.car_id, slot.position, span, need_by, slot.end_s))
        return [row for row in rows if row is not None]

    def lots(self, schedule: s.Schedule) -> list[PlannedOperation]:
        """The die lots."""
        site = self.network.plant.site.id
        return [
            PlannedOperation(
                line=lot.press,
                subject_id=lot_subject(site, lot.id),
                kind="die_lot",
                lot_id=lot.id,
                panel=lot.panel_type,
                quantity=lot.quantity,
                sequence=place,
                start_at=self._at(lot.start_s),
                end_at=self._at(lot.end_s),
                frozen=self._at(lot.start_s) < self.frozen_until,
                started=lot.start_s <= 0,
            )
            for place, lot in enumerate(schedule.press)
        ]


def finishes(snap: Snapshot, schedule: s.Schedule) -> dict[str, datetime]:
    """Return car id → projected finish."""
    return {slot.car_id: snap.anchor + timedelta(seconds=slot.end_s) for slot in schedule.assembly}


def moved_in_time(schedule: s.Schedule, seconds: int) -> s.Schedule:
    """Return the same schedule with second 0 moved forward by `seconds`."""

    def at(value: int | None) -> int | None:
        return None if value is None else value - seconds

    return replace(
        schedule,
        assembly=tuple(
            replace(x, start_s=x.start_s - seconds, end_s=x.end_s - seconds)
            for x in schedule.assembly
        ),
        paint=tuple(
            replace(x, start_s=x.start_s - seconds, end_s=x.end_s - seconds) for x in schedule.paint
        ),
        weld=tuple(
            replace(x, start_s=x.start_s - seconds, end_s=x.end_s - seconds) for x in schedule.weld
        ),
        press=tuple(
            replace(x, start_s=x.start_s - seconds, end_s=x.end_s - seconds) for x in schedule.press
        ),
        times=tuple(
            replace(
                x,
                press_s=at(x.press_s),
                weld_start_s=at(x.weld_start_s),
                weld_end_s=at(x.weld_end_s),
                paint_start_s=at(x.paint_start_s),
                paint_end_s=at(x.paint_end_s),
                assembly_start_s=at(x.assembly_start_s),
                finish_s=at(x.finish_s),
                weld_by_s=at(x.weld_by_s),
                paint_by_s=at(x.paint_by_s),
                assembly_by_s=at(x.assembly_by_s),
                due_s=at(x.due_s),
            )
            for x in schedule.times
        ),
    )


# Storage


def pack_problem(problem: p.Problem) -> bytes:
    """Return a problem as it is stored: zstd-compressed canonical JSON."""
    return zstandard.compress(p.to_json(problem).encode(), 3)


def unpack_problem(data: bytes) -> p.Problem:
    """Read a stored problem back."""
    return p.from_json(zstandard.decompress(data).decode())


def pack_schedule(schedule: s.Schedule) -> bytes:
    """Return a schedule as it is stored."""
    return zstandard.compress(s.to_json(schedule).encode(), 3)


def unpack_schedule(data: bytes) -> s.Schedule:
    """Read a stored schedule back."""
    return s.from_json(zstandard.decompress(data).decode())


# Asking the library


@dataclass(frozen=True, slots=True)
class Answer:
    """A schedule and what the independent checker says of it."""

    schedule: s.Schedule
    violations: list[str]
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
    schedule = solve(snap.problem, budget=Budget(wall_s=wall_s))
    found = check(snap.problem, schedule)
    return Answer(schedule, [v.sentence for v in found], time.perf_counter() - began)


def follow(snap: Snapshot, reference: s.Schedule, *, moved: Iterable[str] = ()) -> Answer:
    """Return the plan of a snapshot in the order of an earlier plan; `moved` cars get new places."""
    began = time.perf_counter()
    schedule = repair.rebase(snap.problem, reference, reinsert=tuple(moved))
    found = check(snap.problem, schedule, reference=reference)
    return Answer(schedule, [v.sentence for v in found], time.perf_counter() - began)


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
    before = next((at[x.car_id] for x in reversed(former[:place]) if x.car_id in at), -1)
    return [*rest[: before + 1], own, *rest[before + 1 :]]


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

    def place(
        self, car: CarFact, network: PlantNetwork, *, earliest: datetime, latest: datetime
    ) -> tuple[datetime, datetime] | None:
        """Return start on the drum and finish of the best place between two times, or None."""
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
            latest_s=int((latest - self._anchor).total_seconds()),
        )
        if found is None:
            return None
        return (
            self._anchor + timedelta(seconds=found.start_s),
            self._anchor + timedelta(seconds=found.finish_s),
        )


def why_late(problem: bytes, schedule: bytes, car_id: str) -> tuple[str, ...]:
    """Return why a car of a stored plan is late, link by link from line-off backward."""
    asked = unpack_problem(problem)
    if all(car.id != car_id for car in asked.cars):
        return ()
    found = explain.why_late(asked, unpack_schedule(schedule), car_id)
    return tuple(reason.sentence for reason in found)


def reread(problem: p.Problem, anchor: datetime, order_ids: dict[str, UUID]) -> Snapshot:
    """Return a stored problem as a snapshot, for orders that are still known."""
    cars = {}
    for car in problem.cars:
        number, _, body_number = car.id.partition("/")
        if number in order_ids:
            cars[car.id] = CarFact(
                order_id=order_ids[number],
                number=number,
                successor=bool(body_number),
                body_number=body_number or None,
                model=car.model,
                color=car.color,
                options=tuple(sorted(car.options - {car.model})),
            )
    return Snapshot(problem, anchor, cars)


# Full solves, in a process of their own

PROGRESS_FILE = "progress.json"
CANCEL_FILE = "cancel"


def solve_packed(
    problem: bytes, reference: bytes | None, wall_s: float, folder: str
) -> tuple[bytes, list[str], float]:
    """Solve in this process; return the packed schedule, the checker's sentences and the seconds taken.

    The best plan so far is told in `progress.json` of `folder`; a file `cancel` there ends the search.
    """
    began = time.perf_counter()
    place = Path(folder)
    asked = unpack_problem(problem)
    former = None if reference is None else unpack_schedule(reference)

    def tell(schedule: s.Schedule) -> None:
        draft = place / f"{PROGRESS_FILE}.part"
        draft.write_text(json.dumps(figures(schedule)), encoding="utf-8")
        draft.replace(place / PROGRESS_FILE)

    found = solve(
        asked,
        budget=Budget(wall_s=wall_s),
        on_incumbent=tell,
        cancel=(place / CANCEL_FILE).exists,
        reference=former,
    )
    if former is not None:
        kept = repair.rebase(asked, former)
        if not check(asked, kept, reference=former) and _no_worse(asked, kept, found):
            found = kept
    violations = check(asked, found, reference=former)
    return pack_schedule(found), [v.sentence for v in violations], time.perf_counter() - began


def _no_worse(problem: p.Problem, kept: s.Schedule, found: s.Schedule) -> bool:
    """Say whether the old order is as good as a new one: then nothing moves."""
    return plan_key(problem, kept) <= plan_key(problem, found)


def figures(schedule: s.Schedule) -> dict[str, object]:
    """Return the KPIs of a schedule as plain data."""
    kpis = asdict(schedule.kpis)
    kpis["ratio_violations"] = dict(schedule.kpis.ratio_violations)
    kpis["levels"] = [
        {"level": x.level, "status": x.status, "note": x.note} for x in schedule.levels
    ]
    return kpis


def left_out(schedule: s.Schedule) -> list[dict[str, object]]:
    """Return the cars without a place, each with its reason."""
    return [
        {"car": x.car_id, "code": x.code, "facts": dict(x.facts), "reason": x.sentence}
        for x in schedule.unplaced
    ]
