"""Lock starts and unlock them: who, since when, and in which window of plant time.

A lock is a window on the start of one order in welding, in paint or on the drum, or of one die lot on its press.
It stays from plan version to plan version: solves and repairs get it with the facts, keep it where they can, and
count it where they cannot. A bar that a planner has put in time is locked without an end: it starts not before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from mes.contracts.events import PlanChangeEntered
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.planning import versions
from mes.planning.facts import Parked
from mes.planning.locks import repository
from mes.planning.locks.repository import Lock, Start
from mes.planning.locks.repository import forget_begun as forget_begun
from mes.planning.network import PlantNetwork
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Invalid

ROOM_TAKTS = 5
"""A start that is locked may still move by so many takts of its line: every repair moves times a little."""
ROOM_OF_A_LOT = timedelta(minutes=30)
"""The same for die lots, which take hours."""
MOST_AT_ONCE = 500
"""Starts locked by one wish."""

Window = tuple[datetime, datetime | None]
"""None: without an end, for die lots and in welding."""


class NothingToLock(Invalid):
    """Nothing of this is still to come in the plan in force on a line whose order planners decide."""

    code = "lock.nothing"


class WindowReversed(Invalid):
    """The window ends before it begins."""

    code = "lock.window"


class WindowOpen(Invalid):
    """On the paint line and the assembly line a place is a time: a window there has an end."""

    code = "lock.window_open"


async def locks(conn: ReadConn) -> list[Lock]:
    """Return what is locked, by time."""
    net = await versions.network(conn)
    return await repository.locks(conn, net.plant.site.id)


async def lock_cars(
    conn: WriteConn,
    cars: Collection[str],
    line: str | None,
    window: Window | None,
    *,
    by: str,
    now: datetime,
) -> list[Lock]:
    """Lock the starts of cars.

    Args:
        line: the drum, the paint line or a weld line; None: the drum and the paint line.
        window: between which instants they are to start; None: about when the plan in force has them.

    Raises:
        NothingToLock: none of them is still to come there.
        WindowReversed: the window ends before it begins.
        WindowOpen: it has no end, on a line where a place is a time.
    """
    net = await versions.network(conn)
    lines = list(_paced(net)) if line is None else [one for one in _decided(net) if one == line]
    starts = await repository.starts_of(conn, cars, lines)
    return await _lock(conn, net, starts, window, by=by, now=now)


async def lock_lots(
    conn: WriteConn, lots: Collection[str], window: Window | None, *, by: str, now: datetime
) -> list[Lock]:
    """Lock the starts of die lots on the presses on which the plan in force has them.

    Args:
        window: between which instants they are to start; None: about when the plan in force has them.

    Raises:
        NothingToLock: none of them is still to come.
        WindowReversed: the window ends before it begins.
    """
    net = await versions.network(conn)
    starts = await repository.starts_of_lots(conn, lots)
    return await _lock(conn, net, starts, window, by=by, now=now)


async def park(conn: WriteConn, bars: Sequence[Parked], *, by: str, now: datetime) -> None:
    """Keep where moved bars were put in time, and forget where they were put before.

    A bar whose start is locked keeps its lock.
    """
    net = await versions.network(conn)
    site = net.plant.site.id
    known = await repository.locks(conn, site)
    moved = {one.subject_id: one for one in bars if one.lot_id is not None}
    moved_bodies = {(one.line, one.subject_id) for one in bars}
    own = [x for x in known if x.subject_id in moved or (x.line, x.subject_id) in moved_bodies]
    fixed = {x.subject_id for x in own if x.to_at is not None}
    await repository.drop(conn, site, [x.id for x in own if x.to_at is None])
    made = [
        Lock(
            id=uuid7(),
            line=one.line,
            subject_id=one.subject_id,
            order_id=one.order_id,
            order_number=one.order_number,
            lot_id=one.lot_id,
            panel=one.panel,
            quantity=one.quantity,
            from_at=one.from_at,
            to_at=None,
            locked_by=by,
            locked_at=now,
        )
        for one in bars
        if one.from_at is not None and one.subject_id not in fixed
    ]
    if made:
        made = await repository.save(conn, site, made)
    await _tell(conn, site, made, ended=False, by=by, now=now)


async def lock_window(
    conn: WriteConn, line: str, window: tuple[datetime, datetime], *, by: str, now: datetime
) -> list[Lock]:
    """Lock everything that the plan in force starts on a line in a window, each where it is.

    Raises:
        NothingToLock: nothing starts there then.
        WindowReversed: the window ends before it begins.
    """
    if window[1] < window[0]:
        raise WindowReversed
    net = await versions.network(conn)
    starts: list[Start] = []
    if line in _decided(net):
        starts = await repository.starts_between(conn, line, *window, limit=MOST_AT_ONCE)
    return await _lock(conn, net, starts, None, by=by, now=now)


async def unlock(conn: WriteConn, ids: Collection[UUID], *, by: str, now: datetime) -> list[Lock]:
    """End locks; return what they were, so that they can be set again. Those that are gone are passed over."""
    net = await versions.network(conn)
    site = net.plant.site.id
    ended = await repository.drop(conn, site, ids)
    await _tell(conn, site, ended, ended=True, by=by, now=now)
    return ended


def _paced(net: PlantNetwork) -> tuple[str, str]:
    """Return the lines on which a place in the order is a time."""
    return net.drum_line.id, net.paint_line.id


def _decided(net: PlantNetwork) -> tuple[str, ...]:
    """Return the lines whose order a planner decides: the others follow."""
    unpaced = (*net.weld_lines, *net.press_lines)
    return (*_paced(net), *(line.id for line in unpaced))


async def _lock(
    conn: WriteConn,
    net: PlantNetwork,
    starts: Sequence[Start],
    window: Window | None,
    *,
    by: str,
    now: datetime,
) -> list[Lock]:
    if not starts:
        raise NothingToLock
    if window is not None:
        until = window[1]
        if until is not None and until < window[0]:
            raise WindowReversed
        if until is None and any(one.line in _paced(net) for one in starts):
            raise WindowOpen
    site = net.plant.site.id
    made = await repository.save(conn, site, [_made(net, x, window, by, now) for x in starts])
    await _tell(conn, site, made, ended=False, by=by, now=now)
    return made


def _made(net: PlantNetwork, start: Start, window: Window | None, by: str, now: datetime) -> Lock:
    takt_s = next(line.takt_s for line in net.plant.lines if line.id == start.line)
    room = ROOM_OF_A_LOT if start.lot_id else timedelta(seconds=ROOM_TAKTS * takt_s)
    from_at, to_at = window or (start.start_at - room, start.start_at + room)
    return Lock(
        id=uuid7(),
        line=start.line,
        subject_id=start.subject_id,
        order_id=start.order_id,
        order_number=start.order_number,
        lot_id=start.lot_id,
        panel=start.panel,
        quantity=start.quantity,
        from_at=from_at,
        to_at=to_at,
        locked_by=by,
        locked_at=now,
    )


async def _tell(
    conn: WriteConn, site: str, changed: Sequence[Lock], *, ended: bool, by: str, now: datetime
) -> None:
    """Announce locks: other boards read them again. The plan goes by them from its next version on."""
    if not changed:
        return
    told = [
        {
            "line": one.line,
            **({"lot": one.lot_id} if one.lot_id else {"order": one.order_number}),
            "from_at": one.from_at.isoformat(),
        }
        for one in changed
    ]
    payload = PlanChangeEntered(site=site, change={"kind": "lock", "locks": told}, ended=ended)
    await events.record(conn, payload, now=now, actor=by)
