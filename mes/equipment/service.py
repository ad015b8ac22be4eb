"""Follow what lines report of their stations; announce long stops; say what is known now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mes.contracts.events import EquipmentStateChanged, LineDown, LineUp
from mes.equipment import model, repository
from mes.equipment.model import UNKNOWN, StateChange, Stretch
from mes.equipment.repository import Silence
from mes.events import service as events
from mes.platform.db import ReadConn, WriteConn


@dataclass(frozen=True, slots=True)
class StationNow:
    """What is known of a station now; `unknown` when its line is silent or never spoke of it."""

    line: str
    station: str
    state: str
    reason: str
    since_at: datetime | None
    heard_at: datetime | None


async def record_states(
    conn: WriteConn, changes: Sequence[StateChange], *, heard_at: datetime
) -> list[events.Fact]:
    """Follow state changes in the order in which they happened.

    Returns:
        what is worth an event (stops, their ends, lines as a whole), for the caller to record.
    """
    if not changes:
        return []
    current = await repository.states_for_change(conn, {change.line for change in changes})
    followed = model.follow(current, changes, heard_at=heard_at)
    await repository.save_states(conn, list(followed.current.values()))
    await repository.add_intervals(conn, followed.closed)
    return [
        events.Fact(
            EquipmentStateChanged(
                line=change.line,
                station=change.station or None,
                state=change.state,
                reason=change.reason,
            ),
            at=change.at,
        )
        for change in followed.announced
    ]


async def line_fell_silent(conn: WriteConn, line: str, *, at: datetime) -> None:
    """Nothing is heard of a line: what it does is unknown until it speaks again."""
    await repository.begin_silence(conn, line, at)


async def line_speaks_again(conn: WriteConn, line: str, *, at: datetime) -> None:
    """A line is heard again; what it did meanwhile comes with its records."""
    await repository.end_silence(conn, line, at)


async def watch_stops(conn: WriteConn, *, now: datetime) -> None:
    """Announce lines that are down longer than a short stop, and those that run again.

    A silent line is neither: what is not known is not announced.
    """
    states = await repository.states(conn)
    silent = await repository.open_silences(conn)
    announced = await repository.open_stops(conn)
    for line in sorted({state.line for state in states} - silent.keys()):
        stop = model.stop_of(line, states)
        known = announced.get(line)
        if known is None and stop is not None and model.is_long(stop, now=now):
            event = await events.record(
                conn,
                LineDown(line=line, station=stop.station, since=stop.since_at, reason=stop.reason),
                now=now,
                actor="system",
            )
            await repository.begin_stop(conn, stop, event_id=event.id)
        elif known is not None and stop is None:
            down_s = max((now - known.started_at).total_seconds(), 0.0)
            cause = await events.get(conn, known.event_id)
            await events.record(
                conn, LineUp(line=line, down_s=down_s), now=now, actor="system", causation=cause
            )
            await repository.end_stop(conn, line, now)


async def stations_now(conn: ReadConn) -> list[StationNow]:
    """Return what is known now of every station that ever reported, and of lines as a whole."""
    silent = await repository.open_silences(conn)
    return [
        StationNow(
            line=state.line,
            station=state.station,
            state=UNKNOWN if state.line in silent else state.state,
            reason="" if state.line in silent else state.reason,
            since_at=max(silent[state.line], state.since_at)
            if state.line in silent
            else state.since_at,
            heard_at=state.heard_at,
        )
        for state in await repository.states(conn)
    ]


async def stretches(
    conn: ReadConn, line: str, *, from_at: datetime, to_at: datetime
) -> list[Stretch]:
    """Return the stretches of a line's stations that touch a time; what lasts is cut at `to_at`."""
    closed = await repository.intervals(conn, line, from_at, to_at)
    lasting = [
        Stretch(state.line, state.station, state.state, state.reason, state.since_at, to_at)
        for state in await repository.states(conn)
        if state.line == line and state.since_at < to_at
    ]
    return sorted([*closed, *lasting], key=lambda stretch: (stretch.station, stretch.started_at))


async def silences(
    conn: ReadConn, line: str, *, from_at: datetime, to_at: datetime
) -> list[Silence]:
    """Return when nothing was heard of a line."""
    return await repository.silences(conn, line, from_at, to_at)


async def down_lines(conn: ReadConn) -> dict[str, repository.OpenStop]:
    """Return the lines whose stop was announced and has not ended."""
    return await repository.open_stops(conn)


async def seconds_in_states(
    conn: ReadConn, line: str, *, from_at: datetime, to_at: datetime
) -> dict[str, dict[str, float]]:
    """Return for each station of a line its plant seconds by state; silence counts as unknown."""
    silent = [
        (max(quiet.started_at, from_at), min(quiet.ended_at or to_at, to_at))
        for quiet in await silences(conn, line, from_at=from_at, to_at=to_at)
    ]
    by_station: dict[str, list[Stretch]] = {}
    for stretch in await stretches(conn, line, from_at=from_at, to_at=to_at):
        by_station.setdefault(stretch.station, []).extend(model.outside(stretch, silent))
    return {
        station: model.seconds_by_state(heard, from_at, to_at)
        for station, heard in by_station.items()
    }


async def forget_intervals(conn: WriteConn, *, now: datetime) -> int:
    """Drop stretches that ended longer ago than anybody looks back; return how many."""
    return await repository.forget_intervals(conn, now - model.KEPT)
