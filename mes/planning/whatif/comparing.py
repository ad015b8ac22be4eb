"""A branch beside the live plan: figures, and what becomes of every promise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from mes.planning.facts import CarFact

FIGURES = (
    "cars_planned",
    "cars_unplaced",
    "late_cars",
    "total_tardiness_s",
    "ratio_violations_high",
    "ratio_violations_low",
    "spacing_high",
    "spacing_low",
    "color_changes",
    "longest_color_run",
    "purge_s",
    "purge_cost",
    "die_changes",
    "stock_out_s",
    "makespan_s",
)
"""Figures of a plan that are shown side by side."""
LISTED = 200


@dataclass(frozen=True, slots=True)
class Fate:
    """A car whose promise fares otherwise in the branch; times as ISO text, None: no place."""

    number: str
    model: str
    promised_at: str | None
    live_at: str | None
    branch_at: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a branch would do to promises and cars."""

    broken: list[Fate] = field(default_factory=list)
    """Kept by the live plan, missed in the branch; most urgent first."""
    saved: list[Fate] = field(default_factory=list)
    """Missed by the live plan, kept in the branch."""
    broken_count: int = 0
    saved_count: int = 0
    late_live: int = 0
    late_branch: int = 0
    moved: int = 0
    """Cars that start on the drum more than five minutes from where the live plan has them."""
    moved_minutes: int = 0

    def plain(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return asdict(self)


def compare(
    cars: Iterable[CarFact],
    live: Mapping[str, datetime],
    branch: Mapping[str, datetime],
    *,
    starts_live: Mapping[str, datetime],
    starts_branch: Mapping[str, datetime],
) -> Outcome:
    """Return what becomes of promises.

    Args:
        live: car → finish by the plan in force.
        branch: car → finish by the branch.
    """
    broken: list[Fate] = []
    saved: list[Fate] = []
    late_live = late_branch = 0
    for car in cars:
        if car.promised_at is None or car.quoted:
            continue
        before, after = live.get(car.car_id), branch.get(car.car_id)
        kept_before = before is not None and before <= car.promised_at
        kept_after = after is not None and after <= car.promised_at
        late_live += not kept_before
        late_branch += not kept_after
        if kept_before != kept_after:
            (saved if kept_after else broken).append(
                Fate(
                    number=car.number,
                    model=car.model,
                    promised_at=car.promised_at.isoformat(),
                    live_at=before.isoformat() if before else None,
                    branch_at=after.isoformat() if after else None,
                )
            )
    shifts = [
        abs((starts_branch[car] - start).total_seconds())
        for car, start in starts_live.items()
        if car in starts_branch
    ]
    moved = [seconds for seconds in shifts if seconds > 300]
    for fates in (broken, saved):
        fates.sort(key=lambda one: (one.promised_at or "", one.number))
    return Outcome(
        broken=broken[:LISTED],
        saved=saved[:LISTED],
        broken_count=len(broken),
        saved_count=len(saved),
        late_live=late_live,
        late_branch=late_branch,
        moved=len(moved),
        moved_minutes=round(sum(moved) / 60),
    )
