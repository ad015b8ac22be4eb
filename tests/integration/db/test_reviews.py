"""What reviewers draw is kept; a share of what they said is judged again, blind, by another person."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mes.contracts.quality import DrawnRegion
from mes.inspection import second_looks, service
from mes.inspection.images import FolderImageStore
from mes.inspection.model import RegionOutside, Review
from mes.inspection.second_look_model import LookedAlready, NotReviewed, OwnReview
from mes.platform.db import WriteConn
from tests.support.floor import a_result, at

NOW = at(30)


async def a_reviewed_picture(
    conn: WriteConn, folder: Path, number: int = 0, said: Review = Review.CONFIRMED
) -> UUID:
    data = b"\xff\xd8\xff picture %d" % number
    sha256 = hashlib.sha256(data).hexdigest()
    await service.store_image(conn, FolderImageStore(folder), sha256, data, now=NOW)
    result = a_result(image_sha256=sha256)
    await service.on_result(conn, result, now=at(6))
    await service.review(conn, result.id, said, defect_code="crack", reviewer="mei", now=at(7))
    return result.id


async def test_regions_that_a_person_corrected_are_kept_beside_the_models(
    conn: WriteConn, tmp_path: Path
) -> None:
    picture = await a_reviewed_picture(conn, tmp_path)
    assert (await service.get(conn, picture)).reviewed_regions is None
    drawn = (DrawnRegion(x=10, y=12, w=30, h=8, label="crack"),)
    given = {"defect_code": "crack", "reviewer": "mei", "now": at(8)}
    await service.review(conn, picture, Review.CONFIRMED, regions=drawn, **given)
    assert (await service.get(conn, picture)).reviewed_regions == drawn
    await service.review(conn, picture, Review.FALSE_CALL, regions=(), **given)
    assert (await service.get(conn, picture)).reviewed_regions == ()
    with pytest.raises(RegionOutside, match="reaches to 300×20; the picture has 256×256"):
        outside = (DrawnRegion(x=290, y=12, w=10, h=8),)
        await service.review(conn, picture, Review.CONFIRMED, regions=outside, **given)
    await service.take_back_review(conn, picture)
    assert (await service.get(conn, picture)).reviewed_regions is None


async def test_a_second_person_judges_what_the_first_reviewed_and_both_words_are_kept(
    conn: WriteConn, tmp_path: Path
) -> None:
    picture = await a_reviewed_picture(conn, tmp_path)
    assert await second_looks.due(conn, "mei", share=1, now=NOW) == []
    assert await second_looks.due(conn, "li", share=1, now=NOW) == [picture]
    assert await second_looks.due(conn, "li", share=1, now=NOW + timedelta(days=8)) == []

    with pytest.raises(OwnReview):
        await second_looks.look(conn, picture, defect=True, code=None, by="mei", now=NOW)
    await second_looks.look(conn, picture, defect=False, code="dent", by="li", now=NOW)
    with pytest.raises(LookedAlready):
        await second_looks.look(conn, picture, defect=True, code=None, by="wang", now=NOW)
    assert await second_looks.due(conn, "wang", share=1, now=NOW) == []
    (kept,) = await second_looks.since(conn, since_at=at(0))
    assert (kept.first.defect, kept.first.code, kept.first.by) == (True, "crack", "mei")
    assert (kept.second.defect, kept.second.code, kept.second.by) == (False, None, "li")
    assert (await service.get(conn, picture)).review is Review.CONFIRMED

    await second_looks.take_back(conn, picture, by="wang")
    assert len(await second_looks.since(conn, since_at=at(0))) == 1
    await second_looks.take_back(conn, picture, by="li")
    assert await second_looks.since(conn, since_at=at(0)) == []


async def test_a_review_that_is_taken_back_takes_the_second_word_with_it(
    conn: WriteConn, tmp_path: Path
) -> None:
    picture = await a_reviewed_picture(conn, tmp_path)
    await second_looks.look(conn, picture, defect=True, code="crack", by="li", now=NOW)
    await service.take_back_review(conn, picture)
    assert await second_looks.since(conn, since_at=at(0)) == []
    with pytest.raises(NotReviewed):
        await second_looks.look(conn, picture, defect=True, code=None, by="li", now=NOW)


async def test_the_share_to_be_judged_again_is_the_same_for_every_reader(
    conn: WriteConn, tmp_path: Path
) -> None:
    for number in range(40):
        await a_reviewed_picture(conn, tmp_path, number, Review.FALSE_CALL)
    some = await second_looks.due(conn, "li", share=0.25, now=NOW)
    assert 0 < len(some) < 20
    assert some == await second_looks.due(conn, "wang", share=0.25, now=NOW)
    assert await second_looks.due(conn, "li", share=0, now=NOW) == []
