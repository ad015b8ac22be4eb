"""The API of alarms and conditions of the lines' machines."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from mes.equipment.alarms import service
from mes.equipment.alarms.model import LineAlarm
from mes.identity.access import require, require_scope
from mes.identity.model import Caller, Role, Scope, User
from mes.platform.http import ClockDep, ReadDb, WriteDb

router = APIRouter(prefix="/api/line-alarms", tags=["equipment"])

Reader = Annotated[Caller, Depends(require_scope(Scope.PLAN_READ))]
Keeper = Annotated[User, Depends(require(Role.MAINTENANCE, Role.OPERATOR))]
Shelver = Annotated[User, Depends(require(Role.MAINTENANCE))]


class AlarmOut(BaseModel):
    """An alarm of a machine; times are plant time. `end_seen` false: found gone after an interruption."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    line: str
    station: str | None
    source: str
    name: str
    message: str
    severity: int
    began_at: datetime
    ended_at: datetime | None
    end_seen: bool
    acked: bool | None
    acked_at: datetime | None
    acked_by: str
    comment: str
    confirmed: bool | None
    shelved: bool | None
    merged: int


class AcknowledgeIn(BaseModel):
    """Why it may be put aside; the line keeps it as the comment."""

    model_config = ConfigDict(extra="forbid")

    comment: str = Field(default="", max_length=300)


class ShelveIn(BaseModel):
    """For how many real minutes an alarm is put aside; without a number until it is over once."""

    model_config = ConfigDict(extra="forbid")

    minutes: float | None = Field(default=None, gt=0, le=7 * 24 * 60)


def _out(alarms: list[LineAlarm]) -> list[AlarmOut]:
    return [AlarmOut.model_validate(alarm) for alarm in alarms]


@router.get("")
async def get_alarms(
    caller: Reader,
    conn: ReadDb,
    line: Annotated[str | None, Query(max_length=80)] = None,
    state: Literal["standing", "over"] = "standing",
) -> list[AlarmOut]:
    """List the alarms that stand (active, or waiting for an acknowledgement), or the newest that are over."""
    listed = service.standing if state == "standing" else service.newest
    return _out(await listed(conn, line))


@router.post("/{alarm_id}/acknowledgement", status_code=202)
async def acknowledge(
    alarm_id: UUID, body: AcknowledgeIn, user: Keeper, conn: WriteDb, clock: ClockDep
) -> AlarmOut:
    """Ask the line to acknowledge an alarm; it shows as acknowledged once the line says so."""
    alarm = await service.acknowledge(
        conn,
        alarm_id,
        body.comment.strip(),
        actor=user.actor,
        now=clock.now(),
        real_now=clock.real_now(),
    )
    return AlarmOut.model_validate(alarm)


@router.post("/{alarm_id}/confirmation", status_code=202)
async def confirm(
    alarm_id: UUID, body: AcknowledgeIn, user: Keeper, conn: WriteDb, clock: ClockDep
) -> AlarmOut:
    """Ask the line to take an acknowledged alarm as dealt with."""
    alarm = await service.confirm(
        conn,
        alarm_id,
        body.comment.strip(),
        actor=user.actor,
        now=clock.now(),
        real_now=clock.real_now(),
    )
    return AlarmOut.model_validate(alarm)


@router.post("/{alarm_id}/shelving", status_code=202)
async def shelve(
    alarm_id: UUID, body: ShelveIn, user: Shelver, conn: WriteDb, clock: ClockDep
) -> AlarmOut:
    """Ask the line to put an alarm aside for a while; it shows as shelved once the line says so."""
    alarm = await service.shelve(
        conn,
        alarm_id,
        None if body.minutes is None else body.minutes * 60,
        actor=user.actor,
        now=clock.now(),
        real_now=clock.real_now(),
    )
    return AlarmOut.model_validate(alarm)


@router.delete("/{alarm_id}/shelving", status_code=202)
async def unshelve(alarm_id: UUID, user: Shelver, conn: WriteDb, clock: ClockDep) -> AlarmOut:
    """Ask the line to bring back an alarm that was put aside."""
    alarm = await service.unshelve(
        conn, alarm_id, actor=user.actor, now=clock.now(), real_now=clock.real_now()
    )
    return AlarmOut.model_validate(alarm)
