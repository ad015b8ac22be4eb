"""The mixed bank: parallel lanes, first in first out, between two lines.

A body goes into the tail of a lane that has room, and only heads of lanes can leave: which lane in
and which lane out are the two decisions. `Bank` is what stands where, `Passage` what happened.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from aps.problem import RatioRule


class LaneError(ValueError):
    """A body that a lane cannot take or give: there is no such lane, it is full, or it is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body for the store. `latest` is the place in the order behind it, 0 first, it should have."""

    id: str
    color: str
    options: frozenset[str] = frozenset()
    latest: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A body that went into a lane, or left it."""

    body_id: str
    lane: int
    out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What it costs to spray a colour behind another one: `cost` in seconds or any unit."""

    before: str
    after: str
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aims:
    """What the line behind the store wants of the order, dearest first: places, rules, colours.

    A change of colour costs its `purges` entry, else `purge`. Runs of one colour end at
    `batch_limit` as long as a head has another colour. With `purge` 0 and no rules the store
    gives bodies in the order of `latest`.
    """

    ratio_rules: tuple[RatioRule, ...] = ()
    batch_limit: int = 1 << 30
    purge: int = 1
    purges: tuple[Purge, ...] = ()
    colors_first: bool = False
    """Colours before the ratio rules, as before a paint line."""


@dataclass(frozen=True, slots=True)
class Bank:
    """The lanes with their bodies, heads first; a change gives a new bank."""

    capacities: tuple[int, ...]
    lanes: tuple[tuple[Body, ...], ...]

    @classmethod
    def empty(cls, capacities: Iterable[int]) -> "Bank":
        """Return lanes with room for so many bodies each.

        Raises:
            LaneError: there is no lane, or one without room.
        """
        sizes = tuple(capacities)
        if not sizes or min(sizes) < 1:
            raise LaneError("a store needs lanes, each with room for a body")
        return cls(sizes, tuple(() for _ in sizes))

    @property
    def stored(self) -> int:
        """How many bodies stand in the lanes."""
        return sum(len(lane) for lane in self.lanes)

    def room(self) -> tuple[int, ...]:
        """Return the lanes that can take a body."""
        return tuple(k for k, lane in enumerate(self.lanes) if len(lane) < self.capacities[k])

    def heads(self) -> tuple[int, ...]:
        """Return the lanes that can give a body."""
        return tuple(k for k, lane in enumerate(self.lanes) if lane)

    def with_body(self, body: Body, lane: int) -> "Bank":
        """Return the bank with a body at the tail of a lane.

        Raises:
            LaneError: there is no such lane, or it is full.
        """
        if lane not in self.room():
            raise LaneError(f"lane {lane} has no room for body {body.id}")
        return self._changed(lane, (*self.lanes[lane], body))

    def without_head(self, lane: int) -> tuple[Body, "Bank"]:
        """Return the head of a lane and the bank without it.

        Raises:
            LaneError: there is no such lane, or it is empty.
        """
        if lane not in self.heads():
            raise LaneError(f"lane {lane} has no body to give")
        head, *rest = self.lanes[lane]
        return head, self._changed(lane, tuple(rest))

    def _changed(self, lane: int, bodies: tuple[Body, ...]) -> "Bank":
        lanes = (*self.lanes[:lane], bodies, *self.lanes[lane + 1 :])
        return replace(self, lanes=lanes)
