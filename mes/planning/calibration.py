"""Promised against met: how often first promises were kept, beside how sure they were said to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mes.planning import history_repository
from mes.planning.history_repository import Outcome
from mes.platform.db import ReadConn

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
NEWEST = 2000
"""Finished orders that a report looks back on."""


@dataclass(frozen=True, slots=True)
class Band:
    """Promises of about the same confidence: how many, what was expected, what was met (shares)."""

    from_confidence: float
    to_confidence: float
    orders: int
    expected: float
    met: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What became of promises; shares are of all orders."""

    orders: int
    assumed: int
    """Orders promised on priors, before there was history."""
    expected: float
    """The mean confidence of first promises."""
    met_first: float
    """Finished by the first date that was promised."""
    met_last: float
    """Finished by the last date that was promised."""
    changes: float
    """Changes of the promise, by order."""
    brier: float
    """Mean squared distance of confidence and outcome; 0 is perfect, 0.25 is guessing."""
    bands: tuple[Band, ...]


def calibrate(outcomes: Sequence[Outcome]) -> Calibration:
    """Return how first promises turned out, in all and by confidence."""
    size = len(outcomes)
    if not size:
        return Calibration(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, ())
    met = [one.finished_at <= one.first_promised_at for one in outcomes]
    sure = [one.first_confidence for one in outcomes]
    bands = []
    for low, high in pairwise(EDGES):
        here = [
            (said, kept)
            for said, kept in zip(sure, met, strict=True)
            if low <= said < high or said == high == EDGES[-1]
        ]
        if here:
            expected = sum(said for said, _ in here) / len(here)
            bands.append(Band(low, high, len(here), expected, _share([k for _, k in here])))
    return Calibration(
        orders=size,
        assumed=sum(one.assumed for one in outcomes),
        expected=sum(sure) / size,
        met_first=_share(met),
        met_last=_share([one.finished_at <= one.promised_at for one in outcomes]),
        changes=sum(one.changes for one in outcomes) / size,
        brier=sum((s - k) ** 2 for s, k in zip(sure, met, strict=True)) / size,
        bands=tuple(bands),
    )


def _share(kept: Sequence[bool]) -> float:
    return sum(kept) / len(kept)


async def calibration(conn: ReadConn) -> Calibration:
    """Return what became of the promises of the newest finished orders."""
    return calibrate(await history_repository.outcomes(conn, limit=NEWEST))
