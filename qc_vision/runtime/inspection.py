"""The answer to one image: verdict, score, regions, fitness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Verdict(StrEnum):
    """OK and NOK judge the part; UNFIT says that the image cannot be judged."""

    OK = "OK"
    NOK = "NOK"
    UNFIT = "UNFIT"


@dataclass(frozen=True, slots=True)
class Region:
    """A suspicious box in pixels of the upright image, with its own score in [0, 1].

    ``outline`` is a polygon around what lies in the box (x, y), where the model has learned it from masks.
    """

    x: int
    y: int
    w: int
    h: int
    score: float
    label: str | None = None
    outline: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Fitness:
    """Whether the image can be judged at all.

    Args:
        blur: variance of the Laplacian in grey levels²; small means out of focus.
        exposure: median grey level, 0 to 255.
        reason: why the image is unfit, None if it is fit.
        contrast: grey levels between the 2nd and 98th percentile.
    """

    blur: float
    exposure: float
    reason: str | None = None
    contrast: float = 0.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """One verdict and what led to it.

    Args:
        score: in [0, 1]; the threshold is calibrated to 0.5. 0 when UNFIT.
        heatmap: coarse grid of patch scores on the same scale (float16), None when UNFIT.
        ms: milliseconds by step of the pipeline, by the step's name.
        watch: where the picture lies among the good ones of the training, in their spreads along a few
            directions and off them; empty where the model does not say.
    """

    verdict: Verdict
    score: float
    regions: tuple[Region, ...]
    fitness: Fitness
    heatmap: NDArray[np.float16] | None
    model_version: str
    pipeline_version: str
    threshold: float = 0.5
    ms: Mapping[str, float] = field(default_factory=dict)
    watch: tuple[float, ...] = ()
