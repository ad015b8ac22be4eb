"""Repairs: what happened since the plan in force was made is laid into it by best insertion, never a solver.

All news since the last repair is taken at once. Only cars that lines have not stored yet move; so the
new version is published by itself. Every car that misses its slot is announced with its cause, then the
promises that no longer hold are moved, link by link.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from mes.contracts.events import MovedCar, PlanFailed, Reason, SlotMissed, SlotRestored
from mes.contracts.text import Text
from mes.events import service as events
from mes.events.model import Event
from mes.planning import bridge, promising, repository, snapshots, versions
from mes.planning.bridge import Schedule
from mes.planning.facts import CarFact, PlantFacts
from mes.planning.model import Plan, PlanKind
from mes.planning.network import PlantNetwork
from mes.planning.news import Delay, DelayState, Downtime, News, NewsKind
from mes.planning.operations import PlannedOperation
from mes.planning.progress import Reached, progress_of
from mes.planning.words import Words
from mes.platform.db import WriteConn

log = structlog.get_logger()

_paused: dict[str, datetime] = {}
"""Site → plant time before which no repair is tried again; each process pauses for itself."""

ACTOR = "policy:repair"
INSERT_AT_ONCE = 20
"""New orders put into the plan by one repair; a day's order book is a solve."""
REFRESH_AFTER = timedelta(minutes=20)
"""Without news the plan's times are laid over the plant again this often, in plant time."""
PAUSE = timedelta(minutes=5)
"""After a repair that the checker refused the next is tried so much later, in plant time."""
MOVED_AT_MOST = 50
"""Other cars named in the event of a missed slot."""


@dataclass(frozen=True, slots=True)
class _Repair:
    """What one repair knows while it works."""

    net: PlantNetwork
    words: Words
    head: Plan
    snap: bridge.Snapshot
    before: dict[tuple[str, UUID], PlannedOperation]
    after: dict[tuple[str, UUID], PlannedOperation]
    published: Event
    now: datetime


async def due(conn: WriteConn, *, now: datetime) -> bool:
    """Say whether there is news, or the times of the plan in force have grown old."""
    head = await versions.find_published(conn)
    if head is None or now < _paused.get(head.site, now):
        return False
    return await repository.has_news(conn) or now - head.anchor_at > REFRESH_AFTER


async def repair(conn: WriteConn, *, now: datetime) -> Plan | None:
    """Lay all news into the plan in force; return the new version, None when there is nothing to do.

    A repair that the checker refuses changes nothing: the plan in force stays, and the news with it.
    """
    net = await versions.network(conn)
    site = net.plant.site.id
    await repository.lock_site(conn, site)
    current = await versions.in_force(conn, site)
    if current is None:
        return None
    news = await repository.news(conn)
    await versions.prepare_shifts(conn, net, now=now)
    facts = await snapshots.load_facts(conn, net, now=now)
    reference = current.as_of(facts.at)
    facts = _some_new_cars(facts, reference)
    if not facts.cars:
        await _take(conn, news)
        return None
    reverted = [one for one in news if one.kind is NewsKind.REVERTED and one.hold_id is not None]
    reference = await _put_back(conn, facts, reference, reverted)
    snap = bridge.snapshot(
        facts,
        net,
        horizon_s=versions.horizon_s(net, len(facts.cars)),
        freeze_s=math.ceil(versions.dispatch_lead_s(net)),
        reference=reference,
    )
    moved = bridge.too_late(snap, reference) | _changed(facts, news)
    answer = await asyncio.to_thread(bridge.follow, snap, reference, moved=moved)
    if answer.violations:
        await _refuse(conn, site, answer.violations, now=now)
        return None
    head = versions.new_plan(
        site,
        await repository.next_number(conn, site),
        PlanKind.REPAIR,
        cause=_cause(news),
        base_id=current.head.id,
        anchor_at=facts.at,
        horizon_s=snap.problem.horizon_s,
        actor=ACTOR,
        now=now,
    )
    head = versions.with_answer(head, snap, answer)
    await repository.add_plan(conn, head, problem=None)
    head = head.published(now=now, by=ACTOR, automatic=True, note=head.cause)
    before = {}
    if any(one.kind in (NewsKind.DELAY, NewsKind.SCRAPPED) for one in news):
        before = _rows_before(current, snap, net, now=now)
    rows, published = await versions.put_in_force(conn, net, head, snap, answer, now=now)
    work = _Repair(
        net=net,
        words=Words(net.plant.site.time_zone),
        head=head,
        snap=snap,
        before=before,
        after={(row.line, row.subject_id): row for row in rows},
        published=published,
        now=now,
    )
    await _answer_news(conn, work, news, rows, base=current.head)
    await _take(conn, news)
    return head


async def _refuse(conn: WriteConn, site: str, violations: list[str], *, now: datetime) -> None:
    """Keep the plan in force, say why, and leave the news to a later repair."""
    log.warning("plan.repair_refused", first=violations[0], count=len(violations))
    _paused[site] = now + PAUSE
    await events.record(
        conn,
        PlanFailed(site=site, cause="repair", detail=violations[0]),
        now=now,
        actor=ACTOR,
    )


async def _take(conn: WriteConn, news: Sequence[News]) -> None:
    if news:
        await repository.take_news(conn, up_to_seq=max(one.event_seq for one in news))


def _some_new_cars(facts: PlantFacts, reference: Schedule) -> PlantFacts:
    """Leave most of a flood of new orders to the next repairs, the urgent ones first."""
    known = {slot.car_id for slot in reference.assembly}
    known |= {one.car_id for one in reference.unplaced}
    new = [car for car in facts.cars if car.car_id not in known and car.place is None]
    if len(new) <= INSERT_AT_ONCE:
        return facts
    new.sort(key=lambda car: (-car.priority, car.due_at or facts.at, car.number))
    later = {car.car_id for car in new[INSERT_AT_ONCE:]}
    return replace(facts, cars=tuple(car for car in facts.cars if car.car_id not in later))


async def _put_back(
    conn: WriteConn, facts: PlantFacts, reference: Schedule, reverted: Sequence[News]
) -> Schedule:
    """Put cars whose delay turned out to be none back behind the cars they followed before it."""
    car_of = {car.body_id: car.car_id for car in facts.cars if car.body_id is not None}
    for one in reverted:
        delay = None if one.hold_id is None else await repository.delay(conn, one.hold_id)
        if delay is None or delay.base_plan_id is None or delay.body_id not in car_of:
            continue
        head = await repository.plan(conn, delay.base_plan_id)
        former = None if head is None else await versions.with_schedule(conn, head)
        if former is not None:
            car_ids = [car_of[delay.body_id]]
            reference = bridge.with_place_of(reference, former.schedule, car_ids)
    return reference


def _changed(facts: PlantFacts, news: Sequence[News]) -> set[str]:
    """Return the cars that were ordered anew in another configuration."""
    changed = {one.order_id for one in news if one.kind is NewsKind.CHANGED}
    return {car.car_id for car in facts.cars if car.order_id in changed and car.body_id is None}


def _cause(news: Sequence[News]) -> str:
    """Return what a repair answers, in a word for each kind of news."""
    kinds = sorted({one.kind.value for one in news})
    return ", ".join(kinds) if kinds else "times"


def _rows_before(
    current: versions.InForce,
    snap: bridge.Snapshot,
    net: PlantNetwork,
    *,
    now: datetime,
) -> dict[tuple[str, UUID], PlannedOperation]:
    """Return what the plan in force says of the cars of this snapshot."""
    seen = replace(snap, anchor=current.head.anchor_at)
    rows = bridge.operations(seen, current.schedule, net, frozen_until=now)
    return {(row.line, row.subject_id): row for row in rows}


# What the news means for slots and promises


async def _answer_news(
    conn: WriteConn,
    work: _Repair,
    news: Sequence[News],
    rows: Sequence[PlannedOperation],
    *,
    base: Plan,
) -> None:
    causes = promising.Causes(work.published)
    pushing: promising.Cause | None = None
    for one in news:
        cause = await _cause_of(conn, work, one, base=base)
        if cause is None:
            continue
        if one.order_id is not None:
            causes.by_order[one.order_id] = cause
        pushing = pushing or _pushing(work, one, cause)
    pushing = pushing or await _down_cause(conn, work)
    causes = replace(causes, pushing=pushing)
    await promising.settle(conn, work.net, work.head, work.snap, rows, causes, now=work.now)
    for one in news:
        if one.kind is NewsKind.REVERTED and one.hold_id is not None:
            await _restore(conn, work, one.hold_id, one, rows)
        elif one.kind is NewsKind.DONE and one.hold_id is not None:
            await repository.drop_moves(conn, one.hold_id)


async def _cause_of(
    conn: WriteConn, work: _Repair, one: News, *, base: Plan
) -> promising.Cause | None:
    if one.kind is NewsKind.DELAY and one.hold_id is not None:
        delay = await repository.delay(conn, one.hold_id)
        if delay is not None and delay.state is not DelayState.ENDED:
            return await _delay_cause(conn, work, delay, base=base)
    if one.kind is NewsKind.SCRAPPED:
        return await _scrap_cause(conn, work, one)
    return None


async def _delay_cause(
    conn: WriteConn, work: _Repair, delay: Delay, *, base: Plan
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
        await repository.save_delay(conn, delay)
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
    await repository.save_delay(conn, replace(delay, missed_event=missed.id))
    link = work.words.missed(_line_name(work, line), old, new, missed.id)
    return promising.Cause((*reasons, link), missed, delay.hold_id)


def _chain(work: _Repair, delay: Delay) -> tuple[Reason, ...]:
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


def _missed_slot(work: _Repair, car: CarFact) -> tuple[str, datetime, datetime] | None:
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


def _moved(work: _Repair, *, except_order: UUID) -> tuple[MovedCar, ...]:
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


async def _scrap_cause(conn: WriteConn, work: _Repair, one: News) -> promising.Cause | None:
    event = await events.get(conn, one.event_id)
    car = next((c for c in work.snap.cars.values() if c.order_id == one.order_id), None)
    if event is None or car is None:
        return None
    payload = event.payload.model_dump()
    former = await _former_number(conn, one)
    successor = str(payload.get("successor_number", car.body_number))
    reasons: list[Reason] = []
    for delay in await repository.delays_of_body_ever(conn, one.body_id):
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


def _pushing(work: _Repair, one: News, cause: promising.Cause) -> promising.Cause | None:
    """Return the cause for cars that another car's move pushes back."""
    car = next((c for c in work.snap.cars.values() if c.order_id == one.order_id), None)
    if car is None:
        return None
    body = car.body_number or car.number
    link = work.words.pushed(body, work.net.drum_line.name, cause.event.id)
    return replace(cause, reasons=(*cause.reasons, link))


async def _down_cause(conn: WriteConn, work: _Repair) -> promising.Cause | None:
    downs: list[Downtime] = await repository.downtimes(conn)
    for down in downs:
        event = await events.get(conn, down.event_id)
        if event is not None:
            name = _line_name(work, down.line)
            link = work.words.line_down(name, max(down.until_at, work.now), event.id)
            return promising.Cause((link,), event)
    return None


async def _restore(
    conn: WriteConn,
    work: _Repair,
    hold_id: UUID,
    one: News,
    rows: Sequence[PlannedOperation],
) -> None:
    """Announce that a body is back in its slot, and give back the promises its delay had moved."""
    delay = await repository.delay(conn, hold_id)
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


def _car_of(work: _Repair, body_id: UUID) -> CarFact | None:
    return next((car for car in work.snap.cars.values() if car.body_id == body_id), None)


def _line_name(work: _Repair, line_id: str) -> Text:
    return work.net.plant.line(line_id).name
