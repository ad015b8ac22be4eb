"""What the stations of a line do: break down, take recipes, measure, and spoil parts."""

from __future__ import annotations

from mes.contracts.plant import Tag
from plc_sim.core.body import Defect
from plc_sim.core.cell import Cell, Phase
from plc_sim.core.changes import TagChange
from plc_sim.core.inspection import CameraState
from plc_sim.core.line_base import LineBase
from plc_sim.core.process import probability
from plc_sim.core.rng import draws
from qc_vision.synth import SEVERITY_RANGE, Shop


class StationWork(LineBase):
    """The work of stations, alike on every kind of line."""

    defect_margin: float
    """How far from the edge of the picture a defect sits at least, in parts of its width."""

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

    def spoil_tag(self, station: str, tag: str, times: int) -> None:
        """Let the next values of a tag be no numbers. Raises KeyError: there is no such tag."""
        _ = self.cells[station].tags[tag]
        self.nan_tags[f"{station}.{tag}"] = times

    def force_defect(self, camera: str, kind: str) -> None:
        """Give the next part before a camera this defect. Raises KeyError: the camera's shop has none such."""
        _ = SEVERITY_RANGE[Shop(self.cameras[camera].camera.scene), kind]
        self.forced_defects.setdefault(camera, []).append(kind)

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

    def _defects_born(self, cell: Cell, at: float) -> list[Defect]:
        """Return the defects that the cycle that ended has made."""
        station = cell.station
        if not station.defects or any(tag.name not in cell.values for tag in station.tags):
            return []
        tags = {tag.name: tag for tag in self._tags_meant(cell)}
        chance = draws(self.seed, station.id, cell.cycles, "defects")
        return [
            self._defect(source.kind, station.id, at, source.severity_mm)
            for source in station.defects
            if chance.random() < probability(source, tags, cell.values)
        ]

    def _planted_defect(self, camera: CameraState, kind: str, at: float) -> Defect:
        """Return a defect of `kind` that the camera's shop can have, planted by a person."""
        severity = SEVERITY_RANGE[Shop(camera.camera.scene), kind]
        return self._defect(kind, camera.station, at, severity)

    def _defect(self, kind: str, station: str, at: float, severity: tuple[float, float]) -> Defect:
        chance = draws(self.seed, station, at, kind)
        least, most = self.defect_margin, 1.0 - self.defect_margin
        return Defect(
            kind=kind,
            severity_mm=round(chance.uniform(*severity), 2),
            station=station,
            line=self.line.id,
            at=at,
            position=(round(chance.uniform(least, most), 3), round(chance.uniform(least, most), 3)),
        )
