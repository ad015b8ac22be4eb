"""Problems and schedules as they are stored, and their figures as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import zstandard

import aps.problem as p
import aps.schedule as s
from aps.check import Violation


def pack_problem(problem: p.Problem) -> bytes:
    """Return a problem as it is stored: zstd-compressed canonical JSON."""
    return zstandard.compress(p.to_json(problem).encode(), 3)


def unpack_problem(data: bytes) -> p.Problem:
    """Read a stored problem back."""
    return p.from_json(text_of(data))


def text_of(packed: bytes) -> str:
    """Return a stored problem or schedule as the JSON text that `python -m aps` reads."""
    return zstandard.decompress(packed).decode()


def pack_schedule(schedule: s.Schedule) -> bytes:
    """Return a schedule as it is stored."""
    return zstandard.compress(s.to_json(schedule).encode(), 3)


def unpack_schedule(data: bytes) -> s.Schedule:
    """Read a stored schedule back."""
    return s.from_json(text_of(data))


def figures(schedule: s.Schedule) -> dict[str, object]:
    """Return the KPIs of a schedule as plain data."""
    kpis = asdict(schedule.kpis)
    kpis["ratio_violations"] = dict(schedule.kpis.ratio_violations)
    kpis["spacing_violations"] = dict(schedule.kpis.spacing_violations)
    kpis["levels"] = [
        {"level": x.level, "status": x.status, "note": x.note} for x in schedule.levels
    ]
    return kpis


def left_out(schedule: s.Schedule) -> list[dict[str, object]]:
    """Return the cars without a place, each with its reason."""
    return [
        {"car": x.car_id, "code": x.code, "facts": dict(x.facts), "reason": x.sentence}
        for x in schedule.unplaced
    ]


Broken = dict[str, Any]
"""A rule that a plan breaks, as it is stored: `code`, `subject`, `facts`, and the checker's `reason`."""


def broken_rules(violations: Iterable[Violation]) -> list[Broken]:
    """Return what the checker found as plain data."""
    return [
        {"code": v.code, "subject": v.subject, "facts": dict(v.facts), "reason": v.sentence}
        for v in violations
    ]
