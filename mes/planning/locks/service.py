"""Lock starts and unlock them: who, since when, and in which window of plant time.

A lock is a window on the start of one order on the drum or in paint. It stays from plan version to plan
version: solves and repairs get it with the facts, keep it where they can, and count it where they cannot.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from mes.contracts.events import PlanChangeEntered
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.planning import versions
from mes.planning.locks import repository
from mes.planning.locks.repository import Lock, Start
from mes.planning.locks.repository import forget_begun as forget_begun
from mes.planning.network import PlantNetwork
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Invalid

ROOM_TAKTS = 5
"""A start that is locked may still move by so many takts of its line: every repair moves times a little."""
MOST_AT_ONCE = 500
"""Starts locked by one wish."""

Window = tuple[datetime, datetime]


class NothingToLock(Invalid):
    """Nothing of this is still to come in the plan in force, on the paint line or the assembly line."""

    code = "lock.nothing"


class WindowReversed(Invalid):
    """The window ends before it begins."""

    code = "lock.window"


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
        line: the drum or the paint line; None: both.
        window: between which instants they are to start; None: about when the plan in force has them.

    Raises:
        NothingToLock: none of them is still to come there.
        WindowReversed: the window ends before it begins.
    """
    net = await versions.network(conn)
    lines = [one for one in _decided(net) if line in (None, one)]
    starts = await repository.starts_of(conn, cars, lines)
    return await _lock(conn, net, starts, window, by=by, now=now)


async def lock_window(
    conn: WriteConn, line: str, window: Window, *, by: str, now: datetime
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


def _decided(net: PlantNetwork) -> tuple[str, str]:
    """Return the lines whose order a planner decides: the others follow."""
    return net.drum_line.id, net.paint_line.id


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
    if window is not None and window[1] < window[0]:
        raise WindowReversed
    site = net.plant.site.id
    made = await repository.save(conn, site, [_made(net, x, window, by, now) for x in starts])
    await _tell(conn, site, made, ended=False, by=by, now=now)
    return made


def _made(net: PlantNetwork, start: Start, window: Window | None, by: str, now: datetime) -> Lock:
    takt_s = net.drum_line.takt_s if start.line == net.drum_line.id else net.paint_line.takt_s
    room = timedelta(seconds=ROOM_TAKTS * takt_s)
    from_at, to_at = window or (start.start_at - room, start.start_at + room)
    return Lock(uuid7(), start.line, start.order_id, start.order_number, from_at, to_at, by, now)


async def _tell(
    conn: WriteConn, site: str, changed: Sequence[Lock], *, ended: bool, by: str, now: datetime
) -> None:
    """Announce locks: other boards read them again. The plan goes by them from its next version on."""
    if not changed:
        return
    told = [
        {"line": one.line, "order": one.order_number, "from_at": one.from_at.isoformat()}
        for one in changed
    ]
    payload = PlanChangeEntered(site=site, change={"kind": "lock", "locks": told}, ended=ended)
    await events.record(conn, payload, now=now, actor=by)
