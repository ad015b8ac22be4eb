"""What is in which car: parts, lots and panels built into bodies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.contracts.line_records import OperationDone


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """One part, lot or panel in one body (ISA-95 MaterialUse `Consumed`); `built_at` is plant time.

    `line` and `seq` are the line's record it was reported by, `item` its place in that record.
    """

    line: str
    seq: int
    item: int
    body_id: UUID
    station: str
    job_order_id: UUID
    material: str
    lot: str | None
    serial: str | None
    quantity: int
    built_at: datetime


def built_in(records: Iterable[OperationDone]) -> list[BuiltIn]:
    """Return everything that operations consumed: every lot of each, not the first one."""
    return [
        BuiltIn(
            line=record.line,
            seq=record.seq,
            item=item,
            body_id=record.body_id,
            station=record.station,
            job_order_id=record.job_order_id,
            material=part.material,
            lot=part.lot,
            serial=part.serial,
            quantity=part.quantity,
            built_at=record.at,
        )
        for record in records
        for item, part in enumerate(record.consumed)
    ]
