"""The plant as planning sees it: the way of a body as stages, the presses, and the way back to lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from mes.contracts.plant import Line, Panel, PlantModel, ShopKind, Station


@dataclass(frozen=True)
class PlantNetwork:
    """The lines of each stage, in order of the body's way."""

    plant: PlantModel

    @cached_property
    def weld_lines(self) -> tuple[Line, ...]:
        """Sub-assemblies and framing: one body at a time on each station."""
        return self._of(ShopKind.WELDING)

    @cached_property
    def paint_line(self) -> Line:
        """The paced paint line."""
        return self._of(ShopKind.PAINTING)[0]

    @cached_property
    def drum_line(self) -> Line:
        """The trim-chassis-final line, which paces the plant."""
        return self._of(ShopKind.ASSEMBLY)[0]

    @cached_property
    def finish_lines(self) -> tuple[Line, ...]:
        """What follows the drum: further assembly lines and the end of line."""
        return self._of(ShopKind.ASSEMBLY)[1:] + self._of(ShopKind.END_OF_LINE)

    @cached_property
    def press_lines(self) -> tuple[Line, ...]:
        """The press lines."""
        kind = self.plant.kind_of
        return tuple(line for line in self.plant.lines if kind(line) is ShopKind.STAMPING)

    @cached_property
    def way(self) -> tuple[Line, ...]:
        """Every line that a body passes."""
        return self.plant.body_lines

    @cached_property
    def entry_of_stage(self) -> tuple[Line, Line, Line]:
        """The first lines of welding, painting and assembly."""
        return self.weld_lines[0], self.paint_line, self.drum_line

    @cached_property
    def weld_steps(self) -> tuple[tuple[Station, ...], ...]:
        """The alternatives of every weld step, over all weld lines."""
        return tuple(step for line in self.weld_lines for step in line.steps)

    @cached_property
    def weld_line_of_step(self) -> dict[str, str]:
        """Step id → line id."""
        return {step[0].step_id: line.id for line in self.weld_lines for step in line.steps}

    @cached_property
    def welded_store(self) -> str:
        """Where welded bodies wait for paint."""
        return self.weld_lines[-1].gives_to

    @cached_property
    def painted_store(self) -> str:
        """Where painted bodies wait for assembly."""
        return self.paint_line.gives_to

    @cached_property
    def _takes_s(self) -> dict[str, int]:
        return {
            line.id: round(max(line.lead_s, line.takt_s * len(line.steps)))
            for line in self.plant.lines
        }

    def takes_s(self, line: Line) -> int:
        """Return the plant seconds from entering a paced line to leaving it: a step a takt, or its cycles."""
        return self._takes_s[line.id]

    @cached_property
    def drum_lead_s(self) -> int:
        """Seconds from the start on the drum to the finished car."""
        return sum(self.takes_s(line) for line in (self.drum_line, *self.finish_lines))

    @cached_property
    def _offset_s(self) -> dict[str, int]:
        offsets, passed = {}, 0
        for line in (self.drum_line, *self.finish_lines):
            offsets[line.id] = passed
            passed += self.takes_s(line)
        return offsets

    def offset_s(self, line_id: str) -> int:
        """Return the seconds after the drum start at which a car enters this line of the last stage.

        Raises:
            KeyError: the line is before the drum, or a press.
        """
        return self._offset_s[line_id]

    def step_s(self, station: Station, codes: Iterable[str]) -> int:
        """Return the working seconds of a station for a body with these model and option codes."""
        extra = sum(station.option_s.get(code, 0.0) for code in codes)
        return max(1, round(station.cycle_s + extra))

    @cached_property
    def _costly_at_weld(self) -> frozenset[str]:
        return frozenset(code for step in self.weld_steps for s in step for code in s.option_s)

    def body_type(self, model: str, options: Iterable[str]) -> str:
        """Return what decides the weld times of a body: its model and the options that cost weld time."""
        return "+".join([model, *sorted(self._costly_at_weld & set(options))])

    @cached_property
    def _panel_of(self) -> dict[tuple[str, str], Panel]:
        return {(panel.model, panel.family): panel for panel in self.plant.panels}

    def panels(self, model: str, *, from_step: int = 0) -> dict[str, int]:
        """Return panel code → quantity that a body of `model` takes from weld step `from_step` on."""
        key = (model, from_step)
        if key not in self._needed:
            self._needed[key] = self._panels(model, from_step)
        return self._needed[key]

    @cached_property
    def _needed(self) -> dict[tuple[str, int], dict[str, int]]:
        return {}

    def _panels(self, model: str, from_step: int) -> dict[str, int]:
        needed: dict[str, int] = {}
        for step in self.weld_steps[from_step:]:
            for family in step[0].consumes:
                panel = self._panel_of.get((model, family))
                if panel is not None:
                    needed[panel.code] = needed.get(panel.code, 0) + 1
        return needed

    @cached_property
    def _stage_of(self) -> dict[str, int]:
        stages = {line.id: 0 for line in self.weld_lines}
        stages[self.paint_line.id] = 1
        return stages | {line.id: 2 for line in (self.drum_line, *self.finish_lines)}

    def stage_of_line(self, line_id: str) -> int:
        """Return 0 for welding, 1 for painting, 2 for assembly and what follows; KeyError for a press."""
        return self._stage_of[line_id]

    def line_giving_to(self, store_id: str) -> Line:
        """Return the line of the body's way that fills this store; KeyError when there is none."""
        for line in self.way:
            if line.gives_to == store_id:
                return line
        raise KeyError(store_id)

    def _of(self, kind: ShopKind) -> tuple[Line, ...]:
        return tuple(line for line in self.plant.body_lines if self.plant.kind_of(line) is kind)
