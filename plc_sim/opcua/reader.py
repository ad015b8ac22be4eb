"""The reader at a station where bodies are identified: an RFID device of AutoID (OPC 30010).

It reads the carrier of each body that arrives. A client that knows the specification finds it below `DeviceSet`,
with its last scan, and hears of each scan by an event.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from asyncua.server.event_generator import EventGenerator

from mes.contracts.plc import AUTOID_NAMESPACE, PLANT_NAMESPACE
from plc_sim.core.changes import Scan, moment
from plc_sim.opcua.companion import DI_NAMESPACE, MAKER
from plc_sim.opcua.nodes import NodeBuilder
from plc_sim.opcua.stack import Node, instantiate, ua
from plc_sim.opcua.values import LiveValue

READER_TYPE = 1003
SCAN_EVENT_TYPE = 1006
DEVICE_SET = 5001
SCANNING = 2
"""`DeviceStatusEnumeration`: it waits for the next carrier."""
CODE_TYPE = "RAW:STRING"
MODEL_VERSION = "1.01"


class CarrierReader:
    """One reader. Build it once, then `publish` what it read."""

    def __init__(self, station: str, builder: NodeBuilder, *, line: str) -> None:
        self._name = f"{line}.{station}"
        self._builder = builder
        self._index = builder.index(AUTOID_NAMESPACE)
        self._di = builder.index(DI_NAMESPACE)
        self._events = EventGenerator(builder.server.iserver.isession)

    async def build(self, parent: Node) -> None:
        """Hang the reader on its station's object, and name it among the devices."""
        base: Any = parent.nodeid.Identifier
        made = await instantiate(
            parent,
            self._builder.node(ua.NodeId(READER_TYPE, self._index)),
            nodeid=ua.NodeId(f"{base}.CarrierReader", self._builder.plant),
            bname=ua.QualifiedName("CarrierReader", self._builder.plant),
            dname=ua.LocalizedText("CarrierReader"),
            instantiate_optional=False,
        )
        self._device = made[0]
        devices = self._builder.node(ua.NodeId(DEVICE_SET, self._di))
        await devices.add_reference(self._device, ua.ObjectIds.Organizes)
        await self._describe()
        at = datetime.now(UTC)
        self._data = await self._live("LastScanData", ua.VariantType.String)
        self._time = await self._live("LastScanTimestamp", ua.VariantType.DateTime)
        for live in (self._data, self._time):
            live.wait(at=at)
        await self._events.init(ua.NodeId(SCAN_EVENT_TYPE, self._index), emitting_node=self._device)
        types = self._events.event.data_types
        types["ScanResult"], types["DeviceName"] = (
            ua.VariantType.ExtensionObject,
            ua.VariantType.String,
        )
        self._events.event.DeviceName = self._name

    async def _describe(self) -> None:
        text, string = ua.VariantType.LocalizedText, ua.VariantType.String
        of_device = {
            "Manufacturer": (ua.LocalizedText(MAKER), text),
            "Model": (ua.LocalizedText("RFID reader", "en"), text),
            "SerialNumber": (self._name, string),
        }
        of_reader = {
            "AutoIdModelVersion": (MODEL_VERSION, string),
            "DeviceName": (self._name, string),
            "DeviceStatus": (SCANNING, ua.VariantType.Int32),
        }
        for index, facts in ((self._di, of_device), (self._index, of_reader)):
            for name, (value, kind) in facts.items():
                node = await self._device.get_child(ua.QualifiedName(name, index))
                await node.write_value(ua.Variant(value, kind))

    async def _live(self, name: str, kind: Any) -> LiveValue:
        identifier = f"nsu={PLANT_NAMESPACE};s={self._device.nodeid.Identifier}.{name}"
        return await self._builder.live(
            self._device, identifier, None, kind, name=ua.QualifiedName(name, self._index)
        )

    async def publish(self, scan: Scan) -> None:
        """Tell what was read."""
        at = moment(scan.at)
        await self._data.publish(scan.body_id, at=at)
        await self._time.publish(at, at=at)
        if not self._builder.is_watched(self._device):
            return
        data = ua.ScanData()
        data.String = scan.body_id
        result = ua.RfidScanResult(CodeType=CODE_TYPE, ScanData=data, Timestamp=at, Sighting=[])
        self._events.event.ScanResult = [result]
        await self._events.trigger(time_attr=at, message=scan.body_id)
