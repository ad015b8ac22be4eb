"""The planner's desk: a repair that the permit does not cover waits here, and is settled when one is in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from mes.contracts.events import PlanProposalDecided, PlanProposed
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.events.model import Event
from mes.planning import bridge, news_repository
from mes.planning.model import Plan
from mes.planning.news import News
from mes.planning.proposals import repository
from mes.planning.proposals.model import (
    Breach,
    Difference,
    Occasion,
    Proposal,
    ProposalState,
)
from mes.platform.db import ReadConn, WriteConn

ACTOR = "policy:repair"


async def answered(conn: ReadConn, site: str, *, now: datetime) -> bool:
    """Say whether what has happened waits for the planner already, or was rejected a short while ago."""
    newest = await repository.newest(conn, site)
    if newest is None:
        return False
    return newest.answered(await news_repository.newest_news(conn), now=now)


async def weigh(
    conn: ReadConn,
    site: str,
    snap: bridge.Snapshot,
    before: bridge.Schedule,
    after: bridge.Schedule,
    occasions: Iterable[Occasion],
) -> tuple[Difference, tuple[Breach, ...]]:
    """Return what a plan changes, and what of it the permit of the site does not cover."""
    difference = bridge.weigh(snap, before, after)
    permit = await repository.permit(conn, site)
    return difference, permit.breaches(occasions, difference)


async def propose(
    conn: WriteConn,
    base: Plan,
    cause: str,
    news: Sequence[News],
    difference: Difference,
    breaches: Sequence[Breach],
    *,
    now: datetime,
) -> Proposal:
    """Put a repair on the planner's desk; one that waits already grows by it."""
    newest = await repository.newest(conn, base.site)
    seq = max((one.event_seq for one in news), default=0)
    if newest is not None and newest.state is ProposalState.OPEN:
        grown = newest.renewed(
            cause=cause,
            news_seq=max(seq, newest.news_seq),
            base_id=base.id,
            difference=difference,
            breaches=breaches,
            now=now,
        )
        await repository.save(conn, grown)
        return grown
    proposal_id = uuid7()
    last = None if not news else await events.get(conn, news[-1].event_id)
    event = await events.record(
        conn,
        PlanProposed(
            proposal_id=proposal_id,
            cause=cause,
            cars_moved=difference.cars_moved,
            minutes=difference.minutes,
            promises_later=difference.promises_later,
        ),
        now=now,
        actor=ACTOR,
        causation=last,
    )
    proposal = Proposal(
        id=proposal_id,
        site=base.site,
        state=ProposalState.OPEN,
        cause=cause,
        news_seq=seq,
        base_id=base.id,
        difference=difference,
        breaches=tuple(breaches),
        event_id=event.id,
        made_at=now,
        created_at=now,
    )
    await repository.save(conn, proposal)
    return proposal


async def overtake(conn: WriteConn, site: str, *, now: datetime) -> None:
    """Settle an open proposal because a repair is in force that needs no planner."""
    waiting = await repository.newest(conn, site)
    if waiting is not None and waiting.state is ProposalState.OPEN:
        state = ProposalState.OVERTAKEN
        await settle(conn, waiting.decided(state, now=now, by=ACTOR, note=""), now=now)


async def settle(conn: WriteConn, decided: Proposal, *, now: datetime) -> Event:
    """Save what became of a proposal, and announce it."""
    await repository.save(conn, decided)
    return await events.record(
        conn,
        PlanProposalDecided(proposal_id=decided.id, state=decided.state.value, note=decided.note),
        now=now,
        actor=decided.decided_by or ACTOR,
        causation=await events.get(conn, decided.event_id),
    )
