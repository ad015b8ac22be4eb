"""A simulated line over OPC UA and HTTP, as its agent meets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2
import httpx
import numpy as np
import pytest

from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.plc import StationStateCode, VerdictAck
from mes.contracts.quality import VerdictCode
from mes.contracts.warm_start import StoredBody, WarmBody, WarmRack, WarmStart
from plc_sim.core.changes import moment
from plc_sim.store import FloorFile
from tests.support.line_client import LineClient, ua
from tests.support.lines import MONDAY, a_body_job, a_die_lot
from tests.support.sims import Sims

BODIES = [uuid4() for _ in range(3)]


@pytest.fixture(scope="module")
def sims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sims]:
    folder = tmp_path_factory.mktemp("floor")
    sims = Sims(folder)
    on_line = WarmBody(
        line="body-framing", station="framing", job=a_body_job("body-framing", 0, body=BODIES[0])
    )
    WarmStart(
        plant_at=moment(MONDAY),
        on_line=(on_line,),
        stored=tuple(
            StoredBody(store="subs", body_id=body, body_number=f"B{n}", model="C1", color="RED")
            for n, body in enumerate(BODIES[1:], start=1)
        ),
        racks=tuple(
            WarmRack(rack=f"{panel.code}-warm", panel=panel.code, quantity=50)
            for panel in sims.plant.panels
        ),
    ).save(folder)
    sims.set_clock(0)
    sims.start("body", kind="shop", warm=True)
    sims.start("press-1")
    try:
        yield sims
    finally:
        sims.stop()


@pytest.fixture
async def framing(sims: Sims) -> AsyncIterator[LineClient]:
    async with LineClient(sims.plant, "body-framing") as client:
        yield client


async def test_the_receiver_is_of_the_type_of_the_specification(framing: LineClient) -> None:
    control = framing.nodes.job_control
    assert control is not None
    receiver = framing.node(control.receiver)
    kind = await receiver.read_type_definition()
    assert kind.Identifier == 1002
    names = {(await child.read_browse_name()).Name for child in await receiver.get_methods()}
    assert names == {
        *("Store", "StoreAndStart", "Start", "RevokeStart", "Pause", "Resume", "Update"),
        *("Stop", "Abort", "Cancel", "Clear"),
    }


async def test_every_node_of_the_interface_is_there(sims: Sims) -> None:
    for line in ("body-sub", "body-framing", "press-1"):
        async with LineClient(sims.plant, line) as client:
            nodes = client.nodes
            texts = [nodes.line_state, nodes.good_count]
            for station in nodes.stations:
                texts += [station.state, station.body_id, station.job_order_id, station.cycle_count]
            for camera in nodes.cameras:
                texts += [
                    camera.request,
                    camera.body_id,
                    camera.variant,
                    camera.deadline,
                    camera.ack,
                ]
            for text in texts:
                assert await client.value(text) is not None
            for tag in nodes.tags:
                await client.node(tag.node).read_browse_name()


async def test_a_warm_body_stands_at_its_station_and_no_past_is_invented(
    framing: LineClient,
) -> None:
    station = framing.nodes.stations[0]
    assert await framing.value(station.body_id) == str(BODIES[0])
    assert await framing.value(station.state) == StationStateCode.RUNNING
    assert not [r for r in await framing.read_ledger() if r.kind == "body_entered"]


async def test_job_orders_are_stored_once_listed_and_cancelled(framing: LineClient) -> None:
    job = a_body_job("body-framing", 50, options=("SUN",), parts=("seats:S-1",))
    assert await framing.send(job, "store") is ReturnStatus.NO_ERROR
    assert (await framing.job_list())[str(job.id)] == (1,)
    assert (await framing.tell(job.id, "start")).is_good
    assert (await framing.job_list())[str(job.id)] == (2,)
    assert (await framing.send(job)).word == "already_done"
    changed = job.model_copy(update={"sequence": 60})
    assert (await framing.send(changed, "update")).word == "ok"
    assert (await framing.tell(job.id, "cancel")).word == "ok"
    assert str(job.id) not in await framing.job_list()
    assert (await framing.tell(job.id, "cancel")).word == "already_done"
    assert (await framing.tell(uuid4(), "cancel")).word == "unknown_job_order"
    wrong_line = a_body_job("paint", 1)
    assert (await framing.send(wrong_line)).word == "invalid_request"


async def test_a_change_of_a_job_order_is_an_event_of_the_specification(
    framing: LineClient,
) -> None:
    control = framing.nodes.job_control
    assert control is not None
    receiver = framing.node(control.receiver)
    events: asyncio.Queue[Any] = asyncio.Queue()

    class Listener:
        def event_notification(self, event: Any) -> None:
            events.put_nowait(event)

    subscription = await framing._client.create_subscription(50, Listener())
    namespace = receiver.nodeid.NamespaceIndex and (
        await framing._client.get_namespace_index(
            "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"
        )
    )
    await subscription.subscribe_events(receiver, ua.NodeId(1006, namespace))
    job = a_body_job("body-framing", 70)
    await framing.send(job, "store")
    event = await asyncio.wait_for(events.get(), 5)
    assert event.JobOrder.JobOrderID == str(job.id)
    assert [state.StateNumber for state in event.JobState] == [1]
    await framing.tell(job.id, "cancel")
    await subscription.delete()


async def test_a_body_is_inspected_held_released_and_leaves(
    sims: Sims, framing: LineClient
) -> None:
    for number, body in enumerate(BODIES[1:], start=1):
        await framing.send(a_body_job("body-framing", number, body=body))
    sims.plant_fault("body-framing", kind="force_defect", camera="weld-camera", defect="porosity")
    sims.move_clock(40)  # framing takes 18 s, the camera's deadline is 60 s after that
    try:
        asked = await framing.wait_for_record("inspection_requested", body_id=BODIES[0])
        camera = framing.nodes.cameras[0]
        assert await framing.value(camera.request) == asked.counter
        assert await framing.value(camera.body_id) == str(BODIES[0])
        async with httpx.AsyncClient() as http:
            picture = await http.get(camera.snapshot_url, params={"counter": asked.counter})
            again = await http.get(camera.snapshot_url, params={"counter": asked.counter})
            none = await http.get(camera.snapshot_url, params={"counter": 999})
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.content == again.content
        assert none.status_code == 404
        image = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None and image.shape == (256, 256, 3)
        body = str(BODIES[0])
        stale = await framing.answer_camera(
            0, VerdictCode.OK, counter=asked.counter + 7, body_id=body
        )
        assert stale == VerdictAck.REFUSED_STALE
        taken = await framing.answer_camera(0, VerdictCode.NOK, counter=asked.counter, body_id=body)
        assert taken == VerdictAck.ACCEPTED
        sims.set_clock(20)
        await framing.wait_for_record("body_parked", body_id=BODIES[0])
        assert await framing.call("set_hold", body, False, "false call") == "ok"
        assert await framing.call("set_hold", body, False, "false call") in (
            "already_done",
            "unknown_body",
        )
        left = await framing.wait_for_record("body_left", body_id=BODIES[0])
        assert left.store == "wbs"
    finally:
        sims.set_clock(0)


async def test_the_ledger_is_read_on_from_any_number(framing: LineClient) -> None:
    everything = await framing.read_ledger()
    assert [record.seq for record in everything] == list(range(1, len(everything) + 1))
    tail = await framing.read_ledger(everything[-3].seq, 2)
    assert tail == everything[-3:-1]
    assert await framing.read_ledger(everything[-1].seq + 1) == []


async def test_a_camera_that_answers_text_says_so_in_its_content_type(
    sims: Sims, framing: LineClient
) -> None:
    sims.plant_fault("body-framing", kind="camera_text", camera="weld-camera")
    url = framing.nodes.cameras[0].snapshot_url
    kind = "image/jpeg"
    async with httpx.AsyncClient() as http, asyncio.timeout(10):
        while kind == "image/jpeg":
            answer = await http.get(url, params={"counter": 1})
            kind = answer.headers["content-type"]
    assert answer.status_code == 200
    assert kind.startswith("text/plain")


async def test_a_press_presses_a_lot_into_racks(sims: Sims) -> None:
    """The changeover takes 60 s, a stroke 2 s; the camera's deadline is 60 s after its request."""
    async with LineClient(sims.plant, "press-1") as press:
        await press.send(a_die_lot("press-1", "c1-hood", 20))
        sims.move_clock(70)
        asked = await press.wait_for_record("inspection_requested")
        assert await press.value(press.nodes.cameras[0].variant) == "c1-hood"
        ack = await press.answer_camera(0, VerdictCode.OK, counter=asked.counter, body_id="")
        assert ack == VerdictAck.ACCEPTED
        sims.move_clock(50)
        done = await press.wait_for_record("inspection_requested", first=asked.seq + 1)
        await press.answer_camera(0, VerdictCode.OK, counter=done.counter, body_id="")
        rack = await press.wait_for_record("rack_filled")
        assert (rack.panel, rack.quantity, rack.held) == ("c1-hood", 20, False)


async def test_cut_connections_come_back_and_nothing_is_gone(
    sims: Sims, framing: LineClient
) -> None:
    before = await framing.read_ledger()
    sims.plant_fault("body-framing", kind="drop_tcp")
    async with asyncio.timeout(60):
        with pytest.raises((ConnectionError, ua.UaError)):
            while True:
                await framing.read_ledger()
                await asyncio.sleep(0.05)
    async with LineClient(sims.plant, "body-framing") as again:
        assert (await again.read_ledger())[: len(before)] == before


def test_the_command_line_refuses_what_it_cannot_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from plc_sim.__main__ import main

    common = ["--data", str(tmp_path), "--factor", "1"]
    bad = tmp_path / "bad.toml"
    bad.write_text("[site\n")
    assert main(["run", "--plant", str(bad), "--shop", "paint", *common]) == 2
    assert "line 1" in capsys.readouterr().err
    here = ["--data", str(tmp_path), "--line", "paint"]
    assert main(["fault", "melt", *here]) == 2
    assert "melt" in capsys.readouterr().err
    assert main(["fault", "down", "station=primer", "minutes=soon", *here]) == 2
    assert "minutes: Input should be a valid number" in capsys.readouterr().err
    assert main(["fault", "misread", *here]) == 2
    assert "no plant has run in" in capsys.readouterr().err
    FloorFile(tmp_path).close()
    assert main(["fault", "misread", *here]) == 2
    assert "no line 'paint' has run in" in capsys.readouterr().err
