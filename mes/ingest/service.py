"""Let a batch take effect once: its watermark and its effects are one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

import numpy as np
import psycopg
import structlog

from mes.agents import service as agents
from mes.agents.model import Agent, Identity, WrongAgent
from mes.contracts.agent import BatchReceipt
from mes.contracts.alarms import AlarmReport
from mes.contracts.controls import RecipeReport
from mes.contracts.dispatch import CommandResult, JobListReport
from mes.contracts.events import JobListReported
from mes.contracts.line_records import LineRecord
from mes.contracts.quality import InspectionResult
from mes.contracts.telemetry import Gap
from mes.contracts.wire import (
    Batch,
    Stream,
    TelemetryColumns,
    WireError,
    decode,
    from_lines,
    to_filetime,
)
from mes.equipment import telemetry
from mes.equipment.alarms import service as alarms
from mes.equipment.recipes import service as recipes
from mes.events import service as events
from mes.execution import service as execution
from mes.ingest import model, repository
from mes.ingest.model import Arrival, BatchMalformed, Result, SetAside, UnknownEpoch
from mes.ingest.repository import Quarantined
from mes.inspection import service as inspection
from mes.inspection.pipelines import judged
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Problem

log = structlog.get_logger()

NotTheRecords = (psycopg.OperationalError, psycopg.InterfaceError, OSError, TimeoutError)
"""What fails the whole batch, to come again (a lost connection); anything else is the record's own fault."""

T = TypeVar("T")


def read_batch(frame: bytes) -> Batch:
    """Read a wire frame.

    Raises:
        BatchMalformed: a wrong checksum, length, version…; the message says which.
    """
    try:
        return decode(frame)
    except WireError as error:
        raise BatchMalformed(why=str(error)) from error


async def take(
    conn: WriteConn,
    identity: Identity,
    batch: Batch,
    *,
    oldest: int | None,
    now: datetime,
    real_now: datetime,
) -> BatchReceipt:
    """Let a batch take effect, unless it has; commit before the receipt is sent.

    A batch of a fenced epoch takes effect too, but for telemetry that was received after the fencing:
    the newer copy has that.

    Args:
        oldest: the oldest batch of this stream that the agent still has.
        now: plant time of arrival.

    Raises:
        WrongAgent, UnknownEpoch, SequenceGap: the batch may not take effect (now).
    """
    agent = identity.agent
    if batch.agent_id != agent.id:
        raise WrongAgent(found=batch.agent_id, agent=agent.id)
    if not 1 <= batch.epoch <= agent.epoch:
        raise UnknownEpoch(epoch=batch.epoch, current=agent.epoch, line=agent.line)
    fenced = batch.epoch < agent.epoch
    watermark = await repository.watermark(conn, batch)
    standing = model.arrival(watermark, batch.seq, oldest=oldest, stream=batch.stream)
    if standing is Arrival.DUPLICATE:
        return BatchReceipt(stream=batch.stream, watermark=watermark, duplicate=True, fenced=fenced)
    if standing is Arrival.AFTER_LOSS:
        await repository.note_loss(conn, batch, watermark=watermark, now=real_now)
        log.error("ingest.batches_lost", line=agent.line, first=watermark + 1, last=batch.seq - 1)
    aside = await _apply(conn, agent, batch, now=now, real_now=real_now)
    await repository.set_aside(conn, agent, batch, aside, now=real_now)
    for record in aside:
        log.warning("ingest.set_aside", line=agent.line, code=record.code, reason=record.reason)
    await repository.advance(conn, batch)
    return BatchReceipt(stream=batch.stream, watermark=batch.seq, fenced=fenced)


async def standing(conn: ReadConn, identity: Identity, stream: Stream, epoch: int) -> BatchReceipt:
    """Return how far a stream of an epoch has taken effect; 0 when nothing of it came.

    Raises:
        UnknownEpoch: the epoch was never issued to this agent.
    """
    agent = identity.agent
    if not 1 <= epoch <= agent.epoch:
        raise UnknownEpoch(epoch=epoch, current=agent.epoch, line=agent.line)
    seq = await repository.standing(conn, agent.id, epoch, stream)
    return BatchReceipt(stream=stream, watermark=seq, fenced=epoch < agent.epoch)


async def quarantine(conn: ReadConn, *, limit: int = 100) -> list[Quarantined]:
    """Return what was set aside and waits for a person, newest first."""
    return await repository.quarantine(conn, limit=limit)


async def _apply(
    conn: WriteConn, agent: Agent, batch: Batch, *, now: datetime, real_now: datetime
) -> list[SetAside]:
    """Let every record take effect that can; return the others."""
    try:
        match batch.stream:
            case Stream.TELEMETRY | Stream.BACKLOG:
                return await _telemetry(conn, agent, batch)
            case Stream.EVENTS:
                return await _records(conn, agent, batch, now=now)
            case Stream.RESULTS:
                return await _results(conn, agent, batch, now=now, real_now=real_now)
            case Stream.GAPS:
                return await _gaps(conn, agent, batch)
    except WireError as error:
        return [SetAside(None, "batch.unreadable", str(error), batch.payload)]


async def _telemetry(conn: WriteConn, agent: Agent, batch: Batch) -> list[SetAside]:
    columns = TelemetryColumns.from_payload(batch.payload, batch.count)
    if batch.epoch < agent.epoch:
        columns = await _before_fencing(conn, agent, batch, columns)
    try:
        async with conn.transaction():
            await telemetry.store_telemetry(conn, agent.line, columns)
    except NotTheRecords:
        raise
    except Exception as error:
        return [SetAside(None, "telemetry.refused", _words(error), batch.payload)]
    return []


async def _before_fencing(
    conn: WriteConn, agent: Agent, batch: Batch, columns: TelemetryColumns
) -> TelemetryColumns:
    fenced_at = await agents.fenced_at(conn, agent.id, batch.epoch)
    if fenced_at is None:
        return columns
    return columns.rows(columns.received_ft <= np.int64(to_filetime(fenced_at)))


async def _records(conn: WriteConn, agent: Agent, batch: Batch, *, now: datetime) -> list[SetAside]:
    """Hand line records to execution all at once; one by one when one of them breaks the database's rules."""
    lines = from_lines(batch)
    good, aside = model.read_records(lines)
    mine, foreign = _own(good, lines, agent, lambda record: record.line)
    aside += foreign
    numbers = {(record.line, record.seq): number for number, record in mine}

    async def hand_over(records: Sequence[LineRecord]) -> list[SetAside]:
        refused = await execution.on_line_records(conn, records, now=now)
        return [
            SetAside(number, refusal.problem.code, refusal.problem.detail, lines[number])
            for refusal in refused
            if (number := numbers[refusal.record.line, refusal.record.seq]) is not None
        ]

    try:
        async with conn.transaction():
            return aside + await hand_over([record for _, record in mine])
    except NotTheRecords:
        raise
    except Exception as error:
        log.warning("ingest.one_by_one", line=agent.line, seq=batch.seq, reason=_words(error))
    for number, record in mine:
        aside += await _each(conn, lines[number], number, partial(hand_over, [record]))
    return aside


async def _results(
    conn: WriteConn, agent: Agent, batch: Batch, *, now: datetime, real_now: datetime
) -> list[SetAside]:
    lines = from_lines(batch)
    good, aside = model.read_results(lines)
    mine, foreign = _own(good, lines, agent, lambda result: result.line)
    aside += foreign

    async def one(result: Result) -> list[SetAside]:
        match result:
            case InspectionResult():
                await inspection.on_result(conn, result, now=now)
                await judged.note_steps(conn, result)
            case CommandResult():
                await agents.finish_command(conn, result, real_now=real_now)
            case JobListReport():
                listed = JobListReported(line=result.line, jobs=result.jobs)
                await events.record(conn, listed, now=result.at, actor=f"agent:{result.line}")
            case AlarmReport():
                await alarms.take(conn, [result])
            case RecipeReport():
                await recipes.take(conn, result)
        return []

    told = [(number, result) for number, result in mine if isinstance(result, AlarmReport)]
    at_once = await _all_at_once(conn, [report for _, report in told])
    for number, result in mine:
        if not (at_once and isinstance(result, AlarmReport)):
            aside += await _each(conn, lines[number], number, partial(one, result))
    return aside


async def _all_at_once(conn: WriteConn, reports: Sequence[AlarmReport]) -> bool:
    """Follow all alarms of a batch together, for a storm has many; False: one breaks the database's rules."""
    try:
        async with conn.transaction():
            await alarms.take(conn, reports)
    except NotTheRecords:
        raise
    except Exception as error:
        log.warning("ingest.one_by_one", reason=_words(error))
        return False
    return True


async def _gaps(conn: WriteConn, agent: Agent, batch: Batch) -> list[SetAside]:
    lines = from_lines(batch)
    good, aside = model.read_gaps(lines)
    mine, foreign = _own(good, lines, agent, lambda gap: gap.line)
    aside += foreign

    async def one(gap: Gap) -> list[SetAside]:
        await telemetry.store_gaps(conn, [gap])
        return []

    for number, gap in mine:
        aside += await _each(conn, lines[number], number, partial(one, gap))
    return aside


def _own(
    records: Sequence[tuple[int, T]],
    lines: Sequence[bytes],
    agent: Agent,
    line_of: Callable[[T], str],
) -> tuple[list[tuple[int, T]], list[SetAside]]:
    """Split off records of other lines: an agent speaks for its own line only."""
    mine = [(number, record) for number, record in records if line_of(record) == agent.line]
    foreign = [
        SetAside(
            number,
            "record.foreign_line",
            f"line {line_of(record)} is not the line of this agent, {agent.line}",
            lines[number],
        )
        for number, record in records
        if line_of(record) != agent.line
    ]
    return mine, foreign


async def _each(
    conn: WriteConn,
    content: bytes,
    number: int,
    take_effect: Callable[[], Awaitable[list[SetAside]]],
) -> list[SetAside]:
    """Let one record take effect under a savepoint; a poison one leaves no trace but its quarantine row."""
    try:
        async with conn.transaction():
            return await take_effect()
    except NotTheRecords:
        raise
    except Exception as error:
        code = error.code if isinstance(error, Problem) else "record.breaks_rule"
        return [SetAside(number, code, _words(error), content)]


def _words(error: BaseException) -> str:
    return error.detail if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
