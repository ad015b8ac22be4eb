"""A line in plant time: what is due, shifts, power, and what kinds of line differ in."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from mes.contracts.dispatch import ReadingAnswer
from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.line_records import StationState
from mes.contracts.plant import Line, PlantModel
from mes.contracts.plc import PackMLState
from mes.contracts.quality import Verdict
from plc_sim.core.body import Body
from plc_sim.core.camera_requests import CameraRequests
from plc_sim.core.cell import Cell
from plc_sim.core.floor import Floor
from plc_sim.core.job_commands import JobCommands
from plc_sim.core.station_states import StationStates
from plc_sim.core.station_work import StationWork
from plc_sim.core.worktime import WorkTime

PACKML_OF: dict[StationState, PackMLState] = {
    "running": PackMLState.EXECUTE,
    "starved": PackMLState.SUSPENDED,
    "blocked": PackMLState.SUSPENDED,
    "down": PackMLState.ABORTED,
    "idle": PackMLState.IDLE,
    "stopped": PackMLState.HELD,
}


class LineCore(JobCommands, StationWork, StationStates, CameraRequests):
    """A line in plant time, without clock, disk or network: told how late it is and what it is asked."""

    def __init__(self, plant: PlantModel, line: Line, floor: Floor, *, seed: int) -> None:
        super().__init__(plant, line, floor, seed=seed)
        calendar = next(c for c in plant.calendars if c.id == line.calendar)
        self._worktime = WorkTime(calendar, plant.site.time_zone)
        self._shift_change = 0.0

    def begin_at(self, at: float) -> None:
        """Switch the line on for the first time."""
        self.at = at
        self._set_open(self._worktime.is_open(at))
        self._shift_change = self._worktime.next_change(at)
        for cell in self.cells.values():
            cell.told_since = at
            cell.turning_at = at
            self.touch(cell)
        self._settle(at)

    def advance(self, now: float) -> None:
        """Let everything happen that is due until `now`, each thing at its own time."""
        while (due := self.next_due()) is not None and due <= now:
            self._happen(max(due, self.at))
        if now >= self.at:
            self._happen(now)

    def next_due(self) -> float | None:
        """Return when the line next has something to do without a cause from outside."""
        dues = [self._shift_change, *self._more_dues()]
        dues += [due for cell in self.cells.values() if (due := cell.next_due()) is not None]
        dues += [cell.turning_at + self._patience for cell in self.cells.values() if cell.turning]
        dues += [c.pending.next_due for c in self.cameras.values() if c.pending is not None]
        return min(dues)

    def _happen(self, at: float) -> None:
        self.at = at
        if at >= self._shift_change:
            self._set_open(self._worktime.is_open(at))
            self._shift_change = self._worktime.next_change(at)
        for cell in self.cells.values():
            self._cell_happens(cell, at)
        for camera in self.cameras.values():
            asked = camera.pending
            if asked is not None and asked.judged_at is not None and at >= asked.judged_at:
                self._judge_itself(camera, asked, at)
            if camera.pending is not None and at >= camera.pending.deadline:
                self._conclude(camera, Verdict.LATE, at)
        self._others_happen(at)
        self._settle(at)
        self._tell_states(at)

    def _set_open(self, is_open: bool) -> None:
        if is_open == self.is_open:
            return
        self.is_open = is_open
        for cell in self.cells.values():
            if not is_open:
                cell.interrupt(self.at)
            elif not cell.is_down:
                cell.go_on(self.at)
            self.touch(cell)

    def _cell_happens(self, cell: Cell, at: float) -> None:
        if cell.down_until is not None and at >= cell.down_until:
            cell.down_until = None
            if self.is_open and not cell.is_down:
                cell.go_on(at)
            self.touch(cell)
        if cell.fail_at is not None and cell.due is not None and at >= cell.fail_at:
            cell.fail_at = None
            self.break_down(cell.station.id, seconds=cell.fail_s, reason="breakdown")
        if cell.due is not None and at >= cell.due:
            self._finish(cell, at)

    def power_up(self, now: float) -> None:
        """Go on after a restart: what was under way has waited for as long as the line was off."""
        off_s = max(now - self.at, 0.0)
        before = self.at
        for cell in self.cells.values():
            cell.shift(off_s)
            if cell.turning is not None:
                cell.turning_at += off_s
        for camera in self.cameras.values():
            if camera.pending is not None:
                camera.pending = camera.pending.shifted(off_s)
        self._shift_others(off_s)
        if off_s >= 1.0:
            for cell in self.cells.values():
                cell.interrupt(before + off_s)
                self._tell(cell, "down", "power_off", before)
        self.at = max(now, before)
        self.is_open = self._worktime.is_open(self.at)
        self._shift_change = self._worktime.next_change(self.at)
        for cell in self.cells.values():
            if self.is_open and not cell.is_down:
                cell.go_on(self.at)
            elif not self.is_open:
                cell.interrupt(self.at)
        self._settle(self.at)
        self._tell_states(self.at)

    # -- what kinds of line differ in ---------------------------------------------------------

    @abstractmethod
    def _finish(self, cell: Cell, at: float) -> None: ...

    @abstractmethod
    def _others_happen(self, at: float) -> None: ...

    @abstractmethod
    def _more_dues(self) -> list[float]: ...

    @abstractmethod
    def stop_job(self, job_order_id: str) -> ReturnStatus:
        """End a running job order early."""

    @abstractmethod
    def abort_job(self, job_order_id: str) -> ReturnStatus:
        """Abort a job order."""

    @abstractmethod
    def set_hold(self, subject: str, *, held: bool, reason: str) -> str:
        """Hold or release a body (or a rack); returns a status word."""

    @abstractmethod
    def bodies(self) -> list[Body]:
        """Return the bodies that the line has, those parked in its bay included."""

    @abstractmethod
    def answer_reading(self, station: str, answer: ReadingAnswer, body_id: str) -> str:
        """Act on a person's answer to a mismatch; returns a status word."""

    @abstractmethod
    def scrap_body(self, body_id: str, reason: str) -> str:
        """Take a body out of the plant; returns a status word."""

    @abstractmethod
    def more_state(self) -> dict[str, Any]:
        """Return what only this kind of line has to remember, as plain JSON values."""

    @abstractmethod
    def restore_more(self, doc: dict[str, Any]) -> None:
        """Take over what `more_state` returned."""

    @abstractmethod
    def _shift_others(self, seconds: float) -> None: ...
