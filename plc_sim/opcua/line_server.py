"""The OPC UA server of one line: its objects, what they publish, and what they let others do."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from mes.contracts.controls import station_controls
from mes.contracts.dispatch import ReadingAnswer
from mes.contracts.line_layout import line_interface, tag_ids
from mes.contracts.line_records import RING_SIZE
from mes.contracts.plant import Line, PlantModel, Tag
from mes.contracts.plc import (
    MACHINERY_NAMESPACE,
    PLANT_NAMESPACE,
    CameraNodes,
    StationStateCode,
    plant_node,
)
from plc_sim.core.changes import Changes, moment
from plc_sim.core.inspection import Request
from plc_sim.core.line import PACKML_OF, LineCore
from plc_sim.opcua.address_space import CompanionSpace, new_server
from plc_sim.opcua.alarms import LineAlarms
from plc_sim.opcua.companion import MACHINES, CompanionObjects
from plc_sim.opcua.history import TagHistory
from plc_sim.opcua.job_receiver import JobReceiver
from plc_sim.opcua.nodes import NodeBuilder, argument
from plc_sim.opcua.reader import CarrierReader
from plc_sim.opcua.security import LineSecurity
from plc_sim.opcua.stack import Node, ua
from plc_sim.opcua.station_controls import ControlServer
from plc_sim.opcua.values import LiveValue
from plc_sim.opcua.vision import VisionSystem

MAX_READ = 1000
SLOW_TAG_S = 1.0
"""Tags of lines that cycle faster than this in real time are published this often."""

T = TypeVar("T")
Ask = Callable[[Callable[[], Any]], Awaitable[Any]]

_S, _I32, _U32, _U64 = (
    ua.VariantType.String,
    ua.VariantType.Int32,
    ua.VariantType.UInt32,
    ua.VariantType.UInt64,
)


class LineServer:
    """One line on the network. `ask` runs a command on the line and returns when it is on disk."""

    def __init__(
        self,
        plant: PlantModel,
        line: Line,
        core: LineCore,
        ask: Ask,
        security: LineSecurity | None = None,
    ) -> None:
        self._plant = plant
        self._line = line
        self._core = core
        self._ask = ask
        self._security = security
        self._interface = line_interface(plant, line)
        self.ring: deque[tuple[int, str]] = deque(maxlen=RING_SIZE)
        self._stations: dict[str, dict[str, LiveValue]] = {}
        self._tags: dict[tuple[str, str], LiveValue] = {}
        self._tag_nodes: dict[tuple[str, str], Node] = {}
        self._cameras: dict[str, dict[str, LiveValue]] = {}
        self._vision: dict[str, VisionSystem] = {}
        self._readers: dict[str, CarrierReader] = {}
        self._line_values: dict[str, LiveValue] = {}
        self._waiting_tags: dict[tuple[str, str], tuple[float, float]] = {}
        self._tags_told = 0.0
        self._history = TagHistory()
        self._controls: ControlServer | None = None

    async def start(self, space: CompanionSpace) -> None:
        """Build the address space and open the port (loopback only)."""
        server = await new_server(space)
        server.set_endpoint(f"{self._interface.endpoint}/")
        server.set_server_name(self._line.id)
        if self._security is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            await self._security.apply(server)
        server.set_force_server_timestamp(False)
        server.iserver.history_manager.set_storage(self._history)
        await server.register_namespace(PLANT_NAMESPACE)
        self._server = server
        self._builder = NodeBuilder(server, await server.get_namespace_array())
        await self._build()
        await self._publish_all()
        await server.start()

    async def stop(self) -> None:
        """Close the port."""
        self._alarms.close()
        await self._server.stop()

    def drop_connections(self) -> None:
        """Cut every TCP connection, as a pulled cable would."""
        for transport in list(self._server.iserver.asyncio_transports):
            transport.abort()

    # -- building -----------------------------------------------------------------------------

    async def _build(self) -> None:
        builder, line = self._builder, self._line
        machines = builder.node(ua.NodeId(MACHINES, builder.index(MACHINERY_NAMESPACE)))
        name = ua.QualifiedName(line.id, builder.plant)
        node = await builder.object(machines, plant_node(line.id), name, organised=True)
        self._line_values = {
            "state": await builder.live(node, self._interface.line_state, 0, _I32),
            "good": await builder.live(node, self._interface.good_count, 0, _U32),
        }
        self._companion = CompanionObjects(line, self._core, builder)
        await self._companion.build(node, area=f"{self._plant.site.id}/{line.shop}")
        self._controls = ControlServer(self._core, builder, station_controls(line), self._ask)
        parents: dict[str, Node] = {}
        for station in self._interface.stations:
            parent = parents[station.id] = await builder.object(
                node,
                plant_node(line.id, station.id),
                ua.QualifiedName(station.id, builder.plant),
            )
            self._stations[station.id] = {
                "state": await builder.live(parent, station.state, 0, _I32),
                "body": await builder.live(parent, station.body_id, "", _S),
                "job": await builder.live(parent, station.job_order_id, "", _S),
                "cycles": await builder.live(parent, station.cycle_count, 0, _U32),
            }
            await self._build_tags(parent, station.id)
            await self._controls.build(parent, station.id)
            for camera in self._interface.cameras:
                if camera.station == station.id:
                    await self._build_camera(parent, camera)
            if next(s for s in line.stations if s.id == station.id).reading_point:
                self._readers[station.id] = reader = CarrierReader(
                    station.id, builder, line=line.id
                )
                await reader.build(parent)
        await self._controls.build_holds(node)
        self._alarms = LineAlarms(line, builder, lambda: moment(self._core.at))
        await self._alarms.build(parents, self._tag_nodes)
        await self._build_ledger(node)
        await self._build_methods(node)
        if self._interface.job_control is not None:
            self._jobs = JobReceiver(self._core, builder, self._interface.job_control, self._ask)
            await self._jobs.build(node)

    async def _build_tags(self, parent: Node, station_id: str) -> None:
        tags = next(s.tags for s in self._line.stations if s.id == station_id)
        for tag in tags:
            identifier = plant_node(self._line.id, station_id, tag.name)
            node = await self._builder.variable(
                parent, identifier, tag.nominal, ua.VariantType.Double, process_value=True
            )
            self._tag_nodes[station_id, tag.name] = node
            await self._describe(node, tag)
            self._tags[station_id, tag.name] = LiveValue(
                self._builder.space,
                node,
                ua.VariantType.Double,
                self._history.ring(node.nodeid),
            )

    async def _describe(self, node: Node, tag: Tag) -> None:
        low, high = tag.limits
        kind = ua.VariantType.ExtensionObject
        await self._builder.property(node, "EURange", ua.Range(Low=low, High=high), kind)
        unit = ua.EUInformation(
            UnitId=ua.Int32(
                tag_ids(self._plant)[str(node.nodeid.Identifier).split(".")[-2], tag.name]
            ),
            DisplayName=ua.LocalizedText(tag.unit),
            Description=ua.LocalizedText(tag.label.en, "en"),
            NamespaceUri=PLANT_NAMESPACE,
        )
        await self._builder.property(node, "EngineeringUnits", unit, kind)

    async def _build_camera(self, parent: Node, camera: CameraNodes) -> None:
        builder = self._builder
        name = ua.QualifiedName(camera.id, builder.plant)
        node = await builder.object(
            parent, plant_node(self._line.id, camera.station, camera.id), name
        )
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        boolean, date = ua.VariantType.Boolean, ua.VariantType.DateTime
        self._cameras[camera.id] = {
            "body": await builder.live(node, camera.body_id, "", _S),
            "lot": await builder.live(node, camera.lot, "", _S),
            "job": await builder.live(node, camera.job_order_id, "", _S),
            "variant": await builder.live(node, camera.variant, "", _S),
            "deadline": await builder.live(node, camera.deadline, epoch, date),
            "request": await builder.live(node, camera.request, 0, _U32),
            "ack": await builder.live(node, camera.ack, 0, _I32),
            "ack_counter": await builder.live(node, camera.ack_counter, 0, _U32),
        }
        body = await builder.variable(node, camera.verdict_body_id, "", _S, writable=True)
        counter = await builder.variable(node, camera.verdict_counter, 0, _U32, writable=True)
        verdict = await builder.variable(node, camera.verdict, 0, _I32, writable=True)
        valid = await builder.variable(node, camera.verdict_valid, False, boolean, writable=True)
        space: Any = builder.space
        read = [space[n.nodeid].attributes[ua.AttributeIds.Value] for n in (body, counter, verdict)]

        def on_valid(data: Any, attribute: Any, value: Any) -> None:
            data.attributes[attribute].value = value
            if value.Value is not None and value.Value.Value:
                self._take_verdict(camera.id, *(one.value.Value.Value for one in read))

        space.set_attribute_value_setter(valid.nodeid, ua.AttributeIds.Value, on_valid)
        self._vision[camera.id] = vision = VisionSystem(
            self._core.cameras[camera.id].camera, builder, line=self._line.id
        )
        await vision.build(node)

    def _take_verdict(self, camera: str, body_id: str | None, counter: int, code: int) -> None:
        def act() -> None:
            self._core.take_verdict(camera, counter=counter, body_id=body_id or None, code=code)

        task = asyncio.ensure_future(self._ask(act))
        task.add_done_callback(_report)

    async def _build_ledger(self, line: Node) -> None:
        builder, nodes = self._builder, self._interface.ledger
        if nodes is None:
            return
        ledger = await builder.object(line, nodes.parent, ua.QualifiedName("Ledger", builder.plant))
        self._line_values["last_seq"] = await builder.live(ledger, nodes.last_seq, 0, _U64)
        await builder.method(
            ledger,
            nodes.read,
            self._read_ledger,
            [argument("FromSeq", _U64), argument("Max", _U32)],
            [argument("Records", _S, array=True)],
        )

    async def _read_ledger(self, _parent: Any, first: Any, most: Any) -> Any:
        if not self.ring:
            return [ua.Variant([], _S, is_array=True)]
        start = max(int(first.Value) - self.ring[0][0], 0)
        stop = min(start + min(int(most.Value), MAX_READ), len(self.ring))
        texts = [self.ring[index][1] for index in range(start, stop)]
        return [ua.Variant(texts, _S, is_array=True)]

    async def _build_methods(self, line: Node) -> None:
        methods = self._interface.methods
        if methods is None:
            return
        core, builder = self._core, self._builder
        result = [argument("Result", _S)]

        async def set_hold(_: Any, body: Any, held: Any, why: Any) -> Any:
            subject, is_held, reason = str(body.Value), bool(held.Value), str(why.Value or "")
            return _word(
                await self._ask(lambda: core.set_hold(subject, held=is_held, reason=reason))
            )

        async def answer(_: Any, station: Any, said: Any, body: Any) -> Any:
            try:
                word = ReadingAnswer(str(said.Value))
            except ValueError:
                return _word("unknown_answer")
            place, subject = str(station.Value), str(body.Value)
            return _word(await self._ask(lambda: core.answer_reading(place, word, subject)))

        async def scrap(_: Any, body: Any, why: Any) -> Any:
            subject, reason = str(body.Value), str(why.Value or "")
            return _word(await self._ask(lambda: core.scrap_body(subject, reason)))

        body_id, why = argument("BodyId", _S), argument("Reason", _S)
        held = argument("Held", ua.VariantType.Boolean)
        await builder.method(line, methods.set_hold, set_hold, [body_id, held, why], result)
        questions = [argument("Station", _S), argument("Answer", _S), body_id]
        await builder.method(line, methods.answer_reading, answer, questions, result)
        await builder.method(line, methods.scrap_body, scrap, [body_id, why], result)

    # -- publishing ---------------------------------------------------------------------------

    async def _publish_all(self) -> None:
        changes = Changes(stations=set(self._core.cells))
        changes.requests = [c.pending for c in self._core.cameras.values() if c.pending is not None]
        changes.acks = set(self._core.cameras)
        for name, camera in self._core.cameras.items():
            at = moment(self._core.at)
            await self._cameras[name]["request"].publish(camera.counter, at=at)
        for (station, name), live in self._tags.items():
            cell = self._core.cells[station]
            if name in cell.values:  # after a restart it is the same value, of the same moment
                await self._publish_tag(station, name, cell.values[name], moment(cell.finished))
            else:
                live.wait(at=moment(self._core.at))
        await self.publish(changes)

    async def publish(self, changes: Changes) -> None:
        """Tell what has happened; everything in `changes` is on disk."""
        core, at = self._core, moment(self._core.at)
        self.ring.extend(changes.records)
        for station in changes.stations:
            await self._publish_station(station, at)
        await self._publish_tags(changes)
        for request in changes.requests:
            await self._publish_request(request)
        for camera in changes.acks:
            state, values = core.cameras[camera], self._cameras[camera]
            await values["ack_counter"].publish_if_new(state.ack_counter, at=at)
            await values["ack"].publish(int(state.ack), at=at)
        for scan in changes.scans:
            await self._readers[scan.station].publish(scan)
        for camera, vision in self._vision.items():
            new = [c for c in changes.conclusions if c.request.camera == camera]
            busy = core.cameras[camera].is_judging
            await vision.publish(new, is_busy=busy, at=at)
        await self._publish_line(at)
        await self._jobs.publish(changes.jobs, at=at)
        await self._line_values["last_seq"].publish_if_new(core.seq, at=at)

    async def _publish_station(self, station: str, at: datetime) -> None:
        cell, values = self._core.cells[station], self._stations[station]
        code = int(StationStateCode[cell.word.upper()])
        await values["body"].publish_if_new(cell.body.id if cell.body else "", at=at)
        await values["job"].publish_if_new(cell.job or "", at=at)
        await values["state"].publish_if_new(code, at=at)
        await values["cycles"].publish_if_new(cell.cycles, at=at)
        if self._controls is not None:
            await self._controls.publish(station, at=at)
        await self._alarms.station(station, cell.word, cell.reason, at)

    async def _publish_tags(self, changes: Changes) -> None:
        if self._line.strokes_per_min is None:
            for tag in changes.tags:
                await self._publish_tag(tag.station, tag.name, tag.value, moment(tag.at))
            return
        for tag in changes.tags:
            self._waiting_tags[tag.station, tag.name] = (tag.value, tag.at)
        now = asyncio.get_running_loop().time()
        if now < self._tags_told + SLOW_TAG_S:
            return
        self._tags_told = now
        waiting, self._waiting_tags = self._waiting_tags, {}
        for (station, name), (value, taken_at) in waiting.items():
            await self._publish_tag(station, name, value, moment(taken_at))

    async def _publish_tag(self, station: str, name: str, value: float, at: datetime) -> None:
        await self._tags[station, name].publish(value, at=at)
        await self._alarms.value(station, name, value, at)

    async def _publish_request(self, request: Request) -> None:
        values, at = self._cameras[request.camera], moment(request.at)
        await values["body"].publish_if_new(request.body_id or "", at=at)
        await values["lot"].publish_if_new(request.lot or "", at=at)
        await values["job"].publish_if_new(request.job or "", at=at)
        await values["variant"].publish_if_new(request.variant, at=at)
        await values["deadline"].publish(moment(request.deadline), at=at)
        await values["request"].publish(request.counter, at=at)

    async def _publish_line(self, at: datetime) -> None:
        core, values = self._core, self._line_values
        await values["state"].publish_if_new(int(PACKML_OF[core.word]), at=at)
        if self._line.strokes_per_min is None or not self._waiting_tags:
            await values["good"].publish_if_new(core.good, at=at)
        await self._companion.publish(at=at)
        if self._controls is not None:
            await self._controls.publish_holds(at=at)


def _word(text: str) -> list[ua.Variant]:
    return [ua.Variant(text, _S)]


def _report(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logging.getLogger(__name__).error("a verdict could not be taken", exc_info=task.exception())
