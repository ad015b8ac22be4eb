"""The API of locks: what is locked on the plan board, by whom and since when."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, status
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from mes.planning.locks import service
from mes.planning.locks.repository import Lock
from mes.planning.routes import PlanWriter, Reader
from mes.platform.http import ClockDep, ReadDb, WriteDb

router = APIRouter(prefix="/api/plan/locks", tags=["planning"])


class LocksIn(BaseModel):
    """What to lock: cars, each at its planned start or in a window, or all that starts on a line in a window."""

    model_config = ConfigDict(extra="forbid")

    cars: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=80)]],
        Field(max_length=service.MOST_AT_ONCE),
    ] = []
    line: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    """None: on the drum and in paint."""
    from_at: AwareDatetime | None = None
    to_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.from_at is None) != (self.to_at is None):
            raise ValueError("a window has a beginning and an end")
        if not self.cars and (self.line is None or self.from_at is None):
            raise ValueError("name cars, or a line and a window")
        return self


class UnlockIn(BaseModel):
    """Which locks to end."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[UUID], Field(min_length=1, max_length=service.MOST_AT_ONCE)]


@router.get("")
async def get_locks(_: Reader, conn: ReadDb) -> list[Lock]:
    """List what is locked, by time."""
    return await service.locks(conn)


@router.post("", status_code=status.HTTP_201_CREATED)
async def lock(body: LocksIn, caller: PlanWriter, conn: WriteDb, clock: ClockDep) -> list[Lock]:
    """Lock starts; the next solve, the next repair and every move by hand go by them."""
    now = clock.now()
    window = None
    if body.from_at is not None and body.to_at is not None:
        window = body.from_at, body.to_at
    if body.cars:
        return await service.lock_cars(conn, body.cars, body.line, window, by=caller.actor, now=now)
    if body.line is None or window is None:
        raise service.NothingToLock
    return await service.lock_window(conn, body.line, window, by=caller.actor, now=now)


@router.post("/ended")
async def unlock(body: UnlockIn, caller: PlanWriter, conn: WriteDb, clock: ClockDep) -> list[Lock]:
    """End locks; answers what they were, which sets them again."""
    return await service.unlock(conn, body.ids, by=caller.actor, now=clock.now())
