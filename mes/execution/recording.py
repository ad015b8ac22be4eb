"""What a batch of line records comes to: pure, in memory, so that the batch is saved in a few statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from mes.contracts import line_records as lines
from mes.contracts.dispatch import JobKind, JobState, ReadingAnswer
from mes.contracts.events import (
    BodyEnteredLine,
    BodyLeftBay,
    BodyLeftLine,
    BodyParkedInBay,
    JobStateRecorded,
    LineHoldChanged,
    OperationCompleted,
    Payload,
    RackReceived,
)
from mes.contracts.line_records import InspectionAnswered, LineRecord, OperationDone
from mes.contracts.plant import Line, PlantModel
from mes.contracts.quality import Verdict
from mes.equipment.model import WHOLE_LINE, StateChange
from mes.events.service import Fact
from mes.execution.model import (
    Body,
    LineJob,
    Operation,
    PlaceKind,
    UnknownBody,
    UnknownJob,
    UnknownPlace,
    is_last_line,
    line_of,
    station_of,
)
from mes.materials.model import RackReceipt, Taken


@dataclass(frozen=True, slots=True)
class Misread:
    """A reading point that stands and asks."""

    line: str
    station: str
    expected_body_id: UUID | None
    read_body_id: UUID
    at: datetime
    correlation: UUID | None


@dataclass(frozen=True, slots=True)
class ReadingClosed:
    """A line acted on an answer."""

    line: str
    station: str
    answer: ReadingAnswer
    at: datetime


@dataclass
class Recording:
    """Bodies and jobs as they are, and everything that a batch of records adds to them.

    A record either takes effect as a whole or raises and leaves no trace: each rule decides with pure
    objects first and notes the outcome last.
    """

    plant: PlantModel
    bodies: dict[UUID, Body]
    jobs: dict[UUID, LineJob]
    changed_bodies: set[UUID] = field(default_factory=set)
    changed_jobs: set[UUID] = field(default_factory=set)
    operations: list[tuple[OperationDone, Operation]] = field(default_factory=list)
    racks: list[RackReceipt] = field(default_factory=list)
    takes: list[Taken] = field(default_factory=list)
    taken_panels: dict[str, str] = field(default_factory=dict)
    states: list[StateChange] = field(default_factory=list)
    late: list[InspectionAnswered] = field(default_factory=list)
    readings: list[Misread | ReadingClosed] = field(default_factory=list)
    facts: list[tuple[str, Fact]] = field(default_factory=list)
    """Events in order, each with the line whose agent reported it."""

    def apply(self, record: LineRecord) -> None:
        """Let one record take effect.

        Raises:
            Problem: the record contradicts what is known; nothing of it took effect.
        """
        match record:
            case lines.OperationDone():
                self._operation_done(record)
            case lines.StationStateChanged():
                self._station_state(record)
            case lines.JobStateChanged():
                self._job_state(record)
            case lines.BodyEntered():
                self._entered(record)
            case lines.BodyLeft():
                self._left(record)
            case lines.BodyRead():
                self._read(record)
            case lines.ReadingAnswered():
                self._reading_answered(record)
            case lines.BodyParked():
                self._parked(record)
            case lines.BodyReleased():
                self._released(record)
            case lines.HoldChanged():
                self._hold_changed(record)
            case lines.RackFilled():
                self._rack_filled(record)
            case lines.InspectionAnswered():
                if record.verdict is Verdict.LATE:
                    self.late.append(record)
            case lines.InspectionRequested():
                pass  # the line asked; what became of it is in the answer and the result

    def _body(self, body_id: UUID) -> Body:
        try:
            return self.bodies[body_id]
        except KeyError as error:
            raise UnknownBody(body=body_id) from error

    def _keep_body(self, body: Body) -> None:
        if body != self.bodies[body.id]:
            self.bodies[body.id] = body
            self.changed_bodies.add(body.id)

    def _keep_job(self, job: LineJob) -> None:
        if job != self.jobs.get(job.id):
            self.jobs[job.id] = job
            self.changed_jobs.add(job.id)

    def _body_job(self, job_order_id: UUID, body: Body, line: str, at: datetime) -> LineJob:
        """Return the job of a body; a line that resumed from its own state may know it before we do."""
        known = self.jobs.get(job_order_id)
        if known is not None:
            return known
        return LineJob(
            job_order_id, JobKind.BODY, line, body.id, None, 1, JobState.RUNNING, state_at=at
        )

    def _announce(self, record: LineRecord, payload: Payload, body: Body | None = None) -> None:
        order_id = body.order_id if body is not None else None
        self.facts.append((record.line, Fact(payload, record.at, order_id)))

    def _entered(self, record: lines.BodyEntered) -> None:
        station_of(self.plant, record.line, record.station)
        body = self._body(record.body_id).enter(record.line, record.station, record.at)
        job = self._body_job(record.job_order_id, body, record.line, record.at)
        self._keep_body(body)
        self._keep_job(job.entered(record.at))
        self._announce(
            record,
            BodyEnteredLine(
                body_id=body.id,
                order_id=body.order_id,
                line=record.line,
                station=record.station,
                job_order_id=record.job_order_id,
            ),
            body,
        )

    def _operation_done(self, record: OperationDone) -> None:
        _, station = station_of(self.plant, record.line, record.station)
        body = self._body(record.body_id).work_at(record.line, record.station, record.at)
        running = Operation(body.id, record.job_order_id, record.line, record.step).start(
            record.station, record.started_at
        )
        ended = running.complete(record.at) if record.ok else running.fail(record.at)
        self._keep_body(body)
        self.operations.append((record, ended))
        self._note_racks(record)
        if not record.ok or station.reading_point:
            self._announce(
                record,
                OperationCompleted(
                    body_id=body.id,
                    line=record.line,
                    station=record.station,
                    step=record.step,
                    ok=record.ok,
                ),
                body,
            )

    def _note_racks(self, record: OperationDone) -> None:
        panels = {panel.code for panel in self.plant.panels}
        for part in record.consumed:
            if part.lot is not None and part.material in panels:
                self.takes.append(Taken(part.lot, part.quantity))
                self.taken_panels[part.lot] = part.material

    def _left(self, record: lines.BodyLeft) -> None:
        line_of(self.plant, record.line)
        _known_store(self.plant, record.line, record.store)
        last = is_last_line(self.plant, record.line)
        body = self._body(record.body_id).leave(record.store, record.at, last=last)
        job = self._body_job(record.job_order_id, body, record.line, record.at)
        self._keep_body(body)
        self._keep_job(job.left(record.at))
        self._announce(
            record,
            BodyLeftLine(
                body_id=body.id,
                order_id=body.order_id,
                line=record.line,
                store=record.store,
                last=last,
            ),
            body,
        )

    def _read(self, record: lines.BodyRead) -> None:
        station_of(self.plant, record.line, record.station)
        body = self._body(record.read_body_id)
        if record.matches:
            self._keep_body(body.work_at(record.line, record.station, record.at))
        else:
            self.readings.append(
                Misread(
                    record.line,
                    record.station,
                    record.expected_body_id,
                    record.read_body_id,
                    record.at,
                    body.order_id,
                )
            )

    def _reading_answered(self, record: lines.ReadingAnswered) -> None:
        line, _ = station_of(self.plant, record.line, record.station)
        body = self._body(record.body_id)
        if record.answer is ReadingAnswer.REMOVE and line.takes_from is not None:
            self._keep_body(body.send_back(line.takes_from, record.at))
        self.readings.append(ReadingClosed(record.line, record.station, record.answer, record.at))

    def _parked(self, record: lines.BodyParked) -> None:
        _known_bay(self.plant, record.line, record.bay)
        body = self._body(record.body_id).park(record.line, record.bay, record.at)
        self._keep_body(body)
        self._announce(
            record, BodyParkedInBay(body_id=body.id, line=record.line, bay=record.bay), body
        )

    def _released(self, record: lines.BodyReleased) -> None:
        line = _known_bay(self.plant, record.line, record.bay)
        body = self._body(record.body_id)
        if record.scrapped:
            body = body.carry_out(record.at)
        else:
            body = body.unpark(record.line, line.stations[-1].id, record.at)
        self._keep_body(body)
        self._announce(
            record,
            BodyLeftBay(
                body_id=body.id, line=record.line, bay=record.bay, scrapped=record.scrapped
            ),
            body,
        )

    def _hold_changed(self, record: lines.HoldChanged) -> None:
        line_of(self.plant, record.line)
        before = self._body(record.body_id)
        if before.place.kind is PlaceKind.SCRAPPED:
            return
        body = before.flagged(held=record.held)
        self._keep_body(body)
        if body.line_hold != before.line_hold:
            self._announce(
                record,
                LineHoldChanged(
                    body_id=body.id,
                    line=record.line,
                    held=record.held,
                    by=record.by,
                    reason=record.reason,
                ),
                body,
            )

    def _job_state(self, record: lines.JobStateChanged) -> None:
        known = self.jobs.get(record.job_order_id)
        if known is None:
            raise UnknownJob(job=record.job_order_id)
        job = known.reported(
            record.state,
            record.at,
            good=record.good,
            scrap=record.scrap,
            reason=record.reason,
        )
        if job == known:
            return
        self._keep_job(job)
        self._announce(
            record,
            JobStateRecorded(
                job_order_id=job.id,
                kind=job.kind,
                line=job.line,
                body_id=job.body_id,
                state=job.state,
                good=job.good,
                scrap=job.scrap,
                reason=job.reason,
            ),
            self.bodies.get(job.body_id) if job.body_id else None,
        )

    def _station_state(self, record: lines.StationStateChanged) -> None:
        if record.station is None:
            line_of(self.plant, record.line)
        else:
            station_of(self.plant, record.line, record.station)
        self.states.append(
            StateChange(
                record.line, record.station or WHOLE_LINE, record.state, record.reason, record.at
            )
        )

    def _rack_filled(self, record: lines.RackFilled) -> None:
        line_of(self.plant, record.line)
        if record.panel not in {panel.code for panel in self.plant.panels}:
            raise UnknownPlace(line=record.line, kind="panel", name=record.panel)
        self.racks.append(
            RackReceipt(
                rack=record.rack,
                panel=record.panel,
                line=record.line,
                job_order_id=record.job_order_id,
                quantity=record.quantity,
                held=record.held,
                at=record.at,
            )
        )
        self._announce(
            record,
            RackReceived(
                rack=record.rack,
                panel=record.panel,
                quantity=record.quantity,
                line=record.line,
                job_order_id=record.job_order_id,
            ),
        )


def _known_store(plant: PlantModel, line: str, store: str) -> None:
    try:
        plant.store(store)
    except KeyError as error:
        raise UnknownPlace(line=line, kind="store", name=store) from error


def _known_bay(plant: PlantModel, line_id: str, bay: str) -> Line:
    line = line_of(plant, line_id)
    if line.repair_bay is None or line.repair_bay.id != bay:
        raise UnknownPlace(line=line_id, kind="repair bay", name=bay)
    return line


__all__ = ["Misread", "ReadingClosed", "Recording"]
