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
    """What to lock: cars or die lots, each where it is or in a window, or all that starts on a line in a window.

    Of die lots and in welding a window may have no end: they only do not start before it.
    """

    model_config = ConfigDict(extra="forbid")

    cars: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=80)]],
        Field(max_length=service.MOST_AT_ONCE),
    ] = []
    lots: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=80)]],
        Field(max_length=service.MOST_AT_ONCE),
    ] = []
    line: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    """Of cars; None: on the drum and in paint."""
    from_at: AwareDatetime | None = None
    to_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = self.cars or self.lots
        if self.cars and self.lots:
            raise ValueError("name cars or die lots, not both")
        if self.from_at is None and self.to_at is not None:
            raise ValueError("a window has a beginning")
        open_ended = bool(self.lots) or (bool(self.cars) and self.line is not None)
        if self.from_at is not None and self.to_at is None and not open_ended:
            raise ValueError("a window has a beginning and an end")
        if not named and (self.line is None or self.from_at is None):
            raise ValueError("name cars, die lots, or a line and a window")
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
    window = None if body.from_at is None else (body.from_at, body.to_at)
    by = caller.actor
    if body.cars:
        return await service.lock_cars(conn, body.cars, body.line, window, by=by, now=now)
    if body.lots:
        return await service.lock_lots(conn, body.lots, window, by=by, now=now)
    if body.line is None or body.from_at is None or body.to_at is None:
        raise service.NothingToLock
    return await service.lock_window(conn, body.line, (body.from_at, body.to_at), by=by, now=now)


@router.post("/ended")
async def unlock(body: UnlockIn, caller: PlanWriter, conn: WriteDb, clock: ClockDep) -> list[Lock]:
    """End locks; answers what they were, which sets them again."""
    return await service.unlock(conn, body.ids, by=caller.actor, now=clock.now())
