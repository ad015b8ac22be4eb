"""Bodies, what lines report of their jobs, operations, readings and calls."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.contracts.dispatch import JobKind, JobState
from mes.contracts.line_records import LineRecord, OperationDone
from mes.execution.model import (
    Body,
    Condition,
    LineJob,
    Operation,
    Place,
    PlaceKind,
)
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class _BodyRow:
    id: UUID
    number: str
    order_id: UUID
    vin: str
    model: str
    color: str
    predecessor_id: UUID | None
    condition: str
    line_hold: bool
    place: str
    line: str | None
    station: str | None
    store: str | None
    bay: str | None
    lane: int | None
    since_at: datetime

    def body(self) -> Body:
        return Body(
            id=self.id,
            number=self.number,
            order_id=self.order_id,
            vin=self.vin,
            model=self.model,
            color=self.color,
            predecessor_id=self.predecessor_id,
            condition=Condition(self.condition),
            line_hold=self.line_hold,
            place=Place(
                PlaceKind(self.place), self.line, self.station, self.store, self.bay, self.lane
            ),
            since_at=self.since_at,
        )


@dataclass(frozen=True, slots=True)
class _JobRow:
    id: UUID
    kind: str
    line: str
    body_id: UUID | None
    panel: str | None
    quantity: int
    state: str
    state_at: datetime
    good: int
    scrap: int
    reason: str
    started_at: datetime | None
    ended_at: datetime | None

    def job(self) -> LineJob:
        return LineJob(
            id=self.id,
            kind=JobKind(self.kind),
            line=self.line,
            body_id=self.body_id,
            panel=self.panel,
            quantity=self.quantity,
            state=JobState(self.state),
            state_at=self.state_at,
            good=self.good,
            scrap=self.scrap,
            reason=self.reason,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation as stored, with the process values of its cycle by tag name, in the tag's unit."""

    line: str
    seq: int
    body_id: UUID
    job_order_id: UUID
    station: str
    step: str
    state: str
    started_at: datetime
    ended_at: datetime
    process_values: dict[str, float]


@dataclass(frozen=True, slots=True)
class _RecordKey:
    line: str
    seq: int


@dataclass(frozen=True, slots=True)
class Produced:
    """What a station finished in a stretch of time."""

    station: str
    produced: int
    good: int


async def add_body(conn: WriteConn, body: Body) -> bool:
    """Add a body; False when it is there already."""
    return (
        await db.execute(
            conn,
            queries["add_body"],
            {
                "id": body.id,
                "number": body.number,
                "order_id": body.order_id,
                "vin": body.vin,
                "model": body.model,
                "color": body.color,
                "predecessor_id": body.predecessor_id,
                "since_at": body.since_at,
            },
        )
        == 1
    )


async def bodies(conn: ReadConn, ids: Collection[UUID]) -> dict[UUID, Body]:
    rows = await db.fetch_all(conn, queries["bodies"], {"ids": list(ids)}, _BodyRow)
    return {row.id: row.body() for row in rows}


async def bodies_for_change(conn: WriteConn, ids: Collection[UUID]) -> dict[UUID, Body]:
    if not ids:
        return {}
    rows = await db.fetch_all(conn, queries["bodies_for_change"], {"ids": list(ids)}, _BodyRow)
    return {row.id: row.body() for row in rows}


async def body_by_number(conn: ReadConn, number: str) -> Body | None:
    row = await db.fetch_one(conn, queries["body_by_number"], {"number": number}, _BodyRow)
    return row.body() if row else None


async def bodies_by_vin(conn: ReadConn, vin: str) -> list[Body]:
    rows = await db.fetch_all(conn, queries["bodies_by_vin"], {"vin": vin}, _BodyRow)
    return [row.body() for row in rows]


async def bodies_in_process(conn: ReadConn) -> list[Body]:
    rows = await db.fetch_all(conn, queries["bodies_in_process"], None, _BodyRow)
    return [row.body() for row in rows]


async def bodies_at(conn: ReadConn, store: str, lines: Sequence[str]) -> list[Body]:
    params = {"store": store, "lines": list(lines)}
    rows = await db.fetch_all(conn, queries["bodies_at"], params, _BodyRow)
    return [row.body() for row in rows]


async def passed(
    conn: ReadConn,
    line: str,
    body_ids: Sequence[UUID],
    *,
    lines: Sequence[str],
    stores: Sequence[str],
) -> set[UUID]:
    rows = await db.fetch_dicts(
        conn,
        queries["passed"],
        {"line": line, "ids": list(body_ids), "lines": list(lines), "stores": list(stores)},
    )
    return {row["id"] for row in rows}


async def save_bodies(conn: WriteConn, changed: Sequence[Body]) -> None:
    if not changed:
        return
    await db.execute(
        conn,
        queries["save_bodies"],
        {
            "ids": [body.id for body in changed],
            "conditions": [body.condition.value for body in changed],
            "line_holds": [body.line_hold for body in changed],
            "places": [body.place.kind.value for body in changed],
            "lines": [body.place.line for body in changed],
            "stations": [body.place.station for body in changed],
            "stores": [body.place.store for body in changed],
            "bays": [body.place.bay for body in changed],
            "lanes": [body.place.lane for body in changed],
            "sinces": [body.since_at for body in changed],
        },
    )


async def add_job(conn: WriteConn, job: LineJob) -> None:
    await db.execute(
        conn,
        queries["add_job"],
        {
            "id": job.id,
            "kind": job.kind.value,
            "line": job.line,
            "body_id": job.body_id,
            "panel": job.panel,
            "quantity": job.quantity,
            "state_at": job.state_at,
        },
    )


async def job(conn: ReadConn, job_order_id: UUID) -> LineJob | None:
    row = await db.fetch_one(conn, queries["job"], {"id": job_order_id}, _JobRow)
    return row.job() if row else None


async def jobs_for_change(conn: WriteConn, ids: Collection[UUID]) -> dict[UUID, LineJob]:
    if not ids:
        return {}
    rows = await db.fetch_all(conn, queries["jobs_for_change"], {"ids": list(ids)}, _JobRow)
    return {row.id: row.job() for row in rows}


async def jobs_of_body(conn: ReadConn, body_id: UUID) -> list[LineJob]:
    rows = await db.fetch_all(conn, queries["jobs_of_body"], {"body_id": body_id}, _JobRow)
    return [row.job() for row in rows]


async def jobs_between(conn: ReadConn, from_at: datetime, to_at: datetime) -> list[LineJob]:
    rows = await db.fetch_all(
        conn, queries["jobs_between"], {"from_at": from_at, "to_at": to_at}, _JobRow
    )
    return [row.job() for row in rows]


async def save_jobs(conn: WriteConn, changed: Sequence[LineJob]) -> None:
    if not changed:
        return
    await db.execute(
        conn,
        queries["save_jobs"],
        {
            "ids": [job.id for job in changed],
            "kinds": [job.kind.value for job in changed],
            "lines": [job.line for job in changed],
            "body_ids": [job.body_id for job in changed],
            "panels": [job.panel for job in changed],
            "quantities": [job.quantity for job in changed],
            "states": [job.state.value for job in changed],
            "state_ats": [job.state_at for job in changed],
            "goods": [job.good for job in changed],
            "scraps": [job.scrap for job in changed],
            "reasons": [job.reason for job in changed],
            "started_ats": [job.started_at for job in changed],
            "ended_ats": [job.ended_at for job in changed],
        },
    )


async def claim_records(conn: WriteConn, records: Sequence[LineRecord]) -> set[tuple[str, int]]:
    """Take the numbers of records; return those that had not taken effect before."""
    rows = await db.fetch_all(
        conn,
        queries["claim_records"],
        {
            "lines": [record.line for record in records],
            "seqs": [record.seq for record in records],
            "kinds": [record.kind for record in records],
            "ats": [record.at for record in records],
        },
        _RecordKey,
    )
    return {(row.line, row.seq) for row in rows}


async def disclaim_records(conn: WriteConn, records: Sequence[LineRecord]) -> None:
    if records:
        await db.execute(
            conn,
            queries["disclaim_records"],
            {"lines": [r.line for r in records], "seqs": [r.seq for r in records]},
        )


async def forget_old_records(conn: WriteConn, *, keep: int) -> int:
    return await db.execute(conn, queries["forget_old_records"], {"keep": keep})


async def add_operations(
    conn: WriteConn, operations: Sequence[tuple[OperationDone, Operation]]
) -> None:
    if not operations:
        return
    records = [record for record, _ in operations]
    await db.execute(
        conn,
        queries["add_operations"],
        {
            "lines": [record.line for record in records],
            "seqs": [record.seq for record in records],
            "body_ids": [record.body_id for record in records],
            "job_order_ids": [record.job_order_id for record in records],
            "stations": [record.station for record in records],
            "steps": [operation.step for _, operation in operations],
            "states": [operation.state.value for _, operation in operations],
            "started_ats": [operation.started_at for _, operation in operations],
            "ended_ats": [operation.ended_at for _, operation in operations],
            "process_values": [json.dumps(record.values) for record in records],
        },
    )


async def produced(conn: ReadConn, line: str, from_at: datetime, to_at: datetime) -> list[Produced]:
    return await db.fetch_all(
        conn, queries["produced"], {"line": line, "from_at": from_at, "to_at": to_at}, Produced
    )


async def operations_of_body(conn: ReadConn, body_id: UUID) -> list[OperationRow]:
    return await db.fetch_all(
        conn, queries["operations_of_body"], {"body_id": body_id}, OperationRow
    )


def body_ids_of(records: Iterable[LineRecord]) -> set[UUID]:
    """Return every body that records name."""
    fields = ("body_id", "read_body_id", "expected_body_id")
    found = (getattr(record, field, None) for record in records for field in fields)
    return {body_id for body_id in found if body_id is not None}


def job_ids_of(records: Iterable[LineRecord]) -> set[UUID]:
    """Return every job order that records name."""
    found = (getattr(record, "job_order_id", None) for record in records)
    return {job_id for job_id in found if job_id is not None}
