"""Studies of agreement and of gauges."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.inspection.agreement_model import Candidate, Given, Overview, Part, Study
from mes.inspection.gauge_rr import Reading
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "agreement.sql")


@dataclass(frozen=True, slots=True)
class GaugeRecord:
    """The measurements of a gauge study; `tolerance` is upper less lower limit, `made_at` plant time."""

    id: UUID
    title: str
    unit: str
    tolerance: float | None
    readings: tuple[Reading, ...]
    made_by: str
    made_at: datetime


async def candidates(conn: ReadConn, camera: str) -> list[Candidate]:
    return await db.fetch_all(conn, queries["candidates"], {"camera": camera}, Candidate)


async def add(conn: WriteConn, study: Study, golden: Sequence[Candidate]) -> None:
    """Add a study with its golden set, numbered as given."""
    await db.execute(conn, queries["add"], asdict(study))
    rows = [
        {
            "number": number,
            "inspection_id": str(one.inspection_id),
            "image_sha256": one.image_sha256,
            "defect": one.defect,
            "kind": one.kind,
        }
        for number, one in enumerate(golden, 1)
    ]
    await db.execute(conn, queries["add_parts"], {"id": study.id, "rows": json.dumps(rows)})


async def get(conn: ReadConn, study_id: UUID) -> Study | None:
    return await db.fetch_one(conn, queries["study"], {"id": study_id}, Study)


async def get_for_change(conn: WriteConn, study_id: UUID) -> Study | None:
    return await db.fetch_one(conn, queries["study_for_change"], {"id": study_id}, Study)


async def studies(conn: ReadConn) -> list[Study]:
    return await db.fetch_all(conn, queries["studies"], {}, Study)


async def save(conn: WriteConn, study: Study) -> None:
    await db.execute(conn, queries["save"], asdict(study))


async def parts(conn: ReadConn, study_id: UUID) -> list[Part]:
    return await db.fetch_all(conn, queries["parts"], {"id": study_id}, Part)


async def given(conn: ReadConn, study_id: UUID) -> list[Given]:
    return await db.fetch_all(conn, queries["given"], {"id": study_id}, Given)


async def count_of(conn: ReadConn, study_id: UUID, appraiser: str) -> int:
    found: int = await db.fetch_value(
        conn, queries["count_of"], {"id": study_id, "appraiser": appraiser}
    )
    return found


async def overviews(conn: ReadConn, some: Sequence[Study]) -> list[Overview]:
    """Return studies with the size of their golden sets and how far each appraiser is."""
    parts: dict[UUID, int] = {}
    verdicts: dict[UUID, dict[str, int]] = {one.id: {} for one in some}
    rows = await db.fetch_dicts(conn, queries["counts"], {"ids": [one.id for one in some]})
    for row in rows:
        parts[row["study_id"]] = row["parts"]
        if row["appraiser"] is not None:
            verdicts[row["study_id"]][row["appraiser"]] = row["verdicts"]
    return [Overview(one, parts[one.id], verdicts[one.id]) for one in some]


async def give(conn: WriteConn, study_id: UUID, one: Given, *, at: datetime) -> None:
    await db.execute(conn, queries["give"], {"id": study_id, **asdict(one), "at": at})


async def take_back(
    conn: WriteConn, study_id: UUID, appraiser: str, *, part: int, trial: int
) -> None:
    parameters = {"id": study_id, "appraiser": appraiser, "part": part, "trial": trial}
    await db.execute(conn, queries["take_back"], parameters)


async def forget_appraiser(conn: WriteConn, study_id: UUID, appraiser: str) -> None:
    await db.execute(conn, queries["forget_appraiser"], {"id": study_id, "appraiser": appraiser})


async def add_gauge_study(conn: WriteConn, record: GaugeRecord) -> None:
    readings = json.dumps([asdict(one) for one in record.readings])
    await db.execute(conn, queries["add_gauge_study"], {**asdict(record), "readings": readings})


async def gauge_study(conn: ReadConn, study_id: UUID) -> GaugeRecord | None:
    found = await db.fetch_dicts(conn, queries["gauge_study"], {"id": study_id})
    return _record(found[0]) if found else None


async def gauge_studies(conn: ReadConn) -> list[GaugeRecord]:
    return [_record(row) for row in await db.fetch_dicts(conn, queries["gauge_studies"], {})]


def _record(row: Mapping[str, Any]) -> GaugeRecord:
    readings = tuple(Reading(**one) for one in row["readings"])
    return GaugeRecord(**{**row, "readings": readings})
