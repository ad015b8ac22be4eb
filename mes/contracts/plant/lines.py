"""Work centers, the stores between them, and the panels pressed for them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mes.contracts.plant.base import Code, Part
from mes.contracts.plant.stations import Station
from mes.contracts.text import Text


class RepairBay(Part):
    """Where held bodies are pulled off before the exit gate of their line."""

    id: Code
    name: Text
    capacity: int = Field(gt=0)
    review_timeout_min: float = Field(default=60, gt=0)
    """After so many plant minutes without a person's verdict the provisional rework is confirmed."""


class Line(Part):
    """A work center: one PLC, one OPC UA server, one edge agent."""

    id: Code
    name: Text
    shop: Code
    calendar: Code
    takt_s: float = Field(gt=0)
    port: int = Field(ge=1024, le=65535)
    camera_port: int | None = Field(default=None, ge=1024, le=65535)
    takes_from: Code | None = None
    gives_to: Code
    stations: tuple[Station, ...] = Field(min_length=1)
    repair_bay: RepairBay | None = None
    strokes_per_min: float | None = Field(default=None, gt=0)
    """Presses only."""
    collect: Literal["subscribe", "poll"] = Field(
        default="subscribe", exclude_if=lambda collect: collect == "subscribe"
    )
    """How its values are heard: `poll` where the server's subscriptions are poor."""

    @property
    def steps(self) -> tuple[tuple[Station, ...], ...]:
        """The stations grouped into steps of alternatives, in order of work."""
        groups: dict[str, list[Station]] = {}
        for station in self.stations:
            groups.setdefault(station.step_id, []).append(station)
        return tuple(tuple(group) for group in groups.values())

    @property
    def lead_s(self) -> float:
        """Nominal seconds from entering the first step to leaving the last."""
        return sum(max(station.cycle_s for station in step) for step in self.steps)


class Lanes(Part):
    """How a body store is laid out: `count` lanes of `length` bodies, each first in, first out."""

    count: int = Field(ge=1, le=100)
    length: int = Field(ge=1, le=200)


class Store(Part):
    """A buffer between lines (panel racks, welded bodies, painted bodies, finished cars)."""

    id: Code
    name: Text
    kind: Literal["panel", "body", "yard"]
    capacity: int = Field(gt=0)
    """Bodies; of a panel store: panels of each kind."""
    initial: int = Field(default=0, ge=0)
    """Content when the plant starts warm; of a panel store: panels of each kind."""
    lanes: Lanes | None = None
    """Of the painted body store; none: every body in it can leave at any time."""


class Panel(Part):
    """A stamped panel of one model; `model` is a model code of the catalogue."""

    code: Code
    name: Text
    model: str
    family: Code
    """What it is on any model: hood, door, roof…; a station's `consumes` names families."""
    die: Code
    presses: tuple[Code, ...] = Field(min_length=1)
    lot_size: int = Field(gt=0)
    min_cover: int = Field(ge=0)
    per_rack: int = Field(gt=0)
