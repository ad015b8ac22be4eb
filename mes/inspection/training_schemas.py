"""Trainings as the API takes and shows them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mes.inspection.training_model import (
    Choice,
    Picture,
    Regions,
    Target,
    Taught,
    Training,
    TrainingState,
    Truth,
    Use,
    best_overkill,
)

Share = Annotated[float, Field(gt=0, lt=1)]


class TrainingIn(BaseModel):
    """Which pictures of which camera, and what is to be promised; times are plant time, rates lie in 0..1."""

    model_config = ConfigDict(extra="forbid")

    camera: str = Field(max_length=80)
    variant: str | None = Field(default=None, max_length=80)
    from_at: AwareDatetime
    to_at: AwareDatetime
    assumed_good: bool = False
    target_overkill: Annotated[float, Field(ge=0.001, le=0.5)] = 0.01
    target_escape: Annotated[float, Field(ge=0.001, le=0.9)] | None = None
    regions: Regions = Regions.NONE
    """Which regions of defects are learned beside the good pictures."""
    epochs: Annotated[int, Field(ge=1, le=200)] | None = None
    """How often pictures are shown where regions are learned; null: about 15 CPU minutes."""

    @property
    def target(self) -> Target:
        """What is to be promised."""
        return Target(self.target_overkill, self.target_escape)


class StartIn(BaseModel):
    """The pictures (by inspection) to leave out."""

    model_config = ConfigDict(extra="forbid")

    leave_out: list[UUID] = Field(default_factory=list, max_length=3_000)


class TaughtOut(BaseModel):
    """Pictures of defects whose regions can teach, by code; `learned`: the codes that enough pictures show."""

    pictures: int
    regions: int
    codes: dict[str, int]
    without_code: int
    learned: list[str]

    @classmethod
    def of(cls, found: Taught) -> TaughtOut:
        """Show what regions there are."""
        return cls(
            pictures=found.pictures,
            regions=found.regions,
            codes=dict(found.codes),
            without_code=found.without_code,
            learned=list(found.learned),
        )


class ChoiceOut(BaseModel):
    """How many pictures there are, by what people said of them, and what so many can promise."""

    good: int
    assumed_good: int
    defects: int
    unreviewed: int
    not_here: int
    best_overkill: float
    taught: TaughtOut

    @classmethod
    def of(cls, found: Choice, taught: Taught, *, assumed_good: bool) -> ChoiceOut:
        """Show a choice."""
        return cls(
            good=found.good,
            assumed_good=found.assumed,
            defects=found.defects,
            unreviewed=found.unreviewed,
            not_here=found.not_here,
            best_overkill=best_overkill(found.usable_good(assumed_good=assumed_good)),
            taught=TaughtOut.of(taught),
        )


class TrainingOut(BaseModel):
    """A training; times are plant time. `failure` has a code and its facts."""

    id: UUID
    camera: str
    variant: str | None
    from_at: AwareDatetime
    to_at: AwareDatetime
    assumed_good: bool
    target_overkill: float
    target_escape: float | None
    regions: Regions
    epochs: int | None
    state: TrainingState
    stopping: bool
    progress: dict[str, Any]
    failure: dict[str, Any] | None
    figures: dict[str, Any] | None
    package_sha256: str | None
    asked_by: str
    asked_at: AwareDatetime
    ended_at: AwareDatetime | None

    @classmethod
    def of(cls, one: Training) -> TrainingOut:
        """Show one training."""
        names = set(cls.model_fields) - {"stopping"}
        stopping = one.stop_asked and one.state.runs
        return cls(stopping=stopping, **{name: getattr(one, name) for name in names})


class TrainingPictureOut(BaseModel):
    """A picture of a training: what people said, what was found on it, what it is for, what the models said."""

    inspection_id: UUID
    image: str | None
    truth: Truth
    reviewed: bool
    kind: str | None
    use: Use
    twins: int | None
    findings: list[str]
    drawn: list[dict[str, Any]] | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None

    @classmethod
    def of(cls, one: Picture) -> TrainingPictureOut:
        """Show one picture."""
        return cls(
            inspection_id=one.inspection_id,
            image=f"/api/images/{one.image_sha256}" if one.image_is_here else None,
            truth=one.truth,
            reviewed=one.reviewed,
            kind=one.kind,
            use=one.use,
            twins=one.twins,
            findings=list(one.findings),
            drawn=None if one.drawn is None else [dict(region) for region in one.drawn],
            old=dict(one.old) if one.old else None,
            new=dict(one.new) if one.new else None,
        )
