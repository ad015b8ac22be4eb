"""Records for a line that keeps no ledger: the agent derives station states from their nodes.

The agent numbers them itself, by the milliseconds of real time, so that a new journal does not use a
number again. What happened while nobody looked is not known.
"""

from __future__ import annotations

import asyncio
import time

import structlog

from edge.journal import Journal
from edge.plant_clock import LiveClock
from mes.contracts.line_records import StationState, StationStateChanged
from mes.contracts.plc import StationStateCode
from mes.contracts.wire import Stream

log = structlog.get_logger(__name__)

DERIVED_SEQ = "derived_seq"
_WORDS: dict[int, StationState] = {
    StationStateCode.IDLE: "idle",
    StationStateCode.RUNNING: "running",
    StationStateCode.STARVED: "starved",
    StationStateCode.BLOCKED: "blocked",
    StationStateCode.DOWN: "down",
    StationStateCode.STOPPED: "stopped",
}


class StateWatcher:
    """Turns changes of station state nodes into records."""

    def __init__(self, journal: Journal, line: str, clock: LiveClock) -> None:
        self._journal = journal
        self._line = line
        self._clock = clock
        self._known: dict[str, StationState] = {}
        self._changes: asyncio.Queue[tuple[str, StationState]] = asyncio.Queue()

    def take(self, station: str, code: object) -> None:
        """Take a state code as its subscription brings it."""
        state = _WORDS.get(code) if isinstance(code, int) else None
        if state is None:
            log.warning("station.unknown_state", station=station, code=repr(code))
        elif self._known.get(station) != state:
            self._known[station] = state
            self._changes.put_nowait((station, state))

    async def run(self) -> None:
        """Write records until cancelled."""
        seq = int(self._journal.fact(DERIVED_SEQ) or 0)
        while True:
            station, state = await self._changes.get()
            seq = max(seq + 1, time.time_ns() // 1_000_000)
            record = StationStateChanged(
                seq=seq, line=self._line, at=self._clock.now(), station=station, state=state
            )
            await self._journal.append_records(
                Stream.EVENTS, [record.model_dump_json()], facts={DERIVED_SEQ: str(seq)}
            )
