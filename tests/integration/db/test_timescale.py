"""Process values in TimescaleDB: moved there with all they are, and every query answers as on plain PostgreSQL."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

import mes
from mes.agents import repository as agents
from mes.contracts.plc import TagNode
from mes.db import migrate, timescale
from mes.db.timescale import PlantInTimescale, Standing
from mes.entrypoints.backup import backup
from mes.equipment import partitions, telemetry, timeseries, views
from mes.equipment.model import Keep
from mes.platform.db import Database, WriteConn
from mes.platform.settings import Settings
from mes.platform.sql import Queries
from tests.support.timescale import is_installed, timescale_server

pytestmark = pytest.mark.skipif(
    not is_installed(), reason="TimescaleDB for tests is not installed: npm ci in tests/interop"
)

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SUMS = ("second", "minute", "hour")
COLUMNS = "values_n, bad_n, mean, low, high"
PLAIN_ONLY = {"partitions.sql"}
BOTH = re.compile(r"\btelemetry(_second|_minute|_hour|_default|_dirty|_gap|_tag)?\b")


async def store(conn: WriteConn, values: list[tuple[datetime, float | None]], tag: int = 1) -> None:
    """What `telemetry.store_telemetry` does, without COPY."""
    rows = [(at, tag, value, 0, at) for at, value in values]
    async with conn.cursor() as cursor:
        await cursor.executemany("INSERT INTO telemetry VALUES (%s, %s, %s, %s, %s)", rows)
    minutes = sorted({at.replace(second=0, microsecond=0) for at, _ in values})
    marks = {"line": "paint", "minutes": minutes}
    await conn.execute(telemetry.queries["mark_minutes"].text, marks)


def a_stretch(start: datetime, count: int = 40, step_s: float = 7.5) -> list[tuple[datetime, Any]]:
    """Values over some minutes; every ninth is no number."""
    return [
        (start + timedelta(seconds=step_s * n), None if n % 9 == 4 else float(n))
        for n in range(count)
    ]


async def summed(conn: WriteConn) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for step in SUMS:
        query = f"SELECT tag_id, {step}, {COLUMNS} FROM telemetry_{step} ORDER BY 1, 2"  # noqa: S608
        found[step] = await (await conn.execute(query.encode())).fetchall()
    return found


async def raw(conn: WriteConn) -> list[tuple[Any, ...]]:
    query = "SELECT time, tag_id, value, status, received_at FROM telemetry ORDER BY tag_id, time"
    return await (await conn.execute(query)).fetchall()


@dataclass
class Moved:
    """A plant that began on plain PostgreSQL and was moved; what it answered before and after."""

    dsn: str
    words: list[tuple[Standing, str]]
    raw: list[list[tuple[Any, ...]]]
    sums: list[dict[str, list[tuple[Any, ...]]]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with timescale_server(tmp_path_factory.mktemp("timescale")) as dsn:
        migrate.upgrade(dsn)
        yield dsn


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Database]:
    """All connections are one session there: what the one before has prepared is forgotten."""
    async with Database(dsn, pool_max=1) as database:
        async with database.write() as conn:
            await conn.execute("DEALLOCATE ALL")
        yield database


async def begin_on_plain_postgresql(dsn: str) -> None:
    async with opened(dsn) as database, database.write() as conn:
        tags = [
            TagNode(tag_id=n, station="oven", name=f"T{n}", node="i=1", unit="°C") for n in (1, 2)
        ]
        await agents.add_tags(conn, "paint", tags)
        await partitions.make_room(conn, now=T0, keep=Keep())
        await store(conn, a_stretch(T0))
        await store(conn, a_stretch(T0 - 40 * DAY), tag=2)
        await partitions.sum_up(conn, before=T0 + DAY)
        await conn.execute("DELETE FROM telemetry WHERE tag_id = 2")  # long past keeping


@pytest.fixture(scope="module")
def moved(server: str) -> Moved:
    found = Moved(server, [], [], [])

    def note() -> None:
        with psycopg.connect(server) as conn:
            found.words.append(timescale.standing(conn))

    async def look() -> None:
        async with opened(server) as database, database.write() as conn:
            found.raw.append(await raw(conn))
            found.sums.append(await summed(conn))

    note()
    asyncio.run(begin_on_plain_postgresql(server))
    asyncio.run(look())
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION timescaledb")
    note()
    assert timescale.adopt(server) is Standing.IN_USE
    assert timescale.adopt(server) is Standing.IN_USE, "once is enough"
    note()
    asyncio.run(look())
    return found


@pytest.fixture
async def there(moved: Moved) -> AsyncIterator[Database]:
    async with opened(moved.dsn) as database:
        yield database


def test_what_plain_postgresql_held_is_there_after_the_move(moved: Moved) -> None:
    assert len(moved.raw[0]) == 40
    assert moved.raw[0] == moved.raw[1]
    assert [len(moved.sums[0][step]) for step in SUMS] == [80, 10, 2]
    assert moved.sums[0] == moved.sums[1], "sums too whose values are past keeping"


def test_the_check_says_which_it_is(moved: Moved) -> None:
    before, ready, used = moved.words
    assert [before[0], ready[0], used[0]] == [
        Standing.NOT_CREATED,
        Standing.READY,
        Standing.IN_USE,
    ]
    assert "CREATE EXTENSION timescaledb" in before[1]
    assert "c2m migrate" in ready[1]
    assert used[1].startswith("TimescaleDB 2.")


async def test_new_and_late_values_are_summed_up_as_on_plain_postgresql(
    there: Database, database: Database
) -> None:
    begin = T0 + timedelta(hours=2)
    answers = []
    for place in (database, there):
        async with place.write() as conn:
            if place is database:
                tag = TagNode(tag_id=1, station="oven", name="T1", node="i=1", unit="°C")
                await agents.add_tags(conn, "paint", [tag])
            await store(conn, a_stretch(begin, step_s=0.3))
            await store(conn, a_stretch(begin + timedelta(minutes=50)))
        assert await timeseries.sum_up(place, before=begin + timedelta(minutes=52)) == 3
        assert await timeseries.sum_up(place, before=begin + timedelta(hours=9)) == 3
        async with place.write() as conn:
            await store(conn, [(begin + timedelta(seconds=4.05), 1000.0), (begin, 1.7e308)])
        assert await timeseries.sum_up(place, before=begin + timedelta(hours=9)) == 1
        assert await timeseries.sum_up(place, before=begin + timedelta(hours=9)) == 0
        async with place.write() as conn:
            window = {"from_at": begin, "to_at": begin + timedelta(hours=2)}
            minutes = await telemetry.trend(conn, "oven", "T1", **window)
            columns = [
                await views.db.fetch_dicts(conn, views.queries[name], {"tags": [1], **window})
                for name in views.STEPS_S.values()
            ]
            newest = await telemetry.last_values(conn, "paint", since_at=begin)
        answers.append((minutes, columns, newest[:1]))
    (minutes, columns, newest), found = answers
    assert len(minutes) == 6
    assert newest
    assert found[0] == minutes
    assert found[1] == columns
    assert found[2] == newest


async def test_a_minute_marked_while_it_is_summed_up_is_summed_up_again(
    there: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = T0 + timedelta(hours=30)
    async with there.write() as conn:
        await store(conn, [(begin, 1.0)])
    refresh = timeseries.timescale._refresh

    async def late(place: Database, aggregate: str, spans: Any) -> None:
        await refresh(place, aggregate, spans)
        if aggregate == "telemetry_hour":
            async with place.write() as conn:
                await store(conn, [(begin + timedelta(seconds=1), 3.0)])

    monkeypatch.setattr(timeseries.timescale, "_refresh", late)
    assert await timeseries.sum_up(there, before=begin + 2 * MINUTE) == 1
    monkeypatch.undo()
    assert await timeseries.sum_up(there, before=begin + 2 * MINUTE) == 1
    async with there.read() as conn:
        (row,) = await telemetry.trend(conn, "oven", "T1", from_at=begin, to_at=begin + MINUTE)
    assert (row.values_n, row.mean) == (2, 2.0)


async def test_values_are_compressed_after_a_plant_day_and_dropped_when_the_settings_say_so(
    there: Database,
) -> None:
    begin = T0 + 100 * DAY
    async with there.write() as conn:
        await store(conn, a_stretch(begin))
    await timeseries.sum_up(there, before=begin + DAY)

    async def compressed() -> list[tuple[Any, ...]]:
        query = """SELECT hypertable_name = 'telemetry', is_compressed FROM timescaledb_information.chunks
                    WHERE range_start <= %s AND range_end > %s ORDER BY 1"""
        async with there.read() as conn:
            return await (await conn.execute(query, (begin, begin))).fetchall()

    async def work(now: datetime, keep: Keep) -> None:
        for _ in range(20):
            async with there.write() as conn:
                assert await timeseries.make_room(conn, now=now, keep=keep) == 0

    async def kept() -> list[int]:
        async with there.write() as conn:
            sums = await summed(conn)
            values = [row for row in await raw(conn) if row[0] >= begin]
            return [len(values), *(sum(row[1] >= begin for row in sums[step]) for step in SUMS)]

    await work(begin + timedelta(hours=20), Keep(raw_days=200, second_days=200))
    assert not any(row[1] for row in await compressed())
    before = await kept()
    assert before == [40, 40, 5, 1]
    await work(begin + timedelta(days=2, hours=6), Keep(raw_days=200, second_days=200))
    assert (True, True) in await compressed()
    assert await kept() == before, "compressed, and all there"
    async with there.write() as conn:
        await store(conn, [(begin + timedelta(seconds=1), 77.0)])
    await timeseries.sum_up(there, before=begin + DAY)
    assert (await kept())[0] == 41, "late values go into what is compressed"
    assert (await kept())[1] == 41
    later = begin + 15 * DAY
    await work(later, Keep())
    assert await kept() == [0, 0, 5, 1], "raw and seconds go after fourteen days"
    await work(later + 60 * DAY, Keep(minute_days=7))
    assert await kept() == [0, 0, 0, 1]
    await work(later + 60 * DAY, Keep(minute_days=7, hour_days=7))
    assert await kept() == [0, 0, 0, 0]


async def test_every_query_of_process_values_is_understood(there: Database) -> None:
    """PREPARE resolves tables, columns and types without running anything."""
    root, understood = Path(mes.__file__).parent, 0
    for file in sorted(root.rglob("*.sql")):
        if "migrations" in file.parts or file.name in {*PLAIN_ONLY, "schema.sql"}:
            continue
        if not file.read_text(encoding="utf-8").lstrip().startswith("--") or "db" in file.parts:
            continue
        for query in Queries(str(file), file.read_text(encoding="utf-8")).values():
            if BOTH.search(query.text) and not query.text.split("*/")[1].lstrip().startswith(
                "CALL"
            ):
                numbers: dict[str, int] = {}
                text = re.sub(
                    r"%\((\w+)\)s",
                    lambda match, n=numbers: f"${n.setdefault(match[1], len(n) + 1)}",  # type: ignore[misc]
                    query.text,
                ).replace("%%", "%")
                async with there.write() as conn:
                    await conn.execute(f"PREPARE understood AS {text}".encode())
                    await conn.execute("DEALLOCATE understood")
                understood += 1
    assert understood > 10


def test_a_backup_of_it_is_left_to_the_server(moved: Moved, tmp_path: Path) -> None:
    with pytest.raises(PlantInTimescale) as refused:
        backup(Settings(data_dir=tmp_path), moved.dsn, tmp_path / "file")
    assert "pg_basebackup" in refused.value.detail
    with pytest.raises(PlantInTimescale), timescale.set_aside(moved.dsn):
        raise AssertionError("nothing is replaced")
