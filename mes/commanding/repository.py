"""What was asked of lines, and what they answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.commanding.model import LineCommand
from mes.contracts.dispatch import CommandKind, ValueChange
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    line: str
    kind: str
    dry_run: bool
    rehearsal_id: UUID | None
    job_order_id: UUID | None
    station: str | None
    body: dict[str, Any]
    actor: str
    reason: str
    asked_at: datetime
    sent_at: datetime
    ok: bool | None
    code: str | None
    changes: list[dict[str, Any]]
    done_at: datetime | None

    def model(self) -> LineCommand:
        facts: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        changes = tuple(ValueChange.model_validate(change) for change in self.changes)
        return LineCommand(**(facts | {"kind": CommandKind(self.kind), "changes": changes}))


async def add(conn: WriteConn, command: LineCommand) -> bool:
    """Write down what is asked; False: the id is known already."""
    facts = {
        "id": command.id,
        "line": command.line,
        "kind": command.kind,
        "dry_run": command.dry_run,
        "rehearsal_id": command.rehearsal_id,
        "job_order_id": command.job_order_id,
        "station": command.station,
        "body": json.dumps(command.body),
        "actor": command.actor,
        "reason": command.reason,
        "asked_at": command.asked_at,
        "sent_at": command.sent_at,
    }
    return await db.execute(conn, queries["add"], facts) == 1


async def one(conn: ReadConn, line: str, command_id: UUID) -> LineCommand | None:
    """Return what was asked of a line."""
    found = await db.fetch_one(conn, queries["one"], {"id": command_id, "line": line}, _Row)
    return found.model() if found else None


async def by_id(conn: ReadConn, command_id: UUID) -> LineCommand | None:
    """Return what was asked, of whatever line."""
    found = await db.fetch_one(conn, queries["by_id"], {"id": command_id}, _Row)
    return found.model() if found else None


async def carried_out(conn: ReadConn, rehearsal_id: UUID) -> LineCommand | None:
    """Return the command that carried a dry run out."""
    found = await db.fetch_one(conn, queries["carried_out"], {"id": rehearsal_id}, _Row)
    return found.model() if found else None


async def newest(conn: ReadConn, line: str, *, dry_runs: bool, limit: int) -> list[LineCommand]:
    """Return the history of a line, the newest first."""
    facts = {"line": line, "dry_runs": dry_runs, "limit": limit}
    return [row.model() for row in await db.fetch_all(conn, queries["newest"], facts, _Row)]


async def finish(
    conn: WriteConn,
    command_id: UUID,
    *,
    ok: bool,
    code: str,
    changes: tuple[ValueChange, ...],
    done_at: datetime,
) -> bool:
    """Note the answer; False: nobody here asked, or it was answered before."""
    facts = {
        "id": command_id,
        "ok": ok,
        "code": code,
        "changes": json.dumps([change.model_dump(mode="json") for change in changes]),
        "done_at": done_at,
    }
    return await db.fetch_value(conn, queries["finish"], facts) is not None
