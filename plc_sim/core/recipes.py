"""The recipes that a station keeps: one a variant of body, checked before it is taken over."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mes.contracts.controls import recipe_version
from mes.contracts.plant import Station, Tag


class RecipeBook:
    """The recipes of one station; it begins with those of the plant file."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._limits = {tag.name: tag.limits for tag in station.tags}
        variants = station.recipe.values if station.recipe is not None else {}
        self.loaded = {variant: station.set_to(variant) for variant in variants}
        self._versions: dict[str, str] = {}
        self._tags: dict[str, tuple[Tag, ...]] = {}

    def version(self, variant: str) -> str:
        """Return the checksum of what is loaded for a variant."""
        if variant not in self._versions:
            self._versions[variant] = recipe_version(variant, self.loaded[variant])
        return self._versions[variant]

    def load(
        self, variant: str, version: str, values: Mapping[str, float], *, running: str | None
    ) -> str:
        """Take a recipe over for a variant, or say why not; `running` is the variant worked on now."""
        if variant not in self.loaded:
            return "unknown_variant"
        if values.keys() != self.loaded[variant].keys():
            return "incomplete"
        for name, value in values.items():
            low, high = self._limits[name]
            if not (math.isfinite(value) and low <= value <= high):
                return "outside_limits"
        if version != recipe_version(variant, values):
            return "wrong_version"
        if version == self.version(variant):
            return "already_done"
        if running == variant:
            return "recipe_in_use"
        self.loaded[variant] = dict(values)
        self._forget()
        return "ok"

    def tags(self, variant: str | None) -> tuple[Tag, ...]:
        """Return the station's tags as they are set for a variant: the nominal is the set value."""
        if variant is None or variant not in self.loaded:
            return self._station.tags
        if variant not in self._tags:
            self._tags[variant] = self._station.tags_set_to(self.loaded[variant])
        return self._tags[variant]

    def restore(self, loaded: Mapping[str, Mapping[str, float]]) -> None:
        """Take over what was loaded before a restart, as far as the plant file still has it."""
        for variant, values in loaded.items():
            if variant in self.loaded and values.keys() == self.loaded[variant].keys():
                self.loaded[variant] = dict(values)
        self._forget()

    def _forget(self) -> None:
        self._versions.clear()
        self._tags.clear()
