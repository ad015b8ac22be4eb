"""A training of a camera's model from reviewed pictures: which pictures, whether they are enough, its states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import ceil, log
from typing import Any, Final
from uuid import UUID

from mes.platform.errors import Conflict, Invalid, NotFound

MIN_GOOD: Final = 20
"""Fewer good pictures neither span what good parts look like nor set a threshold."""
MAX_GOOD: Final = 2_000
MAX_DEFECTS: Final = 1_000
MEASURED: Final = 0.25
"""Share of the good pictures that is held back from learning; both models are measured on them."""
CONFIDENCE: Final = 0.95
MIN_TAUGHT: Final = 20
"""Fewer pictures with regions teach nothing that pictures held back could confirm."""
MIN_OF_A_CODE: Final = 8
"""A defect code that fewer pictures show is not learned; its pictures only measure."""


class UnknownTraining(NotFound):
    """There is no training {training}."""

    code = "training.unknown"


class TooFewGood(Invalid):
    """Of {needed} good pictures that a training needs {missing} are missing: review more, or widen the dates."""

    code = "training.too_few_good"


class TooFewDefects(Invalid):
    """{found} reviewed defects prove {best_percent} % escape at best; {target_percent} % needs {needed}."""

    code = "training.too_few_defects"


class TooFewRegions(Invalid):
    """{found} pictures have regions with codes, {of_a_code} of one; {needed} and {needed_of_a_code} are needed."""

    code = "training.too_few_regions"


class RegionsAlone(Invalid):
    """Regions are learned with a target overkill; an escape rate is proved by a model of good pictures alone."""

    code = "training.no_escape_with_regions"


class DatesReversed(Invalid):
    """The dates end at {to_at}, before they begin."""

    code = "training.dates_reversed"


class NotExamined(Conflict):
    """This training cannot be started: it is {state}."""

    code = "training.not_examined"


class NothingToStop(Conflict):
    """This training is over: it is {state}."""

    code = "training.over"


class TrainingState(StrEnum):
    """How far a training is."""

    EXAMINING = "examining"
    """Its pictures are looked over before anything is learned."""
    EXAMINED = "examined"
    """A person sees what was found and starts it."""
    TRAINING = "training"
    TRAINED = "trained"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def runs(self) -> bool:
        """Whether a job works on it, or waits for a worker to."""
        return self in (TrainingState.EXAMINING, TrainingState.TRAINING)


class Truth(StrEnum):
    """What a part was, by what people said."""

    GOOD = "good"
    DEFECT = "defect"


class Use(StrEnum):
    """What a picture is for."""

    LEARN = "learn"
    MEASURE = "measure"
    LEFT_OUT = "left_out"


class Regions(StrEnum):
    """Which regions a training learns from, beside good pictures."""

    NONE = "none"
    DRAWN = "drawn"
    """Those that people drew or corrected."""
    CONFIRMED = "confirmed"
    """Those, and the model's where a person confirmed the defect and changed none."""


@dataclass(frozen=True, slots=True)
class Taught:
    """Pictures of defects whose regions can teach.

    Args:
        codes: pictures by defect code.
        without_code: pictures left out because one of their regions has no code.
        learned: the codes that enough pictures show.
    """

    pictures: int
    regions: int
    codes: Mapping[str, int]
    without_code: int
    learned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """How many pictures of a camera there are to train from, by what people said of them."""

    good: int
    """False calls: the camera refused them, a person found them good."""
    assumed: int
    """Passed by the camera, and nobody said otherwise."""
    defects: int
    unreviewed: int
    """Refused by the camera, and not reviewed yet: never used."""
    not_here: int
    """Their picture was not kept, or is still at the line."""

    def usable_good(self, *, assumed_good: bool) -> int:
        """Return how many good pictures there are."""
        return self.good + (self.assumed if assumed_good else 0)


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised: the overkill that sets the threshold, or an escape rate that the defects prove.

    Args:
        overkill: share of good parts that may be refused, in (0, 1).
        escape: highest escape rate, proved at 95 % confidence; None: the overkill sets the threshold.
    """

    overkill: float
    escape: float | None


@dataclass(frozen=True, slots=True)
class Training:
    """A training; times are plant time. `epochs`: how often regions are shown; None: as the library sees fit."""

    id: UUID
    camera: str
    scene: str
    variant: str | None
    from_at: datetime
    to_at: datetime
    assumed_good: bool
    target_overkill: float
    target_escape: float | None
    regions: Regions
    epochs: int | None
    state: TrainingState
    progress: Mapping[str, Any]
    stop_asked: bool
    failure: Mapping[str, Any] | None
    figures: Mapping[str, Any] | None
    package_sha256: str | None
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None

    def started(self) -> Training:
        """Return the training as it runs; raises NotExamined."""
        if self.state is not TrainingState.EXAMINED:
            raise NotExamined(state=self.state.value)
        return replace(self, state=TrainingState.TRAINING)

    def examined(self) -> Training:
        """Return the training when its pictures were looked over."""
        return replace(self, state=TrainingState.EXAMINED)

    def asked_to_stop(self, *, now: datetime) -> Training:
        """Return the training as somebody wants it to end: at once when nothing runs.

        Raises:
            NothingToStop: it is over.
        """
        if self.state is TrainingState.EXAMINED:
            return self.stopped(now=now)
        if not self.state.runs:
            raise NothingToStop(state=self.state.value)
        return replace(self, stop_asked=True)

    def stopped(self, *, now: datetime) -> Training:
        """Return the training as it was stopped."""
        return replace(self, state=TrainingState.STOPPED, stop_asked=True, ended_at=now)

    def failed(self, code: str, facts: Mapping[str, Any], *, now: datetime) -> Training:
        """Return the training as it failed, with the reason as a code and its facts."""
        failure = {"code": code, "facts": dict(facts)}
        return replace(self, state=TrainingState.FAILED, failure=failure, ended_at=now)

    def trained(
        self, figures: Mapping[str, Any], package_sha256: str, *, now: datetime
    ) -> Training:
        """Return the training with what came of it."""
        return replace(
            self,
            state=TrainingState.TRAINED,
            figures=figures,
            package_sha256=package_sha256,
            ended_at=now,
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a training.

    Args:
        drawn: the regions that teach (x, y, w, h in its pixels, code), as they were when it was asked for.
        old, new: what the models said (verdict, score, regions, reason, ms).
    """

    inspection_id: UUID
    image_sha256: str
    image_is_here: bool
    image_w: int | None
    image_h: int | None
    triggered_at: datetime
    truth: Truth
    reviewed: bool
    kind: str | None
    use: Use
    twins: int | None
    findings: Sequence[str]
    drawn: Sequence[Mapping[str, Any]] | None
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None

    @property
    def codes(self) -> tuple[str, ...]:
        """The defect codes of the regions that teach."""
        return tuple(region["code"] for region in self.drawn or ())


def check_enough(good: int, defects: int, target: Target, *, found_good: int | None = None) -> None:
    """Refuse a training that cannot keep its word.

    Args:
        found_good: what is told as found, where some of them cannot be used.

    Raises:
        TooFewGood, TooFewDefects: with how many are needed.
    """
    if good < MIN_GOOD:
        found = good if found_good is None else found_good
        raise TooFewGood(found=found, needed=MIN_GOOD, missing=MIN_GOOD - good)
    if target.escape is None:
        return
    needed = defects_needed(target.escape)
    if defects < needed:
        best = 1 - (1 - CONFIDENCE) ** (1 / defects) if defects else 1.0
        raise TooFewDefects(
            found=defects,
            needed=needed,
            best_percent=f"{100 * best:.1f}",
            target_percent=f"{100 * target.escape:g}",
        )


def defects_needed(escape: float) -> int:
    """Return how many defects, all of them found, prove an escape rate at 95 % confidence: (1-r)^n ≤ 5 %."""
    return ceil(log(1 - CONFIDENCE) / log(1 - escape))


def best_overkill(good: int) -> float:
    """Return the smallest overkill that so many pictures can promise: the conformal quantile of n is 1/(n+1)."""
    return 1 / (good + 1)
