"""The as-built record of a body: its way, its operations, what is in it, how it was judged."""

from __future__ import annotations

from dataclasses import dataclass

from mes.execution import calls_repository, repository
from mes.execution.calls_repository import OperatorReport
from mes.execution.model import Body, LineJob
from mes.execution.repository import OperationRow
from mes.genealogy import service as genealogy
from mes.genealogy.model import BuiltIn
from mes.inspection import service as inspection
from mes.inspection.model import Inspection
from mes.platform.db import ReadConn


@dataclass(frozen=True, slots=True)
class AsBuilt:
    """Everything that is known of one body, each part in the order in which it happened."""

    body: Body
    jobs: list[LineJob]
    operations: list[OperationRow]
    parts: list[BuiltIn]
    inspections: list[Inspection]
    reports: list[OperatorReport]


async def body_history(conn: ReadConn, body: Body) -> AsBuilt:
    """Return the as-built record of a body."""
    return AsBuilt(
        body=body,
        jobs=await repository.jobs_of_body(conn, body.id),
        operations=await repository.operations_of_body(conn, body.id),
        parts=await genealogy.parts_of(conn, body.id),
        inspections=await inspection.of_body(conn, body.id),
        reports=await calls_repository.reports_of_body(conn, body.id),
    )
