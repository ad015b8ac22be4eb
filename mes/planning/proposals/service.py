"""Proposals as a planner sees and settles them, and the permit that decides what needs none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from mes.identity import service as identity
from mes.planning import news_repository, repairs, versions
from mes.planning import repository as plans
from mes.planning.model import Plan
from mes.planning.proposals import desk, repository
from mes.planning.proposals.model import (
    Occasion,
    Permit,
    Proposal,
    ProposalChanged,
    ProposalRefused,
    ProposalState,
    UnknownProposal,
)
from mes.platform.db import ReadConn, WriteConn


async def waiting(conn: ReadConn) -> Proposal | None:
    """Return the proposal that waits for a planner, if one does."""
    newest = await repository.newest(conn, await site_of(conn))
    return newest if newest is not None and newest.state is ProposalState.OPEN else None


async def newest(conn: ReadConn, *, limit: int = 50) -> list[Proposal]:
    """Return the newest proposals, newest first."""
    return await repository.proposals(conn, await site_of(conn), limit=limit)


async def site_of(conn: ReadConn) -> str:
    """Return the site that is planned."""
    return (await versions.network(conn)).plant.site.id


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a planner says of a proposal that was seen at a version."""

    row_version: int
    by: str
    note: str


async def accept(conn: WriteConn, proposal_id: UUID, verdict: Verdict, *, now: datetime) -> Plan:
    """Put a proposal in force, laid over the plant as it is now.

    Raises:
        UnknownProposal, ProposalClosed
        ProposalChanged: more has happened than the planner saw.
        ProposalRefused: the checker finds broken rules in what would come of it.
    """
    found = await _for_verdict(conn, proposal_id, verdict)
    newest_seq = await news_repository.newest_news(conn)
    if newest_seq is not None and newest_seq > found.news_seq:
        raise ProposalChanged(seen=verdict.row_version, current=found.row_version)
    accepted = found.decided(ProposalState.ACCEPTED, now=now, by=verdict.by, note=verdict.note)
    decided = await desk.settle(conn, accepted, now=now)
    approval = repairs.Approval(by=verdict.by, note=verdict.note, event=decided)
    plan = await repairs.repair(conn, now=now, approval=approval)
    if plan is None:
        raise ProposalRefused(first="there is no plan in force, or no car to plan")
    await repository.save(conn, replace(accepted, plan_id=plan.id))
    return plan


async def reject(
    conn: WriteConn, proposal_id: UUID, verdict: Verdict, *, now: datetime
) -> Proposal:
    """Leave the plan in force as it is; what the proposal answered is not proposed again by itself.

    Raises:
        UnknownProposal, ProposalClosed, ProposalChanged
    """
    found = await _for_verdict(conn, proposal_id, verdict)
    rejected = found.decided(ProposalState.REJECTED, now=now, by=verdict.by, note=verdict.note)
    await desk.settle(conn, rejected, now=now)
    await news_repository.take_news(conn, up_to_seq=found.news_seq)
    return rejected


async def _for_verdict(conn: WriteConn, proposal_id: UUID, verdict: Verdict) -> Proposal:
    await plans.lock_site(conn, await site_of(conn))
    found = await repository.proposal_for_change(conn, proposal_id)
    if found is None:
        raise UnknownProposal(proposal=proposal_id)
    return found.seen_as(verdict.row_version)


# What needs no planner


async def permit(conn: ReadConn) -> Permit:
    """Return what happens without a planner; everything until one has said otherwise."""
    return await repository.permit(conn, await site_of(conn))


async def set_permit(
    conn: WriteConn,
    *,
    occasions: Sequence[Occasion],
    max_cars_moved: int | None,
    max_minutes: int | None,
    max_promises: int | None,
    max_locks: int | None = None,
    row_version: int,
    now: datetime,
    actor: str,
) -> Permit:
    """Say what happens without a planner from now on; what waits is weighed again.

    Raises:
        PermitChanged: somebody else said so meanwhile.
    """
    site = await site_of(conn)
    await plans.lock_site(conn, site)
    former = (await repository.permit(conn, site)).seen_as(row_version)
    wanted = Permit(
        occasions=tuple(one for one in Occasion if one in occasions),
        max_cars_moved=max_cars_moved,
        max_minutes=max_minutes,
        max_promises=max_promises,
        max_locks=max_locks,
        entered_by=actor,
        entered_at=now,
        row_version=former.row_version + 1,
    )
    await repository.save_permit(conn, site, wanted)
    await desk.overtake(conn, site, now=now)
    await identity.audit(
        conn, actor, "plan.permit_set", f"site:{site}", former.plain(), wanted.plain(), now=now
    )
    return wanted
