"""The promise: a date, how sure it is, when it changes, and why.

Before a plant has history the spread comes from the plant file: cycle spreads, stops (exponential repair
times at the given MTBF) and the base rates of defects with their standard rework times. History replaces
that prior as orders finish: the prior weighs as much as 20 orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import numpy.typing as npt

from mes.contracts.plant import Line

PSEUDO_COUNT = 20
ASSUMED_BELOW = 30
CAP = 0.95
TARGET = 0.9
"""A new promise is the date that holds with this probability, by the prior."""
SAMPLES = 2000
ROUND = timedelta(minutes=5)
LEAST_RESERVE_S = 180.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Confidence:
    """How likely a promise holds; `assumed`: on priors, as fewer than 30 orders have finished."""

    value: float
    assumed: bool
    orders: int


@dataclass(frozen=True, slots=True)
class Promise:
    """A date and how likely it is kept."""

    at: datetime
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Record:
    """How promises turned out so far."""

    kept: int
    total: int


NO_RECORD = Record(0, 0)


def delays(way: Sequence[Line], *, ahead_s: float, seed: int, samples: int = SAMPLES) -> Floats:
    """Draw by how many seconds a car comes later than planned.

    A line's stops in the `ahead_s` seconds until the car is through add up, less what the line catches
    up in its takt reserve; stores between the lines decouple them, so the worst line counts. Cycle
    spreads and the reworks of the car's own defects add.

    Args:
        way: the lines that the car still has to pass.
    """
    random = np.random.default_rng(seed)
    late = np.zeros(samples)
    worst = np.zeros(samples)
    for line in way:
        stations = line.stations
        deviation = np.sqrt(sum((s.cycle_s * s.spread) ** 2 for s in stations))
        late += random.normal(0.0, deviation, samples)
        stops_per_s = sum(1 / (s.mtbf_min * 60) for s in stations)
        repair_s = float(np.mean([s.mttr_min * 60 for s in stations]))
        stops = random.poisson(stops_per_s * max(0.0, ahead_s), samples)
        lost = random.gamma(np.maximum(stops, 1e-9), repair_s)
        pace = max(max(s.cycle_s for s in step) / len(step) for step in line.steps)
        reserve = max(0.0, 1 - pace / line.takt_s) * ahead_s
        worst = np.maximum(worst, lost - reserve)
        for source in (d for s in stations for d in s.defects):
            late += (random.random(samples) < source.base_rate) * float(source.rework_s)
    return late + np.maximum(worst, 0.0)


def blended(prior: float, record: Record) -> Confidence:
    """Return the prior weighed against what happened, never above 95 %."""
    value = (PSEUDO_COUNT * prior + record.kept) / (PSEUDO_COUNT + record.total)
    return Confidence(min(CAP, max(0.0, value)), record.total < ASSUMED_BELOW, record.total)


def confidence_of(
    promised_at: datetime, finish_at: datetime, late: Floats, record: Record
) -> Confidence:
    """Return how likely a car planned for `finish_at` is finished by `promised_at`."""
    slack = (promised_at - finish_at).total_seconds()
    return blended(float(np.mean(late <= slack)), record)


def make_promise(finish_at: datetime, late: Floats, record: Record) -> Promise:
    """Return the date that a planned finish allows to promise, rounded up to five minutes."""
    reserve = timedelta(seconds=max(LEAST_RESERVE_S, float(np.quantile(late, TARGET))))
    at = rounded_up(finish_at + reserve)
    return Promise(at, confidence_of(at, finish_at, late, record))


def rounded_up(moment: datetime, step: timedelta = ROUND) -> datetime:
    """Return the next full five minutes, at or after `moment`."""
    seconds = moment.timestamp()
    width = step.total_seconds()
    return moment + timedelta(seconds=-(-seconds // width) * width - seconds)


def must_move(promised_at: datetime, finish_at: datetime) -> bool:
    """Say whether a projected finish breaks a promise; anything earlier is noise and moves nothing."""
    return finish_at > promised_at


def may_return(former_at: datetime, finish_at: datetime) -> bool:
    """Say whether a promise that had been moved can go back to its former date."""
    return finish_at <= former_at


@dataclass(frozen=True, slots=True)
class Change:
    """A promise that moved, for a delay that quality announced (`hold_id`), or for another cause."""

    order_id: UUID
    old_at: datetime
    new_at: datetime
    confidence: float
    assumed: bool
