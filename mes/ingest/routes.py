"""What agents deliver: batches and pictures."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from mes.agents.routes import AgentDep
from mes.contracts.agent import BatchReceipt
from mes.identity.access import require
from mes.identity.model import Role, User
from mes.ingest import service
from mes.ingest.arriving import take_in_turn
from mes.ingest.repository import Quarantined
from mes.ingest.turns import Turns
from mes.inspection import service as inspection
from mes.inspection.images import FolderImageStore
from mes.inspection.pipelines import publishing
from mes.platform.http import ClockDep, DatabaseDep, ReadDb, SettingsDep

router = APIRouter(tags=["agents"])
turns = Turns()

Keeper = Annotated[User, Depends(require(Role.ADMIN, Role.MAINTENANCE))]


@router.post("/agent/v1/batches")
async def batches(
    request: Request,
    agent: AgentDep,
    database: DatabaseDep,
    clock: ClockDep,
    c2m_oldest: Annotated[int | None, Header(ge=1)] = None,
) -> BatchReceipt:
    """Take one wire frame (`mes.contracts.wire`); the receipt is sent after the commit.

    A batch that overtook the one before it waits for that, if it is on its way to this process too.
    """
    batch = await asyncio.to_thread(service.read_batch, await request.body())
    return await take_in_turn(database, clock, turns, agent, batch, oldest=c2m_oldest)


@router.put("/agent/v1/images/{sha256}", status_code=204)
async def images(
    sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    request: Request,
    agent: AgentDep,
    database: DatabaseDep,
    clock: ClockDep,
    settings: SettingsDep,
) -> Response:
    """Take a picture under its hash; the same picture again changes nothing."""
    data = await request.body()
    async with database.write() as conn:
        store = FolderImageStore(settings.image_dir)
        await inspection.store_image(conn, store, sha256, data, now=clock.real_now())
    return Response(status_code=204)


@router.get("/agent/v1/models/{sha256}")
async def model(
    sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    agent: AgentDep,
    conn: ReadDb,
    settings: SettingsDep,
) -> Response:
    """Answer a registered model package or a published pipeline; the agent verifies it by its hash."""
    archive = await publishing.archive_of(conn, FolderImageStore(settings.image_dir), sha256)
    return Response(archive, media_type="application/zip")


@router.get("/api/ingest/quarantine")
async def quarantine(user: Keeper, conn: ReadDb) -> list[Quarantined]:
    """Answer what agents delivered that could not take effect, with the reason, newest first."""
    return await service.quarantine(conn)
