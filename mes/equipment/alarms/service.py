"""Follow what agents report of their lines' alarms; have one acknowledged, confirmed or shelved at its line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from mes.agents import service as agents
from mes.contracts.alarms import AlarmReport
from mes.contracts.dispatch import Command, CommandKind
from mes.contracts.ids import uuid7
from mes.equipment.alarms import model, repository
from mes.equipment.alarms.model import (
    AgentKnowsNoAlarms,
    LineAlarm,
    NothingToAcknowledge,
    NothingToConfirm,
    NothingToShelve,
    UnknownAlarm,
)
from mes.identity import service as identity
from mes.platform.db import ReadConn, WriteConn

KEPT = timedelta(days=90)
"""Plant time for which alarms are kept after their end."""
_COMMANDS = UUID("8a1f6f0e-4a57-5d2b-9f0c-6f1d1c0f7a55")


async def take(conn: WriteConn, reports: Sequence[AlarmReport]) -> None:
    """Follow reports in their order; one that came before changes nothing."""
    if reports:
        keys = {(report.line, report.condition, report.branch) for report in reports}
        latest = await repository.latest_for_change(conn, keys)
        await repository.save(conn, model.follow(latest, reports))


async def standing(conn: ReadConn, line: str | None = None, *, limit: int = 200) -> list[LineAlarm]:
    """Return what is active or waits for somebody, the gravest first."""
    return await repository.standing(conn, line, limit=limit)


async def newest(conn: ReadConn, line: str | None = None, *, limit: int = 100) -> list[LineAlarm]:
    """Return what is over and waits for nobody, newest first."""
    return await repository.newest(conn, line, limit=limit)


async def acknowledge(
    conn: WriteConn,
    alarm_id: UUID,
    comment: str,
    *,
    actor: str,
    now: datetime,
    real_now: datetime,
) -> LineAlarm:
    """Ask the line to acknowledge an alarm; it shows as acknowledged once the line says so.

    Asked twice for the same state it is one command.

    Raises:
        UnknownAlarm, NothingToAcknowledge: there is no such alarm, or nothing to acknowledge.
        AgentKnowsNoAlarms: the agent of the line would not understand.
    """
    alarm = await _alarm(conn, alarm_id)
    if not alarm.may_be_acknowledged:
        raise NothingToAcknowledge(name=alarm.name)
    command_id = uuid5(_COMMANDS, f"{alarm.line}|{alarm.condition}|{alarm.event_id}")
    command = _command(command_id, CommandKind.ACKNOWLEDGE_ALARM, alarm, actor, comment, now)
    await _send(conn, command, alarm, "alarm.acknowledged", real_now=real_now)
    return alarm


async def confirm(
    conn: WriteConn,
    alarm_id: UUID,
    comment: str,
    *,
    actor: str,
    now: datetime,
    real_now: datetime,
) -> LineAlarm:
    """Ask the line to take an acknowledged alarm as dealt with. Asked twice for the same state it is one command.

    Raises:
        UnknownAlarm, NothingToConfirm: there is no such alarm, or nothing to confirm.
        AgentKnowsNoAlarms: the agent of the line would not understand.
    """
    alarm = await _alarm(conn, alarm_id)
    if not alarm.may_be_confirmed:
        raise NothingToConfirm(name=alarm.name)
    command_id = uuid5(_COMMANDS, f"{alarm.line}|{alarm.condition}|{alarm.event_id}|confirm")
    command = _command(command_id, CommandKind.CONFIRM_ALARM, alarm, actor, comment, now)
    await _send(conn, command, alarm, "alarm.confirmed", real_now=real_now)
    return alarm


async def shelve(
    conn: WriteConn,
    alarm_id: UUID,
    for_s: float | None,
    *,
    actor: str,
    now: datetime,
    real_now: datetime,
) -> LineAlarm:
    """Ask the line to put an alarm aside: for real seconds, or (None) until it is over once.

    Raises:
        UnknownAlarm, NothingToShelve: there is no such alarm, or it cannot be shelved now.
        AgentKnowsNoAlarms: the agent of the line would not understand.
    """
    alarm = await _alarm(conn, alarm_id)
    if not alarm.may_be_shelved:
        raise NothingToShelve(name=alarm.name)
    command = _command(uuid7(), CommandKind.SHELVE_ALARM, alarm, actor, "", now)
    command = command.model_copy(update={"shelve_s": for_s})
    await _send(conn, command, alarm, "alarm.shelved", real_now=real_now)
    return alarm


async def unshelve(
    conn: WriteConn, alarm_id: UUID, *, actor: str, now: datetime, real_now: datetime
) -> LineAlarm:
    """Ask the line to bring back an alarm that was put aside.

    Raises:
        UnknownAlarm, NothingToShelve: there is no such alarm, or it is not shelved.
        AgentKnowsNoAlarms: the agent of the line would not understand.
    """
    alarm = await _alarm(conn, alarm_id)
    if not alarm.may_be_unshelved:
        raise NothingToShelve(name=alarm.name)
    command = _command(uuid7(), CommandKind.UNSHELVE_ALARM, alarm, actor, "", now)
    await _send(conn, command, alarm, "alarm.unshelved", real_now=real_now)
    return alarm


async def _alarm(conn: ReadConn, alarm_id: UUID) -> LineAlarm:
    alarm = await repository.by_id(conn, alarm_id)
    if alarm is None:
        raise UnknownAlarm(id=alarm_id)
    return alarm


def _command(
    command_id: UUID, kind: CommandKind, alarm: LineAlarm, actor: str, comment: str, now: datetime
) -> Command:
    return Command(
        id=command_id,
        kind=kind,
        line=alarm.line,
        issued_at=now,
        actor=actor,
        reason=comment or None,
        condition=alarm.condition,
        event_id=alarm.event_id,
    )


async def _send(
    conn: WriteConn, command: Command, alarm: LineAlarm, action: str, *, real_now: datetime
) -> None:
    if command.kind not in await agents.known_kinds(conn, alarm.line):
        raise AgentKnowsNoAlarms(line=alarm.line)
    await agents.send_command(conn, alarm.line, command, real_now=real_now)
    facts = {"alarm": alarm.name, "message": alarm.message, "comment": command.reason or ""}
    if command.shelve_s is not None:
        facts["shelved_s"] = f"{command.shelve_s:g}"
    await identity.audit(
        conn, command.actor, action, f"line:{alarm.line}", None, facts, now=command.issued_at
    )


async def forget(conn: WriteConn, *, now: datetime) -> int:
    """Drop alarms that ended longer ago than anybody looks back; return how many."""
    return await repository.forget(conn, now - KEPT)
