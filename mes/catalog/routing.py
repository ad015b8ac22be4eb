"""The way of one car through the plant, with the standard seconds of each step for its options."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from mes.contracts.plant import PlantModel, Station


@dataclass(frozen=True, slots=True)
class RoutingStep:
    """One step of a line; `stations` are alternatives, `work_s` the standard time at the slowest of them."""

    line: str
    step: str
    stations: tuple[str, ...]
    work_s: float


@dataclass(frozen=True, slots=True)
class FittingPlace:
    """Where a part family is fitted: the line, and the station (the first one of a step of alternatives)."""

    line: str
    station: str


def work_s(station: Station, codes: Set[str]) -> float:
    """Return the standard seconds of a station for a car: its cycle and what model, colour, options add."""
    return station.cycle_s + sum(extra for code, extra in station.option_s.items() if code in codes)


def route(plant: PlantModel, codes: Set[str]) -> tuple[RoutingStep, ...]:
    """Return the steps of a car with these codes, over all lines that a body passes, in order of work."""
    return tuple(
        RoutingStep(
            line=line.id,
            step=step[0].step_id,
            stations=tuple(station.id for station in step),
            work_s=max(work_s(station, codes) for station in step),
        )
        for line in plant.body_lines
        for step in line.steps
    )


def fitting_places(plant: PlantModel) -> dict[str, FittingPlace]:
    """Return where each part family is fitted, by family."""
    places: dict[str, FittingPlace] = {}
    for line in plant.lines:
        for station in line.stations:
            for family in station.fits:
                places.setdefault(family, FittingPlace(line.id, station.id))
    return places
