"""A full solve as it runs in a process of its own: what it tells meanwhile, and what stops it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Protocol

import aps.schedule as s
from aps.check import check
from aps.solve import Budget, solve
from mes.planning.bridge.asking import _held, _named
from mes.planning.bridge.packing import (
    Broken,
    broken_rules,
    figures,
    pack_schedule,
    unpack_problem,
    unpack_schedule,
)

_PROGRESS_FILE = "progress.json"
_CANCEL_FILE = "cancel"
CURVE = (
    "late_cars",
    "total_tardiness_s",
    "ratio_violations_high",
    "ratio_violations_low",
    "color_changes",
)
"""Figures that the curve of a solve has at each better plan, behind its second."""

Told = dict[str, Any]
"""What a running solve has told: `best`, the figures of its best plan, and `curve`."""
Solved = tuple[bytes, list[Broken], float]
"""A packed schedule, the rules it breaks, and the seconds it took."""


class Link(Protocol):
    """How a solve talks with who asked for it."""

    def tell(self, told: Told) -> None:
        """Say how far the solve is."""
        ...

    def stopped(self) -> bool:
        """Say whether somebody wants the best plan now; asked often."""
        ...


class FolderLink:
    """A folder of this machine: what is told is a file, a file `cancel` stops the solve."""

    def __init__(self, folder: str) -> None:
        self._told = Path(folder) / _PROGRESS_FILE
        self._cancel = Path(folder) / _CANCEL_FILE

    def tell(self, told: Told) -> None:
        """Say how far the solve is, for `told` elsewhere."""
        draft = self._told.with_suffix(".part")
        draft.write_text(json.dumps(told), encoding="utf-8")
        draft.replace(self._told)

    def told(self) -> Told | None:
        """Return what the solve has told so far."""
        return json.loads(self._told.read_text(encoding="utf-8")) if self._told.exists() else None

    def stop(self) -> None:
        """Ask the solve for its best plan now."""
        self._cancel.touch()

    def stopped(self) -> bool:
        """Say whether somebody wants the best plan now."""
        return self._cancel.exists()


def solve_packed(problem: bytes, reference: bytes | None, wall_s: float, folder: str) -> Solved:
    """Solve in this process, linked through a folder of this machine."""
    return solve_linked(problem, reference, wall_s, FolderLink(folder))


def solve_linked(
    problem: bytes,
    reference: bytes | None,
    wall_s: float,
    link: Link,
    executor: Executor | None = None,
) -> Solved:
    """Solve in this process; seeds of the assembly search run in the executor, if there is one."""
    began = time.perf_counter()
    asked = unpack_problem(problem)
    former = None if reference is None else unpack_schedule(reference)
    found = solve(
        asked,
        budget=Budget(wall_s=wall_s),
        on_incumbent=_teller(link, began),
        cancel=link.stopped,
        executor=executor,
        reference=former,
    )
    lots: set[str] = set() if former is None else {lot.id for lot in former.press}
    found = _named(found, _held(asked) | lots)
    violations = check(asked, found, reference=former)
    return pack_schedule(found), broken_rules(violations), time.perf_counter() - began


def _teller(link: Link, began: float) -> Callable[[s.Schedule], None]:
    """Return what tells each better plan, and the way there."""
    curve: list[list[float]] = []

    def tell(schedule: s.Schedule) -> None:
        at = round(time.perf_counter() - began, 2)
        curve.append([at, *(getattr(schedule.kpis, name) for name in CURVE)])
        link.tell({"best": figures(schedule), "curve": curve})

    return tell
