"""The customer's link: signed, good until its order's `link_expires_at`, the same at every call.

A token is base64url of order id (16 bytes), expiry (Unix seconds, 5 bytes) and the first 16 bytes of
HMAC-SHA256 over both, with a key that each installation makes for itself.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from datetime import UTC, datetime
from uuid import UUID

from mes.orders import repository
from mes.orders.model import Order
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Gone, NotFound

_SIGNED = 21
_SIGNATURE = 16


class LinkUnknown(NotFound):
    """This link does not lead to an order; check that it is complete."""

    code = "customer_link.unknown"


class LinkExpired(Gone):
    """This link expired on {expired_on}; ask your dealer for a new one."""

    code = "customer_link.expired"


async def ensure_key(conn: WriteConn) -> None:
    """Make the key of this installation when there is none yet."""
    if await repository.link_key(conn) is None:
        await repository.make_link_key(conn, secrets.token_bytes(32))


async def customer_token(conn: ReadConn, order: Order) -> str:
    """Return the token of an order's customer page."""
    key = await repository.link_key(conn)
    if key is None:
        raise RuntimeError("an order exists, so its installation has a link key")
    return make_token(key, order.id, order.link_expires_at)


async def order_of_token(conn: ReadConn, token: str, *, real_now: datetime) -> Order:
    """Return the order a token leads to.

    Raises:
        LinkUnknown: the token is not ours, or damaged.
        LinkExpired: it was good once.
    """
    key = await repository.link_key(conn)
    read = read_token(key, token) if key is not None else None
    order = await repository.by_id(conn, read[0]) if read is not None else None
    if read is None or order is None:
        raise LinkUnknown
    if real_now >= read[1]:
        raise LinkExpired(expired_on=read[1].date().isoformat())
    return order


def make_token(key: bytes, order_id: UUID, expires_at: datetime) -> str:
    """Sign an order id and an expiry (whole seconds)."""
    signed = order_id.bytes + int(expires_at.timestamp()).to_bytes(5, "big")
    return base64.urlsafe_b64encode(signed + _signature(key, signed)).decode().rstrip("=")


def read_token(key: bytes, token: str) -> tuple[UUID, datetime] | None:
    """Return the order id and the expiry of a token; None when its signature is not ours."""
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", True)
    except (binascii.Error, ValueError):
        return None
    signed, signature = raw[:_SIGNED], raw[_SIGNED:]
    if len(signature) != _SIGNATURE or not hmac.compare_digest(signature, _signature(key, signed)):
        return None
    seconds = int.from_bytes(signed[16:], "big")
    return UUID(bytes=signed[:16]), datetime.fromtimestamp(seconds, UTC)


def _signature(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256")[:_SIGNATURE]
