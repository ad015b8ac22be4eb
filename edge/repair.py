"""Gaps that may still be filled from the line's own history, kept across sessions and restarts.

When values come again after an interruption, each tag has a stretch of which nothing is known: from the last
value kept to the first that came. `Repair` holds these stretches until the history was read (`edge.refill`);
what stays unknown then is a gap row.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mes.contracts.telemetry import GapCause

MOST_REPAIRS = 20
"""A line that comes and goes all the time has no more gaps waiting; older ones are written off."""


GROUPS = 10
"""Rows of what single tags may have told unheard: each from the earliest moment of its tags."""


@dataclass(slots=True)
class Repair:
    """One interruption. Times are FILETIME; `until` is 0 where nothing came yet.

    `from_ft` to `to_ft` is the gap of the whole line, as it is written down when nothing can be filled.
    `unwatched_ft` lies before it: what a tag told from then on may have gone unheard although the session lived,
    for a node that a server loses and makes again is missed only after a while (`edge.opcua.vigil`).
    """

    cause: GapCause
    detail: str
    from_ft: int
    to_ft: int
    tags: NDArray[np.int64]
    since: NDArray[np.int64]
    until: NDArray[np.int64]
    unwatched_ft: int
    asked: bool = False
    """Whether the history has given back anything; then gap rows name the tags that remain."""

    @classmethod
    def after(
        cls,
        cause: GapCause,
        detail: str,
        *,
        span: tuple[int, int],
        last: tuple[NDArray[np.int64], NDArray[np.int64]],
        unwatched_ft: int,
    ) -> Repair:
        """Begin one: `last` is each tag with the time of its last value."""
        return cls(cause, detail, *span, *last, np.zeros_like(last[0]), unwatched_ft)

    def unheard(self) -> Iterator[tuple[tuple[int, ...], int]]:
        """Yield tags that may have told something before the gap that nobody heard, and since when, in few groups.

        A tag that shows the value it showed last has told nothing; one that was heard up to the gap was watched.
        """
        changed = (self.until == 0) | (self.until > self.since)
        since = np.maximum(self.since, self.unwatched_ft)
        group = (self.from_ft - since) // max((self.from_ft - self.unwatched_ft) // GROUPS, 1)
        candidates = changed & (since < self.from_ft)
        for one in np.unique(group[candidates]).tolist():
            rows = candidates & (group == one)
            yield tuple(self.tags[rows].tolist()), int(since[rows].min())

    def heard(self, tag_id: NDArray[np.int64], source_ft: NDArray[np.int64]) -> None:
        """Note the first value of each tag that comes after the interruption."""
        if not len(self.until) or self.until.all():
            return
        tags, first = np.unique(tag_id, return_index=True)
        places = np.minimum(np.searchsorted(self.tags, tags), len(self.tags) - 1)
        fresh = (self.tags[places] == tags) & (self.until[places] == 0)
        self.until[places[fresh]] = source_ft[first[fresh]]

    def close(self) -> tuple[int, ...]:
        """Take no more first values; returns the tags that were not heard: nothing is known of them.

        A tag whose value is still the one that was kept has missed nothing. One that shows an older value is
        that of a line which began anew: all until the end of the gap is unknown.
        """
        silent = tuple(self.tags[self.until == 0].tolist())
        began_anew = (self.until < self.since) & (self.until > 0)
        self.until[began_anew] = self.to_ft
        self.leave(self.until > self.since)
        return silent

    def leave(self, rows: NDArray[np.bool_]) -> None:
        """Keep these stretches only."""
        self.tags, self.since, self.until = self.tags[rows], self.since[rows], self.until[rows]

    def __len__(self) -> int:
        return len(self.tags)


def to_text(repairs: Iterable[Repair]) -> str:
    """Return repairs as text for the journal."""
    return json.dumps(
        [
            {
                "cause": one.cause.value,
                "detail": one.detail,
                "span": [one.from_ft, one.to_ft],
                "unwatched": one.unwatched_ft,
                "asked": one.asked,
                "columns": base64.b64encode(
                    np.concatenate([one.tags, one.since, one.until]).astype("<i8").tobytes()
                ).decode(),
            }
            for one in repairs
        ]
    )


def from_text(text: str | None) -> list[Repair]:
    """Read what `to_text` wrote."""
    found = []
    for kept in json.loads(text or "[]"):
        columns = np.frombuffer(base64.b64decode(kept["columns"]), "<i8").astype(np.int64)
        tags, since, until = columns.reshape(3, -1).copy()
        cause, (from_ft, to_ft) = GapCause(kept["cause"]), kept["span"]
        unwatched_ft = kept.get("unwatched", from_ft)  # an earlier agent did not note it
        columns_of_tags = (tags, since, until)
        found.append(
            Repair(
                cause, kept["detail"], from_ft, to_ft, *columns_of_tags, unwatched_ft, kept["asked"]
            )
        )
    return found
