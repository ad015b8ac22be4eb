"""Gage R&R studies of gauges: their measurements are kept, their figures follow from them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mes.contracts.ids import uuid7
from mes.identity import service as identity
from mes.inspection import agreement_repository as repository
from mes.inspection.agreement_repository import GaugeRecord
from mes.inspection.gauge_rr import GaugeStudy, read_csv, study_of
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import NotFound


class UnknownGaugeStudy(NotFound):
    """There is no gauge study {study}."""

    code = "gauge_study.unknown"


async def add(
    conn: WriteConn,
    title: str,
    text: str,
    *,
    unit: str,
    tolerance: float | None,
    actor: str,
    now: datetime,
) -> tuple[GaugeRecord, GaugeStudy]:
    """Keep the measurements of a CSV once they make a study.

    Args:
        tolerance: upper less lower limit, in `unit`.

    Raises:
        ReadingsUnreadable, StudyNotCrossed: with the line, or what is missing.
    """
    readings = read_csv(text)
    found = study_of(readings, tolerance=tolerance)
    record = GaugeRecord(uuid7(), title, unit, tolerance, tuple(readings), actor, now)
    await repository.add_gauge_study(conn, record)
    after = {"title": title, "of_total": found.of_total, "ndc": found.ndc}
    await identity.audit(
        conn, actor, "gauge.study", f"gauge_study:{record.id}", None, after, now=now
    )
    return record, found


async def get(conn: ReadConn, study_id: UUID) -> GaugeRecord:
    """Return a gauge study; raises UnknownGaugeStudy."""
    found = await repository.gauge_study(conn, study_id)
    if found is None:
        raise UnknownGaugeStudy(study=study_id)
    return found
