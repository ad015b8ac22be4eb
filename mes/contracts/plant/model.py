"""The whole plant: its site, shops, lines, stores and rules, consistent with each other."""

from __future__ import annotations

from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from mes.contracts.plant.base import Code, Part
from mes.contracts.plant.calendars import Calendar
from mes.contracts.plant.lines import Line, Panel, Store
from mes.contracts.plant.rules import PaintRules, RatioRule, SpacingRule
from mes.contracts.text import Text


class ShopKind(StrEnum):
    """The four shops of a car plant, and what follows line-off."""

    STAMPING = "stamping"
    WELDING = "welding"
    PAINTING = "painting"
    ASSEMBLY = "assembly"
    END_OF_LINE = "end_of_line"


class Site(Part):
    """The plant."""

    id: Code
    name: Text
    time_zone: str
    wmi: str = Field(pattern=r"^[A-HJ-NPR-Z0-9]{3}$")
    plant_letter: str = Field(pattern=r"^[A-HJ-NPR-Z0-9]$")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {zone!r}") from error
        return zone


class Shop(Part):
    """An ISA-95 Area."""

    id: Code
    name: Text
    kind: ShopKind


class PlantModel(Part):
    """A whole plant, internally consistent: every reference exists and material flows one way."""

    site: Site
    shops: tuple[Shop, ...] = Field(min_length=1)
    calendars: tuple[Calendar, ...] = Field(min_length=1)
    lines: tuple[Line, ...] = Field(min_length=1)
    stores: tuple[Store, ...] = Field(min_length=1)
    panels: tuple[Panel, ...] = ()
    die_changeover_min: float = Field(default=15, ge=0)
    ratio_rules: tuple[RatioRule, ...] = ()
    spacing_rules: tuple[SpacingRule, ...] = ()
    paint: PaintRules
    dispatch_ahead: int = Field(default=10, ge=1, le=100)
    """How many job orders a line stores ahead."""

    @model_validator(mode="after")
    def _consistent(self) -> PlantModel:
        from mes.contracts.plant_rules import broken_rules

        problems = broken_rules(self)
        if problems:
            raise ValueError("; ".join(problem.message for problem in problems))
        return self

    def shop(self, shop_id: str) -> Shop:
        """Return the shop with this id."""
        return next(shop for shop in self.shops if shop.id == shop_id)

    def line(self, line_id: str) -> Line:
        """Return the line with this id; KeyError when there is none."""
        for line in self.lines:
            if line.id == line_id:
                return line
        raise KeyError(line_id)

    def store(self, store_id: str) -> Store:
        """Return the store with this id; KeyError when there is none."""
        for store in self.stores:
            if store.id == store_id:
                return store
        raise KeyError(store_id)

    def kind_of(self, line: Line) -> ShopKind:
        """Return the kind of the shop a line belongs to."""
        return self.shop(line.shop).kind

    @property
    def body_lines(self) -> tuple[Line, ...]:
        """The lines a body passes, in order of its way through the plant."""
        chain: list[Line] = []
        bodies = [line for line in self.lines if self.kind_of(line) is not ShopKind.STAMPING]
        entry = [
            line
            for line in bodies
            if line.takes_from is None or self.store(line.takes_from).kind == "panel"
        ]
        current: Line | None = entry[0] if entry else None
        following = {line.takes_from: line for line in bodies}
        while current is not None and current not in chain:
            chain.append(current)
            current = following.get(current.gives_to)
        return tuple(chain)
