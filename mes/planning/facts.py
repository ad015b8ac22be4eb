"""What a plan may depend on, frozen at one moment of plant time: orders, bodies, stock, shifts, delays."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a body is: at a station, in a bay, or in the store behind `line`."""

    line: str
    """The line it is on, or last left."""
    entered_at: datetime
    """When it entered that line."""
    since: datetime
    """When it came to its station, bay or store."""
    station: str | None = None
    worked: bool = False
    """Whether its station is done with it, so that the next step comes."""
    bay: str | None = None
    store: str | None = None
    lane: int | None = None
    """Of a store with lanes, counted from 0; None: nobody has noted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarFact:
    """An order to build, with the body that carries it now."""

    order_id: UUID
    number: str
    successor: bool = False
    """Whether a body of this order was scrapped before this one."""
    body_id: UUID | None = None
    body_number: str | None = None
    model: str
    color: str
    options: tuple[str, ...] = ()
    due_at: datetime | None = None
    promised_at: datetime | None = None
    priority: int = 0
    """Higher is more urgent."""
    place: Place | None = None
    available_at: datetime | None = None
    """A hold or a rework keeps it from its next stage until then."""
    quoted: bool = False
    """It holds a place for a quote; nobody has ordered it yet."""

    @property
    def car_id(self) -> str:
        """The id of this car in the planning library: its order number, and which body it is."""
        return f"{self.number}/{self.body_number}" if self.successor else self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftFact:
    """A shift that a calendar works."""

    id: str
    calendar: str
    start_at: datetime
    end_at: datetime
    breaks: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LotFact:
    """A die lot that runs."""

    lot_id: str
    panel: str
    press: str
    quantity: int
    started_at: datetime
    good: int = 0
    """Panels of it that are in the racks, and so in the stock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownFact:
    """A line, or one station of it, that does not work until `until_at`."""

    line: str
    station: str | None
    until_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFact:
    """A planner wants an order, or a die lot, to start on a line in a window; `to_at` None: not before."""

    line: str
    from_at: datetime
    to_at: datetime | None
    order_id: UUID | None = None
    lot_id: str | None = None
    panel: str = ""
    quantity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A bar that a planner has moved: an order in welding or a die lot on a press."""

    line: str
    subject_id: UUID
    """The order, or the lot as job orders know it."""
    from_at: datetime | None
    """Not before when it is to start; None: as soon as it can."""
    order_id: UUID | None = None
    order_number: str | None = None
    lot_id: str | None = None
    panel: str | None = None
    quantity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantFacts:
    """The whole snapshot."""

    at: datetime
    cars: tuple[CarFact, ...]
    shifts: tuple[ShiftFact, ...]
    stock: dict[str, int]
    lots: tuple[LotFact, ...] = ()
    mounted: dict[str, str] = field(default_factory=dict)
    """Press → the panel whose die is in it."""
    done_lots: frozenset[str] = frozenset()
    down: tuple[DownFact, ...] = ()
    locks: tuple[LockFact, ...] = ()
    seed: int = 0
