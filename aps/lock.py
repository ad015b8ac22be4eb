"""Starts that a planner has locked or put in time, as the problem says them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A start that a planner has locked: the car starts on the line from `from_s` to `to_s`.

    `line` is the assembly or the paint line. Unlike what is frozen a lock is not where the lines have
    stored work already: a plan that cannot keep it leaves the car its best place and counts it.
    """

    car_id: str
    line: str
    from_s: int
    to_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WeldLock:
    """A weld step of a body that a planner has put in time: it starts from `from_s` to `to_s`.

    `to_s` is `None` where it is only not to start before. A machine waits for `from_s`; a plan that comes
    behind `to_s` counts the lock.
    """

    car_id: str
    step: str
    from_s: int
    to_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLock:
    """A die lot that a planner has put in time: it starts on its press from `from_s` to `to_s`.

    `to_s` as in `WeldLock`. Every plan makes the lot, so the lock says of what and how many panels it is.
    """

    lot_id: str
    panel_type: str
    press: str
    quantity: int
    from_s: int
    to_s: int | None = None
