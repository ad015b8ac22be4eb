"""The plant model: what one plant file describes (ISA-95 equipment hierarchy and what planning needs).

Site › shop (ISA-95 Area) › line (WorkCenter) › station (WorkUnit); stores between the lines; the dies,
cameras, tags, rules and calendars. Planning, the simulator, the screens and the configuration of every
edge agent are derived from this one model. `mes.contracts.plant_file` reads it from a file.
"""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mes.contracts.text import Text

Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""A human code of the plant: lower case, digits and hyphens."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShopKind(StrEnum):
    """The four shops of a car plant, and what follows line-off."""

    STAMPING = "stamping"
    WELDING = "welding"
    PAINTING = "painting"
    ASSEMBLY = "assembly"
    END_OF_LINE = "end_of_line"


class Break(_Part):
    """A pause inside a shift, local time of the site."""

    start: time
    end: time


class Shift(_Part):
    """A shift pattern; one that ends before it starts runs over midnight."""

    code: Code
    name: Text
    start: time
    end: time
    days: tuple[Weekday, ...] = WEEKDAYS[:6]
    breaks: tuple[Break, ...] = ()


class Calendar(_Part):
    """The shifts that a line works."""

    id: Code
    shifts: tuple[Shift, ...] = Field(min_length=1)


class Tag(_Part):
    """A process value a station publishes: it wanders around `nominal` with standard deviation `spread`."""

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,39}$")]
    label: Text
    unit: str = Field(min_length=1, max_length=12)
    nominal: float
    spread: float = Field(ge=0)
    low: float | None = None
    high: float | None = None
    drift_per_hour: float = 0.0

    @model_validator(mode="after")
    def _limits_hold_the_nominal(self) -> Tag:
        low = self.low if self.low is not None else self.nominal
        high = self.high if self.high is not None else self.nominal
        if not low <= self.nominal <= high:
            raise ValueError(f"nominal {self.nominal} of tag {self.name} is outside its limits")
        return self

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the largest value that makes sense; six spreads from nominal unless they are given."""
        low = self.low if self.low is not None else self.nominal - 6 * self.spread
        high = self.high if self.high is not None else self.nominal + 6 * self.spread
        return low, high


class StationRecipe(_Part):
    """What a station is set to for each variant of body: `values[variant][tag]` in the tag's unit.

    A tag that one variant sets and another does not has its nominal for the other.
    """

    by: Literal["model", "color"] = "model"
    values: dict[str, dict[str, float]] = Field(min_length=1)


class DefectCause(_Part):
    """How a process tag makes a defect likelier: log-odds rise by `weight` per spread beyond `nominal`."""

    tag: str
    weight: float
    side: Literal["high", "low", "both"] = "both"


class DefectSource(_Part):
    """A kind of defect (a kind that `qc_vision.synth` renders) born at a station."""

    kind: str
    base_rate: float = Field(ge=0, le=1)
    causes: tuple[DefectCause, ...] = ()
    rework_s: int = Field(gt=0)
    severity_mm: tuple[float, float] = (1.0, 6.0)


class Camera(_Part):
    """A camera at a station; `deadline_s` is plant time from trigger to verdict at the PLC."""

    id: Code
    name: Text
    scene: Literal["stamping", "welding", "painting", "assembly"]
    deadline_s: float = Field(gt=0)
    every: int = Field(default=1, ge=1)
    """Inspect one of so many parts: panels are sampled, bodies are not."""
    variant_by: Literal["model", "color"] = "model"
    image_px: int = Field(default=384, ge=128, le=512)


class Station(_Part):
    """A work unit. Stations of one line with the same `step` are alternatives; steps run in file order."""

    id: Code
    name: Text
    step: Code | None = None
    cycle_s: float = Field(gt=0)
    spread: float = Field(default=0.03, ge=0, le=0.5)
    option_s: dict[str, float] = Field(default_factory=dict)
    """Extra seconds by option code or model code of the body."""
    reading_point: bool = False
    tags: tuple[Tag, ...] = ()
    camera: Camera | None = None
    defects: tuple[DefectSource, ...] = ()
    mtbf_min: float = Field(default=600, gt=0)
    mttr_min: float = Field(default=4, gt=0)
    consumes: tuple[Code, ...] = ()
    """Panels (by panel code) that this station takes from the panel store for each body."""
    fits: tuple[str, ...] = ()
    """Part families of the bill of material that are fitted here (and recorded in genealogy)."""
    recipe: StationRecipe | None = None

    @model_validator(mode="after")
    def _recipe_keeps_limits(self) -> Station:
        tags = {tag.name: tag for tag in self.tags}
        for variant, values in self.recipe.values.items() if self.recipe else ():
            for name, value in values.items():
                if name not in tags:
                    raise ValueError(f"recipe {variant} of {self.id}: no tag {name!r}")
                low, high = tags[name].limits
                if not low <= value <= high:
                    raise ValueError(f"recipe {variant} of {self.id}: {name} outside its limits")
        return self

    def set_to(self, variant: str) -> dict[str, float]:
        """Return what the recipe sets for a variant, tag by tag; nothing without a recipe."""
        if self.recipe is None:
            return {}
        own = self.recipe.values.get(variant, {})
        named = {name for values in self.recipe.values.values() for name in values}
        return {tag.name: own.get(tag.name, tag.nominal) for tag in self.tags if tag.name in named}

    def tags_set_to(self, values: dict[str, float]) -> tuple[Tag, ...]:
        """Return the tags with these values for their nominals."""
        return tuple(
            tag.model_copy(update={"nominal": values.get(tag.name, tag.nominal)})
            for tag in self.tags
        )

    @property
    def step_id(self) -> str:
        """The step this station performs; a station without alternatives is its own step."""
        return self.step or self.id


class RepairBay(_Part):
    """Where held bodies are pulled off before the exit gate of their line."""

    id: Code
    name: Text
    capacity: int = Field(gt=0)
    review_timeout_min: float = Field(default=60, gt=0)
    """After so many plant minutes without a person's verdict the provisional rework is confirmed."""


class Line(_Part):
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


class Lanes(_Part):
    """How a body store is laid out: `count` lanes of `length` bodies, each first in, first out."""

    count: int = Field(ge=1, le=100)
    length: int = Field(ge=1, le=200)


class Store(_Part):
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


class Panel(_Part):
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


class RatioRule(_Part):
    """At most `n` cars with `option` in any `p` consecutive cars of `line` (soft, counted)."""

    id: Code
    line: Code
    option: str
    n: int = Field(gt=0)
    p: int = Field(gt=0)
    priority: Literal["high", "low"] = "high"

    @model_validator(mode="after")
    def _n_below_p(self) -> RatioRule:
        if self.n > self.p:
            raise ValueError(f"ratio {self.n}/{self.p} allows more cars than its window holds")
        return self


class SpacingRule(_Part):
    """Cars with `option` start at least `places` places from cars with `other` on `line`.

    Without `other` they keep away from each other. Hard: no plan starts them closer.
    """

    id: Code
    line: Code
    option: str
    other: str | None = None
    places: int = Field(ge=2, le=100)
    priority: Literal["hard", "high", "low"] = "high"


MOST_SOLVENT_ML = 10_000
"""The most that one purge may take; what planning weighs against its rules has an end."""


class ColorPurge(_Part):
    """The purge before a colour of group `color` behind another one of group `after`.

    What it does not say is as usual (`PaintRules`).
    """

    color: Code
    after: Code
    purge_s: float | None = Field(default=None, ge=0)
    solvent_ml: int | None = Field(default=None, ge=0, le=MOST_SOLVENT_ML)


class PaintRules(_Part):
    """Rules of the paint shop: hard longest run of one colour, and what a colour change takes.

    `solvent_ml` is what planning keeps low; without it each change costs the same, or where
    `purges` differ the seconds it takes. `color_groups` name colours that `purges` treat alike.
    """

    batch_limit: int = Field(gt=0)
    purge_s: float = Field(ge=0)
    solvent_ml: int | None = Field(default=None, ge=0, le=MOST_SOLVENT_ML)
    color_groups: dict[Code, tuple[str, ...]] = Field(default_factory=dict)
    purges: tuple[ColorPurge, ...] = ()

    def group_of(self, color: str) -> str | None:
        """Return the group of a colour; None: it has none."""
        return next((group for group, own in self.color_groups.items() if color in own), None)

    def purge_between(self, before: str, color: str) -> tuple[float, int | None]:
        """Return (seconds, millilitres of solvent) from one colour to another one."""
        pair = self.group_of(color), self.group_of(before)
        own = next((one for one in self.purges if (one.color, one.after) == pair), None)
        if own is None:
            return self.purge_s, self.solvent_ml
        return (
            self.purge_s if own.purge_s is None else own.purge_s,
            self.solvent_ml if own.solvent_ml is None else own.solvent_ml,
        )


class Site(_Part):
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


class Shop(_Part):
    """An ISA-95 Area."""

    id: Code
    name: Text
    kind: ShopKind


class PlantModel(_Part):
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
