"""Repairs: what happened since the plan in force was made is laid into it by best insertion, never a solver.

All news since the last repair is taken at once. Only cars that lines have not stored yet move. A repair
that the planner's permit covers is published by itself; a larger one waits on the planner's desk
(`proposals`), and the plan in force stays. Every car that misses its slot is announced with its cause,
then the promises that no longer hold are moved, link by link.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from mes.contracts.events import PlanFailed
from mes.events import service as events
from mes.events.model import Event
from mes.planning import (
    answers,
    bridge,
    news_repository,
    repository,
    snapshots,
    versions,
)
from mes.planning.answers import ACTOR
from mes.planning.bridge import Schedule
from mes.planning.facts import PlantFacts
from mes.planning.model import Plan, PlanKind
from mes.planning.network import PlantNetwork
from mes.planning.news import News, NewsKind
from mes.planning.operations import PlannedOperation
from mes.planning.proposals import desk
from mes.planning.proposals.model import ProposalRefused, occasions_of
from mes.planning.words import Words
from mes.platform.db import WriteConn

log = structlog.get_logger()

_paused: dict[str, datetime] = {}
"""Site → plant time before which no repair is tried again; each process pauses for itself."""
_rested: dict[str, float] = {}
"""Site → reading of the monotonic clock from which routine news is answered again."""

INSERT_AT_ONCE = 20
"""New orders put into the plan by one repair; a day's order book is a solve."""
REFRESH_AFTER = timedelta(minutes=20)
"""Without news the plan's times are laid over the plant again this often, in plant time."""
PAUSE = timedelta(minutes=5)
"""After a repair that the checker refused the next is tried so much later, in plant time."""
ROUTINE = frozenset({NewsKind.ORDER, NewsKind.DONE, NewsKind.UP})
"""News for which nobody waits: an ordered car has its promise already, a line that goes on gives time back."""
REST = 4.0
"""After a repair routine news gathers for so many times what it took: it costs a fifth of one core at most."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A planner's word for a repair, and the event that says so."""

    by: str
    note: str
    event: Event


async def due(conn: WriteConn, *, now: datetime) -> bool:
    """Say whether there is news, or the times of the plan in force have grown old.

    What waits for the planner is no news. Routine news gathers while the last repair's rest lasts.
    """
    head = await versions.find_published(conn)
    if head is None or now < _paused.get(head.site, now):
        return False
    kinds = await news_repository.kinds_of_news(conn)
    if kinds <= ROUTINE and time.monotonic() < _rested.get(head.site, 0.0):
        return False
    if await desk.answered(conn, head.site, now=now):
        return False
    return bool(kinds) or now - head.anchor_at > REFRESH_AFTER


async def repair(
    conn: WriteConn, *, now: datetime, approval: Approval | None = None
) -> Plan | None:
    """Lay all news into the plan in force; return the new version.

    None when there is nothing to do, or when the repair is more than the planner permits: then it waits
    as a proposal. A repair that the checker refuses changes nothing: the plan in force stays, and the news
    with it.

    Args:
        approval: a planner has said yes; whatever it changes is put in force.

    Raises:
        ProposalRefused: the checker refuses what a planner has said yes to.
    """
    net = await versions.network(conn)
    site = net.plant.site.id
    await repository.lock_site(conn, site)
    current = await versions.in_force(conn, site)
    if current is None:
        return None
    began = time.monotonic()
    try:
        return await _lay_news(conn, net, current, now=now, approval=approval)
    finally:
        ended = time.monotonic()
        _rested[site] = ended + REST * (ended - began)


async def _lay_news(
    conn: WriteConn,
    net: PlantNetwork,
    current: versions.InForce,
    *,
    now: datetime,
    approval: Approval | None,
) -> Plan | None:
    site = current.head.site
    news = await news_repository.news(conn)
    await versions.prepare_shifts(conn, net, now=now)
    facts = await snapshots.load_facts(conn, net, now=now)
    in_force = reference = current.as_of(facts.at)
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
        if approval is not None:
            first = answer.violations[0]
            raise ProposalRefused(first=first["reason"], violation=first)
        await _refuse(conn, site, answer.violations, now=now)
        return None
    if approval is None:
        difference, breaches = await desk.weigh(
            conn, site, snap, in_force, answer.schedule, occasions_of(news)
        )
        if breaches:
            await desk.propose(
                conn, current.head, _cause(news), news, difference, breaches, now=now
            )
            return None
        await desk.overtake(conn, site, now=now)
    actor = ACTOR if approval is None else approval.by
    head = versions.new_plan(
        site,
        await repository.next_number(conn, site),
        PlanKind.REPAIR,
        cause=_cause(news),
        base_id=current.head.id,
        anchor_at=facts.at,
        horizon_s=snap.problem.horizon_s,
        actor=actor,
        now=now,
    )
    head = versions.with_answer(head, snap, answer)
    await repository.add_plan(conn, head, problem=None)
    note = head.cause if approval is None else approval.note
    head = head.published(now=now, by=actor, automatic=approval is None, note=note)
    before = {}
    if any(one.kind in (NewsKind.DELAY, NewsKind.SCRAPPED) for one in news):
        before = _rows_before(current, snap, net, now=now)
    rows, published = await versions.put_in_force(
        conn,
        net,
        head,
        snap,
        answer,
        now=now,
        causation=None if approval is None else approval.event,
    )
    work = answers.Repaired(
        net=net,
        words=Words(net.plant.site.time_zone),
        head=head,
        snap=snap,
        before=before,
        after={(row.line, row.subject_id): row for row in rows},
        published=published,
        now=now,
    )
    await answers.answer_news(conn, work, news, rows, base=current.head)
    await _take(conn, news)
    return head


async def _refuse(
    conn: WriteConn, site: str, violations: list[bridge.Broken], *, now: datetime
) -> None:
    """Keep the plan in force, say why, and leave the news to a later repair."""
    log.warning("plan.repair_refused", first=violations[0]["reason"], count=len(violations))
    _paused[site] = now + PAUSE
    await events.record(
        conn,
        PlanFailed(
            site=site, cause="repair", detail=violations[0]["reason"], violation=violations[0]
        ),
        now=now,
        actor=ACTOR,
    )


async def _take(conn: WriteConn, news: Sequence[News]) -> None:
    if news:
        await news_repository.take_news(conn, up_to_seq=max(one.event_seq for one in news))


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
        delay = None if one.hold_id is None else await news_repository.delay(conn, one.hold_id)
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
