"""Whether a line works by the recipe that its jobs want. Decides, never asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mes.contracts.controls import recipe_of
from mes.contracts.plant import Line

Key = tuple[str, str, str]
"""Line, station, variant."""


@dataclass(frozen=True, slots=True)
class LoadedRecipe:
    """What is known of one recipe at a line; checksums of `mes.contracts.controls`, `told_at` plant time."""

    line: str
    station: str
    variant: str
    version: str | None
    """As the line tells it; None: it has not yet, empty: none is loaded."""
    told_at: datetime | None
    asked: str | None
    """What was loaded by hand last."""
    asked_over: str | None
    """The plant file's recipe at that time."""

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return (self.line, self.station, self.variant)


@dataclass(frozen=True, slots=True)
class WatchedRecipe:
    """A recipe of the plant file beside what its line has."""

    line: str
    station: str
    variant: str
    wanted: str
    by_hand: bool
    """Whether what is wanted was loaded by hand, with values of its own."""
    version: str | None
    told_at: datetime | None

    @property
    def differs(self) -> bool:
        """Whether the line tells another recipe than the one that is wanted."""
        return self.version is not None and self.version != self.wanted


def watched(lines: Sequence[Line], known: Mapping[Key, LoadedRecipe]) -> list[WatchedRecipe]:
    """Return every recipe of the lines' stations, in the order of the plant file.

    Wanted is the plant file's recipe, or what was loaded by hand over just this one.
    """
    found = []
    for line in lines:
        for station in line.stations:
            for variant in station.recipe.values if station.recipe is not None else ():
                recipe = recipe_of(station, variant)
                if recipe is None:
                    continue
                planned = recipe.version
                row = known.get((line.id, station.id, variant))
                asked = row.asked if row is not None and row.asked_over == planned else None
                found.append(
                    WatchedRecipe(
                        line=line.id,
                        station=station.id,
                        variant=variant,
                        wanted=asked or planned,
                        by_hand=asked is not None and asked != planned,
                        version=row.version if row is not None else None,
                        told_at=row.told_at if row is not None else None,
                    )
                )
    return found
