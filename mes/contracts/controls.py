"""Recipes, interlocks and holds: what the MES may set at a line beside its job orders.

A *recipe* sets process values of a station for one variant of body. A line keeps one a variant and works
each body under that of its variant. Its version is a checksum of its content, which the line reports, so
that what is loaded is known without comparing numbers. A download is staged in the *wanted* nodes, read
back, taken over by one call, and read back again in the *actual* nodes.

An *interlock* keeps a station from working until a person releases it. An open guard sets it; while the
guard is open nothing is set or released from outside.

A *hold* keeps a body before its line's exit gate. It is set by the line's own method
(`LineMethodNodes.set_hold`); what stands here is where the line tells which bodies it holds.

The nodes travel beside `LineInterface` in the agent's configuration: agents of an older version do not read
them. A line of another maker is described by the same fields; where it has no method the nodes are written.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mes.contracts.plant import Line, Station
from mes.contracts.plc import plant_node

VERSION_LENGTH = 16


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SetValue(_Message):
    """One process value of a recipe, with the limits of its tag; all in `unit`."""

    name: str
    value: float
    low: float
    high: float
    unit: str

    @property
    def is_within(self) -> bool:
        """Whether the value is a number within the limits."""
        return math.isfinite(self.value) and self.low <= self.value <= self.high


class Recipe(_Message):
    """What a station is to be set to for a variant."""

    station: str
    variant: str
    values: tuple[SetValue, ...] = Field(min_length=1)

    @property
    def version(self) -> str:
        """Return the checksum of the content, as the line reports it."""
        return recipe_version(self.variant, {one.name: one.value for one in self.values})


def recipe_version(variant: str, values: Mapping[str, float]) -> str:
    """Return the checksum of a recipe: the first 16 hex digits of the SHA-256 of its lines.

    Lines end with LF: the variant, then `NAME=VALUE` in order of the names, values as 64-bit floats in the
    shortest form that reads back the same (`repr`).
    """
    lines = [variant, *(f"{name}={float(values[name])!r}" for name in sorted(values))]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()[
        :VERSION_LENGTH
    ]


class RecipeReport(_Message):
    """Which recipe a line has loaded for a variant; travels in the results stream of the journal."""

    type: Literal["recipe"] = "recipe"
    line: str = Field(max_length=80)
    station: str = Field(max_length=80)
    variant: str = Field(max_length=80)
    version: str = Field(max_length=200)
    """Its checksum, as the line tells it; empty: none is loaded."""
    at: AwareDatetime
    """When it was heard; plant time."""


class RecipeParameterNodes(_Message):
    """One process value of a recipe at the line; both nodes Double or Float."""

    name: str
    wanted: str
    """Written."""
    actual: str
    """Read: what the station works with."""


class RecipeNodes(_Message):
    """The recipe of one station for one variant.

    `apply()` → String (`ok`, `already_done` or why not) takes over what stands in the wanted nodes; without
    it what is written counts at once.
    """

    station: str
    variant: str
    parameters: tuple[RecipeParameterNodes, ...]
    version: str
    """String, read: the checksum of what is loaded; empty: none."""
    running: str | None = None
    """String, read: the variant that the station works on now; empty: none."""
    wanted_variant: str | None = None
    wanted_version: str | None = None
    parent: str | None = None
    apply: str | None = None


class InterlockNodes(_Message):
    """The interlock of one station.

    `change(set: Boolean, reason: String)` → String (`ok`, `already_done` or why not); without it the Boolean
    `command` is written.
    """

    station: str
    is_set: str
    """Boolean, read."""
    guard_open: str
    """Boolean, read."""
    parent: str | None = None
    change: str | None = None
    command: str | None = None


class HoldNodes(_Message):
    """Where a line tells what it holds back; bodies by id."""

    held: str
    """String[], read: the bodies that may not pass the exit gate."""
    present: str
    """String[], read: the bodies that the line has, held or not."""


class StationControls(_Message):
    """Everything that can be set at a line and its stations."""

    recipes: tuple[RecipeNodes, ...] = ()
    interlocks: tuple[InterlockNodes, ...] = ()
    holds: HoldNodes | None = None

    def recipe(self, station: str, variant: str) -> RecipeNodes | None:
        """Return the nodes of a recipe; None: the line does not offer it."""
        found = (one for one in self.recipes if (one.station, one.variant) == (station, variant))
        return next(found, None)

    def interlock(self, station: str) -> InterlockNodes | None:
        """Return the nodes of an interlock; None: the line does not offer it."""
        return next((one for one in self.interlocks if one.station == station), None)


def recipe_of(
    station: Station, variant: str, values: Mapping[str, float] | None = None
) -> Recipe | None:
    """Return the recipe of the plant file for a variant, with some values replaced.

    None: the station has none for this variant. KeyError: a value that is no part of it.
    """
    if station.recipe is None or variant not in station.recipe.values:
        return None
    set_to = station.set_to(variant)
    for name in values or {}:
        if name not in set_to:
            raise KeyError(name)
    set_to |= values or {}
    tags = {tag.name: tag for tag in station.tags}
    return Recipe(
        station=station.id,
        variant=variant,
        values=tuple(
            SetValue(
                name=name,
                value=value,
                low=tags[name].limits[0],
                high=tags[name].limits[1],
                unit=tags[name].unit,
            )
            for name, value in set_to.items()
        ),
    )


def station_controls(line: Line) -> StationControls:
    """Return the nodes of our own lines, as `plc_sim` serves them."""
    return StationControls(
        recipes=tuple(
            _recipe_nodes(line, station, variant)
            for station in line.stations
            if station.recipe is not None
            for variant in station.recipe.values
        ),
        interlocks=tuple(
            InterlockNodes(
                station=station.id,
                is_set=plant_node(line.id, station.id, "Interlock", "IsSet"),
                guard_open=plant_node(line.id, station.id, "Interlock", "GuardOpen"),
                parent=plant_node(line.id, station.id, "Interlock"),
                change=plant_node(line.id, station.id, "Interlock", "Change"),
            )
            for station in line.stations
        ),
        holds=_hold_nodes(line) if line.strokes_per_min is None else None,
    )


def _hold_nodes(line: Line) -> HoldNodes:
    """Return where a line that builds bodies tells its holds; presses hold racks, which are no bodies."""
    return HoldNodes(
        held=plant_node(line.id, "Holds", "Held"), present=plant_node(line.id, "Holds", "Present")
    )


def _recipe_nodes(line: Line, station: Station, variant: str) -> RecipeNodes:
    def node(*path: str) -> str:
        return plant_node(line.id, station.id, "Recipe", *path)

    return RecipeNodes(
        station=station.id,
        variant=variant,
        parameters=tuple(
            RecipeParameterNodes(name=name, wanted=node("Wanted", name), actual=node(variant, name))
            for name in station.set_to(variant)
        ),
        version=node(variant, "Version"),
        running=node("Running"),
        wanted_variant=node("Wanted", "Variant"),
        wanted_version=node("Wanted", "Version"),
        parent=node(),
        apply=node("Apply"),
    )
