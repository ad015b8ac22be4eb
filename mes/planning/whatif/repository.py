"""Branches and the snapshots they share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import zstandard
from pydantic import TypeAdapter

from mes.planning.facts import PlantFacts
from mes.planning.whatif.model import Branch
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)
_FACTS = TypeAdapter(PlantFacts)


@dataclass(frozen=True, slots=True)
class _Row:
    hash: str
    site: str
    at: datetime
    facts: bytes
    reference: bytes | None
    starts: dict[str, str]
    finishes: dict[str, str]


@dataclass(frozen=True, slots=True)
class BranchPoint:
    """The plant when a branch was made of it, and what the plan in force said then."""

    facts: PlantFacts
    reference: bytes | None
    """The schedule in force, its seconds counted from the facts' own moment."""
    starts: dict[str, datetime]
    """Car → start on the drum."""
    finishes: dict[str, datetime]
    """Car → projected finish."""


async def add_point(conn: WriteConn, site: str, point: BranchPoint) -> str:
    """Keep a branch point; the same plant is kept once. Returns its hash."""
    text = _FACTS.dump_json(point.facts)
    name = hashlib.sha256(text + (point.reference or b"")).hexdigest()
    params = {
        "hash": name,
        "site": site,
        "at": point.facts.at,
        "facts": zstandard.compress(text, 3),
        "reference": point.reference,
        "starts": _times(point.starts),
        "finishes": _times(point.finishes),
    }
    await db.execute(conn, queries["add_snapshot"], params)
    return name


def _times(times: dict[str, datetime]) -> str:
    return json.dumps({car: at.isoformat() for car, at in times.items()})


async def point(conn: ReadConn, name: str) -> BranchPoint:
    row = await db.fetch_one(conn, queries["snapshot"], {"hash": name}, _Row)
    if row is None:
        raise LookupError(name)
    return BranchPoint(
        facts=_FACTS.validate_json(zstandard.decompress(row.facts)),
        reference=row.reference,
        starts={car: datetime.fromisoformat(at) for car, at in row.starts.items()},
        finishes={car: datetime.fromisoformat(at) for car, at in row.finishes.items()},
    )


async def add_branch(conn: WriteConn, branch: Branch) -> None:
    await db.execute(
        conn,
        queries["add_branch"],
        {
            "id": branch.id,
            "site": branch.site,
            "name": branch.name,
            "snapshot": branch.snapshot,
            "base_id": branch.base_id,
            "created_by": branch.created_by,
            "created_at": branch.created_at,
        },
    )


async def branch(conn: ReadConn, branch_id: UUID) -> Branch | None:
    return await db.fetch_one(conn, queries["branch"], {"id": branch_id}, Branch)


async def branch_for_change(conn: WriteConn, branch_id: UUID) -> Branch | None:
    return await db.fetch_one(conn, queries["branch_for_change"], {"id": branch_id}, Branch)


async def branches(conn: ReadConn, site: str, *, limit: int) -> list[Branch]:
    return await db.fetch_all(conn, queries["branches"], {"site": site, "limit": limit}, Branch)


async def save_branch(conn: WriteConn, branch: Branch) -> None:
    await db.execute(
        conn,
        queries["save_branch"],
        {
            "id": branch.id,
            "state": branch.state,
            "changes": json.dumps(branch.changes),
            "kpis": _json(branch.kpis),
            "unplaced": json.dumps(branch.unplaced),
            "violations": _json(branch.violations),
            "outcome": _json(branch.outcome),
            "failure": branch.failure,
            "solved_s": branch.solved_s,
            "plan_id": branch.plan_id,
            "row_version": branch.row_version,
        },
    )


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


@dataclass(frozen=True, slots=True)
class BranchContent:
    """The problem and the schedule of a solved branch."""

    problem: bytes | None
    schedule: bytes | None


async def content(conn: ReadConn, branch_id: UUID) -> BranchContent:
    found = await db.fetch_one(conn, queries["branch_content"], {"id": branch_id}, BranchContent)
    return found or BranchContent(None, None)


async def save_content(
    conn: WriteConn, branch_id: UUID, *, problem: bytes, schedule: bytes
) -> None:
    params = {"id": branch_id, "problem": problem, "schedule": schedule}
    await db.execute(conn, queries["save_content"], params)


async def forget(conn: WriteConn, *, before: datetime) -> None:
    """Drop what nobody has published, and the snapshots that no branch needs any more."""
    await db.execute(conn, queries["forget_branches"], {"before": before})
    await db.execute(conn, queries["forget_snapshots"], {"before": before})
