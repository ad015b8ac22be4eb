"""What happens to a body that may not pass its line's exit gate: held, parked, repaired, released or scrapped.

The gate decides from the line's own state, so it holds while the MES is down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mes.contracts.dispatch import JobKind, JobState
from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.plant import Line, PlantModel
from mes.contracts.quality import Verdict
from plc_sim.core.body import Body
from plc_sim.core.floor import Floor
from plc_sim.core.inspection import Request
from plc_sim.core.jobs import DONE
from plc_sim.core.line import LineCore

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


class GatedLine(LineCore):
    """A line of bodies with a repair bay before its exit gate."""

    def __init__(self, plant: PlantModel, line: Line, floor: Floor, *, seed: int) -> None:
        super().__init__(plant, line, floor, seed=seed)
        self.bay: list[BayPlace] = []
        self.scrapped: list[str] = []

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

    # -- gate ---------------------------------------------------------------------------------

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

    def bodies(self) -> list[Body]:
        """Return the bodies at the stations, then those parked in the bay."""
        standing = [cell.body for cell in self.cells.values() if cell.body is not None]
        return [*standing, *(place.body for place in self.bay)]

    def _find(self, body_id: str) -> Body | None:
        return next((body for body in self.bodies() if body.id == body_id), None)

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

    # -- state --------------------------------------------------------------------------------

    def more_state(self) -> dict[str, Any]:
        """Return the bay and who was scrapped, as plain JSON values."""
        return {"bay": [place.to_doc() for place in self.bay], "scrapped": self.scrapped}

    def restore_more(self, doc: dict[str, Any]) -> None:
        """Take over what `more_state` returned."""
        self.bay = [BayPlace.from_doc(place) for place in doc["bay"]]
        self.scrapped = doc["scrapped"]
