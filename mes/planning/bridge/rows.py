"""A schedule as operations in plant time, and a schedule seen from a later moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import aps.schedule as s
from mes.planning.bridge.problem import Snapshot
from mes.planning.facts import CarFact
from mes.planning.network import PlantNetwork
from mes.planning.operations import PlannedOperation, lot_subject


def operations(
    snap: Snapshot, schedule: s.Schedule, network: PlantNetwork, *, frozen_until: datetime
) -> list[PlannedOperation]:
    """Return what every line does when, each line in order of starts."""
    reader = _Reader(snap, network, frozen_until)
    rows = [*reader.weld(schedule), *reader.paint(schedule), *reader.last_stage(schedule)]
    rows += reader.lots(schedule)
    ordered: list[PlannedOperation] = []
    count: dict[tuple[str, datetime], int] = {}
    for row in sorted(rows, key=lambda one: (one.start_at, one.sequence, one.subject_id)):
        key = (row.line, row.start_at)
        count[key] = count.get(key, 0) + 1
        ordered.append(replace(row, sequence=count[key]))
    return ordered


class _Reader:
    def __init__(self, snap: Snapshot, network: PlantNetwork, frozen_until: datetime) -> None:
        self.snap, self.network, self.frozen_until = snap, network, frozen_until
        self._rank = {line.id: place for place, line in enumerate(network.way)}

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
            started=self._has_begun(car, line),
        )

    def _has_begun(self, car: CarFact, line: str) -> bool:
        """Say whether a body is on this line, or beyond it; what is planned for now has not begun."""
        if car.place is None:
            return False
        return self._rank[car.place.line] >= self._rank[line]

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
            need_by = None
            if car is not None and line == first:
                need_by = car.weld_by_s
            elif car is not None and car.paint_by_s is not None and car.weld_end_s is not None:
                # The rest of its way to paint, waits too, takes as long as it does in this plan.
                need_by = car.paint_by_s - (car.weld_end_s - span[0])
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
        """The die lots, needed by the first car that is pegged to them and has a date."""
        weld_by = {one.car_id: one.weld_by_s for one in schedule.times}
        site = self.network.plant.site.id
        held = self.snap.problem.press.held_lots
        running = {lot.id for lot in held if lot.left_s is not None}
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
                need_by_at=self._lot_need_by(lot, weld_by),
                frozen=self._at(lot.start_s) < self.frozen_until,
                started=lot.id in running,
            )
            for place, lot in enumerate(schedule.press)
        ]

    def _lot_need_by(self, lot: s.DieLot, weld_by: dict[str, int | None]) -> datetime | None:
        """Return the latest start of a lot that takes as long as planned; None: no car with a date waits."""
        dates = [by for car_id in lot.pegged if (by := weld_by.get(car_id)) is not None]
        if not dates:
            return None
        return self._at(min(dates) - (lot.end_s - lot.start_s))


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
