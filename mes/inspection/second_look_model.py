"""Reviewed pictures judged again, blind, by another reviewer: how far two people agree day by day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final
from uuid import UUID

from mes.inspection.agreement_stats import Kappa, kappa_of_counts
from mes.platform.errors import Conflict

FEWEST: Final = 20
"""Pictures below which a kappa is shown, with its interval, but not graded."""


MOST_APART: Final = 10


class NotReviewed(Conflict):
    """Inspection {inspection} has no review that a second person could judge beside."""

    code = "inspection.not_reviewed"


class OwnReview(Conflict):
    """You reviewed this picture yourself; the second word is another person's."""

    code = "inspection.own_review"


class LookedAlready(Conflict):
    """A second person has judged this picture already."""

    code = "inspection.looked_already"


@dataclass(frozen=True, slots=True)
class Word:
    """What a reviewer said of a picture: a defect or a false call, and the code of the defect."""

    defect: bool
    code: str | None
    by: str


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A picture with the words of two reviewers; `looked_at` is plant time."""

    inspection_id: UUID
    first: Word
    second: Word
    looked_at: datetime

    @property
    def agree(self) -> bool:
        """Whether both say defect, or both false call."""
        return self.first.defect == self.second.defect

    @property
    def same_word(self) -> bool:
        """Whether both say the same, down to the code of the defect."""
        return self.agree and self.first.code == self.second.code


@dataclass(frozen=True, slots=True)
class Week:
    """The pictures of a calendar week (Monday to Sunday, in the plant's time zone)."""

    monday: date
    pictures: int
    agreed: int
    kappa: Kappa


@dataclass(frozen=True, slots=True)
class CodeAgreement:
    """One defect code against all else: how often the first, the second and both named it."""

    code: str
    first: int
    second: int
    both: int
    pictures: int
    kappa: Kappa


@dataclass(frozen=True, slots=True)
class Reviewers:
    """How far reviewers agree: by week, the newest first, and by defect code, the most frequent first."""

    pictures: int
    agreed: int
    kappa: Kappa
    weeks: tuple[Week, ...]
    codes: tuple[CodeAgreement, ...]
    apart: tuple[SecondLook, ...]
    """The newest pictures of which the two said different things."""


def agreement_of(looks: Sequence[SecondLook], *, zone: tzinfo) -> Reviewers:
    """Return how far the first and the second reviewers agree on the same pictures.

    Args:
        zone: of the plant; it says which week a picture belongs to.
    """
    weeks: dict[date, list[SecondLook]] = defaultdict(list)
    for look in looks:
        day = look.looked_at.astimezone(zone).date()
        weeks[day - timedelta(days=day.weekday())].append(look)
    return Reviewers(
        pictures=len(looks),
        agreed=sum(look.agree for look in looks),
        kappa=_on_defects(looks),
        weeks=tuple(
            Week(monday, len(some), sum(look.agree for look in some), _on_defects(some))
            for monday, some in sorted(weeks.items(), reverse=True)
        ),
        codes=_by_code(looks),
        apart=tuple(look for look in reversed(looks) if not look.same_word)[:MOST_APART],
    )


def _on_defects(looks: Iterable[SecondLook]) -> Kappa:
    return _kappa([(look.first.defect, look.second.defect) for look in looks])


def _kappa(pairs: Sequence[tuple[bool, bool]]) -> Kappa:
    cells = Counter(pairs)
    return kappa_of_counts(
        cells[True, True], cells[True, False], cells[False, True], cells[False, False]
    )


def _by_code(looks: Sequence[SecondLook]) -> tuple[CodeAgreement, ...]:
    named = {word.code for look in looks for word in (look.first, look.second) if word.code}
    found = []
    for code in named:
        pairs = [(look.first.code == code, look.second.code == code) for look in looks]
        found.append(
            CodeAgreement(
                code=code,
                first=sum(one for one, _ in pairs),
                second=sum(other for _, other in pairs),
                both=sum(one and other for one, other in pairs),
                pictures=len(pairs),
                kappa=_kappa(pairs),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.first - one.second, one.code)))
