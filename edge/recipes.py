"""Which recipes a line has loaded: told to the MES when they change, and once in each life of the agent."""

from __future__ import annotations

import asyncio

from edge.journal import Journal
from edge.plant_clock import LiveClock
from mes.contracts.controls import RecipeReport
from mes.contracts.wire import Stream


class RecipeWatch:
    """Turns checksums of recipes, as subscriptions bring them, into reports."""

    def __init__(self, journal: Journal, line: str, clock: LiveClock) -> None:
        self._journal = journal
        self._line = line
        self._clock = clock
        self._kept: dict[str, str] = {}
        self._pending: dict[str, str] = {}
        self._news = asyncio.Event()

    def take(self, key: str, version: object) -> None:
        """Take the checksum of `STATION|VARIANT`; what is no text, or what is known, is no news."""
        if not isinstance(version, str):
            return
        if self._pending.get(key, self._kept.get(key)) != version:
            self._pending[key] = version
            self._news.set()

    async def run(self) -> None:
        """Write reports until cancelled; what was not written then is written in the next session."""
        while True:
            if not self._pending:
                self._news.clear()
                await self._news.wait()
            told = dict(self._pending)
            reports = [self._report(key, version) for key, version in told.items()]
            await self._journal.append_records(
                Stream.RESULTS, [report.model_dump_json() for report in reports]
            )
            for key, version in told.items():
                self._kept[key] = version
                if self._pending[key] == version:
                    del self._pending[key]

    def _report(self, key: str, version: str) -> RecipeReport:
        station, _, variant = key.partition("|")
        return RecipeReport(
            line=self._line,
            station=station,
            variant=variant,
            version=version,
            at=self._clock.now(),
        )
