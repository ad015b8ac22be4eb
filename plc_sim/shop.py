"""One process: the lines of a shop, their servers and cameras, moved through plant time together.

Each tick moves every line up to now, commits what happened in one transaction, and only then publishes it
and answers who asked. So whoever is killed at any moment goes on from what it had told.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mes.contracts.plant import Camera, Line, PlantModel
from mes.contracts.warm_start import WarmStart
from plc_sim.cameras import CameraServer
from plc_sim.core.body_line import BodyLine
from plc_sim.core.build import build_line, stand_bodies, stock_floor
from plc_sim.core.line import LineCore
from plc_sim.core.line_state import restore
from plc_sim.faults import (
    CameraText,
    Down,
    DropTcp,
    Fault,
    ForceDefect,
    Guard,
    Hang,
    Misread,
    NanTag,
    OffsetTag,
    fault_adapter,
)
from plc_sim.opcua.address_space import companion_space
from plc_sim.opcua.line_server import LineServer
from plc_sim.opcua.security import LineSecurity
from plc_sim.plant_clock import LineClock
from plc_sim.store import FloorFile, SharedFloor, Statement, statements_of

log = logging.getLogger(__name__)

TICK_S = 0.25
"""The longest time between two looks at the floor."""
PACE_S = 0.04
"""The shortest time between two ticks without a command, so that events share a commit."""
FAULTS_EVERY_S = 0.5
SAVE_EVERY_S = 5.0
"""Each line writes down how late it is this often even when nothing happens."""

SecurityOf = Callable[[Line], LineSecurity | None]
"""How the server of a line is secured; None: not at all."""


@dataclass
class _Running:
    core: LineCore
    server: LineServer
    cameras: CameraServer


class Shop:
    """The lines that one process runs."""

    def __init__(
        self,
        plant: PlantModel,
        lines: Iterable[Line],
        folder: Path,
        clock: LineClock,
        *,
        seed: int,
        cache: Path,
        security: SecurityOf,
    ) -> None:
        self._plant = plant
        self._lines = tuple(lines)
        self._folder = folder
        self._clock = clock
        self._seed = seed
        self._cache = cache
        self._security = security
        self._file = FloorFile(folder)
        self._floor = SharedFloor(plant, self._file)
        self._asked: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._wake = asyncio.Event()
        self._running: dict[str, _Running] = {}
        self._faults_at = 0.0
        self._saved_at = 0.0

    async def run(self, *, warm: bool, ready: Callable[[], None] | None = None) -> None:
        """Run the lines until cancelled; `ready` is called when every server answers."""
        await self._begin(warm=warm)
        try:
            if ready is not None:
                ready()
            while True:
                await self._tick()
                await self._pause()
        finally:
            for running in self._running.values():
                await running.server.stop()
                await running.cameras.stop()
            self._file.close()

    async def ask(self, command: Callable[[], Any]) -> Any:
        """Run a command between two moments of the lines; returns its answer when it is on disk."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append((command, answer))
        self._wake.set()
        return await answer

    # -- begin --------------------------------------------------------------------------------

    async def _begin(self, *, warm: bool) -> None:
        space = await companion_space(self._cache)
        start = WarmStart.load(self._folder) if warm else None
        if start is not None and self._file.take_warm_start():
            stock_floor(self._floor, start)
            self._file.commit(self._floor.take_statements())
        self._floor.refresh()
        for line in self._lines:
            core = build_line(self._plant, line, self._floor, seed=self._seed)
            records = self._resume(core, start)
            server = LineServer(self._plant, line, core, self.ask, self._security(line))
            server.ring.extend(records)
            self._running[line.id] = _Running(core, server, CameraServer(line, seed=self._seed))
        await self._commit(publish=False)
        for running in self._running.values():
            for camera in running.core.cameras.values():
                if camera.pending is not None:
                    running.cameras.expose(camera.pending)
            await running.server.start(space)
            await running.cameras.start(partial(self._seen, running.core))

    def _seen(self, core: LineCore, camera: Camera) -> Iterable[str]:
        """Return the variants of the parts that a camera will see."""
        if not isinstance(core, BodyLine):
            return [panel.code for panel in self._plant.panels if core.line.id in panel.presses]
        if camera.variant_by == "model":
            return sorted({panel.model for panel in self._plant.panels})
        stored = (body for bodies in self._floor.bodies.values() for body in bodies)
        return sorted({body.color for body in stored if body.color is not None})

    def _resume(self, core: LineCore, start: WarmStart | None) -> list[tuple[int, str]]:
        saved = self._file.saved_line(core.line.id)
        if saved is not None:
            restore(core, saved.documents, saved.ended)
            core.power_up(self._clock.now())
            return saved.records
        if start is not None:
            stand_bodies(core, start)
        core.begin_at(max(self._clock.now(), core.at))
        return []

    # -- one tick -----------------------------------------------------------------------------

    async def _pause(self) -> None:
        due = min((r.core.next_due() or 0.0 for r in self._running.values()), default=0.0)
        wait_s = min(max(self._clock.real_until(due), PACE_S), TICK_S)
        if self._asked:
            return
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _tick(self) -> None:
        self._wake.clear()
        self._floor.refresh()
        now = self._clock.now()
        for running in self._running.values():
            running.core.advance(now)
        self._take_faults()
        asked, self._asked = self._asked, []
        answers = [(future, *_try(command)) for command, future in asked]
        await self._commit(publish=True)
        for future, answer, problem in answers:
            if future.cancelled():
                continue
            if problem is not None:
                future.set_exception(problem)
            else:
                future.set_result(answer)

    async def _commit(self, *, publish: bool) -> None:
        loop_time = asyncio.get_running_loop().time()
        if loop_time - self._saved_at > SAVE_EVERY_S:
            self._saved_at = loop_time
            for running in self._running.values():
                running.core.changes.docs.add("line")
        taken = [(r, r.core.take_changes()) for r in self._running.values()]
        statements: list[Statement] = self._floor.take_statements()
        for running, changes in taken:
            statements.extend(statements_of(running.core, changes))
        if statements:
            await asyncio.to_thread(self._file.commit, statements)
        for running, changes in taken:
            if not publish:
                running.server.ring.extend(changes.records)
            elif not changes.is_empty:
                for request in changes.requests:
                    running.cameras.expose(request)
                await running.server.publish(changes)

    # -- planted faults -----------------------------------------------------------------------

    def _take_faults(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._faults_at < FAULTS_EVERY_S:
            return
        self._faults_at = now
        for line, document in self._file.take_faults(self._running):
            fault = fault_adapter.validate_python(document)
            log.warning("fault planted at %s: %s", line, fault)
            try:
                self._act(self._running[line], fault)
            except KeyError as error:
                log.warning("the fault names something that %s does not have: %s", line, error)

    def _act(self, running: _Running, fault: Fault) -> None:
        core = running.core
        match fault:
            case DropTcp():
                running.server.drop_connections()
            case Hang():
                threading.Event().wait(fault.seconds)
            case Down():
                core.break_down(fault.station, seconds=fault.minutes * 60.0, reason="planted")
            case Misread():
                if isinstance(core, BodyLine):
                    core.misread_next += 1
            case ForceDefect():
                core.force_defect(fault.camera, fault.defect)
            case CameraText():
                running.cameras.says_text[core.cameras[fault.camera].camera.id] = fault.times
            case NanTag():
                core.spoil_tag(fault.station, fault.tag, fault.times)
            case OffsetTag():
                core.offset_tag(fault.station, fault.tag, fault.offset)
            case Guard():
                core.open_guard(fault.station, is_open=fault.open)


def _try(command: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return command(), None
    except Exception as error:
        return None, error
