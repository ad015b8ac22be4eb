"""Pictures of a camera that people reviewed, small and quick to learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import cv2
import numpy as np

from mes.contracts.quality import DrawnRegion, Region, Verdict
from mes.inspection import service as inspection
from mes.inspection.images import ImageStore
from mes.inspection.model import Review
from mes.platform.db import WriteConn
from tests.support.floor import a_result


def a_photo(seed: int, *, defect: bool = False) -> bytes:
    """Return a PNG of a textured part; a defect is a bright spot with an edge."""
    return a_marked_photo(seed, defect=defect)[0]


def a_marked_photo(seed: int, *, defect: bool) -> tuple[bytes, tuple[int, int, int, int] | None]:
    """Return a photo, and where its defect is (x, y, w, h)."""
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(128), np.arange(128)) // 4 + 60
    image = np.clip(ramp + rng.normal(0, 14, (128, 128)), 0, 255).astype(np.uint8)
    image[40:44, :] = 190
    box = None
    if defect:
        x, y = (int(side) for side in rng.integers(20, 80, 2))
        cv2.circle(image, (x + 12, y + 12), 12, 250, -1)
        box = (x, y, 25, 25)
    return cv2.imencode(".png", cv2.merge([image] * 3))[1].tobytes(), box


async def judged(
    conn: WriteConn,
    store: ImageStore,
    camera: str,
    photo: bytes,
    said: Review | None,
    *,
    verdict: Verdict,
    at: datetime,
    drawn: Sequence[DrawnRegion] | None = None,
    marked: Sequence[Region] = (),
    code: str | None = "spatter",
) -> None:
    """Let a camera judge a photo and mark regions, and a person review it and draw others."""
    sha256 = hashlib.sha256(photo).hexdigest()
    result = a_result(
        verdict, camera=camera, image_sha256=sha256, image_px=(128, 128),
        triggered_at=at, decided_at=at, deadline_at=at, regions=tuple(marked),
    )  # fmt: skip
    await inspection.on_result(conn, result, now=at)
    await inspection.store_image(conn, store, sha256, photo, now=at)
    if said is not None:
        await inspection.review(
            conn, result.id, said, defect_code=code, regions=drawn, reviewer="quality", now=at
        )


async def reviewed_pictures(
    conn: WriteConn,
    store: ImageStore,
    camera: str,
    *,
    until: datetime,
    false_calls: int = 6,
    passed: int = 22,
    defects: int = 5,
) -> None:
    """Fill a camera's history: false calls, parts that passed, and defects that people confirmed."""
    kinds = (
        [(Review.FALSE_CALL, Verdict.NOK)] * false_calls
        + [(None, Verdict.OK)] * passed
        + [(Review.CONFIRMED, Verdict.NOK)] * (defects - defects // 3)
        + [(Review.ESCAPE, Verdict.OK)] * (defects // 3)
    )
    for number, (said, verdict) in enumerate(kinds):
        photo = a_photo(number, defect=said in (Review.CONFIRMED, Review.ESCAPE))
        at = until - timedelta(minutes=2 * (len(kinds) - number))
        await judged(conn, store, camera, photo, said, verdict=verdict, at=at)


async def drawn_defects(
    conn: WriteConn,
    store: ImageStore,
    camera: str,
    *,
    until: datetime,
    count: int,
    first_seed: int = 5_000,
    code: str = "spatter",
) -> None:
    """Add defects that people confirmed, each with the region that they drew around it."""
    for number in range(count):
        photo, box = a_marked_photo(first_seed + number, defect=True)
        assert box is not None
        x, y, w, h = box
        await judged(
            conn, store, camera, photo, Review.CONFIRMED, verdict=Verdict.NOK,
            at=until - timedelta(seconds=30 * (count - number)),
            drawn=[DrawnRegion(x=x, y=y, w=w, h=h, label=code)], code=code,
        )  # fmt: skip
