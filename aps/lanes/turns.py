"""The lane that a body should go into, when it is known who leaves when."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar


class Turn(Protocol):
    """Anything with an order: a place in the line, a moment."""

    def __lt__(self, other: Any, /) -> bool:
        """Say whether this is before the other."""
        ...


T = TypeVar("T", bound=Turn)


def lane_for(last: Mapping[int, T | None], turn: T) -> tuple[int, bool]:
    """Return the lane for a body, and whether it can leave at its turn from there.

    `last` are the lanes with room and when the last body of each leaves; `None`: it is empty, and of empty
    ones the first is taken. The lane whose last body leaves shortest before the body itself is best: with
    this rule the fewest lanes suffice. If they all leave after it, it goes behind the first of them.

    Raises:
        ValueError: there is no lane.
    """
    if not last:
        raise ValueError("no lane has room")
    best: tuple[T, int] | None = None
    empty: int | None = None
    first: tuple[T, int] | None = None
    for lane, leaves in last.items():
        if leaves is None:
            empty = lane if empty is None else empty
            continue
        if leaves < turn and (best is None or best[0] < leaves):
            best = leaves, lane
        if first is None or leaves < first[0]:
            first = leaves, lane
    if best is not None:
        return best[1], True
    if empty is not None:
        return empty, True
    assert first is not None  # noqa: S101 - every lane is empty or has a last body
    return first[1], False
