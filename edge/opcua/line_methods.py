"""What the MES may ask of a line, as method calls on its server."""

from __future__ import annotations

from typing import Any

from asyncua import ua

from edge.opcua.job_types import ListedJob, decode_job_list, encode_job_order
from edge.opcua.link import CallRefused, Link
from edge.opcua.nodes import UnknownNode
from mes.contracts.dispatch import Command, CommandKind
from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.plc import JOB_CONTROL_NAMESPACE, JobControlNodes, LineInterface, LineMethodNodes

NOT_OFFERED = "not_offered"


class LineMethods:
    """Executes commands on one session. Each answers `ok`, `already_done`, or a word why not."""

    def __init__(self, link: Link, interface: LineInterface) -> None:
        self._link = link
        self._interface = interface

    async def execute(self, command: Command) -> str:
        """Carry out one command and return the line's answer.

        Raises:
            OSError, TimeoutError, ua.UaError: the session failed; whether the line acted is not known.
        """
        try:
            return await self._execute(command)
        except (CallRefused, UnknownNode) as refusal:
            return str(refusal)

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

    async def _execute(self, command: Command) -> str:
        control, methods = self._interface.job_control, self._interface.methods
        match command.kind:
            case CommandKind.STORE_JOB | CommandKind.UPDATE_JOB if control is not None:
                return await self._send_job(control, command)
            case (
                CommandKind.CANCEL_JOB
                | CommandKind.PAUSE_JOB
                | CommandKind.RESUME_JOB
                | CommandKind.ABORT_JOB
            ) if control is not None:
                return await self._name_job(control, command)
            case CommandKind.SET_HOLD | CommandKind.ANSWER_READING | CommandKind.SCRAP_BODY if (
                methods is not None
            ):
                return await self._call_line(methods, command)
            case _:
                return NOT_OFFERED

    async def _send_job(self, control: JobControlNodes, command: Command) -> str:
        """Store or update. A stored job starts by itself: the line works its list in sequence."""
        if command.job is None:
            return "missing_job"
        method = (
            control.store_and_start if command.kind is CommandKind.STORE_JOB else control.update
        )
        namespace = self._link.namespaces.index(JOB_CONTROL_NAMESPACE)
        job = ua.Variant(encode_job_order(command.job, namespace=namespace))
        return _status(await self._link.call(control.receiver, method, job, _comment(command)))

    async def _name_job(self, control: JobControlNodes, command: Command) -> str:
        if command.job_order_id is None:
            return "missing_job_order_id"
        method = {
            CommandKind.CANCEL_JOB: control.cancel,
            CommandKind.PAUSE_JOB: control.pause,
            CommandKind.RESUME_JOB: control.resume,
            CommandKind.ABORT_JOB: control.abort,
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


def _status(outputs: list[Any]) -> str:
    return ReturnStatus(int(outputs[0])).word if outputs else "ok"


def _string(text: str) -> ua.Variant:
    return ua.Variant(text, ua.VariantType.String)


def _comment(command: Command) -> ua.Variant:
    """`Comment` of the job control methods: who asked, and why."""
    words = f"{command.actor}: {command.reason}" if command.reason else command.actor
    return ua.Variant([ua.LocalizedText(words)], ua.VariantType.LocalizedText)
