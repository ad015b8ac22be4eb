"""The last source time kept of every tag, by column."""

from __future__ import annotations

import base64
import json

import numpy as np
from numpy.typing import NDArray


class LastTimes:
    """Source times (FILETIME) by tag id."""

    def __init__(self) -> None:
        self._tags = np.zeros(0, np.int64)
        self._times = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._tags)

    def places(self, tag_id: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return where these tags stand; new ones get a place and time 0 (never heard of)."""
        places = np.searchsorted(self._tags, tag_id)
        known = places < len(self._tags)
        known[known] = self._tags[places[known]] == tag_id[known]
        if not known.all():
            self._add(np.setdiff1d(tag_id, self._tags))
            places = np.searchsorted(self._tags, tag_id)
        return places

    def at(self, places: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the last times at these places."""
        return self._times[places]

    def of(self, tag_id: int) -> int:
        """Return the last time of a tag; 0: never heard of."""
        found = np.nonzero(self._tags == tag_id)[0]
        return int(self._times[found[0]]) if len(found) else 0

    def set(self, places: NDArray[np.intp], times: NDArray[np.int64]) -> None:
        """Note what was kept; of several times of one tag the last one stands."""
        self._times[places] = times

    def newest(self) -> int | None:
        """Return the newest of all times; None when nothing was ever kept."""
        heard = self._times[self._times > 0]
        return int(heard.max()) if len(heard) else None

    def columns(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the tags that were heard of, ascending, and their last times; copies."""
        heard = self._times > 0
        return self._tags[heard], self._times[heard]

    def to_text(self) -> str:
        """Return everything as text for the journal."""
        columns = np.concatenate([self._tags, self._times]).astype("<i8").tobytes()
        return base64.b64encode(columns).decode()

    @classmethod
    def from_text(cls, text: str | None) -> LastTimes:
        """Read what `to_text` wrote, or the JSON object that earlier agents wrote."""
        last = cls()
        if not text:
            return last
        if text.startswith("{"):
            kept = {int(tag): int(at) for tag, at in json.loads(text).items()}
            columns = np.array([*kept.keys(), *kept.values()], np.int64).reshape(2, -1)
        else:
            columns = np.frombuffer(base64.b64decode(text), "<i8").astype(np.int64).reshape(2, -1)
        order = np.argsort(columns[0])
        last._tags, last._times = columns[0][order], columns[1][order]
        return last

    def _add(self, tag_id: NDArray[np.int64]) -> None:
        tags = np.concatenate([self._tags, tag_id])
        order = np.argsort(tags)
        self._tags = tags[order]
        self._times = np.concatenate([self._times, np.zeros(len(tag_id), np.int64)])[order]
