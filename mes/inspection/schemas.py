"""Inspections as the API shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mes.contracts.quality import DrawnRegion, Region, Sha256, Verdict
from mes.inspection.drift_alarm_model import Measure
from mes.inspection.model import CameraFigures, Inspection, Review, uncertainty
from mes.inspection.rollout import CANARY_EVERY, Model


class InspectionOut(BaseModel):
    """One judged picture. Times are plant time; `image` is null while the picture is still at the line."""

    id: UUID
    line: str
    station: str
    camera: str
    body_id: UUID | None
    lot: str | None
    variant: str
    verdict: Verdict
    score: float
    threshold: float
    uncertainty: float
    defect_kind: str | None
    regions: tuple[Region, ...]
    reason: str | None
    image: str | None
    image_sha256: str | None
    image_px: tuple[int, int] | None
    model: str
    pipeline_version: str
    triggered_at: datetime
    decided_at: datetime
    total_ms: float
    accepted: bool
    review: Review | None
    defect_code: str | None
    reviewed_regions: tuple[DrawnRegion, ...] | None
    reviewed_by: str | None
    reviewed_at: datetime | None

    @classmethod
    def of(cls, seen: Inspection) -> InspectionOut:
        """Show one inspection."""
        return cls(
            id=seen.id,
            line=seen.line,
            station=seen.station,
            camera=seen.camera,
            body_id=seen.body_id,
            lot=seen.lot,
            variant=seen.variant,
            verdict=seen.verdict,
            score=seen.score,
            threshold=seen.threshold,
            uncertainty=uncertainty(seen.score, seen.threshold),
            defect_kind=seen.defect_kind,
            regions=seen.regions,
            reason=seen.reason,
            image=f"/api/images/{seen.image_sha256}" if seen.image_is_here else None,
            image_sha256=seen.image_sha256,
            image_px=seen.image_px,
            model=f"{seen.model_name} {seen.model_version}".strip(),
            pipeline_version=seen.pipeline_version,
            triggered_at=seen.triggered_at,
            decided_at=seen.decided_at,
            total_ms=seen.total_ms,
            accepted=seen.accepted,
            review=seen.review,
            defect_code=seen.defect_code,
            reviewed_regions=seen.reviewed_regions,
            reviewed_by=seen.reviewed_by,
            reviewed_at=seen.reviewed_at,
        )


class SecondLookIn(BaseModel):
    """What a second reviewer says: a defect, with its code where it is another than the model's, or none."""

    model_config = ConfigDict(extra="forbid")

    defect: bool
    defect_code: str | None = Field(default=None, min_length=1, max_length=40)


class CameraFiguresOut(BaseModel):
    """A camera's verdicts and what reviews made of them; ratios are null while nothing is known."""

    camera: str
    line: str
    inspected: int
    nok: int
    unfit: int
    late: int
    confirmed: int
    false_calls: int
    escapes: int
    false_call_ratio: float | None
    escape_ratio: float | None

    @classmethod
    def of(cls, figures: CameraFigures) -> CameraFiguresOut:
        """Show one camera's figures."""
        return cls(
            camera=figures.camera,
            line=figures.line,
            inspected=figures.inspected,
            nok=figures.nok,
            unfit=figures.unfit,
            late=figures.late,
            confirmed=figures.confirmed,
            false_calls=figures.false_calls,
            escapes=figures.escapes,
            false_call_ratio=figures.false_call_ratio,
            escape_ratio=figures.escape_ratio,
        )


class ShadowIn(BaseModel):
    """Which package shall look on."""

    package_sha256: Sha256


class PromoteIn(BaseModel):
    """Which share of the parts a canary judges: one of `every`."""

    every: int = Field(default=CANARY_EVERY, ge=2, le=100)


class RollBackIn(BaseModel):
    """Why a model is taken back."""

    reason: str = Field(min_length=3, max_length=300)


class ModelOut(BaseModel):
    """A registered model package; `registered_at` is real time."""

    package_sha256: str
    name: str
    version: str
    shop: str
    model_sha256: str
    data_sha256: str
    pipeline_version: str
    licence: str
    parents: list[str]
    bytes: int
    escape: float | None
    overkill: float | None
    auroc: float | None
    registered_at: datetime
    registered_by: str

    @classmethod
    def of(cls, model: Model) -> ModelOut:
        """Show one package."""
        return cls(
            package_sha256=model.package_sha256,
            name=model.name,
            version=model.version,
            shop=model.shop,
            model_sha256=model.model_sha256,
            data_sha256=model.data_sha256,
            pipeline_version=model.pipeline_version,
            licence=model.licence,
            parents=model.parents,
            bytes=model.bytes,
            escape=model.summary.get("escape"),
            overkill=model.summary.get("overkill"),
            auroc=model.summary.get("auroc"),
            registered_at=model.registered_at,
            registered_by=model.registered_by,
        )


class DriftAlarmOut(BaseModel):
    """A camera that no longer sees (features) or judges (scores) as it did. Plant time; distances in spreads."""

    model_config = ConfigDict(from_attributes=True)

    camera: str
    measure: Measure
    model_name: str
    model_version: str
    raised_at: datetime
    distance: float
    most: float
    confirmed_at: datetime | None
    confirmed_by: str | None
    comment: str


class ConfirmDriftIn(BaseModel):
    """What was found or done."""

    model_config = ConfigDict(extra="forbid")

    comment: str = Field(default="", max_length=300)
