"""Promised against met: how often first promises were kept, beside how sure they were said to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from mes.planning import history_repository
from mes.planning.history_repository import Outcome
from mes.platform.db import ReadConn
from mes.resources import service as resources

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
class Week:
    """Cars that were finished in a week, which begins on a Monday of the plant's time zone."""

    monday: date
    orders: int
    expected: float
    met_first: float
    met_last: float
    bands: tuple[Band, ...]


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
    weeks: tuple[Week, ...]
    """The newest first."""


def calibrate(outcomes: Sequence[Outcome], *, time_zone: str) -> Calibration:
    """Return how first promises turned out: in all, by confidence, and by the week of completion."""
    size = len(outcomes)
    if not size:
        return Calibration(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, (), ())
    met = [one.finished_at <= one.first_promised_at for one in outcomes]
    sure = [one.first_confidence for one in outcomes]
    return Calibration(
        orders=size,
        assumed=sum(one.assumed for one in outcomes),
        expected=sum(sure) / size,
        met_first=_share(met),
        met_last=_share([one.finished_at <= one.promised_at for one in outcomes]),
        changes=sum(one.changes for one in outcomes) / size,
        brier=sum((s - k) ** 2 for s, k in zip(sure, met, strict=True)) / size,
        bands=_bands(outcomes),
        weeks=_weeks(outcomes, ZoneInfo(time_zone)),
    )


def _bands(outcomes: Sequence[Outcome]) -> tuple[Band, ...]:
    bands = []
    for low, high in pairwise(EDGES):
        here = [
            one
            for one in outcomes
            if low <= one.first_confidence < high or one.first_confidence == high == EDGES[-1]
        ]
        if here:
            expected = sum(one.first_confidence for one in here) / len(here)
            met = _share([one.finished_at <= one.first_promised_at for one in here])
            bands.append(Band(low, high, len(here), expected, met))
    return tuple(bands)


def _weeks(outcomes: Sequence[Outcome], zone: ZoneInfo) -> tuple[Week, ...]:
    by_week: dict[date, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        day = one.finished_at.astimezone(zone).date()
        by_week[day - timedelta(days=day.weekday())].append(one)
    return tuple(
        Week(
            monday,
            len(here),
            sum(one.first_confidence for one in here) / len(here),
            _share([one.finished_at <= one.first_promised_at for one in here]),
            _share([one.finished_at <= one.promised_at for one in here]),
            _bands(here),
        )
        for monday, here in sorted(by_week.items(), reverse=True)
    )


def _share(kept: Sequence[bool]) -> float:
    return sum(kept) / len(kept)


async def calibration(conn: ReadConn) -> Calibration:
    """Return what became of the promises of the newest finished orders."""
    plant = await resources.active_plant(conn)
    found = await history_repository.outcomes(conn, limit=NEWEST)
    return calibrate(found, time_zone=plant.site.time_zone)
