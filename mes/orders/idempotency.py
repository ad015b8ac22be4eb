"""The same request twice has one effect and one answer."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mes.orders import repository
from mes.platform.db import WriteConn
from mes.platform.errors import Conflict, Invalid

KEPT_DAYS = 7
"""Real days for which a request may be repeated under its key."""


class IdempotencyKeyMissing(Invalid):
    """A program sends the header Idempotency-Key (1 to 200 characters, new for each order) with every POST."""

    code = "idempotency.key_missing"


class IdempotencyKeyReused(Conflict):
    """Idempotency-Key {key} was used for another request; every request has a key of its own."""

    code = "idempotency.key_reused"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its status and its body; `again` when it was given before."""

    status: int
    body: Any
    again: bool


def request_hash(*parts: bytes) -> str:
    """Return the SHA-256 that tells one request from another."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


async def once(
    conn: WriteConn,
    *,
    client: str,
    key: str,
    request: str,
    now: datetime,
    act: Callable[[], Awaitable[tuple[int, Any]]],
) -> Answered:
    """Run `act` unless this client's key has been used; then give the answer it had.

    A second request that comes while the first still runs waits for it. What fails leaves no trace, so a
    request may be tried again under its key until it succeeds.

    Args:
        request: hash of the request (`request_hash`).
        now: real time.
        act: returns status and body of the answer, JSON data.

    Raises:
        IdempotencyKeyMissing: the key is empty or longer than 200 characters.
        IdempotencyKeyReused: the key was used for another request.
    """
    if not 1 <= len(key) <= 200:
        raise IdempotencyKeyMissing
    if await repository.start_answer(conn, client=client, key=key, request_hash=request, now=now):
        status, body = await act()
        await repository.finish_answer(conn, client=client, key=key, status=status, answer=body)
        return Answered(status, body, again=False)
    before = await repository.answer(conn, client=client, key=key)
    if before is None or before.status is None or before.request_hash != request:
        raise IdempotencyKeyReused(key=key)
    return Answered(before.status, before.answer, again=True)


async def forget(conn: WriteConn, *, before: datetime) -> int:
    """Delete the answers of requests before `before` (real time); return how many."""
    return await repository.forget_answers(conn, before=before)
