"""The promise: a date, how sure it is, when it changes, and why.

Before a plant has history the spread comes from the plant file: cycle spreads, stops (exponential repair
times at the given MTBF) and the base rates of defects with their standard rework times. What a line has
shown (run times, stops, reworks) replaces that prior bit by bit: every draw takes its rates from the
posterior, in which the prior weighs as much as 5 stops and 20 bodies. What became of earlier promises
corrects the result; there the prior weighs as much as 20 orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import numpy as np
import numpy.typing as npt

from mes.contracts.plant import Line

PSEUDO_COUNT = 20
PSEUDO_STOPS = 5
ASSUMED_BELOW = 30
CAP = 0.95
TARGET = 0.9
"""A new promise is the date that holds with this probability, by the prior."""
SAMPLES = 2000
ROUND = timedelta(minutes=5)
LEAST_RESERVE_S = 180.0
PATIENCE = timedelta(minutes=60)
"""Plant time for which a projection has to stay late before a promise moves for no cause of its own."""
NO_PATIENCE = timedelta(0)

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


@dataclass(frozen=True, slots=True)
class LineHistory:
    """What a line has shown: stops in the time observed, bodies with and without rework, run times."""

    observed_s: float = 0.0
    stops: int = 0
    stopped_s: float = 0.0
    bodies: int = 0
    reworked: int = 0
    runs: tuple[float, ...] = ()
    """Seconds beyond nominal that recent bodies took."""


UNSEEN = LineHistory()


def delays(
    way: Sequence[Line],
    *,
    ahead_s: float,
    seed: int,
    samples: int = SAMPLES,
    history: Mapping[str, LineHistory] | None = None,
    down_s: Sequence[float] = (),
) -> Floats:
    """Draw by how many seconds a car comes later than planned.

    A line's stops in the `ahead_s` seconds until the car is through add up, less what the line catches
    up in its takt reserve; stores between the lines decouple them, so the worst line counts. Cycle
    spreads and the reworks of the car's own defects add; where a line has history, that is drawn from.

    Args:
        way: the lines that the car still has to pass.
        history: what lines have shown, by line.
        down_s: mean repair seconds of the lines on its way that are down now; the plan counts on them.
    """
    random = np.random.default_rng(seed)
    late = np.zeros(samples)
    worst = np.zeros(samples)
    for line in way:
        seen = (history or {}).get(line.id, UNSEEN)
        late += _own_delay(line, seen, random, samples)
        lost = _lost_to_stops(line, seen, ahead_s, random, samples)
        pace = max(max(s.cycle_s for s in step) / len(step) for step in line.steps)
        reserve = max(0.0, 1 - pace / line.takt_s) * ahead_s
        worst = np.maximum(worst, lost - reserve)
    for repair_s in down_s:
        worst = np.maximum(worst, random.exponential(repair_s, samples) - repair_s)
    return late + np.maximum(worst, 0.0)


def _own_delay(line: Line, seen: LineHistory, random: np.random.Generator, samples: int) -> Floats:
    """Draw what a line adds to one body: its recent runs, or cycle spread and rework by the plant file."""
    deviation = np.sqrt(sum((s.cycle_s * s.spread) ** 2 for s in line.stations))
    drawn: Floats = random.normal(0.0, deviation, samples)
    sources = [d for s in line.stations for d in s.defects]
    expected = sum(d.base_rate for d in sources)
    if 0 < expected < 1:
        share = random.beta(
            PSEUDO_COUNT * expected + seen.reworked,
            PSEUDO_COUNT * (1 - expected) + max(0, seen.bodies - seen.reworked),
            samples,
        )
        for source in sources:
            found = random.random(samples) < source.base_rate * share / expected
            drawn += found * float(source.rework_s)
    if seen.runs:
        known = random.random(samples) < len(seen.runs) / (PSEUDO_COUNT + len(seen.runs))
        drawn = np.where(known, random.choice(np.array(seen.runs), samples), drawn)
    return drawn


def _lost_to_stops(
    line: Line, seen: LineHistory, ahead_s: float, random: np.random.Generator, samples: int
) -> Floats:
    """Draw the seconds that a line stands in the time ahead."""
    stops_per_s = sum(1 / (s.mtbf_min * 60) for s in line.stations)
    repair_s = float(np.mean([s.mttr_min * 60 for s in line.stations]))
    rate = random.gamma(PSEUDO_STOPS + seen.stops, 1.0, samples) / (
        PSEUDO_STOPS / stops_per_s + seen.observed_s
    )
    mean_s = (PSEUDO_STOPS * repair_s + seen.stopped_s) / (PSEUDO_STOPS + seen.stops)
    stops = random.poisson(rate * max(0.0, ahead_s))
    lost: Floats = random.gamma(np.maximum(stops, 1e-9), mean_s)
    return lost


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


class Verdict(StrEnum):
    """What a projected finish means for a promise."""

    KEPT = "kept"
    WATCHED = "watched"
    BROKEN = "broken"


def verdict(
    promised_at: datetime,
    finish_at: datetime,
    *,
    now: datetime,
    late_since: datetime | None,
    patience: timedelta,
) -> Verdict:
    """Say whether a promise stands, is in doubt, or has to move.

    A customer reads the date, so a projection that may recover (a line is down and its repair is a guess)
    is only watched: it has to stay late for `patience`, or for a quarter of the time that is left until
    the promise, whichever is shorter. With no patience, a late finish breaks the promise at once.
    """
    if finish_at <= promised_at:
        return Verdict.KEPT
    wait = min(patience, max(NO_PATIENCE, (promised_at - now) / 4))
    return Verdict.WATCHED if now - (late_since or now) < wait else Verdict.BROKEN


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
