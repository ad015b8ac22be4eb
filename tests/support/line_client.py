"""A client of one simulated line, as a test needs it: jobs, verdicts, ledger, values; by asyncua."""

from __future__ import annotations

import asyncio
import importlib
from types import TracebackType
from typing import Any
from uuid import UUID

from asyncua import Client

from mes.contracts.dispatch import JobOrder
from mes.contracts.job_parameters import ReturnStatus, to_parameters
from mes.contracts.line_layout import line_interface
from mes.contracts.line_records import LineRecord, line_record
from mes.contracts.plant import PlantModel
from mes.contracts.quality import VerdictCode

ua: Any = importlib.import_module("asyncua.ua")


class LineClient:
    """An open session on the server of a line."""

    def __init__(self, plant: PlantModel, line_id: str) -> None:
        self.line = plant.line(line_id)
        self.nodes = line_interface(plant, self.line)
        self._client = Client(self.nodes.endpoint, timeout=10, watchdog_intervall=3600)

    async def __aenter__(self) -> LineClient:
        await self._client.connect()
        self._namespaces = await self._client.get_namespace_array()
        await self._client.load_data_type_definitions()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.disconnect()

    def node(self, text: str) -> Any:
        """Return the node that a `nsu=URI;s=…` names."""
        uri, _, name = text.removeprefix("nsu=").partition(";s=")
        return self._client.get_node(ua.NodeId(name, self._namespaces.index(uri)))

    async def value(self, text: str) -> Any:
        """Read one value."""
        return await self.node(text).read_value()

    async def _job_call(self, method: str, argument: Any) -> ReturnStatus:
        control = self.nodes.job_control
        assert control is not None
        comment = ua.Variant([ua.LocalizedText("test")], ua.VariantType.LocalizedText)
        receiver = self.node(control.receiver)
        answer = await receiver.call_method(
            self.node(getattr(control, method)).nodeid, argument, comment
        )
        return ReturnStatus(answer)

    async def send(self, job: JobOrder, method: str = "store_and_start") -> ReturnStatus:
        """Store, store and start, or update a job order."""
        structure = ua.ISA95JobOrderDataType(
            JobOrderID=str(job.id),
            StartTime=job.start_at,
            JobOrderParameters=[
                ua.ISA95ParameterDataType(ID=name, Value=ua.Variant(text, ua.VariantType.String))
                for name, text in to_parameters(job)
            ],
        )
        return await self._job_call(method, structure)

    async def tell(self, job_order_id: UUID, method: str) -> ReturnStatus:
        """Start, pause, resume, stop, abort, cancel or clear a job order."""
        return await self._job_call(method, str(job_order_id))

    async def job_list(self) -> dict[str, tuple[int, ...]]:
        """Read the job list: id → state numbers."""
        control = self.nodes.job_control
        assert control is not None
        entries = await self.value(control.job_order_list)
        return {
            entry.JobOrder.JobOrderID: tuple(level.StateNumber for level in entry.State)
            for entry in entries
        }

    async def call(self, method: str, *arguments: Any) -> str:
        """Call `set_hold`, `answer_reading` or `scrap_body`."""
        methods = self.nodes.methods
        assert methods is not None
        parent = self.node(methods.parent)
        return str(await parent.call_method(self.node(getattr(methods, method)).nodeid, *arguments))

    async def read_ledger(self, first: int = 1, most: int = 1000) -> list[LineRecord]:
        """Read records from the ring."""
        ledger = self.nodes.ledger
        assert ledger is not None
        texts = await self.node(ledger.parent).call_method(
            self.node(ledger.read).nodeid,
            ua.Variant(first, ua.VariantType.UInt64),
            ua.Variant(most, ua.VariantType.UInt32),
        )
        return [line_record.validate_json(text) for text in texts or []]

    async def wait_for_record(
        self, kind: str, *, first: int = 1, timeout_s: float = 60.0, **fields: Any
    ) -> Any:
        """Read on until a record of this kind with these fields has come."""
        async with asyncio.timeout(timeout_s):
            while True:
                for record in await self.read_ledger(first):
                    first = record.seq + 1
                    if record.kind == kind and all(
                        getattr(record, name) == value for name, value in fields.items()
                    ):
                        return record
                await asyncio.sleep(0.02)

    async def answer_camera(
        self, camera_index: int, code: VerdictCode, *, counter: int, body_id: str
    ) -> int:
        """Write a verdict and return the line's acknowledgement."""
        camera = self.nodes.cameras[camera_index]
        await self._client.write_values(
            [
                self.node(camera.verdict_body_id),
                self.node(camera.verdict_counter),
                self.node(camera.verdict),
                self.node(camera.verdict_valid),
            ],
            [
                ua.DataValue(ua.Variant(body_id, ua.VariantType.String)),
                ua.DataValue(ua.Variant(counter, ua.VariantType.UInt32)),
                ua.DataValue(ua.Variant(int(code), ua.VariantType.Int32)),
                ua.DataValue(ua.Variant(True, ua.VariantType.Boolean)),
            ],
        )
        async with asyncio.timeout(30.0):
            while await self.value(camera.ack_counter) != counter:  # noqa: ASYNC110  # a PLC's tag
                await asyncio.sleep(0.01)
        return int(await self.value(camera.ack))
