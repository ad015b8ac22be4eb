"""The plant clock as last heard of, kept fresh."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from edge.mes_client import MesAway, MesClient, MesRefused
from mes.contracts.clock import PlantClock

REFRESH_S = 5.0


class LiveClock:
    """Plant time on this machine."""

    def __init__(self, clock: PlantClock) -> None:
        self.clock = clock

    def now(self) -> datetime:
        """Return plant time."""
        return self.clock.at(datetime.now(UTC))

    def deadline(self, plant: datetime) -> float:
        """Return the monotonic time at which plant time reaches `plant`; infinite while it stands."""
        left_s = (plant - self.now()) / timedelta(seconds=1)
        return time.monotonic() + (self.clock.real_seconds(left_s) if left_s > 0 else 0.0)

    async def follow(self, mes: MesClient) -> None:
        """Fetch the clock every few seconds; keep the last one while the MES is away."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                self.clock = await mes.clock()
            except (MesAway, MesRefused):
                continue
