"""The results of a vision system on a line become the verdicts that the line takes and the MES is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from asyncua import ua

from edge.images import ImageFolder
from edge.inspection.pictures import SnapshotCamera
from edge.inspection.request import Handshake
from edge.inspection.station import Station
from edge.inspection.vision_system import VisionSystemJudge
from edge.journal import Journal
from edge.opcua.link import Link, open_link
from edge.plant_clock import LiveClock
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.plc import CameraNodes
from mes.contracts.quality import InspectionResult, Verdict
from mes.contracts.warm_start import StoredBody, WarmRack, WarmStart
from mes.contracts.wire import Stream, decode, from_lines
from plc_sim.core.changes import moment
from tests.support.line_client import LineClient
from tests.support.lines import MONDAY, a_body_job
from tests.support.sims import Sims
from tests.support.vision_systems import CAMERA, plant_with_vision_system
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

LINE = "body-framing"
BODIES = (uuid4(), uuid4())
FACTOR = 20.0
DEADLINE_S = 1200
"""A minute of real time: this is about what is said, not about how soon."""


async def test_its_word_on_each_body_is_written_to_the_line_and_kept_with_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sims = Sims(tmp_path, plant_file=plant_with_vision_system(tmp_path, deadline_s=DEADLINE_S))
    clock = in_time(sims)
    with_bodies(sims, tmp_path)
    sims.start("body", kind="shop", warm=True)
    try:
        sims.plant_fault(LINE, kind="force_defect", camera=CAMERA, defect="porosity")
        async with LineClient(sims.plant, LINE) as line:
            for number, body in enumerate(BODIES):
                await line.send(a_body_job(LINE, number, body=body))
            monkeypatch.setattr(ua, "extension_objects_by_typeid", standard_types())
            (nodes,) = line.nodes.cameras
            async with an_agent(nodes, line.nodes.endpoint, clock, tmp_path / "edge") as journal:
                bad, good = await results(journal, len(BODIES))
            answered = await line.wait_for_record("inspection_answered", body_id=BODIES[0])
    finally:
        sims.stop()
    assert (bad.verdict, bad.body_id, bad.accepted) == (Verdict.NOK, BODIES[0], True)
    assert (good.verdict, good.body_id, good.accepted) == (Verdict.OK, BODIES[1], True)
    assert answered.verdict is Verdict.NOK
    assert (bad.model_name, bad.model_version, bad.model_sha256) == ("Machine Vision", "C1", "")
    assert [one.text for one in bad.measures] == [f"{LINE}.{CAMERA}.{bad.counter}"]
    assert bad.image_sha256 is not None
    assert bad.image_px == (256, 256)


def in_time(sims: Sims) -> LiveClock:
    """Let the lines and the agent live by one clock."""
    begin = ClockSegment(
        real_at=datetime.now(UTC), plant_at=datetime.fromtimestamp(MONDAY, UTC), factor=FACTOR
    )
    clock = PlantClock(segments=(begin,))
    sims.keep_time(clock)
    return LiveClock(clock)


def with_bodies(sims: Sims, folder: Path) -> None:
    """Let the bodies wait before the line."""
    bodies = tuple(
        StoredBody(store="subs", body_id=body, body_number=f"B{n}", model="C1", color="RED")
        for n, body in enumerate(BODIES)
    )
    racks = tuple(
        WarmRack(rack=f"{panel.code}-warm", panel=panel.code, quantity=50)
        for panel in sims.plant.panels
    )
    WarmStart(plant_at=moment(MONDAY), stored=bodies, racks=racks).save(folder)


def standard_types() -> dict[ua.NodeId, type]:
    """What asyncua knows of structures in an agent, where nobody has loaded a server's types."""
    known = ua.extension_objects_by_typeid.items()
    return {kind: made for kind, made in known if kind.NamespaceIndex == 0}


@asynccontextmanager
async def an_agent(
    nodes: CameraNodes, endpoint: str, clock: LiveClock, folder: Path
) -> AsyncIterator[Journal]:
    """One camera's station as an agent runs it."""
    assert nodes.vision is not None
    folder.mkdir()
    journal = Journal(folder / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line=LINE, max_bytes=1 << 30)
    async with (
        httpx.AsyncClient(timeout=10, trust_env=False) as http,
        open_link(endpoint) as link,
    ):
        judge = VisionSystemJudge(
            nodes.id,
            nodes.vision,
            endpoint,
            None,
            SnapshotCamera(nodes.snapshot_url, http, clock),
            clock,
        )
        station = Station(
            line=LINE,
            handshake=Handshake(nodes, link, clock),
            judge=judge,
            journal=journal,
            images=ImageFolder(journal, folder / "images", max_bytes=1 << 20, keep_ok_every=1),
            clock=clock,
            may_act=lambda: True,
            counts=dict.fromkeys(Verdict, 0),
        )
        work = (journal.write_forever(), judge.run(), station.run(), listen(link, station))
        tasks = [asyncio.create_task(one) for one in work]
        yield journal
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    journal.close()


async def listen(link: Link, station: Station) -> None:
    """Tell the station the counter, as the agent's subscription does."""
    while True:
        (value,) = await link.read([station.handshake.nodes.request])
        station.announce(value.Value.Value)
        await asyncio.sleep(0.05)


async def results(journal: Journal, count: int) -> list[InspectionResult]:
    """Wait until so many results are in the journal."""
    query = "SELECT frame FROM batch WHERE stream = ? ORDER BY seq"

    async def look() -> list[InspectionResult] | None:
        rows = await journal.read(lambda db: db.execute(query, (int(Stream.RESULTS),)).fetchall())
        found = [
            InspectionResult.model_validate_json(line)
            for (frame,) in rows
            for line in from_lines(decode(frame))
        ]
        return found if len(found) >= count else None

    return await eventually(look, within_s=120, what="the results")
