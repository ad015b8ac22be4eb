"""Judged pictures are kept once; what the line took counts; pictures are kept by their hash."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mes.contracts.plant import PlantModel
from mes.contracts.quality import Region, Verdict
from mes.inspection import service
from mes.inspection.images import FolderImageStore
from mes.inspection.model import ImageDamaged, Review, UnknownImage, UnknownInspection
from mes.platform.db import WriteConn
from tests.support import floor
from tests.support.floor import FakeLine, a_body, a_result, at

JPEG = b"\xff\xd8\xff a picture of a weld"
SHA = hashlib.sha256(JPEG).hexdigest()
REAL = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_result_that_comes_again_changes_nothing(conn: WriteConn) -> None:
    body = a_body()
    result = a_result(
        body_id=body.id, regions=(Region(x=1, y=2, w=3, h=4, score=0.8, label="spatter"),)
    )
    first = await service.on_result(conn, result, now=at(6))
    again = await service.on_result(conn, result, now=at(7))
    assert first is not None and again is None
    assert await floor.happened(conn) == ["inspection.recorded"]
    seen = await service.get(conn, result.id)
    assert (seen.verdict, seen.defect_kind, seen.image_px) == (Verdict.NOK, "spatter", (256, 256))
    assert seen.regions == result.regions
    assert [s.id for s in await service.of_body(conn, body.id)] == [result.id]
    assert [s.id for s in await service.recent(conn, camera="weld-camera")] == [result.id]
    with pytest.raises(UnknownInspection):
        await service.get(conn, body.id)


async def test_a_line_that_took_no_verdict_says_late_by_itself(
    conn: WriteConn, mini_plant: PlantModel
) -> None:
    await floor.install(conn, mini_plant)
    body = a_body()
    await floor.register(conn, body)
    line = FakeLine("body-framing")
    given = {"station": "body-camera", "camera": "weld-camera", "body_id": body.id}
    await floor.report(
        conn,
        line.says("inspection_requested", 5, counter=7, deadline_at=at(6), **given),
        line.says("inspection_answered", 6, counter=7, verdict="LATE", **given),
    )
    (late,) = await service.of_body(conn, body.id)
    assert (late.verdict, late.image_sha256) == (Verdict.LATE, None)

    picture = a_result(counter=7, body_id=body.id, accepted=False)
    assert await service.on_result(conn, picture, now=at(7)) is None
    (seen,) = await service.of_body(conn, body.id)
    assert (seen.verdict, seen.score, seen.image_sha256) == (Verdict.LATE, 0.9, "0" * 64)
    assert await floor.happened(conn) == ["inspection.recorded"]


async def test_a_good_verdict_that_the_line_refused_as_stale_is_late(
    conn: WriteConn, mini_plant: PlantModel
) -> None:
    await floor.install(conn, mini_plant)
    body = a_body()
    result = a_result(Verdict.OK, counter=7, body_id=body.id, accepted=False)
    await service.on_result(conn, result, now=at(6))
    line = FakeLine("body-framing")
    answered = {
        "station": "body-camera",
        "camera": "weld-camera",
        "counter": 7,
        "body_id": body.id,
        "verdict": "LATE",
    }
    await floor.report(
        conn,
        line.says("inspection_answered", 6, **answered),
        line.says("inspection_answered", 6, **answered),
    )
    (seen,) = await service.of_body(conn, body.id)
    assert (seen.id, seen.verdict, seen.accepted) == (result.id, Verdict.LATE, False)
    assert len(await floor.happened(conn)) == 2


async def test_pictures_are_kept_by_their_hash(conn: WriteConn, tmp_path: Path) -> None:
    store = FolderImageStore(tmp_path)
    with pytest.raises(UnknownImage, match="may still be at the line"):
        await service.load_image(conn, store, SHA)
    for _ in range(2):
        await service.store_image(conn, store, SHA, JPEG, now=REAL)
    assert await service.load_image(conn, store, SHA) == (JPEG, "image/jpeg")
    with pytest.raises(ImageDamaged):
        await service.store_image(conn, store, "0" * 64, JPEG, now=REAL)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [SHA]
    await service.on_result(conn, a_result(image_sha256=SHA), now=at(1))
    (seen,) = await service.recent(conn)
    assert seen.image_is_here


async def test_old_pictures_of_good_parts_are_dropped_and_all_others_kept(
    conn: WriteConn, tmp_path: Path
) -> None:
    store = FolderImageStore(tmp_path)
    shas = {}
    for name, verdict in (("good", Verdict.OK), ("bad", Verdict.NOK), ("escape", Verdict.OK)):
        data = JPEG + name.encode()
        shas[name] = hashlib.sha256(data).hexdigest()
        await service.store_image(conn, store, shas[name], data, now=REAL)
        result = a_result(verdict, image_sha256=shas[name])
        await service.on_result(conn, result, now=at(1))
        if name == "escape":
            await service.review(
                conn, result.id, Review.ESCAPE, defect_code=None, reviewer="mei", now=at(2)
            )
    later = REAL + timedelta(days=8)
    assert await service.drop_good_images(conn, store, before=REAL, limit=10) == 0
    assert await service.drop_good_images(conn, store, before=later, limit=10) == 1
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {shas["bad"], shas["escape"]}
