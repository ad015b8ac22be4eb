"""The gap rows of one line: between which source times which tags may have told something that nobody has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.opcua.items import Telemetry
from mes.contracts.telemetry import Gap, GapCause, GapRepair
from mes.contracts.wire import from_filetime

GAPS_BY_TAG = 20
"""When more tags overflow or come back at once, one gap row names them all."""


@dataclass(slots=True)
class GapRows:
    """Gap rows that wait to be written, and the tags of which one begins. Times are FILETIME.

    Args:
        name: what a tag is called.
    """

    line: str
    name: Callable[[int], str]
    refused: dict[int, str] = field(default_factory=dict)
    """Tags that the server will not monitor, with its reason."""
    _rows: list[Gap] = field(default_factory=list)

    def taken(self) -> list[Gap]:
        """Return the rows that wait, and forget them."""
        rows, self._rows = self._rows, []
        return rows

    def note_return(
        self, values: Telemetry, source_ft: NDArray[np.int64], last: NDArray[np.int64]
    ) -> None:
        """Write the gap of each tag that the server had refused to monitor and now does.

        Args:
            last: of each value, the last source time kept of its tag; 0: none.
        """
        back: list[tuple[int, int, int, str]] = []
        for row in np.nonzero(values.first)[0].tolist():
            tag = int(values.tag_id[row])
            reason = self.refused.pop(tag, None)
            if reason is not None and 0 < last[row] < source_ft[row]:
                back.append((tag, int(last[row]), int(source_ft[row]), reason))
        if len(back) > GAPS_BY_TAG:
            tags = tuple(tag for tag, *_ in back)
            span = (min(since for _, since, *_ in back), max(until for *_, until, _ in back))
            detail = f"{len(back)} tags: {back[0][3]}"
            self.add(*span, GapCause.NODE_REFUSED, tags, detail, GapRepair.RESYNC)
            return
        for tag, since, until, reason in back:
            detail = f"{self.name(tag)}: {reason}"
            self.add(since, until, GapCause.NODE_REFUSED, (tag,), detail, GapRepair.RESYNC)

    def note_overflow(
        self,
        values: Telemetry,
        source_ft: NDArray[np.int64],
        places: NDArray[np.intp],
        last: NDArray[np.int64],
    ) -> None:
        """Write a gap from the value before to each one that says that its queue was full.

        Args:
            places: of each value, where its tag stands: values of one tag have the same.
            last: of each value, the last source time kept of its tag; 0: none.
        """
        before = _values_before(places, source_ft, last)
        hit = np.nonzero(values.overflow & (before > 0))[0]
        tags = values.tag_id[hit]
        if len(hit) > GAPS_BY_TAG:
            from_ft, to_ft = int(before[hit].min()), int(source_ft[hit].max())
            all_tags = tuple(np.unique(tags).tolist())
            detail = f"{len(all_tags)} tags"
            self.add(from_ft, max(from_ft, to_ft), GapCause.QUEUE_OVERFLOW, all_tags, detail)
            return
        for tag, row in zip(tags.tolist(), hit.tolist(), strict=True):
            from_ft, to_ft = int(before[row]), int(source_ft[row])
            self.add(from_ft, max(from_ft, to_ft), GapCause.QUEUE_OVERFLOW, (tag,), self.name(tag))

    def add(
        self,
        from_ft: int,
        to_ft: int,
        cause: GapCause,
        tags: tuple[int, ...] | None,
        detail: str,
        repair: GapRepair = GapRepair.NONE,
    ) -> None:
        """Add a row; `tags` None: all of the line."""
        self._rows.append(
            Gap(
                line=self.line,
                tag_ids=tags,
                from_at=from_filetime(from_ft),
                to_at=from_filetime(to_ft),
                cause=cause,
                detail=detail,
                repair=repair,
            )
        )


def _values_before(
    places: NDArray[np.intp], source_ft: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each value the source time of the one before it of the same tag; `last` for its first."""
    order = np.argsort(places, kind="stable")
    again = np.concatenate([[False], places[order][1:] == places[order][:-1]])
    before = np.empty_like(source_ft)
    before[order] = np.where(again, np.roll(source_ft[order], 1), last[order])
    return before
