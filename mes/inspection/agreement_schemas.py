"""Studies of measurement systems as the API takes and shows them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from mes.inspection.agreement_model import FEWEST_PARTS, Next, Part, Study
from mes.inspection.agreement_repository import GaugeRecord
from mes.inspection.agreement_stats import Agreement, Appraised, Kappa, Rate
from mes.inspection.gauge_rr import GaugeStudy

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class StudyIn(BaseModel):
    """A study to begin: how many parts, judged how often by each appraiser."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    camera: str = Field(max_length=80)
    parts: int = Field(default=50, ge=FEWEST_PARTS, le=200)
    repeats: int = Field(default=3, ge=2, le=5)


class StudyOut(BaseModel):
    """A study; times are plant time."""

    id: UUID
    title: str
    camera: str
    repeats: int
    asked_by: str
    asked_at: AwareDatetime
    closed_at: AwareDatetime | None
    model: str | None
    model_failure: str | None

    @classmethod
    def of(cls, study: Study) -> StudyOut:
        """Show one study."""
        return cls(**asdict(study))


class TurnOut(BaseModel):
    """Which picture is to be judged now, blind; `image` is null when nothing is left."""

    place: int | None = None
    of: int | None = None
    trial: int | None = None
    repeats: int
    image: str | None = None

    @classmethod
    def of_turn(cls, study: Study, turn: tuple[Next, Part] | None) -> TurnOut:
        """Show one turn; nothing of it tells what the part truly is."""
        if turn is None:
            return cls(repeats=study.repeats)
        following, part = turn
        return cls(
            place=following.place,
            of=following.of,
            trial=following.trial,
            repeats=study.repeats,
            image=f"/api/images/{part.image_sha256}",
        )


class VerdictIn(BaseModel):
    """What the appraiser says of the picture at this place."""

    model_config = ConfigDict(extra="forbid")

    place: int = Field(ge=0)
    defect: bool


class AgreementOut(BaseModel):
    """How appraisers agree; rates have hits, n, rate, 95 % interval and a grade by the limits of AIAG."""

    grade: str
    parts: int
    defects: int
    trials: int
    appraisers: list[dict[str, Any]]
    pairs: list[dict[str, Any]]
    between: dict[str, Any]
    with_standard: dict[str, Any]
    fleiss: dict[str, Any]

    @classmethod
    def of(cls, found: Agreement) -> AgreementOut:
        """Show the result of a study."""
        return cls(
            grade=found.grade,
            parts=found.parts,
            defects=found.defects,
            trials=found.trials,
            appraisers=[_appraised(one) for one in found.appraisers],
            pairs=[{"one": p.one, "other": p.other, "kappa": _kappa(p.kappa)} for p in found.pairs],
            between=_rate(found.between),
            with_standard=_rate(found.with_standard),
            fleiss=_kappa(found.fleiss),
        )


class GaugeStudyIn(BaseModel):
    """Repeated measurements: a CSV with the columns part, appraiser, trial, value; the tolerance in its unit."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    unit: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)]
    tolerance: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    csv: str = Field(max_length=900_000)


class GaugeStudyOut(BaseModel):
    """A gauge study: EV, AV, interaction, GRR, PV and TV as standard deviations, and the ANOVA table."""

    id: UUID
    title: str
    unit: str
    tolerance: float | None
    made_by: str
    made_at: AwareDatetime
    verdict: str
    of_total: float
    result: dict[str, Any]

    @classmethod
    def of(cls, record: GaugeRecord, found: GaugeStudy) -> GaugeStudyOut:
        """Show one gauge study."""
        return cls(
            id=record.id,
            title=record.title,
            unit=record.unit,
            tolerance=record.tolerance,
            made_by=record.made_by,
            made_at=record.made_at,
            verdict=found.verdict,
            of_total=found.of_total,
            result=asdict(found),
        )


def _appraised(one: Appraised) -> dict[str, Any]:
    return {
        "name": one.name,
        "within": _rate(one.within),
        "repeat_kappa": _kappa(one.repeat_kappa),
        "effectiveness": _rate(one.effectiveness),
        "misses": _rate(one.misses),
        "false_alarms": _rate(one.false_alarms),
        "kappa": _kappa(one.kappa),
        "bias": one.bias,
        "bias_p": one.bias_p,
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {**asdict(rate), "rate": rate.rate}


def _kappa(kappa: Kappa) -> dict[str, Any]:
    return {**asdict(kappa), "grade": kappa.grade}
