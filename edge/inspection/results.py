"""What became of a request, and the record of it that goes to the MES."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edge.inspection.request import Request
from edge.models import Choice
from mes.contracts.agent import CameraModel
from mes.contracts.ids import uuid7
from mes.contracts.plc import CameraNodes
from mes.contracts.quality import BesideVerdict, InspectionResult, Measure, Region, Verdict
from qc_vision.pipelines import PipelineInspection
from qc_vision.runtime import Inspection

NEAR_THRESHOLD = 0.7
"""From this share of the threshold on, the picture of an OK part is always kept."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a request, before the PLC has answered."""

    verdict: Verdict
    reason: str | None = None
    inspection: Inspection | None = None
    model: CameraModel | None = None
    picture: bytes | None = None
    picture_px: tuple[int, int] | None = None
    inference_ms: float = 0.0
    choice: Choice | None = None
    judged_by: str = ""
    """Who judged, where it was no model of ours; `judged_version`: its recipe."""
    judged_version: str = ""
    measures: tuple[Measure, ...] = ()


def result_of(
    line: str,
    nodes: CameraNodes,
    request: Request,
    judgement: Judgement,
    *,
    beside: BesideVerdict | None,
    sha256: str | None,
    decided_at: datetime,
    total_ms: float,
    accepted: bool,
) -> InspectionResult:
    """Return the record of a judged request; `total_ms` is real time from trigger seen to verdict written."""
    inspection, model = judgement.inspection, judgement.model
    return InspectionResult(
        id=uuid7(),
        line=line,
        station=nodes.station,
        camera=nodes.id,
        counter=request.counter,
        body_id=request.body_id,
        lot=request.lot,
        job_order_id=request.job_order_id,
        variant=request.variant,
        verdict=judgement.verdict,
        score=inspection.score if inspection else 0.0,
        threshold=inspection.threshold if inspection else 0.0,
        regions=regions_of(inspection) if inspection else (),
        reason=judgement.reason,
        image_sha256=sha256,
        image_px=judgement.picture_px,
        model_name=model.package if model else judgement.judged_by,
        model_version=inspection.model_version if inspection else judgement.judged_version,
        model_sha256=model.sha256 if model else "",
        pipeline_version=inspection.pipeline_version if inspection else "",
        triggered_at=request.triggered_at,
        decided_at=decided_at,
        deadline_at=request.deadline_at,
        inference_ms=judgement.inference_ms,
        total_ms=total_ms,
        accepted=accepted,
        beside=beside,
        watch=tuple(round(number, 3) for number in inspection.watch) if inspection else (),
        **{"measures": judgement.measures, **of_pipeline(inspection)},
    )


def of_pipeline(inspection: Inspection | None) -> dict[str, Any]:
    """Return what only a pipeline says: its gauges' measures, its nodes' times, whether it calls for help."""
    if not isinstance(inspection, PipelineInspection):
        return {}
    return {
        "measures": measures_of(inspection),
        "step_ms": dict(inspection.ms),
        "help_wanted": inspection.help_wanted,
    }


def measures_of(inspection: Inspection) -> tuple[Measure, ...]:
    """Return what the gauges of a pipeline read; nothing where a model alone judged."""
    if not isinstance(inspection, PipelineInspection):
        return ()
    return tuple(
        Measure(
            node=one.node,
            gauge=one.reading.kind,
            verdict=Verdict(one.reading.verdict.value),
            value=one.reading.value,
            unit=one.reading.unit,
            low=one.reading.low,
            high=one.reading.high,
            text=one.reading.text[:500] if one.reading.text else None,
            reason=one.reading.reason[:500] if one.reading.reason else None,
        )
        for one in inspection.readings
    )


def regions_of(inspection: Inspection) -> tuple[Region, ...]:
    """Return where defects were seen, in pixels of the picture."""
    return tuple(
        Region(x=r.x, y=r.y, w=r.w, h=r.h, score=min(max(r.score, 0.0), 1.0), label=r.label)
        for r in inspection.regions
    )


def near_threshold(judgement: Judgement) -> bool:
    """Whether a picture that passed nearly did not: it teaches more than a hundred plain ones."""
    seen = judgement.inspection
    return seen is not None and seen.score >= NEAR_THRESHOLD * seen.threshold


def differ(judgement: Judgement, beside: BesideVerdict | None) -> bool:
    """Whether what looked on would have told the line otherwise."""
    return beside is not None and (beside.verdict is Verdict.OK) != (
        judgement.verdict is Verdict.OK
    )
