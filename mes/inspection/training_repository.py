"""Trainings and their pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.inspection.training_model import (
    MAX_DEFECTS,
    MAX_GOOD,
    Choice,
    Picture,
    Regions,
    Training,
    TrainingState,
    Truth,
    Use,
)
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "training.sql")


async def choice(
    conn: ReadConn, camera: str, variant: str | None, from_at: datetime, to_at: datetime
) -> Choice:
    parameters = {"camera": camera, "variant": variant, "from_at": from_at, "to_at": to_at}
    found = await db.fetch_one(conn, queries["choice"], parameters, Choice)
    assert found is not None  # noqa: S101 - a count always has a row
    return found


async def defect_kinds(
    conn: ReadConn, camera: str, variant: str | None, from_at: datetime, to_at: datetime
) -> list[dict[str, Any]]:
    parameters = {"camera": camera, "variant": variant, "from_at": from_at, "to_at": to_at}
    return await db.fetch_dicts(conn, queries["defect_kinds"], parameters)


async def taught(
    conn: ReadConn,
    camera: str,
    variant: str | None,
    from_at: datetime,
    to_at: datetime,
    *,
    regions: Regions,
    most: int,
) -> list[Sequence[str] | None]:
    """Return the codes of the regions of each picture, the newest first; None where a region has none."""
    rows = await db.fetch_dicts(
        conn,
        queries["taught"],
        {
            "camera": camera,
            "variant": variant,
            "from_at": from_at,
            "to_at": to_at,
            "confirmed": regions is Regions.CONFIRMED,
            "most": most,
        },
    )
    return [row["codes"] for row in rows]


async def to_export(
    conn: ReadConn,
    camera: str,
    variant: str | None,
    from_at: datetime,
    to_at: datetime,
    *,
    regions: Regions,
) -> list[dict[str, Any]]:
    """Return the pictures of defects with their regions, and good ones that people reviewed."""
    return await db.fetch_dicts(
        conn,
        queries["to_export"],
        {
            "camera": camera,
            "variant": variant,
            "from_at": from_at,
            "to_at": to_at,
            "confirmed": regions is Regions.CONFIRMED,
            "most_good": MAX_GOOD,
            "most_defects": MAX_DEFECTS,
        },
    )


async def variants(
    conn: ReadConn, camera: str, from_at: datetime, to_at: datetime
) -> list[dict[str, Any]]:
    parameters = {"camera": camera, "from_at": from_at, "to_at": to_at}
    return await db.fetch_dicts(conn, queries["variants"], parameters)


async def add(conn: WriteConn, training: Training) -> None:
    """Add a training and the pictures that it may use."""
    parameters = asdict(training)
    for name in ("progress", "failure", "figures"):
        parameters.pop(name)
    await db.execute(conn, queries["add"], parameters)
    limits = {"most_good": MAX_GOOD, "most_defects": MAX_DEFECTS}
    await db.execute(conn, queries["add_pictures"], {**parameters, **limits})


async def get(conn: ReadConn, training_id: UUID) -> Training | None:
    found = await db.fetch_dicts(conn, queries["training"], {"id": training_id})
    return _training(found[0]) if found else None


async def get_for_change(conn: WriteConn, training_id: UUID) -> Training | None:
    found = await db.fetch_dicts(conn, queries["training_for_change"], {"id": training_id})
    return _training(found[0]) if found else None


async def newest(conn: ReadConn, *, limit: int) -> list[Training]:
    rows = await db.fetch_dicts(conn, queries["newest"], {"limit": limit})
    return [_training(row) for row in rows]


async def save(conn: WriteConn, training: Training) -> None:
    await db.execute(
        conn,
        queries["save"],
        {
            "id": training.id,
            "state": training.state,
            "stop_asked": training.stop_asked,
            "failure": _json(training.failure),
            "figures": _json(training.figures),
            "package_sha256": training.package_sha256,
            "ended_at": training.ended_at,
        },
    )


async def save_progress(conn: WriteConn, training_id: UUID, progress: Mapping[str, Any]) -> bool:
    """Write down how far it is; return whether somebody wants it to stop."""
    parameters = {"id": training_id, "progress": json.dumps(progress)}
    return bool(await db.fetch_value(conn, queries["save_progress"], parameters))


async def without_job(conn: ReadConn) -> list[UUID]:
    return [row["id"] for row in await db.fetch_dicts(conn, queries["without_job"], {})]


async def pictures(conn: ReadConn, training_id: UUID) -> list[Picture]:
    rows = await db.fetch_dicts(conn, queries["pictures"], {"id": training_id})
    return [
        Picture(**{**row, "truth": Truth(row["truth"]), "use": Use(row["use"])}) for row in rows
    ]


async def save_pictures(conn: WriteConn, training_id: UUID, seen: Sequence[Picture]) -> None:
    rows = [
        {
            "inspection_id": str(p.inspection_id),
            "use": p.use,
            "twins": p.twins,
            "findings": list(p.findings),
            "old": p.old,
            "new": p.new,
        }
        for p in seen
    ]
    await db.execute(conn, queries["save_pictures"], {"id": training_id, "rows": json.dumps(rows)})


def _training(row: Mapping[str, Any]) -> Training:
    found = {**row, "state": TrainingState(row["state"]), "regions": Regions(row["regions"])}
    return Training(**found)


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)
