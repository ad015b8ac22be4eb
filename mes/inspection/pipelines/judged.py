"""What the nodes of a pipeline said of a part, kept beside its verdict; and a camera's newest pictures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mes.contracts.events import HelpAsked
from mes.contracts.quality import InspectionResult
from mes.events import service as events
from mes.inspection import repository as results
from mes.inspection.pipelines import repository
from mes.inspection.pipelines.model import Steps
from mes.platform.db import ReadConn, WriteConn


async def note_steps(conn: WriteConn, result: InspectionResult) -> None:
    """Keep what the nodes of a pipeline said of a recorded picture, and call for help when they do; once."""
    if not result.step_ms and not result.measures:
        return
    inspection_id = await _row_of(conn, result)
    if inspection_id is None or not await repository.add_steps(conn, inspection_id, result):
        return
    if result.help_wanted:
        await events.record(
            conn,
            HelpAsked(
                line=result.line,
                station=result.station,
                inspection_id=inspection_id,
                reason=result.help_wanted,
            ),
            now=result.decided_at,
            actor=f"agent:{result.line}",
        )


async def steps_of(conn: ReadConn, inspection_id: UUID) -> Steps | None:
    """Return what the nodes said of a picture; None where no pipeline judged it."""
    return await repository.steps(conn, inspection_id)


async def pictures_of(conn: ReadConn, camera: str, *, limit: int) -> list[dict[str, Any]]:
    """Return the newest pictures of a camera that are here."""
    return await repository.pictures_of(conn, camera, limit=limit)


async def _row_of(conn: WriteConn, result: InspectionResult) -> UUID | None:
    """Return the row that a result belongs to: its own, or the LATE one that it completed."""
    if await results.exists(conn, result.id):
        return result.id
    late = await results.of_request(conn, result, at=result.triggered_at)
    return late.id if late is not None else None
