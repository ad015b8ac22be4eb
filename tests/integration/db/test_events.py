"""The event table, its handlers and the plant clock on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from mes.contracts.events import ClockChanged, LineDown, LineUp, Payload
from mes.events import repository, service
from mes.events.handlers import Handler, HandlerContext, HandlerRunner, Handlers
from mes.events.model import BEGINNING, Event
from mes.platform.clock import ServerClock, read_plant_clock, set_speed
from mes.platform.db import Database, WriteConn
from mes.platform.settings import Settings

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DOWN = LineDown(line="paint", station=None, since=NOON, reason="motor")
UP = LineUp(line="paint", down_s=90)


async def record(conn: WriteConn, payload: Payload) -> Event:
    return await service.record(conn, payload, now=NOON, actor="system")


async def runner(database: Database, *handlers: Handler) -> HandlerRunner:
    async with database.read() as conn:
        clock = ServerClock(await read_plant_clock(conn))
    book = Handlers()
    for handler in handlers:
        book.add(handler)
    return HandlerRunner(database, HandlerContext(clock, Settings(), {}), book)


async def test_an_event_is_read_back_as_it_was_recorded(conn: WriteConn) -> None:
    first = await record(conn, DOWN)
    second = await service.record(
        conn, UP, now=NOON, actor="agent:paint", causation=first, correlation=UUID(int=7)
    )
    assert await service.get(conn, second.id) == second
    assert await service.history(conn, "paint") == [first, second]
    assert await service.chain(conn, UUID(int=7)) == [second]
    assert await service.causes(conn, second) == [first, second]


async def test_the_event_table_is_append_only(conn: WriteConn) -> None:
    event = await record(conn, DOWN)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        await conn.execute("DELETE FROM event WHERE seq = %s", (event.seq,))


async def test_an_event_of_an_older_open_transaction_is_not_overtaken(database: Database) -> None:
    async with database.write() as slow:
        await record(slow, DOWN)
        async with database.write() as quick:
            await record(quick, UP)
        async with database.read() as reader:
            assert await repository.after(reader, BEGINNING, limit=10) == []
    async with database.read() as reader:
        seen = await repository.after(reader, BEGINNING, limit=10)
    assert [event.type for event in seen] == ["line.down", "line.up"]


async def test_a_handler_sees_each_of_its_events_once_and_in_order(database: Database) -> None:
    seen: list[int] = []

    async def note(conn: WriteConn, event: Event, context: HandlerContext) -> None:
        seen.append(event.seq)

    async with database.write() as conn:
        events = [await record(conn, payload) for payload in (DOWN, UP, DOWN)]
    handler = Handler("note", frozenset({"line.down"}), note)
    await (await runner(database, handler)).run_until_quiet()
    await (await runner(database, handler)).run_until_quiet()
    assert seen == [events[0].seq, events[2].seq]


async def test_what_shares_a_transaction_with_an_event_that_fails_acts_once_all_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three events wait, the second has no place: the first and the third leave one row each."""

    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr("mes.events.handlers.asyncio.sleep", at_once)

    async def write_down(conn: WriteConn, event: Event, context: HandlerContext) -> None:
        row = "INSERT INTO written (line) SELECT %s WHERE %s <> 'body' RETURNING line"
        written = await conn.execute(row, [event.subject, event.subject])
        if await written.fetchone() is None:
            raise ValueError("no place for it")

    async with database.write() as conn:
        await conn.execute("CREATE TABLE written (line text)")
        for line in ("press", "body", "paint"):
            await record(conn, LineDown(line=line, station=None, since=NOON, reason="motor"))
    handler = Handler("writer", frozenset({"line.down"}), write_down)
    running = await runner(database, handler)
    for _ in range(10):
        await running.run_once()
    async with database.read() as conn:
        rows = await (await conn.execute("SELECT line FROM written")).fetchall()
        failures = await (await conn.execute("SELECT error FROM event_failure")).fetchall()
    assert rows == [("press",), ("paint",)]
    assert failures == [("ValueError: no place for it",)]


async def test_a_handler_that_wants_its_events_alone_gets_a_transaction_for_each(
    database: Database,
) -> None:
    async def note(conn: WriteConn, event: Event, context: HandlerContext) -> None:
        await conn.execute("INSERT INTO written VALUES (pg_current_xact_id()::text)")

    async with database.write() as conn:
        await conn.execute("CREATE TABLE written (xact text)")
        for _ in range(3):
            await record(conn, DOWN)
    types = frozenset({"line.down"})
    both = await runner(
        database, Handler("alone", types, note, alone=True), Handler("together", types, note)
    )
    await both.run_until_quiet()
    async with database.read() as conn:
        counts = "SELECT count(*) FROM written GROUP BY xact ORDER BY 1"
        rows = await (await conn.execute(counts)).fetchall()
    assert rows == [(1,), (1,), (1,), (3,)]


async def test_a_failing_handler_is_retried_then_put_aside_and_stops_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"broken": 0, "fine": 0}

    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr("mes.events.handlers.asyncio.sleep", at_once)

    async def broken(conn: WriteConn, event: Event, context: HandlerContext) -> None:
        calls["broken"] += 1
        await record(conn, ClockChanged(site="x", factor=1))
        raise RuntimeError("no such rack")

    async def fine(conn: WriteConn, event: Event, context: HandlerContext) -> None:
        calls["fine"] += 1

    async with database.write() as conn:
        down = await record(conn, DOWN)
    running = await runner(
        database,
        Handler("broken", frozenset({"line.down"}), broken),
        Handler("fine", frozenset({"line.down"}), fine),
    )
    for _ in range(10):
        await running.run_once()
    assert calls == {"broken": 5, "fine": 1}
    async with database.read() as reader:
        (failure,) = await repository.failures(reader, limit=10)
        assert await service.history(reader, "x") == []
    assert (failure.handler, failure.event_seq) == ("broken", down.seq)
    assert "no such rack" in failure.error


async def test_a_new_handler_in_an_old_plant_starts_with_what_comes(database: Database) -> None:
    seen: list[str] = []

    async def note(conn: WriteConn, event: Event, context: HandlerContext) -> None:
        seen.append(event.type)

    old = Handler("old", frozenset({"line.down"}), note)
    async with database.write() as conn:
        await record(conn, DOWN)
    await (await runner(database, old)).run_until_quiet()
    seen.clear()
    both = await runner(database, old, Handler("new", frozenset({"line.down", "line.up"}), note))
    await both.run_until_quiet()
    assert seen == []
    async with database.write() as conn:
        await record(conn, UP)
    await both.run_until_quiet()
    assert seen == ["line.up"]


async def test_the_plant_clock_never_jumps_back_when_its_speed_changes(conn: WriteConn) -> None:
    started = await set_speed(conn, 60, plant_at=NOON)
    assert started.segments[0].plant_at == NOON
    stopped = await set_speed(conn, 0)
    assert stopped.factor == 0
    at = datetime.now(UTC)
    assert stopped.at(at) >= NOON
    resumed = await set_speed(conn, 1, plant_at=NOON)
    assert resumed.segments[-1].plant_at >= stopped.segments[-1].plant_at


async def test_a_restored_event_table_keeps_its_order_and_every_readers_place(
    database: Database,
) -> None:
    seen: list[str] = []

    async def note(conn: WriteConn, event: Event, context: HandlerContext) -> None:
        seen.append(event.type)

    handler = Handler("note", frozenset({"line.down", "line.up"}), note)
    async with database.write() as conn:
        await record(conn, DOWN)
    await (await runner(database, handler)).run_until_quiet()
    async with database.write() as conn:
        await record(conn, UP)
        await conn.execute("ALTER TABLE event DISABLE TRIGGER event_append_only")
        await conn.execute("UPDATE event SET xid = (xid::text::bigint + 1000000)::text::xid8")
        await conn.execute(
            "UPDATE event_cursor SET xid = (xid::text::bigint + 1000000)::text::xid8"
        )
    async with database.write() as conn:
        await service.rebase(conn)
    async with database.write() as conn:
        await record(conn, DOWN)
    await (await runner(database, handler)).run_until_quiet()
    assert seen == ["line.down", "line.up", "line.down"]
