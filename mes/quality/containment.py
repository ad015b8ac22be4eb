"""A bad panel holds its racks back to the last good check; a nonconformance lists what is contained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from mes.contracts.events import NonconformanceClosed, NonconformanceOpened
from mes.contracts.ids import uuid7
from mes.contracts.quality import Verdict
from mes.events import service as events
from mes.events.model import Event
from mes.execution import service as execution
from mes.inspection import service as inspection
from mes.inspection.model import Inspection
from mes.materials import service as materials
from mes.materials.model import Rack
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict, Invalid, NotFound
from mes.quality import model, repository
from mes.quality.chain import Chain, place
from mes.quality.model import Hold, UnknownHold
from mes.quality.repository import Nonconformance
from mes.resources import service as resources


class UnknownNonconformance(NotFound):
    """There is no nonconformance {nonconformance}."""

    code = "nonconformance.unknown"


class NothingContained(Invalid):
    """A nonconformance needs at least one held body or rack."""

    code = "nonconformance.empty"


class ItemsUndecided(Conflict):
    """Nonconformance {number} cannot be closed: {undecided} of its items are not decided."""

    code = "nonconformance.undecided"


async def hold_racks(
    conn: WriteConn, seen: Inspection, *, now: datetime, actor: str, because: Event
) -> list[Hold]:
    """Hold the rack of a panel that did not pass, and after a NOK every rack since the last good check.

    A rack that is held already stays with its hold.
    """
    if seen.lot is None:
        return []
    plant = await resources.active_plant(conn)
    panel = await _panel_of(conn, seen)
    doubtful = [seen.lot]
    if seen.verdict is Verdict.NOK:
        racks = await materials.racks_from(conn, seen.line, panel)
        doubtful += await _since_last_good(conn, seen, racks)
    work_s = model.standard_work_s(plant, seen.line, seen.defect_kind)
    held: list[Hold] = []
    chain = Chain(conn, because, actor=actor, now=now, order=None)
    for rack in dict.fromkeys(doubtful):
        chain.last = because
        hold = Hold(
            id=uuid7(),
            body_id=None,
            rack=rack,
            order_id=None,
            line=seen.line,
            inspection_id=seen.id,
            cause=seen.verdict.value.lower() if rack == seen.lot else model.IN_DOUBT,
            defect_kind=seen.defect_kind,
            risk=work_s / 60,
            placed_at=now,
            last_event_id=because.id,
        )
        if await repository.add_hold(conn, hold):
            await materials.hold_rack(conn, rack, panel=panel, line=seen.line)
            await place(hold, chain)
            await repository.extend_chain(conn, hold.id, chain.last_id)
            held.append(hold)
    if len(held) > 1:
        kind = seen.defect_kind or model.UNCLASSIFIED
        await open_nonconformance(
            conn,
            [hold.id for hold in held],
            title=f"{panel}: {kind}",
            actor=actor,
            now=now,
            because=because,
        )
    return held


async def _panel_of(conn: ReadConn, seen: Inspection) -> str:
    rack = await materials.find_rack(conn, seen.lot) if seen.lot else None
    if rack is not None:
        return rack.panel
    job = await execution.find_job(conn, seen.job_order_id) if seen.job_order_id else None
    return job.panel if job and job.panel else model.UNCLASSIFIED


async def _since_last_good(conn: ReadConn, seen: Inspection, racks: Sequence[Rack]) -> list[str]:
    lots = {rack.id for rack in racks} | ({seen.lot} if seen.lot else set())
    good_at = await inspection.last_good(conn, lots, before=seen.triggered_at)
    return [rack.id for rack in model.racks_in_doubt(racks, last_good_at=good_at)]


async def open_nonconformance(
    conn: WriteConn,
    hold_ids: Sequence[UUID],
    *,
    title: str,
    actor: str,
    now: datetime,
    because: Event | None = None,
) -> Nonconformance:
    """Open a nonconformance over holds; each of them is an item with its own disposition.

    Raises:
        NothingContained: there are none.
        UnknownHold: one of them does not exist.
    """
    if not hold_ids:
        raise NothingContained
    for hold_id in hold_ids:
        if await repository.hold(conn, hold_id) is None:
            raise UnknownHold(hold=hold_id)
    number = f"NC{await repository.next_number(conn):05d}"
    opened = Nonconformance(uuid7(), number, title, "open", actor, now, None, None, 1)
    await repository.add_nonconformance(conn, opened, list(dict.fromkeys(hold_ids)))
    await events.record(
        conn,
        NonconformanceOpened(
            nonconformance_id=opened.id, number=number, title=title, hold_ids=tuple(hold_ids)
        ),
        now=now,
        actor=actor,
        causation=because,
    )
    return opened


async def close_nonconformance(
    conn: WriteConn, nonconformance_id: UUID, *, actor: str, now: datetime
) -> Nonconformance:
    """Close a nonconformance whose items are all decided; closed already, nothing changes.

    Raises:
        UnknownNonconformance: there is none.
        ItemsUndecided: an item waits for its disposition.
    """
    found = await repository.nonconformance_for_change(conn, nonconformance_id)
    if found is None:
        raise UnknownNonconformance(nonconformance=nonconformance_id)
    if found.state == "closed":
        return found
    undecided = [
        hold for hold in await repository.items(conn, found.id) if hold.disposition is None
    ]
    if undecided:
        raise ItemsUndecided(number=found.number, undecided=len(undecided))
    await repository.close_nonconformance(conn, found.id, closed_by=actor, now=now)
    await events.record(
        conn,
        NonconformanceClosed(nonconformance_id=found.id, number=found.number),
        now=now,
        actor=actor,
    )
    return await get_nonconformance(conn, nonconformance_id)


async def get_nonconformance(conn: ReadConn, nonconformance_id: UUID) -> Nonconformance:
    """Return a nonconformance; raises UnknownNonconformance."""
    found = await repository.nonconformance(conn, nonconformance_id)
    if found is None:
        raise UnknownNonconformance(nonconformance=nonconformance_id)
    return found


async def nonconformances(conn: ReadConn, *, limit: int = 100) -> list[Nonconformance]:
    """Return the newest nonconformances."""
    return await repository.nonconformances(conn, limit=limit)


async def items_of(conn: ReadConn, nonconformance_id: UUID) -> list[Hold]:
    """Return the items of a nonconformance: holds, each with its disposition."""
    return await repository.items(conn, nonconformance_id)
