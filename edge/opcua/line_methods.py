"""What the MES may ask of a line, as method calls on its server."""

from __future__ import annotations

from typing import Any

from asyncua import ua

from edge.opcua import rehearsal
from edge.opcua.answer import Answer
from edge.opcua.conditions import ALARM_KINDS, answer_alarm
from edge.opcua.holds import HoldWrites
from edge.opcua.job_types import ListedJob, decode_job_list, encode_job_order
from edge.opcua.link import CallRefused, Link
from edge.opcua.nodes import UnknownNode
from edge.opcua.station_writes import NOT_OFFERED, STATION_KINDS, StationWrites
from mes.contracts.controls import StationControls
from mes.contracts.dispatch import Command, CommandKind, JobState, ValueChange
from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.plc import JOB_CONTROL_NAMESPACE, JobControlNodes, LineInterface, LineMethodNodes

UNREADABLE = "job_list_unreadable"


class LineMethods:
    """Executes and rehearses commands on one session."""

    def __init__(
        self, link: Link, interface: LineInterface, controls: StationControls | None = None
    ) -> None:
        self._link = link
        self._interface = interface
        offered = controls or StationControls()
        self._writes = StationWrites(link, offered)
        self._holds = HoldWrites(link, offered.holds, self._execute)

    async def execute(self, command: Command) -> Answer:
        """Carry out one command, or say what it would do, and return the line's answer.

        Raises:
            OSError, TimeoutError, ua.UaError: the session failed; whether the line acted is not known.
        """
        try:
            if command.kind in STATION_KINDS or command.of in STATION_KINDS:
                dry_run = command.kind is CommandKind.DRY_RUN
                return await self._writes.execute(command, dry_run=dry_run)
            if command.of is CommandKind.SET_HOLD:
                return await self._holds.execute(command, dry_run=True)
            if command.kind is CommandKind.DRY_RUN:
                return await self._rehearse(command)
            if command.trace and command.kind is CommandKind.SET_HOLD:
                return await self._holds.execute(command, dry_run=False)
            if command.trace and command.kind in rehearsal.JOB_KINDS:
                return await self._traced(command)
            return Answer(await self._execute(command))
        except (CallRefused, UnknownNode) as refusal:
            return Answer(str(refusal))

    async def jobs(self) -> list[ListedJob]:
        """Read the line's job list; empty for a line without job control.

        Raises:
            ValueError: the list is not one of OPC 10031-4.
        """
        control = self._interface.job_control
        if control is None:
            return []
        value = (await self._link.read([control.job_order_list]))[0]
        return decode_job_list(value.Value.Value if value.Value is not None else None)

    async def _rehearse(self, command: Command) -> Answer:
        """Say what a command would do; nothing is written or called."""
        key = _about(command)
        if command.of not in rehearsal.JOB_KINDS or self._interface.job_control is None:
            return Answer(NOT_OFFERED)
        if key is None:
            return Answer("missing_job_order_id")
        states = await self._states()
        if states is None:
            return Answer(UNREADABLE)
        word, after = rehearsal.rehearse_job(command.of, key, states)
        return Answer(word, self._change(states.get(key), after))

    async def _traced(self, command: Command) -> Answer:
        """Carry out a command about a job, and tell the states that its line lists before and after."""
        key = _about(command) or ""
        before = await self._states()
        word = await self._execute(command)
        after = await self._states()
        if before is None or after is None:
            return Answer(word)
        return Answer(word, self._change(before.get(key), after.get(key)))

    async def _states(self) -> dict[str, JobState | None] | None:
        try:
            return {job.job_order_id: job.state for job in await self.jobs()}
        except ValueError:
            return None

    def _change(self, before: JobState | None, after: JobState | None) -> tuple[ValueChange, ...]:
        control = self._interface.job_control
        if control is None or before is after:
            return ()
        return (ValueChange(name="job_state", node=control.job_order_list, old=before, new=after),)

    async def _execute(self, command: Command) -> str:
        control, methods = self._interface.job_control, self._interface.methods
        match command.kind:
            case CommandKind.STORE_JOB | CommandKind.STORE_ONLY | CommandKind.UPDATE_JOB if (
                control is not None
            ):
                return await self._send_job(control, command)
            case (
                CommandKind.START_JOB
                | CommandKind.PAUSE_JOB
                | CommandKind.RESUME_JOB
                | CommandKind.STOP_JOB
                | CommandKind.ABORT_JOB
                | CommandKind.CANCEL_JOB
                | CommandKind.CLEAR_JOB
            ) if control is not None:
                return await self._name_job(control, command)
            case CommandKind.SET_HOLD | CommandKind.ANSWER_READING | CommandKind.SCRAP_BODY if (
                methods is not None
            ):
                return await self._call_line(methods, command)
            case kind if kind in ALARM_KINDS:
                return await answer_alarm(self._link, command)
            case _:
                return NOT_OFFERED

    async def _send_job(self, control: JobControlNodes, command: Command) -> str:
        """Store or update. A job stored by `StoreAndStart` starts by itself when its turn comes."""
        if command.job is None:
            return "missing_job"
        method = {
            CommandKind.STORE_JOB: control.store_and_start,
            CommandKind.STORE_ONLY: control.store,
            CommandKind.UPDATE_JOB: control.update,
        }[command.kind]
        namespace = self._link.namespaces.index(JOB_CONTROL_NAMESPACE)
        job = ua.Variant(encode_job_order(command.job, namespace=namespace))
        return _status(await self._link.call(control.receiver, method, job, _comment(command)))

    async def _name_job(self, control: JobControlNodes, command: Command) -> str:
        if command.job_order_id is None:
            return "missing_job_order_id"
        method = {
            CommandKind.START_JOB: control.start,
            CommandKind.PAUSE_JOB: control.pause,
            CommandKind.RESUME_JOB: control.resume,
            CommandKind.STOP_JOB: control.stop,
            CommandKind.ABORT_JOB: control.abort,
            CommandKind.CANCEL_JOB: control.cancel,
            CommandKind.CLEAR_JOB: control.clear,
        }[command.kind]
        job_order_id = _string(str(command.job_order_id))
        return _status(
            await self._link.call(control.receiver, method, job_order_id, _comment(command))
        )

    async def _call_line(self, methods: LineMethodNodes, command: Command) -> str:
        body_id, reason = _string(str(command.body_id or "")), _string(command.reason or "")
        match command.kind:
            case CommandKind.SET_HOLD:
                held = ua.Variant(bool(command.held), ua.VariantType.Boolean)
                answer = await self._link.call(
                    methods.parent, methods.set_hold, body_id, held, reason
                )
            case CommandKind.ANSWER_READING:
                answer = await self._link.call(
                    methods.parent,
                    methods.answer_reading,
                    _string(command.station or ""),
                    _string(command.answer.value if command.answer else ""),
                    body_id,
                )
            case _:
                answer = await self._link.call(methods.parent, methods.scrap_body, body_id, reason)
        return str(answer[0]) if answer else "ok"


def _about(command: Command) -> str | None:
    job = command.job.id if command.job is not None else command.job_order_id
    return None if job is None else str(job)


def _status(outputs: list[Any]) -> str:
    return ReturnStatus(int(outputs[0])).word if outputs else "ok"


def _string(text: str) -> ua.Variant:
    return ua.Variant(text, ua.VariantType.String)


def _comment(command: Command) -> ua.Variant:
    """`Comment` of the job control methods: who asked, and why."""
    words = f"{command.actor}: {command.reason}" if command.reason else command.actor
    return ua.Variant([ua.LocalizedText(words)], ua.VariantType.LocalizedText)
