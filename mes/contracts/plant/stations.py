"""Work units: what a station measures, is set to, sees, spoils and takes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mes.contracts.plant.base import Code, Part
from mes.contracts.text import Text


class Tag(Part):
    """A process value a station publishes: it wanders around `nominal` with standard deviation `spread`."""

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,39}$")]
    label: Text
    unit: str = Field(min_length=1, max_length=12)
    nominal: float
    spread: float = Field(ge=0)
    low: float | None = None
    high: float | None = None
    drift_per_hour: float = 0.0
    deadband: float = Field(default=0.0, ge=0)
    """In `unit`: a change no larger than this since the last value told is not told."""

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


class StationRecipe(Part):
    """What a station is set to for each variant of body: `values[variant][tag]` in the tag's unit.

    A tag that one variant sets and another does not has its nominal for the other.
    """

    by: Literal["model", "color"] = "model"
    values: dict[str, dict[str, float]] = Field(min_length=1)


class DefectCause(Part):
    """How a process tag makes a defect likelier: log-odds rise by `weight` per spread beyond `nominal`."""

    tag: str
    weight: float
    side: Literal["high", "low", "both"] = "both"


class DefectSource(Part):
    """A kind of defect (a kind that `qc_vision.synth` renders) born at a station."""

    kind: str
    base_rate: float = Field(ge=0, le=1)
    causes: tuple[DefectCause, ...] = ()
    rework_s: int = Field(gt=0)
    severity_mm: tuple[float, float] = (1.0, 6.0)


class VisionSystem(Part):
    """A camera that judges by itself and tells its results by OPC UA Machine Vision (OPC 40100-1)."""

    endpoint: str = Field(default="", pattern=r"^(opc\.tcp://.+)?$")
    """Of its own OPC UA server; empty: it is on the line's."""
    system: str = ""
    """Its object of `VisionSystemType` as `nsu=URI;s=…` or `nsu=URI;i=…`; empty: where our own lines have it."""
    name: str = Field(default="Machine Vision", min_length=1, max_length=80)
    """What its verdicts are recorded under."""
    measurement: Literal["counter", "own"] = "counter"
    """Its MeasId: the counter of the PLC's request, or a number of its own."""
    ok: tuple[str, ...] = ("OK",)
    nok: tuple[str, ...] = ("NOK",)
    """What its ResultContent says of a good and of a bad part; capitals do not matter."""
    judge_s: float = Field(default=0.5, gt=0)
    """Plant seconds that the simulated one takes."""


class Camera(Part):
    """A camera at a station; `deadline_s` is plant time from trigger to verdict at the PLC."""

    id: Code
    name: Text
    scene: Literal["stamping", "welding", "painting", "assembly"]
    deadline_s: float = Field(gt=0)
    every: int = Field(default=1, ge=1)
    """Inspect one of so many parts: panels are sampled, bodies are not."""
    variant_by: Literal["model", "color"] = "model"
    image_px: int = Field(default=384, ge=128, le=512)
    vision_system: VisionSystem | None = Field(default=None, exclude_if=lambda it: it is None)
    """Who judges here instead of the agent's models."""


class Station(Part):
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
