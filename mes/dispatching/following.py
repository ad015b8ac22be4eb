"""Keep the next jobs of the plan in force stored at every line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.catalog import service as catalog
from mes.contracts.dispatch import JobKind
from mes.contracts.plant import PlantModel
from mes.dispatching import repository, sending
from mes.dispatching.model import (
    Job,
    Reach,
    Wanted,
    as_lanes_give,
    as_they_come,
    left_behind,
    orders_for,
)
from mes.dispatching.repository import Ended
from mes.dispatching.sending import Times
from mes.dispatching.stores import lanes_of
from mes.execution import service as execution
from mes.execution.model import Body, PlaceKind
from mes.orders import service as orders
from mes.planning import service as planning
from mes.planning.repository import BoardRow
from mes.planning.tickets import body_job, body_of, lot_job
from mes.platform.db import ReadConn, WriteConn
from mes.quality import service as quality
from mes.resources import service as resources

LOOK_AHEAD = 4
"""Rows of the plan read for a line, as a multiple of what it stores."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a comparison of a line with its plan told the line."""

    stored: int = 0
    moved: int = 0
    cancelled: int = 0


async def wish(conn: WriteConn, lines: Sequence[str], *, now: datetime) -> None:
    """Have lines compared with their plan soon; many wishes make one comparison."""
    await repository.wish(conn, lines, since=now)


async def dispatch_wished(conn: WriteConn, *, now: datetime, real_now: datetime) -> str | None:
    """Compare the line that waits longest with its plan; return it, or None when nobody wishes."""
    line = await repository.take_wishes(conn)
    if line is not None:
        await dispatch(conn, line, now=now, real_now=real_now)
    return line


async def dispatch(conn: WriteConn, line: str, *, now: datetime, real_now: datetime) -> Sent:
    """Tell a line what makes its stored jobs those of the plan in force; jobs that run are left alone."""
    await repository.lock_line(conn, line)
    plant = await resources.active_plant(conn)
    ahead = plant.dispatch_ahead
    bodies = await _bodies_before(conn, plant, line)
    reach = _reach(bodies)
    rows = await planning.next_on_line(conn, line, limit=LOOK_AHEAD * ahead)
    known = {row.body_id for row in rows}
    behind = [body.order_id for body in bodies if body.id in reach.here - known]
    rows += [
        row
        for row in (await planning.on_line(conn, line, behind)).values()
        if not row.started and row.actual_start_at is None
    ]
    rows = [row for row in rows if row.kind == "die_lot" or row.body_id is not None]
    rows.sort(key=lambda row: (row.start_at, row.sequence))
    jobs = await repository.open_jobs(conn, line)
    by_subject = {_subject(row): row for row in rows}
    past = await repository.ended(conn, line, list(by_subject))
    waiting = [j.subject_id for j in jobs if not j.has_begun and j.subject_id not in by_subject]
    passed = await execution.passed(conn, line, [*by_subject, *waiting])
    wanted = [s for s in by_subject if s not in passed and (s not in past or not past[s].done)]
    gone = await _gone(conn, line, [j for j in jobs if j.subject_id not in by_subject])
    gone |= {j.subject_id for j in jobs if j.subject_id in passed and left_behind(j, now)}
    held = {hold.body_id for hold in await quality.open_holds(conn)}
    there = (reach.here - held) | {j.subject_id for j in jobs if j.kind is JobKind.DIE_LOT}
    lanes = [[body.id for body in lane] for lane in lanes_of(bodies)]
    told = orders_for(
        jobs,
        Wanted(as_they_come(as_lanes_give(wanted, lanes), reach), ahead, gone, there),
        refused={subject: one.refused for subject, one in past.items()},
    )
    times = Times(now, real_now)
    for job_id in told.cancel:
        await sending.cancel(conn, next(j for j in jobs if j.id == job_id), times)
    for job_id, number in told.move:
        await sending.move(conn, next(j for j in jobs if j.id == job_id), number, times)
    await _store(conn, line, told.store, by_subject, past, times)
    return Sent(len(told.store), len(told.move), len(told.cancel))


async def _bodies_before(conn: ReadConn, plant: PlantModel, line_id: str) -> list[Body]:
    """Return the bodies in the store that a line takes from, and on the lines that give to it."""
    store = plant.line(line_id).takes_from
    if store is None:
        return []
    givers = [line.id for line in plant.lines if line.gives_to == store]
    return await execution.bodies_at(conn, store, givers)


def _reach(bodies: Sequence[Body]) -> Reach:
    """Return which bodies stand before a line, or are about to."""
    free = [body for body in bodies if not body.line_hold and not body.is_scrapped]
    return Reach(
        here=frozenset(body.id for body in free if body.place.kind is PlaceKind.STORE),
        coming=frozenset(body.id for body in free if body.place.kind is PlaceKind.LINE),
    )


def _subject(row: BoardRow) -> UUID:
    """Return what a job is about: the body, or the die lot."""
    return row.body_id if row.kind == "body" and row.body_id is not None else row.subject_id


async def _gone(conn: WriteConn, line: str, jobs: Sequence[Job]) -> frozenset[UUID]:
    """Return the subjects of stored jobs that the plan does not have, or has with another body."""
    waiting = [job for job in jobs if not job.has_begun and job.kind is not JobKind.REWORK]
    keys = [job.order_id or job.subject_id for job in waiting]
    rows = await planning.on_line(conn, line, keys)
    gone = set()
    for job, key in zip(waiting, keys, strict=True):
        row = rows.get(key)
        of_another = row is None or (job.body_id is not None and row.body_id != job.body_id)
        if of_another or (row is not None and not row.started and row.actual_start_at is None):
            gone.add(job.subject_id)
    return frozenset(gone)


async def _store(
    conn: WriteConn,
    line: str,
    wanted: Sequence[tuple[UUID, int]],
    rows: Mapping[UUID, BoardRow],
    past: Mapping[UUID, Ended],
    times: Times,
) -> None:
    bodies = [rows[s].order_id for s, _ in wanted if rows[s].kind == "body"]
    boms = await orders.frozen_boms(conn, [o for o in bodies if o is not None]) if bodies else {}
    hexes: dict[str, str] = {}
    if bodies:
        book = await catalog.active_catalog(conn, times.now)
        hexes = {color.code: color.hex for color in book.colors}
    for subject, number in wanted:
        row = rows[subject]
        attempt = past[subject].attempts + 1 if subject in past else 1
        if row.kind == "die_lot":
            job = lot_job(
                subject,
                line,
                panel=row.panel or "",
                quantity=row.quantity or 1,
                sequence=number,
                start_at=row.start_at,
                attempt=attempt,
            )
            await sending.hand_over(conn, job, subject, None, times)
            continue
        order = None if row.order_id is None else await orders.order_by_id(conn, row.order_id)
        if order is None or order.body_id != subject:
            continue
        job = body_job(
            order,
            line,
            parts=boms.get(order.id, []),
            color_hex=hexes.get(order.color),
            sequence=number,
            start_at=row.start_at,
            attempt=attempt,
        )
        # The lock may be heard of here before execution has heard of it.
        await execution.register_body(conn, body_of(order, now=times.now))
        await sending.hand_over(conn, job, subject, order.id, times)
