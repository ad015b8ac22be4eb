"""What agents deliver: batches and pictures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from mes.agents.routes import AgentDep
from mes.contracts.agent import BatchReceipt
from mes.ingest import service
from mes.inspection import service as inspection
from mes.inspection.images import FolderImageStore
from mes.platform.http import ClockDep, DatabaseDep, SettingsDep

router = APIRouter(prefix="/agent/v1", tags=["agents"])


@router.post("/batches")
async def batches(
    request: Request,
    agent: AgentDep,
    database: DatabaseDep,
    clock: ClockDep,
    c2m_oldest: Annotated[int | None, Header(ge=1)] = None,
) -> BatchReceipt:
    """Take one wire frame (`mes.contracts.wire`); the receipt is sent after the commit."""
    batch = service.read_batch(await request.body())
    async with database.write() as conn:
        return await service.take(
            conn,
            agent,
            batch,
            oldest=c2m_oldest,
            now=clock.now(),
            real_now=clock.real_now(),
        )


@router.put("/images/{sha256}", status_code=204)
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
