"""Follow what agents report of their lines' alarms; have one acknowledged at its line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from mes.agents import service as agents
from mes.contracts.alarms import AlarmReport
from mes.contracts.dispatch import Command, CommandKind
from mes.equipment.alarms import model, repository
from mes.equipment.alarms.model import (
    AgentKnowsNoAlarms,
    LineAlarm,
    NothingToAcknowledge,
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
    alarm = await repository.by_id(conn, alarm_id)
    if alarm is None:
        raise UnknownAlarm(id=alarm_id)
    if not alarm.may_be_acknowledged:
        raise NothingToAcknowledge(name=alarm.name)
    if CommandKind.ACKNOWLEDGE_ALARM not in await agents.known_kinds(conn, alarm.line):
        raise AgentKnowsNoAlarms(line=alarm.line)
    command = Command(
        id=uuid5(_COMMANDS, f"{alarm.line}|{alarm.condition}|{alarm.event_id}"),
        kind=CommandKind.ACKNOWLEDGE_ALARM,
        line=alarm.line,
        issued_at=now,
        actor=actor,
        reason=comment or None,
        condition=alarm.condition,
        event_id=alarm.event_id,
    )
    await agents.send_command(conn, alarm.line, command, real_now=real_now)
    await identity.audit(
        conn,
        actor,
        "alarm.acknowledged",
        f"line:{alarm.line}",
        None,
        {"alarm": alarm.name, "message": alarm.message, "comment": comment},
        now=now,
    )
    return alarm


async def forget(conn: WriteConn, *, now: datetime) -> int:
    """Drop alarms that ended longer ago than anybody looks back; return how many."""
    return await repository.forget(conn, now - KEPT)
