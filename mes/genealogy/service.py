"""Record what is built in, and what is in a body."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mes.genealogy import repository
from mes.genealogy.model import BuiltIn
from mes.platform.db import ReadConn, WriteConn


async def record(conn: WriteConn, parts: Sequence[BuiltIn]) -> None:
    """Write what was built in; parts recorded before change nothing."""
    if parts:
        await repository.record(conn, parts)


async def parts_of(conn: ReadConn, body_id: UUID) -> list[BuiltIn]:
    """Return everything that is in one body, in the order in which it was built in."""
    return await repository.parts_of(conn, body_id)
