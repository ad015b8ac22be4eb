"""A press line: die lots stroke by stroke, changeovers, racks, and a camera that samples panels.

A filled rack leaves the line only when a later panel has been judged: as good when it is OK, held when it is
not, so a bad panel holds everything back to the last good check. After a die change the first panel is
judged before the line goes on.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mes.contracts.dispatch import JobKind, JobState, ReadingAnswer
from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.line_records import StationState
from mes.contracts.plant import Line, Panel, PlantModel
from mes.contracts.quality import Verdict
from plc_sim.core.body import Body, Defect, Rack
from plc_sim.core.cell import Cell
from plc_sim.core.changes import Changes
from plc_sim.core.floor import Floor
from plc_sim.core.inspection import Request
from plc_sim.core.jobs import DONE, JobEntry
from plc_sim.core.line import LineCore
from plc_sim.core.rng import draws

SAVE_EVERY = 10
"""Strokes between two saves of the counters; what was not saved was not told either, and is done again."""
RECHECK_S = 300.0
"""A finished lot whose last panel could not be judged is shown to the camera again after so long."""


class PressLine(LineCore):
    """A press line with one die mounted at a time."""

    kinds = frozenset({JobKind.DIE_LOT})
    defect_margin = 0.3

    def __init__(self, plant: PlantModel, line: Line, floor: Floor, *, seed: int) -> None:
        super().__init__(plant, line, floor, seed=seed)
        self._panels = {panel.code: panel for panel in plant.panels}
        self._stroke_s = 60.0 / line.strokes_per_min if line.strokes_per_min else line.takt_s
        self._capacity = plant.store(line.gives_to).capacity
        self.lot: str | None = None
        self.die: str | None = None
        self.wait_until: float | None = None
        """The next stroke, or the end of the changeover; None while nothing is under way."""
        self.wait_left_s: float | None = None
        self.changing = False
        self.first_off = False
        """The first panel of a die is being judged: no stroke before the answer."""
        self.in_rack = 0
        self.rack_number = 0
        self.unjudged: list[Rack] = []
        self.covered: list[str] = []
        """Racks that the open request of the camera judges."""
        self.since_check = 0
        self.last_defect: Defect | None = None
        self.recheck_at: float | None = None

    # -- what is due --------------------------------------------------------------------------

    def _more_dues(self) -> list[float]:
        return [due for due in (self.wait_until, self.recheck_at) if due is not None]

    def _shift_others(self, seconds: float) -> None:
        if self.wait_until is not None:
            self.wait_until += seconds
        if self.recheck_at is not None:
            self.recheck_at += seconds

    def _set_open(self, is_open: bool) -> None:
        super()._set_open(is_open)
        if not is_open and self.wait_until is not None:
            self.wait_left_s, self.wait_until = max(self.wait_until - self.at, 0.0), None
        elif is_open and self.wait_left_s is not None:
            self.wait_until, self.wait_left_s = self.at + self.wait_left_s, None

    def _others_happen(self, at: float) -> None:
        if self.recheck_at is not None and at >= self.recheck_at:
            self.recheck_at = None
            self._check(at)
        if self.wait_until is None or at < self.wait_until:
            return
        self.wait_until = None
        if self.changing:
            self.changing = False
            self.first_off = True
            self.changes.docs.add("line")
            self._touch_all()
        elif (entry := self._running()) is not None:
            self._stroke(entry, at)

    def _running(self) -> JobEntry | None:
        entry = self.jobs.entries.get(self.lot or "")
        return entry if entry is not None and entry.state is JobState.RUNNING else None

    def _settle(self, at: float) -> None:
        if not self.is_open or any(cell.is_down for cell in self.cells.values()):
            return
        if self.lot is None:
            self._next_lot(at)
        entry = self._running()
        waits = self.wait_until is not None or self.wait_left_s is not None
        if entry is None or waits or self._awaits_first_off() or self._is_full(entry):
            return
        self.wait_until = at + self._stroke_s

    def _next_lot(self, at: float) -> None:
        entry = next((one for one in self._waiting_lots() if not self._is_full(one)), None)
        if entry is None:
            return
        self.lot = str(entry.job.id)
        entry.state = JobState.RUNNING
        self.in_rack = 0
        self._job_changed(entry)
        if self.die != entry.job.panel:
            self.die = entry.job.panel
            self.changing = True
            self.wait_until = at + self.plant.die_changeover_min * 60.0
        self._touch_all()

    def _waiting_lots(self) -> list[JobEntry]:
        ready = self.jobs.ready(JobKind.DIE_LOT)
        return [entry for entry in ready if entry.job.panel in self._panels]

    def _awaits_first_off(self) -> bool:
        return self.first_off and any(c.pending is not None for c in self.cameras.values())

    def _is_full(self, entry: JobEntry) -> bool:
        """Whether the panel store has no room for the rack that would be filled next."""
        panel = self._panels[entry.job.panel or ""]
        here = sum(rack.quantity for rack in self.unjudged if rack.panel == panel.code)
        return self.floor.panels(panel.code) + here + panel.per_rack > self._capacity

    # -- work ---------------------------------------------------------------------------------

    def _stroke(self, entry: JobEntry, at: float) -> None:
        panel = self._panels[entry.job.panel or ""]
        self.last_defect = None
        for cell in self.cells.values():
            self._measure(cell, at, self._stroke_s)
            if born := self._defects_born(cell, at):
                self.last_defect = born[0]
            cell.cycles += 1
            self._may_fail(cell)
        entry.good += 1
        self.good += 1
        self.in_rack += 1
        self.since_check += 1
        done = entry.good >= entry.job.quantity
        if self.in_rack >= panel.per_rack or done:
            self._fill_rack(panel)
        camera = next(iter(self.cameras.values()), None)
        if camera is None:
            self._release(held=False)
        elif done or self.first_off or self.since_check >= camera.camera.every:
            self._check(at)
        if done:
            self.lot = None
            self._end_job(entry, JobState.COMPLETED)
        if entry.good % SAVE_EVERY == 0 or done:
            self.changes.docs.add(f"job:{entry.job.id}")
            self._touch_all()

    def _may_fail(self, cell: Cell) -> None:
        station = cell.station
        chance = draws(self.seed, station.id, cell.cycles, "failure")
        if chance.random() < self._stroke_s / (station.mtbf_min * 60.0):
            seconds = max(chance.expovariate(1.0 / (station.mttr_min * 60.0)), 5.0)
            self.break_down(station.id, seconds=seconds, reason="breakdown")

    def _fill_rack(self, panel: Panel) -> None:
        self.rack_number += 1
        rack = f"{panel.code}-{self.line.id}-{self.rack_number:05d}"
        self.unjudged.append(Rack(rack, panel.code, self.in_rack, job=self.lot))
        self.in_rack = 0
        self.changes.docs.add("line")

    # -- judging ------------------------------------------------------------------------------

    def _check(self, at: float) -> None:
        camera = next(iter(self.cameras.values()))
        if camera.pending is not None or self.die is None:
            return
        self.since_check = 0
        self.covered = [rack.id for rack in self.unjudged]
        for kind in self.forced_defects.pop(camera.camera.id, []):
            self.last_defect = self._planted_defect(camera, kind, at)
        panel = self._panels[self.die]
        lot = self.unjudged[-1].id if self.unjudged else f"{self.die}-{self.line.id}"
        self._request(
            camera,
            at,
            body_id=None,
            lot=lot,
            job=self.lot,
            variant=panel.code,
            color_hex=None,
            defect=self.last_defect,
        )

    def _concluded(self, request: Request, verdict: Verdict, at: float) -> None:
        match verdict:
            case Verdict.OK:
                self.first_off = False
                self._release(held=False)
            case Verdict.NOK:
                self._release(held=True)
            case Verdict.UNFIT | Verdict.LATE:
                self.first_off = False
        camera = next(iter(self.cameras.values()))
        if self.unjudged and self.lot is None and camera.pending is None:
            self.recheck_at = at + RECHECK_S

    def _release(self, *, held: bool) -> None:
        """Let the judged racks go to the panel store."""
        covered = set(self.covered) if self.cameras else {rack.id for rack in self.unjudged}
        for rack in [rack for rack in self.unjudged if rack.id in covered]:
            self.unjudged.remove(rack)
            rack.held = held
            self.floor.put_rack(rack)
            self.emit(
                "rack_filled",
                rack=rack.id,
                panel=rack.panel,
                quantity=rack.quantity,
                job_order_id=rack.job,
                held=held,
            )
        self.covered = []

    # -- commands -----------------------------------------------------------------------------

    def set_hold(self, subject: str, *, held: bool, reason: str) -> str:
        """Hold a rack in the panel store, or release it."""
        changed = self.floor.hold_rack(subject, held=held)
        if changed is None:
            return "unknown_rack"
        return "ok" if changed else "already_done"

    def bodies(self) -> list[Body]:
        """There are no bodies on a press line."""
        return []

    def answer_reading(self, station: str, answer: ReadingAnswer, body_id: str) -> str:
        """A press line reads no bodies."""
        return "not_asking"

    def scrap_body(self, body_id: str, reason: str) -> str:
        """There are no bodies on a press line."""
        return "unknown_body"

    def stop_job(self, job_order_id: str) -> ReturnStatus:
        """End the running lot with the panels it has."""
        return self._end_lot(job_order_id, JobState.COMPLETED)

    def abort_job(self, job_order_id: str) -> ReturnStatus:
        """Abort a lot; the panels that it made stay."""
        return self._end_lot(job_order_id, JobState.ABORTED)

    def _end_lot(self, key: str, state: JobState) -> ReturnStatus:
        entry = self.jobs.entries.get(key)
        if entry is None or entry.state.is_final:
            ended = self.jobs.ended.get(key)
            if ended is None:
                return ReturnStatus.UNKNOWN_JOB_ORDER
            return DONE if ended is state else ReturnStatus.INVALID_STATUS
        if state is JobState.COMPLETED and not entry.is_active:
            return ReturnStatus.INVALID_STATUS
        if key == self.lot:
            if self.in_rack:
                self._fill_rack(self._panels[entry.job.panel or ""])
                self._check(self.at)
            self.lot, self.wait_until, self.wait_left_s, self.changing = None, None, None, False
            self.die = None if not entry.good else self.die
        self._end_job(entry, state, "command")
        self._settle(self.at)
        self._tell_states(self.at)
        return ReturnStatus.NO_ERROR

    def take_changes(self) -> Changes:
        """Return what happened; the counters of a lot are saved together or not at all."""
        if self.changes.docs and self.lot is not None:
            self.changes.docs.add(f"job:{self.lot}")
            self.changes.docs.update(f"cell:{name}" for name in self.cells)
        return super().take_changes()

    # -- states -------------------------------------------------------------------------------

    def _finish(self, cell: Cell, at: float) -> None:
        """Presses work in strokes, not in cycles of single stations."""

    def _touch_all(self) -> None:
        for cell in self.cells.values():
            self.touch(cell)

    def _word_of(self, cell: Cell) -> tuple[StationState, str]:
        if cell.is_down:
            return cell.why_not
        if not self.is_open:
            return "idle", "outside_shift"
        if self.changing:
            return "idle", "die_change"
        entry = self._running()
        if entry is None:
            full = bool(self._waiting_lots())
            return ("blocked", "panel_store_full") if full else ("starved", "no_lot")
        if any(other.is_down for other in self.cells.values()):
            return "blocked", "line_down"
        if self.wait_until is None and not self._awaits_first_off():
            return "blocked", "panel_store_full"
        return "running", ""

    def more_state(self) -> dict[str, Any]:
        """Return what only a press line has to remember, as plain JSON values."""
        return {
            "lot": self.lot,
            "die": self.die,
            "wait_until": self.wait_until,
            "wait_left_s": self.wait_left_s,
            "changing": self.changing,
            "first_off": self.first_off,
            "in_rack": self.in_rack,
            "rack_number": self.rack_number,
            "unjudged": [asdict(rack) for rack in self.unjudged],
            "covered": self.covered,
            "since_check": self.since_check,
            "recheck_at": self.recheck_at,
        }

    def restore_more(self, doc: dict[str, Any]) -> None:
        """Take over what `more_state` returned."""
        self.unjudged = [Rack(**rack) for rack in doc.pop("unjudged")]
        for name, value in doc.items():
            setattr(self, name, value)
