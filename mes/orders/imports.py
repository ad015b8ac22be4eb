"""A file of orders: the good rows become orders, each bad one is told with row, field and reason."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mes.contracts.text import Text
from mes.identity import service as identity
from mes.orders import roadef
from mes.orders.csv_file import OrderFileUnreadable, RowProblem, read_order_file
from mes.orders.model import Order
from mes.orders.service import OrderDraft, Refused, place_orders
from mes.platform.db import WriteConn
from mes.resources import service as resources


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file."""

    encoding: str
    separator: str
    accepted: tuple[tuple[int, str], ...]
    """Row and order number."""
    rejected: tuple[RowProblem, ...]


async def import_order_file(
    conn: WriteConn,
    content: bytes,
    *,
    channel: str,
    now: datetime,
    real_now: datetime,
    actor: str,
    only_channel: str | None = None,
) -> ImportReport:
    """Place the orders of a CSV file.

    Args:
        channel: of the rows that name none.
        only_channel: the only channel that whoever sends the file may send for; None: any.

    Raises:
        OrderFileUnreadable: the file as a whole is not a table of orders.
    """
    plant = await resources.active_plant(conn)
    file = await asyncio.to_thread(
        read_order_file, content, channel=channel, time_zone=plant.site.time_zone
    )
    allowed = [(r, draft) for r, draft in file.drafts if only_channel in (None, draft.channel)]
    outcomes = await place_orders(
        conn, [draft for _, draft in allowed], now=now, real_now=real_now, actor=actor
    )
    accepted: list[tuple[int, str]] = []
    rejected = list(file.problems)
    foreign = [(r, draft) for r, draft in file.drafts if only_channel not in (None, draft.channel)]
    rejected += [_foreign(r, draft) for r, draft in foreign]
    for (row, draft), outcome in zip(allowed, outcomes, strict=True):
        if isinstance(outcome, Order):
            accepted.append((row, outcome.number))
        else:
            rejected += _row_problems(row, draft, outcome)
    report = ImportReport(
        file.encoding,
        file.separator,
        tuple(accepted),
        tuple(sorted(rejected, key=lambda problem: problem.row)),
    )
    counts = {"accepted": len(accepted), "rejected_rows": len({one.row for one in rejected})}
    await identity.audit(
        conn, actor, "orders.imported", f"channel:{channel}", None, counts, now=now
    )
    return report


async def import_path(
    conn: WriteConn,
    path: Path,
    *,
    channel: str = "file",
    seed: int = 1,
    now: datetime,
    real_now: datetime,
    actor: str,
) -> ImportReport:
    """Place the orders of a CSV file, or of a ROADEF 2005 instance directory.

    Args:
        seed: draws what a ROADEF day lacks.

    Raises:
        OrderFileUnreadable, BookUnreadable: nothing can be made of it; says where and why.
    """
    if path.is_dir():
        orders = await roadef.import_book(conn, path, seed=seed, now=now, actor=actor)
        rows = tuple((row, order.number) for row, order in enumerate(orders, start=1))
        return ImportReport("utf-8", ";", rows, ())
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise OrderFileUnreadable(why=f"{path}: {error.strerror}.") from error
    return await import_order_file(
        conn, content, channel=channel, now=now, real_now=real_now, actor=actor
    )


def _foreign(row: int, draft: OrderDraft) -> RowProblem:
    reason = Text(
        en="this token does not send orders of that channel", zh="此令牌无权提交该渠道的订单"
    )
    return RowProblem(row, "channel", draft.channel, "channel_forbidden", reason)


def _row_problems(row: int, draft: OrderDraft, refused: Refused) -> list[RowProblem]:
    if refused.duplicate_of is not None:
        number = refused.duplicate_of
        reason = Text(
            en=f"channel {draft.channel} has sent this order before: it is {number}",
            zh=f"渠道 {draft.channel} 已提交过该订单：{number}",
        )
        return [RowProblem(row, "external_id", draft.external_id or "", "duplicate", reason)]
    values = {"model": draft.model, "color": draft.color, "options": " ".join(draft.options)}
    return [
        RowProblem(row, broken.field, values[broken.field], broken.rule, broken.text)
        for broken in refused.broken
    ]
