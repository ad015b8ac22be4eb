"""Inspections: what a camera's picture was judged to be, and how urgently a person should look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mes.contracts.quality import DrawnRegion, Region, Verdict
from mes.platform.errors import Invalid, NotFound, TooLarge, UnsupportedMedia


class UnknownInspection(NotFound):
    """There is no inspection {inspection}."""

    code = "inspection.unknown"


class UnknownImage(NotFound):
    """The image {sha256} is not here; it may still be at the line."""

    code = "image.unknown"


class ImageDamaged(Invalid):
    """The bytes have SHA-256 {found}, not {announced}: the image was damaged on its way."""

    code = "image.damaged"


class NotAnImage(UnsupportedMedia):
    """These bytes are neither JPEG nor PNG."""

    code = "image.not_an_image"


class ImageTooLarge(TooLarge):
    """An image has at most {limit_bytes} bytes."""

    code = "image.too_large"


class RegionOutside(Invalid):
    """A region reaches to {right}×{bottom}; the picture has {width}×{height} pixels."""

    code = "inspection.region_outside"


class HeatmapUnavailable(NotFound):
    """There is no heat map of this picture: {why}."""

    code = "inspection.no_heatmap"


class Review(StrEnum):
    """What a person said of a verdict."""

    CONFIRMED = "confirmed"
    FALSE_CALL = "false_call"
    ESCAPE = "escape"
    """The picture was passed as good, and a defect was found later."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One judged picture; times are plant time, scores in [0, 1]."""

    id: UUID
    line: str
    station: str
    camera: str
    counter: int
    body_id: UUID | None
    lot: str | None
    job_order_id: UUID | None
    variant: str
    verdict: Verdict
    score: float
    threshold: float
    defect_kind: str | None
    regions: tuple[Region, ...]
    reason: str | None
    image_sha256: str | None
    image_px: tuple[int, int] | None
    image_is_here: bool
    model_name: str
    model_version: str
    model_sha256: str
    pipeline_version: str
    triggered_at: datetime
    decided_at: datetime
    deadline_at: datetime
    inference_ms: float
    total_ms: float
    accepted: bool
    review: Review | None
    defect_code: str | None
    reviewed_regions: tuple[DrawnRegion, ...] | None
    """As a person corrected them; None where nobody did."""
    reviewed_by: str | None
    reviewed_at: datetime | None


@dataclass(frozen=True, slots=True)
class CameraFigures:
    """How a camera's verdicts stood up to review in a stretch of time."""

    camera: str
    line: str
    inspected: int
    nok: int
    unfit: int
    late: int
    confirmed: int
    false_calls: int
    escapes: int

    @property
    def false_call_ratio(self) -> float | None:
        """False calls among the reviewed alarms; None while none was reviewed."""
        reviewed = self.confirmed + self.false_calls
        return self.false_calls / reviewed if reviewed else None

    @property
    def escape_ratio(self) -> float | None:
        """Escapes among the defects that are known; None while none is known."""
        defects = self.confirmed + self.escapes
        return self.escapes / defects if defects else None


def defect_kind_of(regions: tuple[Region, ...]) -> str | None:
    """Return the label of the region with the highest score that has one."""
    labelled = [region for region in regions if region.label]
    return max(labelled, key=lambda region: region.score).label if labelled else None


def check_regions(regions: Iterable[DrawnRegion], image_px: tuple[int, int] | None) -> None:
    """Refuse regions that lie outside their picture; raises RegionOutside."""
    if image_px is None:
        return
    width, height = image_px
    for region in regions:
        right, bottom = region.x + region.w, region.y + region.h
        if right > width or bottom > height:
            raise RegionOutside(right=right, bottom=bottom, width=width, height=height)


def uncertainty(score: float, threshold: float) -> float:
    """Return how unsure a verdict is: 1 at the threshold, falling linearly to 0 at certainty."""
    room = 1 - threshold if score >= threshold else threshold
    return 1.0 if room <= 0 else max(1 - abs(score - threshold) / room, 0.0)


def review_priority(verdict: Verdict, score: float, threshold: float, *, risk: float) -> float:
    """Return how urgently a person should look: risk × uncertainty, larger first.

    A picture that was not judged (UNFIT, LATE) is wholly uncertain. A certain defect still has a twentieth
    of its risk, so that nothing sinks for ever.

    Args:
        risk: what a wrong verdict costs, ≥ 0: standard minutes of repair at stake.
    """
    unsure = uncertainty(score, threshold) if verdict in (Verdict.OK, Verdict.NOK) else 1.0
    return risk * (0.05 + 0.95 * unsure)
