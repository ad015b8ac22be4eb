"""How the states of stations and of their line are told: at once, but short waits not at all."""

from __future__ import annotations

from abc import abstractmethod

from mes.contracts.line_records import StationState
from plc_sim.core.cell import Cell
from plc_sim.core.line_base import LineBase


class StationStates(LineBase):
    """Which state each station and the line are in, by the word of `_word_of`."""

    @abstractmethod
    def _word_of(self, cell: Cell) -> tuple[StationState, str]: ...

    @property
    def _patience(self) -> float:
        """Waits shorter than this are part of a balanced line and are not told."""
        return self.line.takt_s / 2

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
