"""Racks of panels: material lots with a quantity, from the press to framing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.platform.errors import Conflict, NotFound


class UnknownRack(NotFound):
    """There is no rack {rack!r}."""

    code = "rack.unknown"


class RackScrapped(Conflict):
    """Rack {rack} was scrapped; it cannot be released."""

    code = "rack.scrapped"


@dataclass(frozen=True, slots=True)
class Rack:
    """One rack; `received_at` None: held before the press has filled it. Times are plant time."""

    id: str
    panel: str
    line: str | None
    job_order_id: UUID | None
    quantity: int
    remaining: int
    overdrawn: int
    held: bool
    scrapped_at: datetime | None
    received_at: datetime | None

    @property
    def usable(self) -> int:
        """How many panels framing may take from it."""
        return 0 if self.held or self.scrapped_at is not None else self.remaining


@dataclass(frozen=True, slots=True)
class RackReceipt:
    """A full rack: from a press line, or (`line` None) in stock when the plant starts."""

    rack: str
    panel: str
    line: str | None
    job_order_id: UUID | None
    quantity: int
    held: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class PanelStock:
    """Panels of one kind: what framing may take, what is held, in how many racks."""

    panel: str
    usable: int
    held: int
    racks: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Panels that a line took from racks."""

    rack: str
    quantity: int


def summed(takes: Iterable[Taken]) -> dict[str, int]:
    """Return how many panels were taken from each rack."""
    total: dict[str, int] = {}
    for take in takes:
        total[take.rack] = total.get(take.rack, 0) + take.quantity
    return total
