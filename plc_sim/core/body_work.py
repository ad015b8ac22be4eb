"""What is done to a body at a station: the cycle, what is measured, fitted and seen, defects that are born."""

from __future__ import annotations

from typing import Any

from mes.contracts.plant import Camera, Line, PlantModel, Station
from plc_sim.core.body import Body
from plc_sim.core.cell import Cell, Phase
from plc_sim.core.changes import moment
from plc_sim.core.floor import Floor
from plc_sim.core.gated_line import GatedLine
from plc_sim.core.rng import draws
from qc_vision.synth import DEFECT_KINDS, Shop

COLOR_CHANGE_DEFECT = "color_mismatch"
"""The station where this can be born lays the colour on, so a change of colour is purged there."""
LOT_SIZE = 200
"""Parts without a serial number of their own change their supplier lot after so many cycles."""
SERIALISED = frozenset(
    {"traction_battery", "drive_unit", "control_unit", "telematics_unit", "airbags", "charger"}
)


class BodyWork(GatedLine):
    """The work of a line of stations; which body is where is decided by `BodyLine`."""

    defect_margin = 0.25

    def __init__(self, plant: PlantModel, line: Line, floor: Floor, *, seed: int) -> None:
        super().__init__(plant, line, floor, seed=seed)
        self._panel_of = {(panel.model, panel.family): panel.code for panel in plant.panels}
        self.last_color: dict[str, str] = {}

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
                seconds += self.plant.paint.purge_between(before, body.color or "")[0]
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
            body.defects.append(self._planted_defect(state, kind, at))
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
        body.defects.extend(self._defects_born(cell, at))
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

    def more_state(self) -> dict[str, Any]:
        """Return what only this kind of line has to remember, as plain JSON values."""
        return {**super().more_state(), "last_color": self.last_color}

    def restore_more(self, doc: dict[str, Any]) -> None:
        """Take over what `more_state` returned."""
        super().restore_more(doc)
        self.last_color = doc["last_color"]
