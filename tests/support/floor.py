"""Builders of the floor: bodies, jobs and what lines report, showing only what matters."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from mes.contracts.dispatch import JobKind, JobOrder
from mes.contracts.events import InspectionRecorded, Payload
from mes.contracts.ids import job_order_id, uuid7
from mes.contracts.line_records import (
    BodyEntered,
    BodyLeft,
    LineRecord,
    OperationDone,
    line_record,
)
from mes.contracts.plant import PlantModel
from mes.contracts.quality import InspectionResult, Verdict
from mes.events import service as events
from mes.events.model import Event
from mes.execution import service as execution
from mes.execution.model import Body
from mes.platform.db import WriteConn
from mes.resources import service as resources

SHIFT_START = datetime(2030, 3, 4, 6, 0, tzinfo=UTC)
"""Plant time at which the tests begin."""

_VIN_HEAD = "LC2AA1BX8TM"
_numbers = itertools.count(1)


def at(minutes: float) -> datetime:
    """Return the plant time so many minutes after the start of the shift."""
    return SHIFT_START + timedelta(minutes=minutes)


def a_body(**given: Any) -> Body:
    """Return a body that was locked at the start of the shift and is nowhere yet."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "id": uuid7(),
        "number": f"B{number:06d}",
        "order_id": uuid4(),
        "vin": f"{_VIN_HEAD}{number:06d}",
        "model": "C1",
        "color": "red",
        "since_at": SHIFT_START,
    }
    return Body(**(defaults | given))


@dataclass
class StandingClock:
    """A clock that shows what the test says."""

    plant_now: datetime
    factor: float = 60.0

    def now(self) -> datetime:
        return self.plant_now

    def real_now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


class FakeLine:
    """What one line's ring says: numbers its records, keeps its own time."""

    def __init__(self, line: str) -> None:
        self.line = line
        self._seq = 0

    def says(self, kind: str, minutes: float, **fields: Any) -> LineRecord:
        """Return the next record of the ring."""
        self._seq += 1
        return line_record.validate_python(
            {"kind": kind, "seq": self._seq, "line": self.line, "at": at(minutes), **fields}
        )

    def entered(self, body: Body, station: str, minutes: float) -> LineRecord:
        """A body is taken on."""
        return self.says(
            BodyEntered.model_fields["kind"].default,
            minutes,
            station=station,
            body_id=body.id,
            job_order_id=self.job_of(body),
        )

    def worked(self, body: Body, station: str, minutes: float, **fields: Any) -> LineRecord:
        """A station has finished its work on a body, begun a minute before."""
        return self.says(
            OperationDone.model_fields["kind"].default,
            minutes,
            **{
                "station": station,
                "step": station,
                "body_id": body.id,
                "job_order_id": self.job_of(body),
                "started_at": at(minutes - 1),
                **fields,
            },
        )

    def left(self, body: Body, store: str, minutes: float) -> LineRecord:
        """A body passed the exit gate."""
        return self.says(
            BodyLeft.model_fields["kind"].default,
            minutes,
            body_id=body.id,
            job_order_id=self.job_of(body),
            store=store,
        )

    def job_of(self, body: Body) -> UUID:
        """Return the job order of a body through this line."""
        return job_order_id(str(body.id), self.line, 1)


def a_job(line: str, kind: JobKind = JobKind.BODY, **given: Any) -> JobOrder:
    """Return a job order of a line."""
    subject = given.get("body_id") or uuid4()
    defaults: dict[str, Any] = {
        "id": job_order_id(str(subject), line, 1),
        "kind": kind,
        "line": line,
        "attempt": 1,
        "sequence": next(_numbers),
        "start_at": SHIFT_START,
    }
    return JobOrder(**(defaults | given))


def a_result(verdict: Verdict = Verdict.NOK, **given: Any) -> InspectionResult:
    """Return what the weld camera of the mini plant judged of a body."""
    defaults: dict[str, Any] = {
        "id": uuid7(),
        "line": "body-framing",
        "station": "body-camera",
        "camera": "weld-camera",
        "counter": next(_numbers),
        "body_id": None,
        "job_order_id": None,
        "variant": "C1",
        "verdict": verdict,
        "score": 0.9 if verdict is Verdict.NOK else 0.1,
        "threshold": 0.5,
        "image_sha256": "0" * 64,
        "image_px": (256, 256),
        "model_name": "welding",
        "model_version": "1",
        "model_sha256": "1" * 64,
        "pipeline_version": "1",
        "triggered_at": at(5),
        "decided_at": at(5.1),
        "deadline_at": at(6),
        "inference_ms": 12.0,
        "total_ms": 40.0,
        "accepted": True,
    }
    return InspectionResult(**(defaults | given))


async def install(conn: WriteConn, plant: PlantModel) -> None:
    """Bring the plant model into force."""
    await resources.install_plant(conn, plant, now=SHIFT_START)


async def register(conn: WriteConn, *bodies: Body) -> None:
    """Make bodies known."""
    for body in bodies:
        await execution.register_body(conn, body)


async def report(conn: WriteConn, *records: LineRecord) -> list[execution.Refused]:
    """Let records take effect as one batch."""
    return await execution.on_line_records(conn, records, now=at(60))


async def recorded(conn: WriteConn) -> list[Event]:
    """Return every event there is, oldest first, as the transaction itself sees them."""
    cursor = await conn.execute("SELECT id FROM event ORDER BY seq")
    found = [await events.get(conn, row[0]) for row in await cursor.fetchall()]
    return [event for event in found if event is not None]


async def happened(conn: WriteConn) -> list[str]:
    """Return the types of all events, oldest first."""
    return [event.type for event in await recorded(conn)]


async def newest(conn: WriteConn, event_type: str) -> Event:
    """Return the newest event of a type."""
    return [event for event in await recorded(conn) if event.type == event_type][-1]


async def an_event(conn: WriteConn, payload: Payload, *, order: UUID | None = None) -> Event:
    """Record an event to which something reacts."""
    return await events.record(
        conn, payload, now=at(5), actor="agent:body-framing", correlation=order
    )


def inspection_event(result: InspectionResult, kind: str | None = None) -> InspectionRecorded:
    """Return the event that recording a result makes."""
    return InspectionRecorded(
        inspection_id=result.id,
        body_id=result.body_id,
        lot=result.lot,
        line=result.line,
        station=result.station,
        camera=result.camera,
        verdict=result.verdict,
        score=result.score,
        defect_kind=kind,
    )
