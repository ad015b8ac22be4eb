"""What travels along a pipeline's connections, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.gauges.reading import Picture, Reading
from qc_vision.runtime.inspection import Inspection, Region, Verdict
from qc_vision.runtime.steps import moved

Affine: TypeAlias = NDArray[np.float64]

UNMOVED: Final[Affine] = np.eye(2, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture on its way, and the affine from its pixels back to those of the picture taken.

    Args:
        taken: height and width of the picture taken.
    """

    image: Picture
    taken: tuple[int, int]
    to_taken: Affine = field(default_factory=lambda: UNMOVED)

    def cut(self, x: int, y: int, w: int, h: int) -> Frame:
        """Return a window of the picture."""
        back = self.to_taken.copy()
        back[:, 2] += self.to_taken[:, :2] @ np.array([x, y], np.float64)
        return Frame(np.ascontiguousarray(self.image[y : y + h, x : x + w]), self.taken, back)

    def scaled(self, width: int) -> Frame:
        """Return the picture at another width, its height in proportion."""
        tall, wide = self.image.shape[:2]
        height = max(round(tall * width / wide), 1)
        method = cv2.INTER_AREA if width < wide else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(self.image, (width, height), interpolation=method), np.uint8)
        fx, fy = wide / width, tall / height
        # Pixel centres, not corners, are where coordinates lie.
        to_here = np.array([[fx, 0.0, (fx - 1) / 2], [0.0, fy, (fy - 1) / 2]])
        return self.warped(image, to_here)

    def warped(self, image: Picture, to_here: Affine) -> Frame:
        """Return another picture of the same part, and how its pixels come to this one's."""
        both = np.vstack([to_here, [0.0, 0.0, 1.0]])
        return Frame(image, self.taken, self.to_taken @ both)

    def in_taken(self, regions: tuple[Region, ...]) -> tuple[Region, ...]:
        """Return regions of this picture as regions of the picture taken."""
        if self.to_taken is UNMOVED:
            return regions
        found = (moved(region, self.to_taken, self.taken) for region in regions)
        return tuple(region for region in found if region is not None)


@dataclass(frozen=True, slots=True)
class Corners:
    """A drawn zone: corners in fractions of whatever picture it is laid on."""

    corners: tuple[tuple[float, float], ...]

    def points(self, image: Picture) -> NDArray[np.int32]:
        """Return the corners in pixels of a picture."""
        height, width = image.shape[:2]
        at = np.array(self.corners, np.float64) * (width - 1, height - 1)
        return np.asarray(np.round(at), np.int32)

    def mask(self, image: Picture) -> NDArray[np.uint8]:
        """Return 255 where the zone is, 0 elsewhere."""
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self.points(image)], (255,))
        return mask

    def box(self, image: Picture) -> tuple[int, int, int, int]:
        """Return x, y, width, height of the box around the zone."""
        x, y, w, h = cv2.boundingRect(self.points(image))
        return int(x), int(y), int(w), int(h)


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """What a model said of a picture; regions are in the pixels of that picture."""

    frame: Frame
    inspection: Inspection


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What a gauge read in a picture, and where it looked (x, y, w, h in that picture)."""

    frame: Frame
    reading: Reading
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict of a rule on its parts.

    Args:
        score: of the part that decided, in [0, 1]; 0 when UNFIT.
        regions: of what is not OK, in the picture taken.
        reason: what is not OK or cannot be judged; None for OK.
    """

    verdict: Verdict
    score: float
    threshold: float
    regions: tuple[Region, ...] = ()
    reason: str | None = None


Value: TypeAlias = Frame | Corners | Score | Measurement | Decision


@dataclass(frozen=True, slots=True)
class NodeReading:
    """A gauge's reading with the node it belongs to."""

    node: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class PipelineInspection(Inspection):
    """The answer of a pipeline to one picture.

    Args:
        readings: of its gauges, in the order they were read.
        failed: the node that could not do its work; the verdict is UNFIT then.
        error: what went wrong there, when it was no property of the picture but a fault.
        help_wanted: why help is called for at the station.
    """

    readings: tuple[NodeReading, ...] = ()
    failed: str | None = None
    error: str | None = None
    help_wanted: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one node did with one picture.

    Args:
        value: None where it failed, or was not reached.
        failure: why it failed; None when it did not.
        is_fault: it failed for another reason than what the picture shows.
    """

    node: str
    kind: str
    ms: float = 0.0
    value: Any = None
    failure: str | None = None
    is_fault: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A picture's way through a pipeline, node by node."""

    inspection: PipelineInspection
    outcomes: tuple[Outcome, ...]
    taken: Picture | None = None

    @property
    def by_node(self) -> Mapping[str, Outcome]:
        """The outcomes by the names of their nodes."""
        return {outcome.node: outcome for outcome in self.outcomes}
