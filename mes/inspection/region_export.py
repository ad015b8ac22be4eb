"""Reviewed pictures and their regions as one archive that `python -m qc_vision train --boxes` learns from."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

from mes.inspection import registry, training_repository
from mes.inspection.images import ImageStore
from mes.inspection.training_model import DatesReversed, Regions
from mes.inspection.training_regions import coco
from mes.platform.db import ReadConn
from mes.platform.errors import NotFound

ANNOTATIONS = "regions.json"


class NoRegions(NotFound):
    """No picture of {camera} between {from_at} and {to_at} has regions with defect codes: draw some at Review."""

    code = "training.no_regions"


async def archive(
    conn: ReadConn,
    store: ImageStore,
    camera: str,
    variant: str | None,
    from_at: datetime,
    to_at: datetime,
    *,
    regions: Regions,
) -> Path:
    """Write pictures and regions (COCO) into a file of the caller's, who removes it.

    Raises:
        UnknownCamera, DatesReversed
        NoRegions: there is nothing to learn from.
    """
    await registry.scene_of(conn, camera)
    if to_at <= from_at:
        raise DatesReversed(to_at=to_at.isoformat())
    rows = await training_repository.to_export(
        conn, camera, variant, from_at, to_at, regions=regions
    )
    if not any(row["drawn"] for row in rows):
        raise NoRegions(camera=camera, from_at=from_at.isoformat(), to_at=to_at.isoformat())
    handle, name = tempfile.mkstemp(prefix="c2m-regions-", suffix=".zip")
    os.close(handle)
    try:
        with ZipFile(name, "w", ZIP_STORED) as packed:  # pictures are compressed already
            await _write(packed, store, rows)
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


async def _write(packed: ZipFile, store: ImageStore, rows: list[dict[str, Any]]) -> None:
    """Write every picture whose bytes are here, and what is drawn on them."""
    written = []
    for row in rows:
        data = await store.get(row["image_sha256"])
        if data is None:
            continue
        suffix = "png" if data.startswith(b"\x89PNG") else "jpg"
        name = f"{row['inspection_id']}.{suffix}"
        await asyncio.to_thread(packed.writestr, name, data)
        written.append((name, row["image_w"], row["image_h"], row["drawn"]))
    packed.writestr(ANNOTATIONS, json.dumps(coco(written), ensure_ascii=False))
