"""What a client that knows Machine Vision and AutoID, and not our plant, hears of a simulated line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

from edge.opcua.browse import walk
from edge.opcua.link import open_link
from mes.contracts.plc import AUTOID_NAMESPACE, MACHINE_VISION_NAMESPACE, plant_node
from mes.contracts.quality import VerdictCode
from mes.contracts.warm_start import StoredBody, WarmRack, WarmStart
from plc_sim.core.changes import moment
from tests.support.line_client import LineClient, ua
from tests.support.lines import MONDAY, a_body_job
from tests.support.sims import Sims

LINE, BODY = "body-framing", uuid4()
VISION = plant_node(LINE, "body-camera", "weld-camera", "VisionSystem")
READER = plant_node(LINE, "framing", "CarrierReader")


class Events:
    """What a node tells of, oldest first."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Any] = asyncio.Queue()

    def event_notification(self, event: Any) -> None:
        self.heard.put_nowait(event)

    async def next(self) -> Any:
        return await asyncio.wait_for(self.heard.get(), 60)


async def test_a_body_is_scanned_and_its_picture_judged_in_the_words_of_the_specifications(
    tmp_path: Path,
) -> None:
    sims = Sims(tmp_path)
    body = StoredBody(store="subs", body_id=BODY, body_number="B1", model="C1", color="RED")
    racks = tuple(
        WarmRack(rack=f"{panel.code}-warm", panel=panel.code, quantity=50)
        for panel in sims.plant.panels
    )
    WarmStart(plant_at=moment(MONDAY), stored=(body,), racks=racks).save(tmp_path)
    sims.set_clock(0)
    sims.start("body", kind="shop", warm=True)
    try:
        async with LineClient(sims.plant, LINE) as line:
            await _see_a_body_through(sims, line)
    finally:
        sims.stop()


async def _see_a_body_through(sims: Sims, line: LineClient) -> None:
    system, reader = line.node(VISION), line.node(READER)
    index = {
        uri: await line._client.get_namespace_index(uri)
        for uri in (MACHINE_VISION_NAMESPACE, AUTOID_NAMESPACE)
    }
    vision, autoid = index[MACHINE_VISION_NAMESPACE], index[AUTOID_NAMESPACE]
    assert await system.read_type_definition() == ua.NodeId(1003, vision)
    assert await reader.read_type_definition() == ua.NodeId(1003, autoid)
    scans, results = Events(), Events()
    for events, node, kind in (
        (scans, reader, ua.NodeId(1006, autoid)),
        (results, system, ua.NodeId(1024, vision)),
    ):
        subscription = await line._client.create_subscription(50, events)
        await subscription.subscribe_events(node, kind)
    assert await _state(system, vision) == ("Operational", "Ready")

    job = a_body_job(LINE, 1, body=BODY)
    await line.send(job)
    sims.move_clock(40)  # framing takes 18 s, the camera's deadline is 60 s after that
    scan = await scans.next()
    assert (scan.DeviceName, scan.ScanResult[0].ScanData.String) == (f"{LINE}.framing", str(BODY))
    last = await reader.get_child(ua.QualifiedName("LastScanData", autoid))
    assert await last.read_value() == str(BODY)
    asked = await line.wait_for_record("inspection_requested", body_id=BODY)
    assert await _state(system, vision) == ("Operational", "SingleExecution")
    await line.answer_camera(0, VerdictCode.NOK, counter=asked.counter, body_id=str(BODY))

    ready = await results.next()
    assert (ready.PartId.Id, ready.JobId.Id) == (str(BODY), str(job.id))
    assert (ready.ResultState, ready.ResultContent[0].Value) == (1, "NOK")
    assert ready.ProcessingTimes.StartTime <= ready.ProcessingTimes.EndTime
    assert await _state(system, vision) == ("Operational", "Ready")
    await _find_the_result_again(system, vision, ready)
    async with open_link(line.nodes.endpoint) as link:
        found = await walk(link, link.namespaces.uris, most_nodes=100_000)
    models = {one.model: one.node for one in found.objects}
    assert (models["machine_vision"], models["autoid"]) == (VISION, READER)


async def _find_the_result_again(system: Any, vision: int, ready: Any) -> None:
    def named(name: str) -> Any:
        return ua.QualifiedName(name, vision)

    management = await system.get_child(named("ResultManagement"))
    last = await management.get_child([named("Results"), named("LastResult")])
    assert (await last.read_value()).ResultId.Id == ready.ResultId.Id
    assert (await (await last.get_child(named("JobId"))).read_value()).Id == ready.JobId.Id
    timeout = ua.Variant(1000, ua.VariantType.Int32)
    _, result, error = await management.call_method(named("GetResultById"), ready.ResultId, timeout)
    assert (result.PartId.Id, error) == (ready.PartId.Id, 0)
    parts = await management.call_method(named("GetResultComponentsById"), ready.ResultId, timeout)
    assert len(parts) == 17
    for part, count in ((ready.PartId.Id, 1), ("another", 0), ("", 1)):
        complete, found, _, page, _ = await management.call_method(
            named("GetResultListFiltered"),
            ua.Variant(0, ua.VariantType.Int32),
            ua.MeasIdDataType(),
            ua.PartIdDataType(Id=part),
            ua.RecipeIdExternalDataType(),
            ua.RecipeIdInternalDataType(),
            ua.ConfigurationIdDataType(),
            ua.ConfigurationIdDataType(),
            ua.ProductIdDataType(),
            ua.JobIdDataType(),
            ua.Variant(0, ua.VariantType.UInt32),
            ua.Variant(0, ua.VariantType.UInt32),
            timeout,
        )
        assert (complete, found, len(page or [])) == (True, count, count)


async def _state(system: Any, vision: int) -> tuple[str, str]:
    """Return the states of the system and of its automatic mode."""
    machine = await system.get_child(ua.QualifiedName("VisionStateMachine", vision))
    mode = await machine.get_child(ua.QualifiedName("AutomaticModeStateMachine", vision))
    texts = []
    for one in (machine, mode):
        current = await one.get_child(ua.QualifiedName("CurrentState", 0))
        texts.append((await current.read_value()).Text)
    return texts[0], texts[1]
