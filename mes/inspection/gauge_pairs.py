"""Gauges of a pipeline on trial against those of the one in force, on the same pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "models.sql")

MOST: Final = 1_000
"""Pictures that are compared, the newest ones."""


@dataclass(frozen=True, slots=True)
class GaugePair:
    """One gauge in two pipelines; values in `unit`, None where nothing was measured.

    Args:
        old_pictures, new_pictures: in which each of them answered.
        both: pictures in which both gave a value.
        difference, spread, largest: of new less old in those: mean, standard deviation, largest without its sign.
        differ: pictures that one of them passes and the other does not.
    """

    node: str
    gauge: str
    unit: str
    old_pictures: int
    new_pictures: int
    old_mean: float | None
    new_mean: float | None
    both: int
    difference: float | None
    spread: float | None
    largest: float | None
    differ: int


async def gauge_pairs(conn: ReadConn, camera: str, package_sha256: str) -> list[GaugePair]:
    """Return what the gauges of a pipeline read against those of what judged beside it."""
    parameters = {"camera": camera, "package_sha256": package_sha256, "limit": MOST}
    return await db.fetch_all(conn, queries["gauges_compared"], parameters, GaugePair)


def readings_beside(
    old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return what two pipelines' gauges read in one picture, side by side by node; None where only one has it."""
    named = [{one["node"]: one for one in some} for some in (old, new)]
    return [
        {"node": node, "old": named[0].get(node), "new": named[1].get(node)}
        for node in dict.fromkeys([*named[0], *named[1]])
    ]
