"""Take in what cameras judged, keep the pictures, remember what people said of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from mes.contracts.events import InspectionRecorded
from mes.contracts.line_records import InspectionAnswered
from mes.contracts.quality import DrawnRegion, InspectionResult, Verdict
from mes.events import service as events
from mes.events.model import Event
from mes.inspection import repository, second_looks, track_record
from mes.inspection.images import ImageStore, checked_media
from mes.inspection.model import (
    CameraFigures,
    Inspection,
    Review,
    UnknownImage,
    UnknownInspection,
    check_regions,
    defect_kind_of,
)
from mes.platform.db import ReadConn, WriteConn

_REQUEST_NAMESPACE = UUID("0192f7a0-0000-7000-8000-00000000c2a2")


async def on_result(conn: WriteConn, result: InspectionResult, *, now: datetime) -> Event | None:
    """Record a judged picture and announce it; one that is known already changes nothing.

    A line that got no verdict in time has said LATE by itself. The verdict the line took is the truth on
    the floor: the picture that arrives afterwards completes that row, and the row stays LATE.

    Args:
        now: plant time of arrival; the result keeps its own times.
    """
    if await repository.exists(conn, result.id):
        return None
    known = await repository.of_request(conn, result, at=result.triggered_at)
    if known is not None and not known.was_judged and known.verdict == Verdict.LATE:
        await repository.complete_late(conn, known.id, result)
        return None
    await repository.add(conn, result)
    await track_record.note_beside(conn, result)
    return await _announce(conn, result, now=now)


async def on_line_took_none(conn: WriteConn, answered: InspectionAnswered) -> None:
    """Record that a line went on without a verdict: its own word, LATE, counts."""
    known = await repository.of_request(conn, answered, at=answered.at)
    if known is not None and known.verdict != Verdict.OK:
        return
    late = _late(answered)
    if known is not None:
        await repository.line_took_none(conn, known.id)
        late = late.model_copy(update={"id": known.id})
    elif not await repository.add(conn, late):
        return
    await _announce(conn, late, now=answered.at)


async def _announce(conn: WriteConn, result: InspectionResult, *, now: datetime) -> Event:
    return await events.record(
        conn,
        InspectionRecorded(
            inspection_id=result.id,
            body_id=result.body_id,
            lot=result.lot,
            line=result.line,
            station=result.station,
            camera=result.camera,
            verdict=result.verdict,
            score=result.score,
            defect_kind=defect_kind_of(result.regions),
        ),
        now=min(now, result.decided_at),
        actor=f"agent:{result.line}",
    )


def _late(answered: InspectionAnswered) -> InspectionResult:
    """Return the row of a request that nobody judged."""
    key = f"{answered.line}|{answered.seq}|{answered.camera}|{answered.counter}"
    return InspectionResult(
        id=uuid5(_REQUEST_NAMESPACE, key),
        line=answered.line,
        station=answered.station,
        camera=answered.camera,
        counter=answered.counter,
        body_id=answered.body_id,
        lot=answered.lot,
        job_order_id=None,
        variant="*",
        verdict=Verdict.LATE,
        score=0.0,
        threshold=0.0,
        reason="no verdict came in time",
        image_sha256=None,
        model_name="",
        model_version="",
        model_sha256="",
        pipeline_version="",
        triggered_at=answered.at,
        decided_at=answered.at,
        deadline_at=answered.at,
        inference_ms=0.0,
        total_ms=0.0,
        accepted=False,
    )


async def get(conn: ReadConn, inspection_id: UUID) -> Inspection:
    """Return an inspection; raises UnknownInspection."""
    found = await repository.by_id(conn, inspection_id)
    if found is None:
        raise UnknownInspection(inspection=inspection_id)
    return found


async def find(conn: ReadConn, ids: Collection[UUID]) -> dict[UUID, Inspection]:
    """Return the inspections with these ids, by id."""
    return await repository.by_ids(conn, ids)


async def of_body(conn: ReadConn, body_id: UUID) -> list[Inspection]:
    """Return every picture that was judged of a body, in order."""
    return await repository.of_body(conn, body_id)


async def recent(
    conn: ReadConn, *, camera: str | None = None, limit: int = 100
) -> list[Inspection]:
    """Return the newest inspections, of one camera or of all."""
    return await repository.recent(conn, camera=camera, limit=limit)


async def last_good(conn: ReadConn, lots: Collection[str], *, before: datetime) -> datetime | None:
    """Return when a panel of these racks last passed before an instant; None when none ever did."""
    return await repository.last_good(conn, lots, before=before)


async def review(
    conn: WriteConn,
    inspection_id: UUID,
    said: Review,
    *,
    defect_code: str | None,
    regions: Sequence[DrawnRegion] | None = None,
    reviewer: str,
    now: datetime,
) -> None:
    """Remember what a person said of a verdict: it is the next training label.

    Args:
        regions: where the defect is, as the person corrected it; None: as the model says.

    Raises:
        UnknownInspection, RegionOutside
    """
    if regions is not None:
        check_regions(regions, (await get(conn, inspection_id)).image_px)
    await repository.save_review(
        conn,
        inspection_id,
        said,
        defect_code=defect_code,
        regions=regions,
        reviewer=reviewer,
        at=now,
    )


async def take_back_review(conn: WriteConn, inspection_id: UUID) -> None:
    """Forget a review that was undone, and what a second person said beside it."""
    await second_looks.forget(conn, inspection_id)
    await repository.save_review(
        conn, inspection_id, None, defect_code=None, regions=None, reviewer=None, at=None
    )


async def note_escapes(
    conn: WriteConn,
    body_id: UUID,
    line: str,
    *,
    defect_code: str | None,
    reporter: str,
    now: datetime,
) -> int:
    """A defect was found by hand: the pictures that passed the body at that line let it escape.

    Returns:
        how many pictures that are.
    """
    escaped = await repository.passed_at(conn, body_id, line)
    for inspection_id in escaped:
        await review(
            conn,
            inspection_id,
            Review.ESCAPE,
            defect_code=defect_code,
            reviewer=reporter,
            now=now,
        )
    return len(escaped)


async def figures(conn: ReadConn, *, since_at: datetime) -> list[CameraFigures]:
    """Return each camera's verdicts since an instant, and how reviews judged them."""
    return await repository.figures(conn, since_at=since_at)


async def store_image(
    conn: WriteConn, store: ImageStore, sha256: str, data: bytes, *, now: datetime
) -> None:
    """Keep an image under its hash; the same image again changes nothing.

    Args:
        now: real time.

    Raises:
        ImageDamaged: the bytes are not those of `sha256`.
        NotAnImage: they are neither JPEG nor PNG.
        ImageTooLarge: they are more than an image of ours can be.
    """
    media = checked_media(sha256, data)
    await store.put(sha256, data)
    await repository.add_image(conn, sha256, size=len(data), media=media, now=now)


async def load_image(conn: ReadConn, store: ImageStore, sha256: str) -> tuple[bytes, str]:
    """Return an image and its media type; raises UnknownImage."""
    known = await repository.image(conn, sha256)
    data = await store.get(sha256) if known is not None else None
    if known is None or data is None:
        raise UnknownImage(sha256=sha256)
    return data, known.media


async def drop_good_images(
    conn: WriteConn, store: ImageStore, *, before: datetime, limit: int
) -> int:
    """Drop pictures stored before an instant of real time that only unreviewed good inspections show.

    Returns:
        how many, at most `limit`.
    """
    forgotten = await repository.forget_good_images(conn, before=before, limit=limit)
    for image in forgotten:
        await store.drop(image.sha256)
    return len(forgotten)
