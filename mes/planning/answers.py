"""What a repair answers: slots that cars miss or get back, and promises that move with their causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from mes.contracts.events import MovedCar, Reason, SlotMissed, SlotRestored
from mes.contracts.text import Text
from mes.events import service as events
from mes.events.model import Event
from mes.planning import bridge, news_repository, promising, snapshots
from mes.planning.facts import CarFact
from mes.planning.model import Plan
from mes.planning.network import PlantNetwork
from mes.planning.news import Delay, DelayState, Downtime, News, NewsKind
from mes.planning.operations import PlannedOperation
from mes.planning.progress import Reached, progress_of
from mes.planning.promise import PATIENCE
from mes.planning.words import Words
from mes.platform.db import WriteConn

ACTOR = "policy:repair"
MOVED_AT_MOST = 50
"""Other cars named in the event of a missed slot."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A repair that is in force: the plan before it, the plan after it, and the event that says so."""

    net: PlantNetwork
    words: Words
    head: Plan
    snap: bridge.Snapshot
    before: dict[tuple[str, UUID], PlannedOperation]
    after: dict[tuple[str, UUID], PlannedOperation]
    published: Event
    now: datetime


async def answer_news(
    conn: WriteConn,
    work: Repaired,
    news: Sequence[News],
    rows: Sequence[PlannedOperation],
    *,
    base: Plan,
) -> None:
    """Announce the slots that are missed or restored, and move the promises that no longer hold."""
    causes = promising.Causes(work.published)
    pushing: promising.Cause | None = None
    for one in news:
        cause = await _cause_of(conn, work, one, base=base)
        if cause is None:
            continue
        if one.order_id is not None:
            causes.by_order[one.order_id] = cause
        pushing = pushing or _pushing(work, one, cause)
    causes = replace(
        causes,
        pushing=pushing,
        finished_before={
            row.order_id: row.finish_at
            for row in work.before.values()
            if row.order_id is not None and row.finish_at is not None
        },
        outage=await _down_cause(conn, work),
        patience=PATIENCE,
    )
    await promising.settle(conn, work.net, work.head, work.snap, rows, causes, now=work.now)
    for one in news:
        if one.kind is NewsKind.REVERTED and one.hold_id is not None:
            await _restore(conn, work, one.hold_id, one, rows)
        elif one.kind is NewsKind.DONE and one.hold_id is not None:
            await news_repository.drop_moves(conn, one.hold_id)


async def _cause_of(
    conn: WriteConn, work: Repaired, one: News, *, base: Plan
) -> promising.Cause | None:
    if one.kind is NewsKind.DELAY and one.hold_id is not None:
        delay = await news_repository.delay(conn, one.hold_id)
        if delay is not None and delay.state is not DelayState.ENDED:
            return await _delay_cause(conn, work, delay, base=base)
    if one.kind is NewsKind.SCRAPPED:
        return await _scrap_cause(conn, work, one)
    return None


async def _delay_cause(
    conn: WriteConn, work: Repaired, delay: Delay, *, base: Plan
) -> promising.Cause | None:
    """Announce the slot that a held body misses; return the chain from its defect to there."""
    root = await events.get(conn, delay.rework_event or delay.hold_event)
    if root is None:
        return None
    car = _car_of(work, delay.body_id)
    reasons = _chain(work, delay)
    slot = None if car is None else _missed_slot(work, car)
    if delay.base_plan_id is None:
        delay = replace(delay, base_plan_id=base.id)
        await news_repository.save_delay(conn, delay)
    if car is None or slot is None:
        return promising.Cause(reasons, root, delay.hold_id)
    line, old, new = slot
    missed = await events.record(
        conn,
        SlotMissed(
            body_id=delay.body_id,
            order_id=delay.order_id,
            plan_id=work.head.id,
            number=work.head.number,
            line=line,
            old_start_at=old,
            new_start_at=new,
            moved=_moved(work, except_order=delay.order_id),
        ),
        now=work.now,
        actor=ACTOR,
        causation=root,
        correlation=delay.order_id,
    )
    await news_repository.save_delay(conn, replace(delay, missed_event=missed.id))
    link = work.words.missed(_line_name(work, line), old, new, missed.id)
    return promising.Cause((*reasons, link), missed, delay.hold_id)


def _chain(work: Repaired, delay: Delay) -> tuple[Reason, ...]:
    car = _car_of(work, delay.body_id)
    body = (car.body_number if car else None) or str(delay.body_id)
    name, words = _line_name(work, delay.line), work.words
    links: list[Reason] = []
    if delay.inspection_event is not None:
        links.append(words.found(delay.defect_kind, body, name, delay.inspection_event))
    else:
        links.append(words.held(body, name, delay.hold_event))
    if delay.work_s is not None:
        assumed = delay.state is DelayState.PROVISIONAL
        links.append(
            words.rework(delay.work_s, delay.defect_kind, delay.rework_event, assumed=assumed)
        )
    return tuple(links)


def _missed_slot(work: Repaired, car: CarFact) -> tuple[str, datetime, datetime] | None:
    """Return the next line of a car, its start there in the former plan and in this one, if later.

    Half a takt is noise.
    """
    reached = progress_of(work.net, car, at=work.snap.anchor).reached
    noise = timedelta(seconds=work.net.drum_line.takt_s / 2)
    for line in work.net.way:
        if work.net.stage_of_line(line.id) == 0 and reached >= Reached.IN_BODY:
            continue
        old = work.before.get((line.id, car.order_id))
        new = work.after.get((line.id, car.order_id))
        if old is None or new is None or new.start_at <= work.now:
            continue
        if new.start_at > old.start_at + noise:
            return line.id, old.start_at, new.start_at
    return None


def _moved(work: Repaired, *, except_order: UUID) -> tuple[MovedCar, ...]:
    """Return the other cars that start on the drum later than before."""
    drum, found = work.net.drum_line.id, []
    noise = timedelta(seconds=work.net.drum_line.takt_s)
    for (line, subject), new in work.after.items():
        old = work.before.get((line, subject))
        if line != drum or subject == except_order or old is None or new.order_id is None:
            continue
        if new.start_at > old.start_at + noise:
            found.append(_moved_car(old, new))
    found.sort(key=lambda car: car.new_start_at or work.now)
    return tuple(found[:MOVED_AT_MOST])


def _moved_car(old: PlannedOperation, new: PlannedOperation) -> MovedCar:
    return MovedCar(
        order_id=new.subject_id,
        body_number=new.body_number or "",
        old_start_at=old.start_at,
        new_start_at=new.start_at,
        old_finish_at=old.finish_at,
        new_finish_at=new.finish_at,
    )


async def _scrap_cause(conn: WriteConn, work: Repaired, one: News) -> promising.Cause | None:
    event = await events.get(conn, one.event_id)
    car = next((c for c in work.snap.cars.values() if c.order_id == one.order_id), None)
    if event is None or car is None:
        return None
    payload = event.payload.model_dump()
    former = await _former_number(conn, one)
    successor = str(payload.get("successor_number", car.body_number))
    reasons: list[Reason] = []
    for delay in await news_repository.delays_of_body_ever(conn, one.body_id):
        if delay.inspection_event is not None:
            name = _line_name(work, delay.line)
            reasons.append(
                work.words.found(delay.defect_kind, former, name, delay.inspection_event)
            )
            break
    reasons.append(work.words.scrapped(former, successor, event.id))
    return promising.Cause(tuple(reasons), event)


async def _former_number(conn: WriteConn, one: News) -> str:
    bodies = {} if one.body_id is None else await snapshots.body_numbers(conn, [one.body_id])
    return next(iter(bodies.values()), str(one.body_id))


def _pushing(work: Repaired, one: News, cause: promising.Cause) -> promising.Cause | None:
    """Return the cause for cars that another car's move pushes back."""
    car = next((c for c in work.snap.cars.values() if c.order_id == one.order_id), None)
    if car is None:
        return None
    body = car.body_number or car.number
    link = work.words.pushed(body, work.net.drum_line.name, cause.event.id)
    return replace(cause, reasons=(*cause.reasons, link))


async def _down_cause(conn: WriteConn, work: Repaired) -> promising.Cause | None:
    downs: list[Downtime] = await news_repository.downtimes(conn)
    for down in downs:
        event = await events.get(conn, down.event_id)
        if event is not None:
            name = _line_name(work, down.line)
            link = work.words.line_down(name, max(down.until_at, work.now), event.id)
            return promising.Cause((link,), event)
    return None


async def _restore(
    conn: WriteConn,
    work: Repaired,
    hold_id: UUID,
    one: News,
    rows: Sequence[PlannedOperation],
) -> None:
    """Announce that a body is back in its slot, and give back the promises its delay had moved."""
    delay = await news_repository.delay(conn, hold_id)
    ended = await events.get(conn, one.event_id)
    if delay is None or ended is None:
        return
    car = _car_of(work, delay.body_id)
    body = (car.body_number if car else None) or str(delay.body_id)
    reasons = [work.words.reverted(delay.defect_kind, body, ended.id)]
    cause = ended
    if delay.missed_event is not None:
        cause = await events.record(
            conn,
            SlotRestored(
                body_id=delay.body_id,
                order_id=delay.order_id,
                plan_id=work.head.id,
                number=work.head.number,
            ),
            now=work.now,
            actor=ACTOR,
            causation=ended,
            correlation=delay.order_id,
        )
        reasons.append(work.words.restored(work.head.number, cause.id))
    await promising.take_back(conn, work.net, hold_id, reasons, rows, cause=cause, now=work.now)


def _car_of(work: Repaired, body_id: UUID) -> CarFact | None:
    return next((car for car in work.snap.cars.values() if car.body_id == body_id), None)


def _line_name(work: Repaired, line_id: str) -> Text:
    return work.net.plant.line(line_id).name
