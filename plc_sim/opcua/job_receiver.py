"""Job Control of a line: an `ISA95JobOrderReceiverObjectType` with its methods, list and status events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from asyncua.server.event_generator import EventGenerator

from mes.contracts.dispatch import JobOrder, JobState
from mes.contracts.job_parameters import (
    JOB_CONTROL_NUMBERS,
    JOB_CONTROL_STATE_OF,
    MAX_STORED_JOBS,
    JobParametersError,
    ReturnStatus,
    from_parameters,
    to_parameters,
)
from mes.contracts.plc import JOB_CONTROL_NAMESPACE, JobControlNodes
from plc_sim.core.jobs import JobEntry
from plc_sim.core.line import LineCore
from plc_sim.opcua.nodes import NodeBuilder, argument
from plc_sim.opcua.stack import Node, ua

RECEIVER_TYPE = 1002
STATUS_EVENT_TYPE = 1006
JOB_ORDER_TYPE = 3008
JOB_ORDER_AND_STATE_TYPE = 3015
WORK_MASTER_TYPE = 3007

Ask = Callable[[Callable[[], ReturnStatus]], Awaitable[ReturnStatus]]
"""Runs a command on the line between two moments, and returns when its effect is on disk."""


class JobReceiver:
    """The receiver of one line. Build it once with `build`, then `publish` what changed."""

    def __init__(
        self, core: LineCore, builder: NodeBuilder, nodes: JobControlNodes, ask: Ask
    ) -> None:
        self._core = core
        self._builder = builder
        self._nodes = nodes
        self._ask = ask
        self._namespace = builder.index(JOB_CONTROL_NAMESPACE)
        self._structures: dict[str, tuple[JobOrder, Any]] = {}
        self._list_attribute: Any = None
        self._events: EventGenerator | None = None
        self._receiver: Node | None = None

    async def build(self, line: Node) -> None:
        """Add the receiver below the line's object."""
        builder, nodes = self._builder, self._nodes
        receiver = await builder.object(
            line,
            nodes.receiver,
            self._name("JobOrderReceiver"),
            type_id=ua.NodeId(RECEIVER_TYPE, self._namespace),
        )
        self._receiver = receiver
        await self._add_methods(receiver)
        job_list = await builder.variable(
            receiver,
            nodes.job_order_list,
            [],
            ua.VariantType.ExtensionObject,
            name=self._name("JobOrderList"),
            data_type=ua.NodeId(JOB_ORDER_AND_STATE_TYPE, self._namespace),
            rank=1,
        )
        space = builder.server.iserver.aspace
        self._list_attribute = space[job_list.nodeid].attributes[ua.AttributeIds.Value]
        space.set_attribute_value_callback(
            job_list.nodeid, ua.AttributeIds.Value, lambda *_: self._job_list(datetime.now(UTC))
        )
        await self._add_offers(receiver)
        self._events = EventGenerator(builder.server.iserver.isession)
        await self._events.init(
            ua.NodeId(STATUS_EVENT_TYPE, self._namespace), emitting_node=receiver
        )
        for field in ("JobOrder", "JobState", "JobResponse"):
            self._events.event.data_types[field] = ua.VariantType.ExtensionObject

    def _name(self, name: str) -> Any:
        return ua.QualifiedName(name, self._namespace)

    async def _add_offers(self, receiver: Node) -> None:
        """Add what the type says of the orders that are accepted here."""
        stations = [station.id for station in self._core.line.stations]
        prefix = self._nodes.receiver
        offers: dict[str, list[str]] = {
            "EquipmentID": stations,
            "MaterialClassID": [],
            "MaterialDefinitionID": [panel.code for panel in self._core.plant.panels],
            "PersonnelID": [],
            "PhysicalAssetID": [],
        }
        for name, values in offers.items():
            await self._builder.variable(
                receiver,
                f"{prefix}.{name}",
                values,
                ua.VariantType.String,
                name=self._name(name),
                rank=1,
            )
        await self._builder.variable(
            receiver,
            f"{prefix}.WorkMaster",
            [],
            ua.VariantType.ExtensionObject,
            name=self._name("WorkMaster"),
            data_type=ua.NodeId(WORK_MASTER_TYPE, self._namespace),
            rank=1,
        )
        await self._builder.property(
            receiver,
            "MaxDownloadableJobOrders",
            MAX_STORED_JOBS,
            ua.VariantType.UInt16,
            namespace=self._namespace,
        )

    async def _add_methods(self, receiver: Node) -> None:
        core, nodes = self._core, self._nodes
        order = ua.Argument(
            Name="JobOrder",
            DataType=ua.NodeId(JOB_ORDER_TYPE, self._namespace),
            ValueRank=ua.Int32(-1),
        )
        comment = argument("Comment", ua.VariantType.LocalizedText, array=True)
        returned = [argument("ReturnStatus", ua.VariantType.UInt64)]
        with_order: dict[str, tuple[str, Callable[[JobOrder], ReturnStatus]]] = {
            "Store": (nodes.store, lambda job: core.store_job(job, start=False)),
            "StoreAndStart": (nodes.store_and_start, lambda job: core.store_job(job, start=True)),
            "Update": (nodes.update, core.update_job),
        }
        for name, (node, act) in with_order.items():
            await self._builder.method(
                receiver,
                node,
                self._order_method(act),
                [order, comment],
                returned,
                name=self._name(name),
            )
        job_id = argument("JobOrderID", ua.VariantType.String)
        with_id: dict[str, tuple[str, Callable[[str], ReturnStatus]]] = {
            "Start": (nodes.start, core.start_job),
            "Pause": (nodes.pause, core.pause_job),
            "Resume": (nodes.resume, core.resume_job),
            "Stop": (nodes.stop, core.stop_job),
            "Abort": (nodes.abort, core.abort_job),
            "Cancel": (nodes.cancel, core.cancel_job),
            "Clear": (nodes.clear, core.clear_job),
            "RevokeStart": (f"{nodes.receiver}.RevokeStart", core.revoke_start),
        }
        for name, (node, command) in with_id.items():
            await self._builder.method(
                receiver,
                node,
                self._id_method(command),
                [job_id, comment],
                returned,
                name=self._name(name),
            )

    def _order_method(self, act: Callable[[JobOrder], ReturnStatus]) -> Any:
        async def method(_parent: Any, order: Any, *_comment: Any) -> Any:
            try:
                job = _job_order(order.Value)
            except JobParametersError:
                return _status(ReturnStatus.INVALID_REQUEST)
            return _status(await self._ask(lambda: act(job)))

        return method

    def _id_method(self, act: Callable[[str], ReturnStatus]) -> Any:
        async def method(_parent: Any, job_id: Any, *_comment: Any) -> Any:
            key = str(job_id.Value or "")
            return _status(await self._ask(lambda: act(key)))

        return method

    # -- what the line publishes --------------------------------------------------------------

    async def publish(self, changed: list[JobEntry], *, at: datetime) -> None:
        """Tell subscribers of the list and of status events what became of job orders."""
        if not changed:
            return
        subscribers = list(self._list_attribute.datachange_callbacks.items())
        if subscribers:
            value = self._job_list(at)
            for handle, callback in subscribers:
                await callback(handle, value)
        if self._events is None or self._receiver is None:
            return
        if not self._builder.is_watched(self._receiver):
            return
        for entry in changed:
            self._events.event.JobOrder = self._structure(entry.job)
            self._events.event.JobState = _states(entry.state)
            self._events.event.JobResponse = self._response(entry, at)
            await self._events.trigger(time_attr=at, message=entry.state)

    def _job_list(self, at: datetime) -> Any:
        entries = [
            ua.ISA95JobOrderAndStateDataType(
                JobOrder=self._structure(entry.job), State=_states(entry.state)
            )
            for entry in self._core.jobs.entries.values()
            if entry.state in JOB_CONTROL_STATE_OF
        ]
        variant = ua.Variant(entries, ua.VariantType.ExtensionObject, is_array=True)
        return ua.DataValue(variant, SourceTimestamp=at, ServerTimestamp=datetime.now(UTC))

    def _structure(self, job: JobOrder) -> Any:
        known = self._structures.get(str(job.id))
        if known is not None and known[0] is job:
            return known[1]
        if len(self._structures) > 2 * MAX_STORED_JOBS:
            self._structures.clear()
        structure = ua.ISA95JobOrderDataType(
            JobOrderID=str(job.id),
            StartTime=job.start_at,
            JobOrderParameters=[
                ua.ISA95ParameterDataType(ID=name, Value=ua.Variant(text, ua.VariantType.String))
                for name, text in to_parameters(job)
            ],
        )
        self._structures[str(job.id)] = (job, structure)
        return structure

    def _response(self, entry: JobEntry, at: datetime) -> Any:
        key = str(entry.job.id)
        response = ua.ISA95JobResponseDataType(JobResponseID=key, JobOrderID=key)
        response.JobState = _states(entry.state)
        if entry.state.is_final:
            response.EndTime = at
        return response


def _job_order(value: Any) -> JobOrder:
    key = getattr(value, "JobOrderID", None)
    if not key:
        raise JobParametersError("JobOrderID: missing")
    parameters = [
        (str(one.ID), one.Value.Value if isinstance(one.Value, ua.Variant) else one.Value)
        for one in value.JobOrderParameters or []
    ]
    if value.StartTime is not None and not any(name == "start_at" for name, _ in parameters):
        start = value.StartTime
        parameters.append(("start_at", start if start.tzinfo else start.replace(tzinfo=UTC)))
    return from_parameters(str(key), parameters)


def _status(status: ReturnStatus) -> list[ua.Variant]:
    return [ua.Variant(int(status), ua.VariantType.UInt64)]


def _states(state: JobState) -> list[Any]:
    names = JOB_CONTROL_STATE_OF.get(state, ("Aborted", None))
    numbers = JOB_CONTROL_NUMBERS[names]
    return [
        ua.ISA95StateDataType(
            BrowsePath=ua.RelativePath(),
            StateText=ua.LocalizedText(name),
            StateNumber=ua.UInt32(number),
        )
        for name, number in zip(names, numbers, strict=False)
        if name is not None
    ]
