"""A line that bodies pass station by station: sub-assemblies, framing, paint, assembly, end of line.

A body is taken on for the first job order that may start, moves on when the next step has a free station,
and leaves through the exit gate, which lets no held body pass: it goes to the repair bay.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from mes.contracts.dispatch import JobKind, JobState, ReadingAnswer
from mes.contracts.line_records import StationState
from mes.contracts.plant import Line, PlantModel
from plc_sim.core.body import Body
from plc_sim.core.body_work import BodyWork
from plc_sim.core.cell import Cell, Phase
from plc_sim.core.changes import Scan
from plc_sim.core.floor import Floor
from plc_sim.core.jobs import JobEntry


class BodyLine(BodyWork):
    """A line of stations in steps."""

    kinds = frozenset({JobKind.BODY, JobKind.REWORK})

    def __init__(self, plant: PlantModel, line: Line, floor: Floor, *, seed: int) -> None:
        super().__init__(plant, line, floor, seed=seed)
        self._step_ids = [tuple(station.id for station in step) for step in line.steps]
        self._source = (
            line.takes_from
            if line.takes_from and plant.store(line.takes_from).kind == "body"
            else None
        )
        self.missing_since: float | None = None
        """Since when the body of the first job is not there."""
        self.misread_next = 0
        """Planted: how many of the next readings at the entry find another body."""

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

    # -- entry --------------------------------------------------------------------------------

    def _enter(self, at: float) -> bool:
        first = self._steps()[0]
        if any(cell.phase is Phase.ASKING for cell in first):
            return False
        free = next((c for c in first if c.phase is Phase.EMPTY and not c.is_down), None)
        entry = self._next_job(at) if free is not None else None
        if free is None or entry is None:
            return False
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

    def _next_job(self, at: float) -> JobEntry | None:
        """Return the job that begins now: the first, unless its body has not come for a whole takt.

        Then those behind it close up, and it goes as soon as its body is there.
        """
        ready = self.jobs.ready(JobKind.BODY)
        if self._source is None or not ready:
            return ready[0] if ready else None
        there = {body.id for body in self.floor.waiting(self._source)}
        if str(ready[0].job.body_id) in there:
            self.missing_since = None
            return ready[0]
        if self.missing_since is None:
            self.missing_since = at
            self.changes.docs.add("line")
        if at < self.missing_since + self.line.takt_s:
            return None
        return next((entry for entry in ready if str(entry.job.body_id) in there), None)

    def _more_dues(self) -> list[float]:
        dues = super()._more_dues()
        if self.missing_since is not None and self.at < self.missing_since + self.line.takt_s:
            dues.append(self.missing_since + self.line.takt_s)
        return dues

    def _shift_others(self, seconds: float) -> None:
        super()._shift_others(seconds)
        if self.missing_since is not None:
            self.missing_since += seconds

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
        self.changes.scans.append(Scan(cell.station.id, read, self.at))
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

    # -- states -------------------------------------------------------------------------------

    def _word_of(self, cell: Cell) -> tuple[StationState, str]:
        if cell.is_down:
            return cell.why_not
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

    def more_state(self) -> dict[str, Any]:
        """Return what only a body line has to remember, as plain JSON values."""
        return {
            **super().more_state(),
            "misread_next": self.misread_next,
            "missing_since": self.missing_since,
        }

    def restore_more(self, doc: dict[str, Any]) -> None:
        """Take over what `more_state` returned."""
        super().restore_more(doc)
        self.misread_next = doc["misread_next"]
        self.missing_since = doc.get("missing_since")

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
