"""What the floor reports takes effect here; where bodies are is answered here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

import structlog

from mes.contracts.dispatch import JobOrder, JobState
from mes.contracts.events import BodyMismatch
from mes.contracts.ids import uuid7
from mes.contracts.line_records import LineRecord
from mes.contracts.warm_start import WarmStart
from mes.equipment import service as equipment
from mes.events import service as events
from mes.execution import calls_repository, repository
from mes.execution.calls_repository import Mismatch
from mes.execution.model import (
    Body,
    Condition,
    LineJob,
    Place,
    PlaceKind,
    UnknownBody,
    stage_at,
)
from mes.execution.recording import Misread, ReadingClosed, Recording
from mes.execution.repository import OperationRow
from mes.genealogy import service as genealogy
from mes.genealogy.model import built_in
from mes.inspection import service as inspection
from mes.materials import service as materials
from mes.materials.model import RackReceipt
from mes.orders import production
from mes.orders.model import OrderStage
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Problem
from mes.resources import service as resources

log = structlog.get_logger()

KEPT_RECORDS = 100_000
"""Record numbers remembered of each line: ten rings."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that contradicts what is known; it took no effect and may come again once mended."""

    record: LineRecord
    problem: Problem


async def on_line_records(
    conn: WriteConn, records: Sequence[LineRecord], *, now: datetime
) -> list[Refused]:
    """Let records of lines take effect, in the order in which each line numbered them.

    A record whose number took effect before changes nothing. Records that cannot be accepted (unknown
    body, unknown station, a move that the body cannot make) are returned; the others take effect. One
    call costs about a dozen statements, however many records there are.

    Args:
        now: plant time of arrival; what happened keeps the line's own time.
    """
    if not records:
        return []
    plant = await resources.active_plant(conn)
    fresh = await _not_seen(conn, records)
    if not fresh:
        return []
    jobs = await repository.jobs_for_change(conn, repository.job_ids_of(fresh))
    ids = repository.body_ids_of(fresh) | {j.body_id for j in jobs.values() if j.body_id}
    recording = Recording(plant, await repository.bodies_for_change(conn, ids), jobs)
    refused = _apply(recording, fresh)
    await repository.disclaim_records(conn, [refusal.record for refusal in refused])
    await _save(conn, recording, now=now)
    return refused


async def _not_seen(conn: WriteConn, records: Sequence[LineRecord]) -> list[LineRecord]:
    claimed = await repository.claim_records(conn, records)
    fresh: list[LineRecord] = []
    for record in records:
        key = (record.line, record.seq)
        if key in claimed:
            claimed.remove(key)
            fresh.append(record)
    return fresh


def _apply(recording: Recording, records: Sequence[LineRecord]) -> list[Refused]:
    refused: list[Refused] = []
    for record in records:
        try:
            recording.apply(record)
        except Problem as problem:
            refused.append(Refused(record, problem))
    return refused


async def _save(conn: WriteConn, recording: Recording, *, now: datetime) -> None:
    await repository.save_bodies(conn, [recording.bodies[i] for i in recording.changed_bodies])
    await repository.save_jobs(conn, [recording.jobs[i] for i in recording.changed_jobs])
    await repository.add_operations(conn, recording.operations)
    done = [record for record, _ in recording.operations]
    await genealogy.record(conn, built_in(done))
    await materials.receive_racks(conn, recording.racks)
    await materials.take(conn, recording.takes, recording.taken_panels)
    states = await equipment.record_states(conn, recording.states, heard_at=now)
    facts = [*recording.facts, *((fact.payload.subject, fact) for fact in states)]
    for line, group in groupby(facts, key=lambda pair: pair[0]):
        await events.record_all(conn, [fact for _, fact in group], actor=f"agent:{line}")
    for reading in recording.readings:
        await _save_reading(conn, reading)
    for record in recording.late:
        await inspection.on_line_took_none(conn, record)


async def _save_reading(conn: WriteConn, reading: Misread | ReadingClosed) -> None:
    if isinstance(reading, ReadingClosed):
        await calls_repository.close_mismatch(
            conn, reading.line, reading.station, reading.answer, at=reading.at
        )
        return
    event = await events.record(
        conn,
        BodyMismatch(
            line=reading.line,
            station=reading.station,
            expected_body_id=reading.expected_body_id,
            read_body_id=reading.read_body_id,
        ),
        now=reading.at,
        actor=f"agent:{reading.line}",
        correlation=reading.correlation,
    )
    await calls_repository.add_mismatch(
        conn,
        Mismatch(
            id=uuid7(),
            line=reading.line,
            station=reading.station,
            expected_body_id=reading.expected_body_id,
            read_body_id=reading.read_body_id,
            event_id=event.id,
            read_at=reading.at,
            answer=None,
            answered_by=None,
            answered_at=None,
        ),
    )


async def register_body(conn: WriteConn, body: Body) -> None:
    """Make a body known: it exists from its order's lock on. Known already, nothing changes."""
    await repository.add_body(conn, body)


async def register_successor(
    conn: WriteConn, scrapped: Body, *, successor_id: UUID, number: str, now: datetime
) -> Body:
    """Make the body known that takes a scrapped one's place: same car, same VIN, a number of its own."""
    successor = Body(
        id=successor_id,
        number=number,
        order_id=scrapped.order_id,
        vin=scrapped.vin,
        model=scrapped.model,
        color=scrapped.color,
        since_at=now,
        predecessor_id=scrapped.id,
    )
    await repository.add_body(conn, successor)
    return successor


async def register_job(conn: WriteConn, job: JobOrder, *, now: datetime) -> None:
    """Make a job order known before it is handed to its line, so that its reports are understood.

    Dispatching calls this in the transaction that writes the command. Known already, nothing changes.
    """
    await repository.add_job(
        conn,
        LineJob(
            id=job.id,
            kind=job.kind,
            line=job.line,
            body_id=job.body_id,
            panel=job.panel,
            quantity=job.quantity,
            state=JobState.WAITING,
            state_at=now,
        ),
    )


async def lock_body(conn: WriteConn, body_id: UUID) -> Body:
    """Return a body and keep others from changing it until the transaction ends; raises UnknownBody."""
    found = await repository.bodies_for_change(conn, [body_id])
    if body_id not in found:
        raise UnknownBody(body=body_id)
    return found[body_id]


async def change_condition(conn: WriteConn, body_id: UUID, wanted: Condition) -> Body:
    """Change how a body stands, as quality decided.

    Raises:
        UnknownBody: there is none.
        IllegalCondition: that does not follow from how it stands now.
    """
    body = (await lock_body(conn, body_id)).become(wanted)
    await repository.save_bodies(conn, [body])
    return body


async def find_body(conn: ReadConn, body_id: UUID) -> Body | None:
    """Return a body, or None."""
    return (await repository.bodies(conn, [body_id])).get(body_id)


async def find_bodies(conn: ReadConn, ids: Collection[UUID]) -> dict[UUID, Body]:
    """Return the bodies with these ids, by id; unknown ones are absent."""
    return await repository.bodies(conn, ids)


async def body_by_number(conn: ReadConn, number: str) -> Body:
    """Return the body with this number; raises UnknownBody."""
    body = await repository.body_by_number(conn, number)
    if body is None:
        raise UnknownBody(body=number)
    return body


async def bodies_by_vin(conn: ReadConn, vin: str) -> list[Body]:
    """Return the bodies that carry or carried a VIN: a scrapped one and its successor share it."""
    return await repository.bodies_by_vin(conn, vin)


async def find_job(conn: ReadConn, job_order_id: UUID) -> LineJob | None:
    """Return what a line reported of a job order, or None."""
    return await repository.job(conn, job_order_id)


async def jobs_of_body(conn: ReadConn, body_id: UUID) -> list[LineJob]:
    """Return the jobs of a body: its way through the lines, and its reworks."""
    return await repository.jobs_of_body(conn, body_id)


async def jobs_between(conn: ReadConn, from_at: datetime, to_at: datetime) -> list[LineJob]:
    """Return the jobs that ran on the lines between two instants of plant time."""
    return await repository.jobs_between(conn, from_at, to_at)


async def where_bodies_are(conn: ReadConn) -> list[Body]:
    """Return every body that stands on a line, in a bay or in a store, first in first."""
    return await repository.bodies_in_process(conn)


async def bodies_at(conn: ReadConn, store: str, lines: Sequence[str]) -> list[Body]:
    """Return the bodies that stand in a store or on one of these lines, first in first."""
    return await repository.bodies_at(conn, store, lines)


async def put_in_lanes(conn: WriteConn, store: str, lanes: Mapping[UUID, int]) -> None:
    """Note which lanes of a store bodies went into; those that have gone on meanwhile stay as they are."""
    bodies = await repository.bodies_for_change(conn, list(lanes))
    noted = [body.in_lane(store, lanes[body.id]) for body in bodies.values()]
    await repository.save_bodies(conn, [one for one in noted if one != bodies[one.id]])


async def passed(conn: ReadConn, line_id: str, body_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these bodies a line has taken on already: it must not be told to build them again."""
    plant = await resources.active_plant(conn)
    way = [line.id for line in plant.body_lines]
    if line_id not in way or not body_ids:
        return set()
    after = plant.body_lines[way.index(line_id) :]
    return await repository.passed(
        conn,
        line_id,
        body_ids,
        lines=[line.id for line in after],
        stores=[line.gives_to for line in after],
    )


async def buffers(conn: ReadConn) -> dict[str, list[Body]]:
    """Return what stands in each body store, first in first; empty stores are there too."""
    plant = await resources.active_plant(conn)
    content: dict[str, list[Body]] = {
        store.id: [] for store in plant.stores if store.kind == "body"
    }
    for body in await repository.bodies_in_process(conn):
        if body.place.kind is PlaceKind.STORE and body.place.store is not None:
            content.setdefault(body.place.store, []).append(body)
    return content


async def operations_of(conn: ReadConn, body_id: UUID) -> list[OperationRow]:
    """Return what was done to a body, in order, with its process values."""
    return await repository.operations_of_body(conn, body_id)


async def seed_warm(conn: WriteConn, warm: WarmStart) -> None:
    """Place the bodies and racks with which a plant starts warm; the bodies are registered before.

    Their orders reach the milestones that their places stand for.

    Raises:
        UnknownBody: a body of the picture was not registered.
    """
    plant = await resources.active_plant(conn)
    yards = {store.id for store in plant.stores if store.kind == "yard"}
    places = {w.job.body_id: Place(PlaceKind.LINE, w.line, w.station) for w in warm.on_line}
    for stored in warm.stored:
        kind = PlaceKind.FINISHED if stored.store in yards else PlaceKind.STORE
        places[stored.body_id] = Place(kind, store=stored.store)
    known = await repository.bodies_for_change(conn, [body for body in places if body])
    placed: list[Body] = []
    for number, (body_id, place) in enumerate(places.items()):
        if body_id is None or body_id not in known:
            raise UnknownBody(body=body_id)
        first_in_first = warm.plant_at - timedelta(microseconds=len(places) - number)
        placed.append(known[body_id].placed(place, first_in_first))
    await repository.save_bodies(conn, placed)
    for body in placed:
        stage = OrderStage(stage_at(plant, body.place))
        await production.reach_stage(conn, body.order_id, stage, now=warm.plant_at, actor="system")
    for on_line in warm.on_line:
        await register_job(conn, on_line.job, now=warm.plant_at)
    jobs = await repository.jobs_for_change(conn, [w.job.id for w in warm.on_line])
    running = [
        job.reported(JobState.RUNNING, warm.plant_at, good=0, scrap=0, reason="")
        for job in jobs.values()
    ]
    await repository.save_jobs(conn, running)
    await materials.receive_racks(conn, _racks_of(warm))


def _racks_of(warm: WarmStart) -> list[RackReceipt]:
    """Return the racks in their order: a microsecond apart, so that first in stays first out."""
    return [
        RackReceipt(
            rack=rack.rack,
            panel=rack.panel,
            line=None,
            job_order_id=None,
            quantity=rack.quantity,
            held=False,
            at=warm.plant_at - timedelta(microseconds=len(warm.racks) - place),
        )
        for place, rack in enumerate(warm.racks)
    ]


async def forget_old_records(conn: WriteConn) -> int:
    """Drop the numbers of records that no line can repeat any more; return how many."""
    return await repository.forget_old_records(conn, keep=KEPT_RECORDS)
