"""What every line has: a numbered ledger, job orders, cameras, planted faults, and a state to resume from."""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import replace
from typing import Any

from mes.contracts.dispatch import JobKind, ReadingAnswer
from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.line_records import StationState
from mes.contracts.plant import Line, PlantModel, Tag
from mes.contracts.plc import PackMLState, VerdictAck
from mes.contracts.quality import Verdict, VerdictCode
from plc_sim.core.body import Defect
from plc_sim.core.cell import Cell, Phase
from plc_sim.core.changes import Changes, Conclusion, TagChange, moment
from plc_sim.core.floor import Floor
from plc_sim.core.inspection import CameraState, Request
from plc_sim.core.job_commands import JobCommands
from plc_sim.core.jobs import JobBook
from plc_sim.core.process import TagState
from plc_sim.core.recipes import RecipeBook
from plc_sim.core.rng import draws
from plc_sim.core.worktime import WorkTime

PACKML_OF: dict[StationState, PackMLState] = {
    "running": PackMLState.EXECUTE,
    "starved": PackMLState.SUSPENDED,
    "blocked": PackMLState.SUSPENDED,
    "down": PackMLState.ABORTED,
    "idle": PackMLState.IDLE,
    "stopped": PackMLState.HELD,
}


class LineCore(JobCommands):
    """A line in plant time, without clock, disk or network: told how late it is and what it is asked."""

    kinds: frozenset[JobKind]

    def __init__(self, plant: PlantModel, line: Line, floor: Floor, *, seed: int) -> None:
        self.plant = plant
        self.line = line
        self.floor = floor
        self.seed = seed
        self.at = 0.0
        self.seq = 0
        self.good = 0
        self.word: StationState = "idle"
        self.is_open = False
        self.jobs = JobBook(line.id, self.kinds)
        self.cells = {station.id: self._new_cell(station.id) for station in line.stations}
        self.cameras = {
            station.camera.id: CameraState(station.camera, station.id)
            for station in line.stations
            if station.camera is not None
        }
        self.recipes = {
            station.id: RecipeBook(station)
            for station in line.stations
            if station.recipe is not None
        }
        self.changes = Changes()
        self.forced_defects: dict[str, list[str]] = {}
        """Planted defects by camera id: kinds that the next parts get."""
        self.nan_tags: dict[str, int] = {}
        """Planted NaN values: how many, by `station.Tag`."""
        calendar = next(c for c in plant.calendars if c.id == line.calendar)
        self._worktime = WorkTime(calendar, plant.site.time_zone)
        self._shift_change = 0.0

    def _new_cell(self, station_id: str) -> Cell:
        station = next(s for s in self.line.stations if s.id == station_id)
        return Cell(station, tags={tag.name: TagState() for tag in station.tags})

    # -- time ---------------------------------------------------------------------------------

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
        dues += [c.pending.deadline for c in self.cameras.values() if c.pending is not None]
        return min(dues)

    def _happen(self, at: float) -> None:
        self.at = at
        if at >= self._shift_change:
            self._set_open(self._worktime.is_open(at))
            self._shift_change = self._worktime.next_change(at)
        for cell in self.cells.values():
            self._cell_happens(cell, at)
        for camera in self.cameras.values():
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

    @property
    def _patience(self) -> float:
        """Waits shorter than this are part of a balanced line and are not told."""
        return self.line.takt_s / 2

    # -- what kinds of line differ in ---------------------------------------------------------

    @abstractmethod
    def _finish(self, cell: Cell, at: float) -> None: ...

    @abstractmethod
    def _others_happen(self, at: float) -> None: ...

    @abstractmethod
    def _more_dues(self) -> list[float]: ...

    @abstractmethod
    def _word_of(self, cell: Cell) -> tuple[StationState, str]: ...

    @abstractmethod
    def _concluded(self, request: Request, verdict: Verdict, at: float) -> None: ...

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

    # -- stations -----------------------------------------------------------------------------

    def break_down(self, station: str, *, seconds: float, reason: str) -> None:
        """Let a station stand still for so many plant seconds."""
        cell = self.cells[station]
        cell.interrupt(self.at)
        cell.down_until = max(self.at + seconds, cell.down_until or 0.0)
        cell.down_reason = reason
        self.touch(cell)

    def offset_tag(self, station: str, tag: str, offset: float) -> None:
        """Let a tag run off by `offset` (its own unit) until told otherwise."""
        cell = self.cells[station]
        cell.tags[tag].offset = offset
        self.touch(cell)

    def running_variant(self, station: str) -> str | None:
        """Return the variant whose recipe a station works by now; None: it works on none."""
        cell = self.cells[station]
        return self._variant_of(cell) if cell.phase is Phase.WORKING else None

    def load_recipe(
        self, station: str, variant: str, version: str, values: dict[str, float]
    ) -> str:
        """Take a recipe over for a variant; returns a status word."""
        running = self.running_variant(station)
        word = self.recipes[station].load(variant, version, values, running=running)
        if word == "ok":
            self.changes.docs.add("line")
            self.changes.stations.add(station)
        return word

    def open_guard(self, station: str, *, is_open: bool) -> None:
        """Open or close the guard of a station; opening sets the interlock, closing does not release it."""
        cell = self.cells[station]
        cell.guard_open = is_open
        if is_open and not cell.interlocked:
            cell.interlocked = True
            cell.interrupt(self.at)
        self.touch(cell)

    def set_interlock(self, station: str, *, is_set: bool, reason: str) -> str:
        """Set or release the interlock of a station, never while its guard is open; returns a status word."""
        cell = self.cells[station]
        if cell.guard_open:
            return "guard_open"
        if not reason.strip():
            return "reason_missing"
        if cell.interlocked is is_set:
            return "already_done"
        cell.interlocked = is_set
        if is_set:
            cell.interrupt(self.at)
        elif self.is_open and not cell.is_down:
            cell.go_on(self.at)
        self.touch(cell)
        self._settle(self.at)
        self._tell_states(self.at)
        return "ok"

    def _variant_of(self, cell: Cell) -> str | None:
        recipe = cell.station.recipe
        if recipe is None or cell.body is None:
            return None
        return cell.body.model if recipe.by == "model" else cell.body.color

    def _tags_now(self, cell: Cell) -> tuple[Tag, ...]:
        """Return the station's tags as they are set for what stands there."""
        book = self.recipes.get(cell.station.id)
        return cell.station.tags if book is None else book.tags(self._variant_of(cell))

    def _tags_meant(self, cell: Cell) -> tuple[Tag, ...]:
        """Return the station's tags as the plant file means them for what stands there."""
        variant = self._variant_of(cell)
        if variant is None:
            return cell.station.tags
        return cell.station.tags_set_to(cell.station.set_to(variant))

    def touch(self, cell: Cell) -> None:
        """Note that a station has changed."""
        self.changes.docs.add(f"cell:{cell.station.id}")
        self.changes.stations.add(cell.station.id)

    def _draw_failure(self, cell: Cell, cycle_s: float, at: float) -> None:
        """Decide whether the station breaks down within the cycle that begins."""
        station = cell.station
        chance = draws(self.seed, station.id, cell.cycles, "failure")
        cell.fail_at = None
        if chance.random() < cycle_s / (station.mtbf_min * 60.0):
            cell.fail_at = at + chance.random() * cycle_s
            cell.fail_s = max(chance.expovariate(1.0 / (station.mttr_min * 60.0)), 5.0)

    def _measure(self, cell: Cell, at: float, elapsed_s: float) -> None:
        """Give the station's tags the values of the cycle that ended."""
        cell.finished = at
        chance = draws(self.seed, cell.station.id, cell.cycles, "tags")
        for tag in self._tags_now(cell):
            value = cell.tags[tag.name].next_value(tag, chance, elapsed_s=elapsed_s)
            key = f"{cell.station.id}.{tag.name}"
            if self.nan_tags.get(key, 0) > 0:
                self.nan_tags[key] -= 1
                self.changes.tags.append(TagChange(cell.station.id, tag.name, float("nan"), at))
                cell.values.pop(tag.name, None)
                continue
            value = float(f"{value:.5g}")
            cell.values[tag.name] = value
            self.changes.tags.append(TagChange(cell.station.id, tag.name, value, at))

    def _tell_states(self, at: float) -> None:
        for cell in self.cells.values():
            word, reason = self._word_of(cell)
            if word == cell.word:
                if reason != cell.reason:
                    self._tell(cell, word, reason, at)
                if cell.turning is not None:
                    cell.turning = None
                    self.changes.docs.add(f"cell:{cell.station.id}")
                continue
            if word in ("starved", "blocked") and cell.word != "idle":
                if cell.turning != word:
                    cell.turning, cell.turning_at = word, at
                    self.changes.docs.add(f"cell:{cell.station.id}")
                if at < cell.turning_at + self._patience:
                    continue
                self._tell(cell, word, reason, cell.turning_at)
            else:
                self._tell(cell, word, reason, at)
        self._tell_line(at)

    def _tell(self, cell: Cell, word: StationState, reason: str, since: float) -> None:
        cell.word, cell.reason, cell.turning = word, reason, None
        cell.told_since = max(since, cell.told_since)
        self.touch(cell)
        self.emit(
            "station_state", at=cell.told_since, station=cell.station.id, state=word, reason=reason
        )

    def _tell_line(self, at: float) -> None:
        words = {cell.word for cell in self.cells.values()}
        order: tuple[StationState, ...] = (
            ("stopped", "running", "down", "blocked", "starved", "idle")
            if self.is_open
            else ("idle",)
        )
        word: StationState = next((word for word in order if word in words), "idle")
        if word != self.word:
            self.word = word
            self.changes.docs.add("line")
            self.emit("station_state", at=at, station=None, state=word, reason="")

    # -- cameras ------------------------------------------------------------------------------

    def _request(
        self,
        camera: CameraState,
        at: float,
        *,
        body_id: str | None,
        lot: str | None,
        job: str | None,
        variant: str,
        color_hex: str | None,
        defect: Defect | None,
    ) -> None:
        """Raise the counter of a camera."""
        camera.counter += 1
        camera.pending = Request(
            station=camera.station,
            camera=camera.camera.id,
            counter=camera.counter,
            body_id=body_id,
            lot=lot,
            job=job,
            variant=variant,
            color_hex=color_hex,
            at=at,
            deadline=at + camera.camera.deadline_s,
            defect=defect,
        )
        self.changes.docs.add("line")
        self.changes.requests.append(camera.pending)
        self.changes.truths.append((camera.pending, at))
        self.emit(
            "inspection_requested",
            station=camera.station,
            camera=camera.camera.id,
            counter=camera.counter,
            body_id=body_id,
            lot=lot,
            deadline_at=moment(camera.pending.deadline).isoformat(),
        )

    def take_verdict(
        self, camera_id: str, *, counter: int, body_id: str | None, code: int
    ) -> VerdictAck:
        """Take the verdict that was written for a camera; a stale or foreign one is refused."""
        camera = self.cameras[camera_id]
        ack = camera.check(counter=counter, body_id=body_id)
        try:
            verdict = Verdict(VerdictCode(code).name)
        except ValueError:
            ack = VerdictAck.REFUSED_STALE
        camera.ack, camera.ack_counter = ack, counter
        self.changes.acks.add(camera_id)
        self.changes.docs.add("line")
        if ack is VerdictAck.ACCEPTED:
            self._conclude(camera, verdict, self.at)
            self._settle(self.at)
            self._tell_states(self.at)
        return ack

    def _conclude(self, camera: CameraState, verdict: Verdict, at: float) -> None:
        request = camera.pending
        if request is None:
            return
        camera.pending = None
        self.changes.docs.add("line")
        self.changes.conclusions.append(Conclusion(request, verdict, at))
        self.emit(
            "inspection_answered",
            at=at,
            station=request.station,
            camera=request.camera,
            counter=request.counter,
            body_id=request.body_id,
            lot=request.lot,
            verdict=verdict,
        )
        self._concluded(request, verdict, at)

    # -- ledger and power ---------------------------------------------------------------------

    def emit(self, kind: str, *, at: float | None = None, **fields: Any) -> None:
        """Write the next record of the ledger (`mes.contracts.line_records`)."""
        self.seq += 1
        self.changes.docs.add("line")
        record = {
            "seq": self.seq,
            "line": self.line.id,
            "at": moment(self.at if at is None else at).isoformat(),
            "kind": kind,
            **fields,
        }
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        self.changes.records.append((self.seq, text))

    def take_changes(self) -> Changes:
        """Return what happened since the last call."""
        changes, self.changes = self.changes, Changes()
        return changes

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
                camera.pending = replace(camera.pending, deadline=camera.pending.deadline + off_s)
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

    @abstractmethod
    def _shift_others(self, seconds: float) -> None: ...
