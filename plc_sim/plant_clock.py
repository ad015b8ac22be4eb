"""The plant clock as the lines know it: fetched from the MES and kept on disk, or run by themselves."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from pydantic import ValidationError

from mes.contracts.clock import ClockSegment, PlantClock

log = logging.getLogger(__name__)

CLOCK_FILE = "clock.json"
REFRESH_S = 2.0
FETCH_TIMEOUT_S = 3.0


class LineClock:
    """Plant time in seconds since 1970."""

    def __init__(self, clock: PlantClock) -> None:
        self.clock = clock

    def now(self) -> float:
        """Return plant time now."""
        return self.clock.at(datetime.now(UTC)).timestamp()

    def real_until(self, plant_at: float) -> float:
        """Return the real seconds until plant time is `plant_at`; infinite while the clock stands."""
        return self.clock.real_seconds(max(plant_at - self.now(), 0.0))


def own_clock(folder: Path, *, factor: float, plant_at: datetime | None) -> LineClock:
    """Return the clock that all lines of `folder` share without a MES, started at `plant_at`."""
    now = datetime.now(UTC)
    kept = _load(folder)
    if kept is None:
        kept = PlantClock(
            segments=(ClockSegment(real_at=now, plant_at=plant_at or now, factor=factor),)
        )
        _save(folder, kept)
    elif kept.factor != factor:
        segment = ClockSegment(real_at=now, plant_at=kept.at(now), factor=factor)
        kept = PlantClock(segments=(*kept.segments, segment))
        _save(folder, kept)
    return LineClock(kept)


async def mes_clock(folder: Path, url: str) -> LineClock:
    """Return the clock of the MES at `url`, or the last one known while it is away; waits for the first."""
    kept = _load(folder)
    while True:
        clock = await asyncio.to_thread(_fetch, url)
        if clock is not None:
            _save(folder, clock)
            return LineClock(clock)
        if kept is not None:
            return LineClock(kept)
        await asyncio.sleep(0.5)


async def follow(clock: LineClock, folder: Path, url: str) -> None:
    """Fetch the clock again and again; the last one stays while the MES is away."""
    away = False
    while True:
        await asyncio.sleep(REFRESH_S)
        fetched = await asyncio.to_thread(_fetch, url)
        if (fetched is None) is not away:
            away = fetched is None
            log.warning("the MES does not tell the time") if away else log.info("the clock is back")
        if fetched is not None and fetched != clock.clock:
            clock.clock = fetched
            _save(folder, fetched)


def _fetch(url: str) -> PlantClock | None:
    try:
        with urlopen(url, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310  # an operator's setting
            return PlantClock.model_validate_json(answer.read())
    except (URLError, OSError, ValidationError, ValueError):
        return None


def _load(folder: Path) -> PlantClock | None:
    try:
        return PlantClock.model_validate_json((folder / CLOCK_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def _save(folder: Path, clock: PlantClock) -> None:
    draft = folder / f"{CLOCK_FILE}.{os.getpid()}"
    draft.write_text(clock.model_dump_json(), encoding="utf-8")
    draft.replace(folder / CLOCK_FILE)
