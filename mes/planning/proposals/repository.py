"""Proposals and the permit of a site."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any
from uuid import UUID

from mes.planning.proposals.model import Breach, Difference, Permit, Proposal, ProposalState
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


async def permit(conn: ReadConn, site: str) -> Permit:
    """Return what a site permits; everything until a planner has said otherwise."""
    found = await db.fetch_one(conn, queries["permit"], {"site": site}, Permit)
    return found or Permit()


async def save_permit(conn: WriteConn, site: str, one: Permit) -> None:
    params = {
        "site": site,
        **one.plain(),
        "entered_by": one.entered_by,
        "entered_at": one.entered_at,
        "row_version": one.row_version,
    }
    await db.execute(conn, queries["save_permit"], params)


async def newest(conn: ReadConn, site: str) -> Proposal | None:
    """Return the proposal that waits, or the last that was settled."""
    rows = await db.fetch_dicts(conn, queries["newest_proposal"], {"site": site})
    return _read(rows[0]) if rows else None


async def proposals(conn: ReadConn, site: str, *, limit: int) -> list[Proposal]:
    rows = await db.fetch_dicts(conn, queries["proposals"], {"site": site, "limit": limit})
    return [_read(row) for row in rows]


async def proposal_for_change(conn: WriteConn, proposal_id: UUID) -> Proposal | None:
    rows = await db.fetch_dicts(conn, queries["proposal_for_change"], {"id": proposal_id})
    return _read(rows[0]) if rows else None


async def save(conn: WriteConn, one: Proposal) -> None:
    params: dict[str, Any] = {
        "id": one.id,
        "site": one.site,
        "state": one.state,
        "cause": one.cause,
        "news_seq": one.news_seq,
        "base_id": one.base_id,
        "difference": json.dumps(one.difference.plain()),
        "breaches": json.dumps([asdict(breach) for breach in one.breaches]),
        "event_id": one.event_id,
        "made_at": one.made_at,
        "created_at": one.created_at,
        "decided_at": one.decided_at,
        "decided_by": one.decided_by,
        "note": one.note,
        "plan_id": one.plan_id,
        "row_version": one.row_version,
    }
    await db.execute(conn, queries["save_proposal"], params)


def _read(row: dict[str, Any]) -> Proposal:
    return Proposal(
        **{
            **row,
            "state": ProposalState(row["state"]),
            "difference": Difference.read(row["difference"]),
            "breaches": tuple(Breach(**one) for one in row["breaches"]),
        }
    )
