"""What a line is made of, and its numbered ledger."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

from mes.contracts.dispatch import JobKind
from mes.contracts.line_records import StationState
from mes.contracts.plant import Line, PlantModel
from plc_sim.core.cell import Cell
from plc_sim.core.changes import Changes, moment
from plc_sim.core.floor import Floor
from plc_sim.core.inspection import CameraState
from plc_sim.core.jobs import JobBook
from plc_sim.core.process import TagState
from plc_sim.core.recipes import RecipeBook


class LineBase(ABC):
    """The stations, cameras, recipes and jobs of a line, and what happened since they were last saved."""

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

    def _new_cell(self, station_id: str) -> Cell:
        station = next(s for s in self.line.stations if s.id == station_id)
        return Cell(station, tags={tag.name: TagState() for tag in station.tags})

    def touch(self, cell: Cell) -> None:
        """Note that a station has changed."""
        self.changes.docs.add(f"cell:{cell.station.id}")
        self.changes.stations.add(cell.station.id)

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

    @abstractmethod
    def _settle(self, at: float) -> None:
        """Let everything begin that can begin now."""

    @abstractmethod
    def _tell_states(self, at: float) -> None:
        """Write down the states of the stations and the line that have changed."""
