"""What people at a line say: answers to a reading, calls for help, reports of good, rework and scrap."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from mes.contracts.dispatch import ReadingAnswer
from mes.contracts.events import (
    AndonCalled,
    AndonCleared,
    BodyMismatchAnswered,
    OperatorReported,
)
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.execution import calls_repository as repository
from mes.execution.calls_repository import AndonCall, Mismatch, OperatorReport
from mes.execution.model import Body, station_of
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict, Invalid
from mes.resources import service as resources


class NoOpenReading(Conflict):
    """Reading point {station} of {line} asks nothing; somebody may have answered already."""

    code = "reading.not_open"


class ReadingAnsweredOtherwise(Conflict):
    """Reading point {station} was answered with {answer} by {answered_by}; the line is acting on it."""

    code = "reading.answered"


class DefectUnnamed(Invalid):
    """A body reported for rework or scrap needs the kind of its defect."""

    code = "report.defect_missing"


async def answer_mismatch(
    conn: WriteConn,
    line: str,
    station: str,
    answer: ReadingAnswer,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Answer a line that stands and asks; dispatching hears it and tells the line.

    The same answer again changes nothing.

    Raises:
        NoOpenReading: the reading point asks nothing.
        ReadingAnsweredOtherwise: another answer was given before.
    """
    mismatch = await repository.open_mismatch_for_change(conn, line, station)
    if mismatch is None:
        raise NoOpenReading(line=line, station=station)
    if mismatch.answer is not None:
        if mismatch.answer == answer:
            return
        raise ReadingAnsweredOtherwise(
            station=station, answer=mismatch.answer, answered_by=mismatch.answered_by
        )
    await repository.answer_mismatch(conn, mismatch.id, answer, actor=actor, now=now)
    await events.record(
        conn,
        BodyMismatchAnswered(
            line=line, station=station, body_id=mismatch.read_body_id, answer=answer
        ),
        now=now,
        actor=actor,
        causation=await events.get(conn, mismatch.event_id),
    )


async def open_mismatches(conn: ReadConn) -> list[Mismatch]:
    """Return the reading points that stand and ask, longest waiting first."""
    return await repository.open_mismatches(conn)


async def call_andon(
    conn: WriteConn, station: str, reason: str, *, line: str, actor: str, now: datetime
) -> AndonCall:
    """Call for help at a station; pressed twice it is one call, and the first one is returned.

    Raises:
        UnknownPlace: the plant has no such station on this line.
    """
    station_of(await resources.active_plant(conn), line, station)
    call = AndonCall(uuid7(), line, station, reason, actor, now, None, None)
    if await repository.call_andon(conn, call):
        await events.record(
            conn, AndonCalled(line=line, station=station, reason=reason), now=now, actor=actor
        )
        return call
    return await repository.open_andon(conn, station) or call


async def clear_andon(
    conn: WriteConn, station: str, *, line: str, actor: str, now: datetime
) -> None:
    """End the open call of a station; without one nothing changes."""
    if await repository.clear_andon(conn, station, actor=actor, now=now):
        await events.record(conn, AndonCleared(line=line, station=station), now=now, actor=actor)


async def open_andons(conn: ReadConn) -> list[AndonCall]:
    """Return the calls that nobody has cleared, oldest first."""
    return await repository.open_andons(conn)


async def report(
    conn: WriteConn,
    body: Body,
    outcome: Literal["good", "rework", "scrap"],
    *,
    line: str,
    station: str,
    defect_kind: str | None,
    note: str,
    actor: str,
    now: datetime,
) -> None:
    """Take an operator's word on a body: good signs off, rework and scrap ask quality for a hold.

    The same report again changes nothing.

    Raises:
        UnknownPlace: the plant has no such station on this line.
        DefectUnnamed: rework or scrap without the kind of defect.
    """
    station_of(await resources.active_plant(conn), line, station)
    if outcome != "good" and not defect_kind:
        raise DefectUnnamed
    said = OperatorReport(
        id=uuid7(),
        body_id=body.id,
        line=line,
        station=station,
        outcome=outcome,
        defect_kind=defect_kind,
        note=note,
        reported_by=actor,
        reported_at=now,
    )
    if await repository.add_report(conn, said):
        await events.record(
            conn,
            OperatorReported(
                body_id=body.id,
                line=line,
                station=station,
                outcome=outcome,
                defect_kind=defect_kind,
                note=note,
            ),
            now=now,
            actor=actor,
            correlation=body.order_id,
        )
