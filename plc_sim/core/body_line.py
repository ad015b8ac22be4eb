"""A line that bodies pass station by station: sub-assemblies, framing, paint, assembly, end of line.

A body is taken on for the first job order that may start, moves on when the next step has a free station,
and leaves through the exit gate, which lets no held body pass: it goes to the repair bay.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mes.contracts.dispatch import JobKind, JobState, ReadingAnswer
from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.line_records import StationState
from mes.contracts.plant import Camera, Line, PlantModel, Station
from mes.contracts.quality import Verdict
from plc_sim.core.body import Body, Defect
from plc_sim.core.cell import Cell, Phase
from plc_sim.core.floor import Floor
from plc_sim.core.inspection import Request
from plc_sim.core.jobs import DONE, JobEntry
from plc_sim.core.line import LineCore, moment
from plc_sim.core.process import probability
from plc_sim.core.rng import draws
from qc_vision.synth import DEFECT_KINDS, SEVERITY_RANGE, Shop

COLOR_CHANGE_DEFECT = "color_mismatch"
"""The station where this can be born lays the colour on, so a change of colour is purged there."""
LOT_SIZE = 200
"""Parts without a serial number of their own change their supplier lot after so many cycles."""
SERIALISED = frozenset(
    {"traction_battery", "drive_unit", "control_unit", "telematics_unit", "airbags", "charger"}
)
DEFAULT_REWORK_S = 300.0


@dataclass(slots=True)
class BayPlace:
    """A body in the repair bay, and the rework that is done on it."""

    body: Body
    job: str | None
    rework: str | None = None
    due: float | None = None

    def to_doc(self) -> dict[str, Any]:
        """Return the place as plain JSON values."""
        return {
            "body": self.body.to_doc(),
            "job": self.job,
            "rework": self.rework,
            "due": self.due,
        }

    @classmethod
    def from_doc(cls, doc: dict[str, Any]) -> BayPlace:
        """Read what `to_doc` wrote."""
        return cls(Body.from_doc(doc.pop("body")), **doc)


class BodyLine(LineCore):
    """A line of stations in steps, with a repair bay before its exit gate."""

    kinds = frozenset({JobKind.BODY, JobKind.REWORK})

    def __init__(self, plant: PlantModel, line: Line, floor: Floor, *, seed: int) -> None:
        super().__init__(plant, line, floor, seed=seed)
        self._step_ids = [tuple(station.id for station in step) for step in line.steps]
        self._panel_of = {(panel.model, panel.family): panel.code for panel in plant.panels}
        self._source = (
            line.takes_from
            if line.takes_from and plant.store(line.takes_from).kind == "body"
            else None
        )
        self.bay: list[BayPlace] = []
        self.scrapped: list[str] = []
        self.last_color: dict[str, str] = {}
        self.misread_next = 0
        """Planted: how many of the next readings at the entry find another body."""

    # -- what is due --------------------------------------------------------------------------

    def _more_dues(self) -> list[float]:
        return [place.due for place in self.bay if place.due is not None]

    def _others_happen(self, at: float) -> None:
        for place in list(self.bay):
            if place.due is not None and at >= place.due and self._rework_runs(place):
                self._repaired(place)

    def _shift_others(self, seconds: float) -> None:
        for place in self.bay:
            if place.due is not None:
                place.due += seconds

    def _rework_runs(self, place: BayPlace) -> bool:
        entry = self.jobs.entries.get(place.rework or "")
        return entry is not None and entry.state is JobState.RUNNING

    # -- flow, from the exit to the entry -----------------------------------------------------

    def _settle(self, at: float) -> None:
        self._work_in_bay(at)
        moved = True
        while moved:
            moved = self._release_from_bay() or self._pass_gate()
            if self.is_open:
                moved = self._move_on(at) or moved
                moved = self._enter(at) or moved
        if self.is_open:
            for cell in self.cells.values():
                if cell.phase is Phase.WAITING and not cell.is_down:
                    self._start(cell, at)

    def _steps(self) -> list[tuple[Cell, ...]]:
        return [tuple(self.cells[name] for name in step) for step in self._step_ids]

    def _ready_to_go(self, cell: Cell) -> bool:
        if cell.phase is not Phase.DONE or cell.is_down or self._awaits_verdict(cell):
            return False
        entry = self.jobs.entries.get(cell.job or "")
        return entry is None or entry.state is not JobState.SUSPENDED

    def _awaits_verdict(self, cell: Cell) -> bool:
        camera = cell.station.camera
        return camera is not None and self.cameras[camera.id].pending is not None

    def _move_on(self, at: float) -> bool:
        moved = False
        steps = self._steps()
        for step, following in reversed(list(pairwise(steps))):
            ready = sorted(
                (cell for cell in step if self._ready_to_go(cell)), key=lambda cell: cell.finished
            )
            free = [c for c in following if c.phase is Phase.EMPTY and not c.is_down]
            for cell, target in zip(ready, free, strict=False):
                body, job = cell.body, cell.job
                cell.clear()
                self.touch(cell)
                target.body, target.job = body, job
                if target.station.reading_point and body is not None:
                    self._read(target, expected=body.id, read=body.id)
                self._start(target, at)
                moved = True
        return moved

    def _pass_gate(self) -> bool:
        moved = False
        for cell in sorted(self._steps()[-1], key=lambda cell: cell.finished):
            if cell.body is None or not self._ready_to_go(cell):
                continue
            body, job = cell.body, cell.job
            if self._must_stay(body):
                if not self._pull_off(body, job):
                    continue
            elif self.floor.has_room(self.line.gives_to):
                self._leave(body, job)
            else:
                continue
            cell.clear()
            self.touch(cell)
            moved = True
        return moved

    def _must_stay(self, body: Body) -> bool:
        return body.held or body.to_scrap

    def _pull_off(self, body: Body, job: str | None) -> bool:
        bay = self.line.repair_bay
        if bay is None:
            if body.to_scrap:
                self._remove(body, job)
                return True
            return False
        if len(self.bay) >= bay.capacity:
            return False
        self.bay.append(BayPlace(body, job))
        self.emit("body_parked", bay=bay.id, body_id=body.id, job_order_id=job)
        entry = self.jobs.entries.get(job or "")
        if entry is not None and entry.state is JobState.RUNNING:
            entry.state = JobState.HELD
            self._job_changed(entry, body.hold_reason)
        self._work_in_bay(self.at)
        return True

    def _leave(self, body: Body, job: str | None) -> None:
        entry = self.jobs.entries.get(job or "")
        self.emit("body_left", body_id=body.id, job_order_id=job, store=self.line.gives_to)
        self.floor.put(self.line.gives_to, body)
        self.good += 1
        self.changes.docs.add("line")
        if entry is not None:
            entry.good = 1
            self._end_job(entry, JobState.COMPLETED)

    # -- entry --------------------------------------------------------------------------------

    def _enter(self, at: float) -> bool:
        first = self._steps()[0]
        if any(cell.phase is Phase.ASKING for cell in first):
            return False
        free = next((c for c in first if c.phase is Phase.EMPTY and not c.is_down), None)
        ready = self.jobs.ready(JobKind.BODY)
        if free is None or not ready:
            return False
        entry = ready[0]
        body = self._fetch(entry, may_misread=free.station.reading_point)
        if body is None:
            return False
        if body.id != str(entry.job.body_id):
            free.phase, free.body, free.expected = Phase.ASKING, body, str(entry.job.id)
            self.touch(free)
            self._read(free, expected=str(entry.job.body_id), read=body.id)
            return True
        self._begin(free, body, entry, at)
        return True

    def _fetch(self, entry: JobEntry, *, may_misread: bool) -> Body | None:
        job = entry.job
        wanted = str(job.body_id)
        if self._source is None:
            return Body(id=wanted, number=job.body_number or wanted[:8], model=job.model or "")
        waiting = self.floor.waiting(self._source)
        if not any(body.id == wanted for body in waiting):
            return None
        other = next((body.id for body in waiting if body.id != wanted), None)
        if self.misread_next and may_misread and other is not None:
            self.misread_next -= 1
            return self.floor.take(self._source, other)
        return self.floor.take(self._source, wanted)

    def _begin(self, cell: Cell, body: Body, entry: JobEntry, at: float) -> None:
        job = entry.job
        body.takes_shape_of(job)
        body.held, body.hold_reason = False, ""
        cell.body, cell.job, cell.expected = body, str(job.id), None
        entry.state = JobState.RUNNING
        if cell.station.reading_point:
            self._read(cell, expected=body.id, read=body.id)
        self.emit(
            "body_entered", station=cell.station.id, body_id=body.id, job_order_id=str(job.id)
        )
        self._job_changed(entry)
        self._start(cell, at)

    def _read(self, cell: Cell, *, expected: str, read: str) -> None:
        self.emit(
            "body_read",
            station=cell.station.id,
            expected_body_id=expected,
            read_body_id=read,
            matches=expected == read,
        )

    def answer_reading(self, station: str, answer: ReadingAnswer, body_id: str) -> str:
        """Act on a person's answer to a mismatch; `body_id` is the body that was read."""
        cell = self.cells.get(station)
        if cell is None:
            return "unknown_station"
        if cell.phase is not Phase.ASKING or cell.body is None:
            return "already_done" if cell.body and cell.body.id == body_id else "not_asking"
        if cell.body.id != body_id:
            return "other_body"
        body, expected = cell.body, self.jobs.entries.get(cell.expected or "")
        own = self.jobs.of_body(body.id, JobKind.BODY)
        if answer is not ReadingAnswer.REMOVE and own is None:
            return "no_job_for_body"
        self.emit("reading_answered", station=station, answer=answer, body_id=body.id)
        cell.clear()
        if answer is ReadingAnswer.REMOVE or own is None:
            if self._source is not None:
                self.floor.put_back(self._source, body)
        else:
            if answer is ReadingAnswer.SWAP and expected is not None:
                self._swap(own, expected)
            self._begin(cell, body, own, self.at)
        self.touch(cell)
        self._settle(self.at)
        self._tell_states(self.at)
        return "ok"

    def _swap(self, one: JobEntry, other: JobEntry) -> None:
        first, second = one.job.sequence, other.job.sequence
        one.job = one.job.model_copy(update={"sequence": second})
        other.job = other.job.model_copy(update={"sequence": first})
        for entry in (one, other):
            self.changes.docs.add(f"job:{entry.job.id}")

    # -- work ---------------------------------------------------------------------------------

    def _start(self, cell: Cell, at: float) -> None:
        body = cell.body
        if body is None:
            return
        self.touch(cell)
        panels = [
            code
            for family in cell.station.consumes
            if (code := self._panel_of.get((body.model, family))) is not None
        ]
        if self.floor.has_panels(panels) is not None or cell.is_down:
            cell.phase = Phase.WAITING
            return
        cell.consumed = [{"material": code, "lot": self.floor.use_panel(code)} for code in panels]
        cycle_s = self._cycle_s(cell.station, body, cell)
        cell.phase, cell.started, cell.due = Phase.WORKING, at, at + cycle_s
        self._draw_failure(cell, cycle_s, at)
        if cell.station.camera is not None:
            self._ask(cell.station, cell.station.camera, body, cell.job, at)

    def _cycle_s(self, station: Station, body: Body, cell: Cell) -> float:
        entry = self.jobs.entries.get(cell.job or "")
        codes = (*(entry.job.options if entry else ()), body.model)
        seconds = station.cycle_s + sum(station.option_s.get(code, 0.0) for code in codes)
        chance = draws(self.seed, station.id, cell.cycles, "cycle")
        spread = max(-3.0, min(3.0, chance.gauss(0.0, 1.0)))
        seconds *= max(1.0 + station.spread * spread, 0.5)
        if any(source.kind == COLOR_CHANGE_DEFECT for source in station.defects):
            before = self.last_color.get(station.id)
            if before is not None and before != body.color:
                seconds += self.plant.paint.purge_s
            self.last_color[station.id] = body.color or ""
        return seconds

    def _ask(
        self, station: Station, camera: Camera, body: Body, job: str | None, at: float
    ) -> None:
        state = self.cameras[camera.id]
        if (state.counter + 1) % camera.every:
            state.counter += 1
            return
        for kind in self.forced_defects.pop(camera.id, []):
            body.defects.append(
                self._defect(kind, station.id, at, SEVERITY_RANGE[Shop(camera.scene), kind])
            )
        visible = DEFECT_KINDS[Shop(camera.scene)]
        defects = [d for d in body.defects if d.line == self.line.id and d.kind in visible]
        self._request(
            state,
            at,
            body_id=body.id,
            lot=None,
            job=job,
            variant=(body.color if camera.variant_by == "color" else None) or body.model,
            color_hex=body.color_hex,
            defect=max(defects, key=lambda defect: defect.at, default=None),
        )

    def _finish(self, cell: Cell, at: float) -> None:
        body, station = cell.body, cell.station
        if body is None:
            return
        self._measure(cell, at, at - max(cell.finished, at - 3600.0))
        self._bear_defects(cell, body, at)
        cell.phase, cell.due, cell.fail_at = Phase.DONE, None, None
        consumed = cell.consumed + self._fitted(cell)
        cell.cycles += 1
        self.touch(cell)
        self.emit(
            "operation_done",
            at=at,
            station=station.id,
            step=station.step_id,
            body_id=body.id,
            job_order_id=cell.job,
            started_at=moment(cell.started).isoformat(),
            ok=True,
            values=dict(cell.values),
            consumed=consumed,
        )

    def _bear_defects(self, cell: Cell, body: Body, at: float) -> None:
        station = cell.station
        if not station.defects or any(tag.name not in cell.values for tag in station.tags):
            return
        tags = {tag.name: tag for tag in station.tags}
        chance = draws(self.seed, station.id, cell.cycles, "defects")
        for source in station.defects:
            if chance.random() < probability(source, tags, cell.values):
                body.defects.append(self._defect(source.kind, station.id, at, source.severity_mm))

    def _defect(self, kind: str, station: str, at: float, severity: tuple[float, float]) -> Defect:
        chance = draws(self.seed, station, at, kind)
        return Defect(
            kind=kind,
            severity_mm=round(chance.uniform(*severity), 2),
            station=station,
            line=self.line.id,
            at=at,
            position=(round(chance.uniform(0.25, 0.75), 3), round(chance.uniform(0.25, 0.75), 3)),
        )

    def _fitted(self, cell: Cell) -> list[dict[str, Any]]:
        entry = self.jobs.entries.get(cell.job or "")
        if entry is None or not cell.station.fits:
            return []
        fitted: list[dict[str, Any]] = []
        for part in entry.job.parts:
            family, _, number = part.partition(":")
            if family not in cell.station.fits:
                continue
            chance = draws(self.seed, cell.station.id, cell.cycles, number)
            if family in SERIALISED:
                fitted.append(
                    {"material": number, "serial": f"{number}-{chance.getrandbits(40):010X}"}
                )
            else:
                lot = 1 + cell.cycles // LOT_SIZE
                fitted.append({"material": number, "lot": f"{number}-L{self.seed:02d}{lot:04d}"})
        return fitted

    # -- hold, repair, scrap ------------------------------------------------------------------

    def _concluded(self, request: Request, verdict: Verdict, at: float) -> None:
        if verdict is Verdict.OK or request.body_id is None:
            return
        body = self._find(request.body_id)
        if body is not None and not body.held:
            self._hold(body, held=True, by="verdict", reason=verdict)

    def _hold(self, body: Body, *, held: bool, by: str, reason: str) -> None:
        body.held, body.hold_reason = held, reason if held else ""
        self._touch_body(body)
        self.emit("hold_changed", body_id=body.id, held=held, by=by, reason=reason)

    def _find(self, body_id: str) -> Body | None:
        for cell in self.cells.values():
            if cell.body is not None and cell.body.id == body_id:
                return cell.body
        return next((place.body for place in self.bay if place.body.id == body_id), None)

    def _touch_body(self, body: Body) -> None:
        self.changes.docs.add("line")
        for cell in self.cells.values():
            if cell.body is body:
                self.touch(cell)

    def set_hold(self, subject: str, *, held: bool, reason: str) -> str:
        """Hold a body before the exit gate, or release it."""
        body = self._find(subject)
        if body is None:
            return "unknown_body"
        if body.held is held:
            return "already_done"
        self._hold(body, held=held, by="command", reason=reason)
        self._settle(self.at)
        self._tell_states(self.at)
        return "ok"

    def scrap_body(self, body_id: str, reason: str) -> str:
        """Take a body out of the plant: at once from the repair bay, else when it gets to the gate."""
        if body_id in self.scrapped:
            return "already_done"
        body = self._find(body_id)
        if body is None:
            return "unknown_body"
        if body.to_scrap:
            return "already_done"
        body.to_scrap, body.hold_reason = True, reason
        self._touch_body(body)
        self._settle(self.at)
        self._tell_states(self.at)
        return "ok"

    def _work_in_bay(self, at: float) -> None:
        for place in list(self.bay):
            if place.body.to_scrap:
                self.bay.remove(place)
                self._remove(place.body, place.job)
            elif place.rework is None:
                entry = self.jobs.of_body(place.body.id, JobKind.REWORK)
                if entry is not None and entry.state is JobState.READY:
                    place.rework = str(entry.job.id)
                    place.due = at + (entry.job.work_s or DEFAULT_REWORK_S)
                    entry.state = JobState.RUNNING
                    self._job_changed(entry)
            elif place.due is not None and at >= place.due and self._rework_runs(place):
                self._repaired(place)

    def _repaired(self, place: BayPlace) -> None:
        entry = self.jobs.entries[place.rework or ""]
        place.body.repair(entry.job.defect_kind, line=self.line.id)
        place.rework, place.due = None, None
        entry.good = 1
        self._end_job(entry, JobState.COMPLETED)
        if place.body.held:
            self._hold(place.body, held=False, by="command", reason="rework_done")

    def _release_from_bay(self) -> bool:
        bay = self.line.repair_bay
        for place in self.bay:
            free = not self._must_stay(place.body) and place.rework is None
            if bay is not None and free and self.floor.has_room(self.line.gives_to):
                self.bay.remove(place)
                self.emit("body_released", bay=bay.id, body_id=place.body.id, scrapped=False)
                self._leave(place.body, place.job)
                return True
        return False

    def _remove(self, body: Body, job: str | None) -> None:
        bay = self.line.repair_bay
        self.emit(
            "body_released", bay=bay.id if bay else self.line.id, body_id=body.id, scrapped=True
        )
        self.scrapped = [*self.scrapped[-199:], body.id]
        rework = self.jobs.of_body(body.id, JobKind.REWORK)
        for entry in (self.jobs.entries.get(job or ""), rework):
            if entry is not None and not entry.state.is_final:
                entry.scrap = 1
                self._end_job(entry, JobState.ABORTED, "scrapped")

    # -- commands on jobs ---------------------------------------------------------------------

    def stop_job(self, job_order_id: str) -> ReturnStatus:
        """A body's way and a rework cannot be ended half way: only aborted."""
        if job_order_id in self.jobs.ended:
            return DONE
        known = job_order_id in self.jobs.entries
        return ReturnStatus.INVALID_STATUS if known else ReturnStatus.UNKNOWN_JOB_ORDER

    def abort_job(self, job_order_id: str) -> ReturnStatus:
        """Abort a job; a body that is on the line then is held for a decision at the repair bay."""
        entry = self.jobs.entries.get(job_order_id)
        if entry is None or entry.state.is_final:
            ended = self.jobs.ended.get(job_order_id)
            if ended is None:
                return ReturnStatus.UNKNOWN_JOB_ORDER
            return DONE if ended is JobState.ABORTED else ReturnStatus.INVALID_STATUS
        body = self._find(str(entry.job.body_id)) if entry.is_active else None
        for place in self.bay:
            if place.rework == job_order_id:
                place.rework, place.due = None, None
        self._end_job(entry, JobState.ABORTED, "command")
        if body is not None and not body.held:
            self._hold(body, held=True, by="command", reason="job_aborted")
        self._settle(self.at)
        self._tell_states(self.at)
        return ReturnStatus.NO_ERROR

    # -- states -------------------------------------------------------------------------------

    def _word_of(self, cell: Cell) -> tuple[StationState, str]:
        if cell.is_down:
            return "down", cell.down_reason
        if cell.phase is Phase.ASKING:
            return "stopped", "other_body_read"
        if not self.is_open:
            return "idle", "outside_shift"
        match cell.phase:
            case Phase.WORKING:
                return "running", ""
            case Phase.WAITING:
                return "starved", "no_panel"
            case Phase.DONE:
                if self._awaits_verdict(cell):
                    return "running", ""
                return "blocked", self._why_blocked(cell)
            case _:
                return "starved", "no_body"

    def _why_blocked(self, cell: Cell) -> str:
        if cell.station.id not in self._step_ids[-1] or cell.body is None:
            return "next_station"
        return "repair_bay_full" if self._must_stay(cell.body) else "store_full"

    def _more_state(self) -> dict[str, Any]:
        return {
            "bay": [place.to_doc() for place in self.bay],
            "scrapped": self.scrapped,
            "last_color": self.last_color,
            "misread_next": self.misread_next,
        }

    def _restore_more(self, doc: dict[str, Any]) -> None:
        self.bay = [BayPlace.from_doc(place) for place in doc["bay"]]
        self.scrapped = doc["scrapped"]
        self.last_color = doc["last_color"]
        self.misread_next = doc["misread_next"]

    # -- warm start ---------------------------------------------------------------------------

    def stand_at(self, station: str, body: Body, entry: JobEntry, *, done_s: float) -> None:
        """Put a body at a station in the middle of its cycle, as the warm start says."""
        cell = self.cells[station]
        key = str(entry.job.id)
        entry.state = JobState.RUNNING
        self.jobs.entries[key] = entry
        self.changes.docs.add(f"job:{key}")
        body.takes_shape_of(entry.job)
        cell.body, cell.job = body, key
        cycle_s = self._cycle_s(cell.station, body, cell)
        cell.phase, cell.started = Phase.WORKING, self.at - done_s
        cell.left_s = max(cycle_s - done_s, 1.0)
        cell.word = "running"
        if cell.station.camera is not None:
            self._ask(cell.station, cell.station.camera, body, key, self.at)
        self.touch(cell)
