"""Orders, their bodies, and what was promised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import scalar_row

from mes.contracts.events import Reason
from mes.orders.model import Order, OrderStage
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import Query, load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """What planning has to know of an order; `body_id` and what follows exist from lock on."""

    id: UUID
    number: str
    body_id: UUID | None
    body_number: str | None
    vin: str | None
    model: str
    color: str
    options: tuple[str, ...]
    requested_at: datetime | None
    promised_at: datetime | None
    priority: int
    stage: OrderStage
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        object.__setattr__(self, "stage", OrderStage(self.stage))


@dataclass(frozen=True, slots=True)
class OrderBody:
    """A body that is or was built for an order."""

    body_id: UUID
    number: str
    order_id: UUID
    predecessor_id: UUID | None
    created_at: datetime
    scrapped_at: datetime | None


@dataclass(frozen=True, slots=True)
class Promise:
    """A date that was promised at `made_at` (plant time), with the reasons it had then."""

    id: UUID
    order_id: UUID
    promised_at: datetime
    confidence: float
    assumed: bool
    reasons: tuple[Reason, ...]
    event_id: UUID
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request with an idempotency key got; no status while it is still running."""

    request_hash: str
    status: int | None
    answer: Any


@dataclass(frozen=True, slots=True)
class _ExternalNumber:
    external_id: str
    number: str


@dataclass(frozen=True, slots=True)
class _StageCount:
    stage: str
    count: int


def _order(**columns: Any) -> Order:
    columns["options"] = tuple(columns["options"])
    columns["stage"] = OrderStage(columns["stage"])
    held = columns["held_stage"]
    columns["held_stage"] = OrderStage(held) if held is not None else None
    return Order(**columns)


async def _fetch_orders(conn: ReadConn, query: Query, params: dict[str, object]) -> list[Order]:
    return [_order(**row) for row in await db.fetch_dicts(conn, query, params)]


async def take(conn: WriteConn, sequence: str, count: int) -> list[int]:
    """Take numbers from `order`, `body` or `vin` numbering; numbers taken are never given again."""
    names = {"order": "take_numbers", "body": "take_body_numbers", "vin": "take_vin_serials"}
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(queries[names[sequence]].text, {"count": count})
        return list(await cursor.fetchall())


async def add(conn: WriteConn, orders: Sequence[Order]) -> set[UUID]:
    """Write new orders; return the ids of those that were new by (channel, external id)."""
    rows = [
        {
            "id": str(order.id),
            "number": order.number,
            "channel": order.channel,
            "external_id": order.external_id,
            "customer": order.customer,
            "language": order.language,
            "model": order.model,
            "color": order.color,
            "options": list(order.options),
            "catalog_version": order.catalog_version,
            "requested_at": order.requested_at.isoformat() if order.requested_at else None,
            "priority": order.priority,
            "stage": order.stage.value,
            "stage_at": order.stage_at.isoformat(),
            "created_at": order.created_at.isoformat(),
            "created_by": order.created_by,
            "link_expires_at": order.link_expires_at.isoformat(),
        }
        for order in orders
    ]
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(queries["add_orders"].text, {"orders": json.dumps(rows)})
        return set(await cursor.fetchall())


async def confirm_new(conn: WriteConn, order_ids: Sequence[UUID], *, at: datetime) -> None:
    await db.execute(conn, queries["confirm_new"], {"ids": list(order_ids), "at": at})


async def numbers_by_external_id(
    conn: ReadConn, channel: str, external_ids: Sequence[str]
) -> dict[str, str]:
    rows = await db.fetch_all(
        conn,
        queries["numbers_by_external_id"],
        {"channel": channel, "external_ids": list(external_ids)},
        _ExternalNumber,
    )
    return {row.external_id: row.number for row in rows}


async def by_id(conn: ReadConn, order_id: UUID) -> Order | None:
    found = await _fetch_orders(conn, queries["by_id"], {"id": order_id})
    return found[0] if found else None


async def by_ids_for_update(conn: WriteConn, order_ids: Sequence[UUID]) -> list[Order]:
    return await _fetch_orders(conn, queries["by_ids_for_update"], {"ids": list(order_ids)})


async def by_number(conn: ReadConn, number: str) -> Order | None:
    found = await _fetch_orders(conn, queries["by_number"], {"number": number})
    return found[0] if found else None


async def by_body(conn: ReadConn, body_id: UUID) -> Order | None:
    found = await _fetch_orders(conn, queries["by_body"], {"body_id": body_id})
    return found[0] if found else None


async def page(
    conn: ReadConn,
    *,
    stage: OrderStage | None,
    model: str | None,
    channel: str | None,
    search: str | None,
    after: str | None,
    limit: int,
) -> list[Order]:
    pattern = None
    if search:
        escaped = search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        pattern = f"%{escaped}%"
    return await _fetch_orders(
        conn,
        queries["page"],
        {
            "stage": stage.value if stage else None,
            "model": model,
            "channel": channel,
            "search": pattern,
            "after": after,
            "limit": limit,
        },
    )


async def open_orders(conn: ReadConn, stages: Sequence[OrderStage]) -> list[OpenOrder]:
    return await db.fetch_all(
        conn, queries["open_orders"], {"stages": [stage.value for stage in stages]}, OpenOrder
    )


async def save(conn: WriteConn, order: Order) -> bool:
    """Write an order that was changed; False when somebody changed it since it was read."""
    rows = await db.execute(
        conn,
        queries["save"],
        {
            "id": order.id,
            "row_version": order.row_version,
            "customer": order.customer,
            "language": order.language,
            "model": order.model,
            "color": order.color,
            "options": list(order.options),
            "catalog_version": order.catalog_version,
            "requested_at": order.requested_at,
            "priority": order.priority,
            "stage": order.stage.value,
            "held_stage": order.held_stage.value if order.held_stage else None,
            "stage_at": order.stage_at,
            "stage_reason": order.stage_reason,
            "locked_at": order.locked_at,
            "vin": order.vin,
            "body_id": order.body_id,
            "body_number": order.body_number,
        },
    )
    return rows == 1


async def add_promise(conn: WriteConn, promise: Promise) -> None:
    """Write a promise into the history and make it the one in force."""
    columns: dict[str, object] = {
        "id": promise.id,
        "order_id": promise.order_id,
        "promised_at": promise.promised_at,
        "confidence": promise.confidence,
        "assumed": promise.assumed,
        "reasons": json.dumps([reason.model_dump(mode="json") for reason in promise.reasons]),
        "event_id": promise.event_id,
        "made_at": promise.made_at,
    }
    await db.execute(conn, queries["add_promise"], columns)
    await db.execute(conn, queries["save_promise"], columns)


async def promises(conn: ReadConn, order_id: UUID) -> list[Promise]:
    rows = await db.fetch_dicts(conn, queries["promises"], {"order_id": order_id})
    for row in rows:
        row["reasons"] = tuple(Reason.model_validate(reason) for reason in row["reasons"])
    return [Promise(**row) for row in rows]


async def add_bodies(conn: WriteConn, bodies: Sequence[OrderBody]) -> None:
    rows = [
        {
            "body_id": str(body.body_id),
            "number": body.number,
            "order_id": str(body.order_id),
            "predecessor_id": str(body.predecessor_id) if body.predecessor_id else None,
            "created_at": body.created_at.isoformat(),
        }
        for body in bodies
    ]
    await db.execute(conn, queries["add_bodies"], {"bodies": json.dumps(rows)})


async def scrap_body(conn: WriteConn, body_id: UUID, *, at: datetime) -> bool:
    return await db.execute(conn, queries["scrap_body"], {"body_id": body_id, "at": at}) == 1


async def bodies(conn: ReadConn, order_id: UUID) -> list[OrderBody]:
    return await db.fetch_all(conn, queries["bodies"], {"order_id": order_id}, OrderBody)


async def body_of_number(conn: ReadConn, number: str) -> OrderBody | None:
    return await db.fetch_one(conn, queries["body_of_number"], {"number": number}, OrderBody)


async def counts_by_stage(conn: ReadConn) -> dict[OrderStage, int]:
    rows = await db.fetch_all(conn, queries["counts_by_stage"], None, _StageCount)
    return {OrderStage(row.stage): row.count for row in rows}


async def start_answer(
    conn: WriteConn, *, client: str, key: str, request_hash: str, now: datetime
) -> bool:
    """Begin a request under a key; False when the key was used before."""
    params = {"client": client, "key": key, "request_hash": request_hash, "now": now}
    return await db.execute(conn, queries["start_answer"], params) == 1


async def answer(conn: ReadConn, *, client: str, key: str) -> Answer | None:
    return await db.fetch_one(conn, queries["answer"], {"client": client, "key": key}, Answer)


async def finish_answer(
    conn: WriteConn, *, client: str, key: str, status: int, answer: object
) -> None:
    params = {"client": client, "key": key, "status": status, "answer": json.dumps(answer)}
    await db.execute(conn, queries["finish_answer"], params)


async def forget_answers(conn: WriteConn, *, before: datetime) -> int:
    return await db.execute(conn, queries["forget_answers"], {"before": before})


async def link_key(conn: ReadConn) -> bytes | None:
    found = await db.fetch_value(conn, queries["link_key"])
    return bytes(found) if found is not None else None


async def make_link_key(conn: WriteConn, key: bytes) -> None:
    await db.execute(conn, queries["make_link_key"], {"key": key})
