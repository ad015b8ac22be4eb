"""Quotes: held places with an expiry, in plant time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from mes.platform.errors import Conflict, Gone, NotFound


class QuoteState(StrEnum):
    """How far a quote is."""

    HELD = "held"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class UnknownQuote(NotFound):
    """There is no quote {quote}."""

    code = "quote.unknown"


class QuoteClosed(Conflict):
    """Quote {number} is {state}; only a held quote can be confirmed or cancelled."""

    code = "quote.closed"


class QuoteExpired(Gone):
    """Quote {number} expired at {expires_at}; ask for a new one."""

    code = "quote.expired"


class NoCapacity(Conflict):
    """Every shift that is planned so far is full; the last one ends at {until_at}."""

    code = "quote.no_capacity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An offer that holds a place of the drum line until it expires."""

    id: UUID
    number: int
    state: QuoteState
    model: str
    color: str
    options: tuple[str, ...]
    wanted_at: datetime | None
    promised_at: datetime
    confidence: float
    assumed: bool
    reasons: list[dict[str, Any]]
    not_sooner: list[dict[str, Any]]
    expires_at: datetime
    order_id: UUID | None
    created_at: datetime
    created_by: str
    row_version: int

    def __post_init__(self) -> None:
        """Read the texts and lists of a database row as what they mean."""
        object.__setattr__(self, "state", QuoteState(self.state))
        object.__setattr__(self, "options", tuple(self.options))

    def confirmed(self, order_id: UUID, *, now: datetime) -> Quote:
        """Return the quote as an order."""
        self._must_be_held(now)
        return replace(self, state=QuoteState.CONFIRMED, order_id=order_id)

    def cancelled(self, *, now: datetime) -> Quote:
        """Return the quote given up."""
        self._must_be_held(now)
        return replace(self, state=QuoteState.CANCELLED)

    def expired(self, *, now: datetime) -> Quote:
        """Return the quote whose time is over; one that is not, or not held, stays what it is."""
        if self.state is QuoteState.HELD and now >= self.expires_at:
            return replace(self, state=QuoteState.EXPIRED)
        return self

    def _must_be_held(self, now: datetime) -> None:
        if self.state is QuoteState.EXPIRED or (
            self.state is QuoteState.HELD and now >= self.expires_at
        ):
            raise QuoteExpired(number=self.number, expires_at=self.expires_at)
        if self.state is not QuoteState.HELD:
            raise QuoteClosed(number=self.number, state=self.state.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """A part that is short: `pieces` cars with the option can start on the drum before `until_at`."""

    option: str
    pieces: int
    until_at: datetime
    reason: str
    planned: int = 0
    reserved: int = 0

    @property
    def left(self) -> int:
        """Pieces that nothing holds."""
        return max(0, self.pieces - self.planned - self.reserved)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionCapacity:
    """How many cars with an option a shift of the drum line takes within its ratio rule."""

    line: str
    shift_id: str
    rule: str
    option: str
    cap: int
    planned: int


def option_cap(places: int, n: int, p: int) -> int:
    """Return how many of `places` cars can have an option of which at most `n` in any `p` may have it."""
    return places // p * n + min(n, places % p)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftCapacity:
    """The places of the drum line in one shift."""

    line: str
    shift_id: str
    start_at: datetime
    end_at: datetime
    places: int
    planned: int
    reserved: int

    @property
    def free(self) -> int:
        """Places that nothing holds."""
        return max(0, self.places - self.planned - self.reserved)
