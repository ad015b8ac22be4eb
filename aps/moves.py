"""What a planner can move by hand, and why a move cannot be tried."""

from dataclasses import dataclass
from enum import StrEnum


class Line(StrEnum):
    """The paced lines on which cars are put in an order."""

    ASSEMBLY = "assembly"
    PAINT = "paint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A car put in front of another one; `before` is `None` for the end of the order."""

    car_id: str
    line: Line
    before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeldMove:
    """A body's welding from `step` on put in front of another body's; `before` is `None` for the end.

    It does not begin before `not_before_s`, and is painted and assembled later if it has to be; `None`: as soon
    as it can, as ever where its start is locked with an end.
    """

    car_id: str
    step: str
    before: str | None
    not_before_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotMove:
    """A die lot put on a press in front of another lot there; `before` is `None` for the end.

    `not_before_s` as in `WeldMove`.
    """

    lot_id: str
    press: str
    before: str | None
    not_before_s: int | None = None


AnyMove = Move | WeldMove | LotMove


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A move that cannot be tried, and why.

    `unknown`, `started`, `frozen` and `before_frozen` are what they say; `not_there`: the body comes from its
    step before only later; `no_die`: the press does not take the die; `blocked`: lines and presses
    would wait for each other.
    """

    move: AnyMove
    code: str
