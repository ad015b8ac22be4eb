"""A study of agreement: a golden set judged blind, in random order and repeatedly, by people and the model."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from mes.platform.errors import Conflict, Invalid, NotFound

MODEL: Final = "model"
"""The name of the camera's model among the appraisers; no person can be called so (people are `user:…`)."""
FEWEST_PARTS: Final = 10
FEWEST_EACH: Final = 3
"""Good parts and defects that a golden set needs at least: rates of misses and of false alarms."""
BORDERLINE: Final = 1 / 3
"""Share of the golden set that lies nearest to the threshold: certain parts alone flatter every appraiser."""


class UnknownStudy(NotFound):
    """There is no study {study}."""

    code = "agreement.unknown"


class TooFewGolden(Invalid):
    """People reviewed {good} good parts and {defects} defects here; needed: {each} of each, and {parts} in all."""

    code = "agreement.too_few_golden"


class StudyClosed(Conflict):
    """This study is closed."""

    code = "agreement.closed"


class StudyStillOpen(Conflict):
    """The verdicts of a study can be seen when it is closed."""

    code = "agreement.still_open"


class StillBlind(Conflict):
    """You have judged {done} of {of} pictures; who sees the result is not blind any more."""

    code = "agreement.still_blind"


class NothingLeft(Conflict):
    """You have judged every part of this study at every trial."""

    code = "agreement.nothing_left"


class AnotherPicture(Conflict):
    """This verdict was for picture {given}; yours is {expected}."""

    code = "agreement.another_picture"


class NothingToTakeBack(Conflict):
    """There is no verdict of this trial to take back."""

    code = "agreement.nothing_to_take_back"


class TooFewAppraisers(Conflict):
    """{finished} appraisers have judged everything; agreement needs two."""

    code = "agreement.too_few_appraisers"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reviewed picture that may come into a golden set; `distance`: of its score from the threshold."""

    inspection_id: UUID
    image_sha256: str
    defect: bool
    kind: str | None
    distance: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the golden set and what it truly is."""

    number: int
    inspection_id: UUID
    image_sha256: str
    image_is_here: bool
    defect: bool
    kind: str | None


@dataclass(frozen=True, slots=True)
class Study:
    """A study; times are plant time. `model_failure`: why the model is no appraiser of it."""

    id: UUID
    title: str
    camera: str
    repeats: int
    asked_by: str
    asked_at: datetime
    closed_at: datetime | None
    model: str | None
    model_failure: str | None

    def closed(self, *, now: datetime) -> Study:
        """Return the study as it takes no more verdicts; raises StudyClosed."""
        self.check_open()
        return replace(self, closed_at=now)

    def check_open(self) -> None:
        """Raise StudyClosed unless it takes verdicts."""
        if self.closed_at is not None:
            raise StudyClosed


@dataclass(frozen=True, slots=True)
class Overview:
    """A study with how many parts it has, and how many verdicts each appraiser has given."""

    study: Study
    parts: int
    verdicts: Mapping[str, int]

    @property
    def whole(self) -> int:
        """Verdicts that each appraiser gives."""
        return self.parts * self.study.repeats

    @property
    def finished(self) -> int:
        """Appraisers who have judged everything."""
        return sum(given >= self.whole for given in self.verdicts.values())

    def by(self, appraiser: str) -> int:
        """Return how many verdicts an appraiser has given."""
        return self.verdicts.get(appraiser, 0)

    def check_seen_by(self, appraiser: str) -> None:
        """Raise StillBlind for who has begun to judge an open study and is not done."""
        done = self.by(appraiser)
        if self.study.closed_at is None and 0 < done < self.whole:
            raise StillBlind(done=done, of=self.whole)


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict that was given."""

    appraiser: str
    part: int
    trial: int
    defect: bool


@dataclass(frozen=True, slots=True)
class Next:
    """Which part an appraiser judges next: `place` counts all its verdicts of the study from 0."""

    place: int
    of: int
    trial: int
    part: int


def golden_set(candidates: Sequence[Candidate], parts: int) -> list[Candidate]:
    """Return so many reviewed pictures, good ones and defects as even as there are, a third of each borderline.

    Args:
        candidates: the newest first.

    Raises:
        TooFewGolden: there are not so many, or too few of one kind.
    """
    good = [one for one in candidates if not one.defect]
    bad = [one for one in candidates if one.defect]
    if min(len(good), len(bad)) < FEWEST_EACH or len(candidates) < parts:
        raise TooFewGolden(good=len(good), defects=len(bad), parts=parts, each=FEWEST_EACH)
    defects = min(len(bad), max(parts // 2, parts - len(good)))
    return [*_chosen(bad, defects), *_chosen(good, parts - defects)]


def _chosen(some: Sequence[Candidate], count: int) -> list[Candidate]:
    near = sorted(some, key=lambda one: one.distance)[: round(BORDERLINE * count)]
    rest = [one for one in some if one not in near]
    return [*near, *rest[: count - len(near)]]


def order_of(study: UUID, appraiser: str, trial: int, parts: Sequence[int]) -> list[int]:
    """Return the order in which an appraiser sees the parts at a trial: random, another one each time."""
    order = sorted(parts)
    random.Random(f"{study}|{appraiser}|{trial}").shuffle(order)
    return order


def next_for(study: Study, appraiser: str, done: int, parts: Sequence[int]) -> Next | None:
    """Return what an appraiser judges next after so many verdicts; None when nothing is left."""
    of = study.repeats * len(parts)
    if done >= of:
        return None
    trial, place = divmod(done, len(parts))
    return Next(done, of, trial + 1, order_of(study.id, appraiser, trial + 1, parts)[place])


def finished(
    study: Study, parts: Sequence[Part], given: Sequence[Given]
) -> dict[str, dict[str, list[bool]]]:
    """Return the verdicts by part and trial of the appraisers who have judged everything."""
    by_name: dict[str, dict[tuple[int, int], bool]] = {}
    for one in given:
        by_name.setdefault(one.appraiser, {})[one.part, one.trial] = one.defect
    whole = study.repeats * len(parts)
    return {
        name: {
            str(p.number): [said[p.number, trial] for trial in range(1, study.repeats + 1)]
            for p in parts
        }
        for name, said in by_name.items()
        if len(said) == whole
    }


def standard_of(parts: Sequence[Part]) -> Mapping[str, bool]:
    """Return what each part truly is."""
    return {str(part.number): part.defect for part in parts}
