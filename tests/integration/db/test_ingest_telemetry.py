"""Telemetry in the database: binary COPY, minutes, partitions."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mes.agents import repository as agents
from mes.contracts.plc import TagNode
from mes.contracts.telemetry import Gap, GapCause
from mes.contracts.wire import TelemetryColumns, to_filetime
from mes.equipment import partitions as plain
from mes.equipment import telemetry, timeseries
from mes.platform.db import Database, WriteConn

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
BAD = 0x808A0000
UNCERTAIN = 0x40930000


def columns(
    values: list[float],
    *,
    start: datetime = T0,
    tag_id: int = 1,
    step_s: float = 10,
    status: int = 0,
) -> TelemetryColumns:
    count = len(values)
    source = to_filetime(start) + (np.arange(count) * step_s * 1e7).astype(np.int64)
    return TelemetryColumns(
        np.full(count, tag_id, np.uint32),
        source,
        source + 5_000_000,
        np.array(values, np.float64),
        np.full(count, status, np.uint32),
    )


async def rows(conn: WriteConn) -> list[tuple[object, ...]]:
    query = "SELECT time, tag_id, value, status, received_at FROM telemetry ORDER BY time, value"
    return list(await (await conn.execute(query)).fetchall())


async def a_tag(conn: WriteConn, tag_id: int = 1) -> None:
    tag = TagNode(tag_id=tag_id, station="oven", name=f"Temp{tag_id}", node="i=1", unit="°C")
    await agents.add_tags(conn, "paint", [tag])


async def test_rows_arrive_as_they_were_sent(conn: WriteConn) -> None:
    assert await telemetry.store_telemetry(conn, "paint", columns([1.5, -2.25])) == 2
    assert await rows(conn) == [
        (T0, 1, 1.5, 0, T0 + timedelta(seconds=0.5)),
        (T0 + timedelta(seconds=10), 1, -2.25, 0, T0 + timedelta(seconds=10.5)),
    ]


async def test_what_is_bad_or_no_number_has_no_value_and_keeps_its_status(conn: WriteConn) -> None:
    mixed = columns([1.0, float("nan"), 3.0, float("nan"), float("inf")])
    mixed.status[1], mixed.status[4] = BAD, UNCERTAIN
    await telemetry.store_telemetry(conn, "paint", mixed)
    assert [(row[2], row[3]) for row in sorted(await rows(conn), key=lambda row: row[0])] == [
        (1.0, 0),
        (None, BAD),
        (3.0, 0),
        (None, 0),
        (None, UNCERTAIN),
    ]


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False), st.sampled_from([0, BAD, UNCERTAIN, 0x480])),
        max_size=40,
    )
)
async def test_every_number_and_status_survives_the_copy(
    database: Database, sent: list[tuple[float, int]]
) -> None:
    packed = columns([value for value, _ in sent])
    packed.status[:] = [status for _, status in sent]
    async with database.write() as conn:
        await telemetry.store_telemetry(conn, "paint", packed)
        found = sorted(await rows(conn), key=lambda row: row[0])  # type: ignore[arg-type,return-value]
        await conn.rollback()
    assert [(row[2], row[3]) for row in found] == [
        (value if status != BAD and math.isfinite(value) else None, status)
        for value, status in sent
    ]


async def test_a_minute_is_summed_up_when_it_is_over_and_again_when_late_values_come(
    conn: WriteConn,
) -> None:
    await a_tag(conn)
    await telemetry.store_telemetry(conn, "paint", columns([10.0, 20.0, float("inf")]))
    assert await plain.sum_up(conn, before=T0 + timedelta(seconds=59)) == 0
    assert await plain.sum_up(conn, before=T0 + timedelta(seconds=60)) == 1

    async def minute() -> tuple[object, ...]:
        (row,) = await telemetry.trend(
            conn, "oven", "Temp1", from_at=T0, to_at=T0 + timedelta(hours=1)
        )
        return (row.values_n, row.bad_n, row.mean, row.low, row.high)

    assert await minute() == (2, 1, 15.0, 10.0, 20.0)
    late = columns([60.0], start=T0 + timedelta(seconds=45))
    await telemetry.store_telemetry(conn, "paint", late)
    assert await plain.sum_up(conn, before=T0 + timedelta(hours=1)) == 1
    assert await minute() == (3, 1, 30.0, 10.0, 60.0)
    assert await plain.sum_up(conn, before=T0 + timedelta(hours=1)) == 0


async def summed(conn: WriteConn, step: str) -> list[tuple[object, ...]]:
    query = f"SELECT {step}, values_n, bad_n, mean, low, high FROM telemetry_{step} ORDER BY {step}"  # noqa: S608
    return list(await (await conn.execute(query.encode())).fetchall())


async def test_values_are_summed_up_by_second_minute_and_hour(conn: WriteConn) -> None:
    """Ten values a second for two seconds; one of them is no number."""
    await a_tag(conn)
    sent = columns([float(n) for n in range(20)], step_s=0.1)
    sent.value[19] = np.nan
    await telemetry.store_telemetry(conn, "paint", sent)
    quiet = columns([4.0], start=T0 + timedelta(minutes=59, seconds=59.5))
    await telemetry.store_telemetry(conn, "paint", quiet)
    await plain.sum_up(conn, before=T0 + timedelta(minutes=1))
    first, last = T0, T0 + timedelta(minutes=59)
    assert await summed(conn, "second") == [
        (first, 10, 0, 4.5, 0.0, 9.0),
        (first + timedelta(seconds=1), 9, 1, 14.0, 10.0, 18.0),
    ]
    assert await summed(conn, "hour") == [(T0, 19, 1, 9.0, 0.0, 18.0)], "the hour so far"
    await plain.sum_up(conn, before=T0 + timedelta(hours=1))
    assert (await summed(conn, "second"))[2:] == [
        (last + timedelta(seconds=59), 1, 0, 4.0, 4.0, 4.0)
    ]
    assert await summed(conn, "minute") == [
        (first, 19, 1, 9.0, 0.0, 18.0),
        (last, 1, 0, 4.0, 4.0, 4.0),
    ]
    assert await summed(conn, "hour") == [(T0, 20, 1, 8.75, 0.0, 18.0)]


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.lists(
        st.tuples(st.integers(0, 7_199_999), st.floats(-1e6, 1e6) | st.just(math.nan)),
        min_size=1,
        max_size=60,
    )
)
async def test_every_step_tells_what_the_raw_values_tell(
    database: Database, sent: list[tuple[int, float]]
) -> None:
    values = columns([value for _, value in sent])
    values.source_ft[:] = [to_filetime(T0) + ms * 10_000 for ms, _ in sent]
    async with database.write() as conn:
        await a_tag(conn)
        for half in (values.part(0, len(sent) // 2), values.part(len(sent) // 2, len(sent))):
            await telemetry.store_telemetry(conn, "paint", half)
            await plain.sum_up(conn, before=T0 + timedelta(hours=3))
        for step in ("second", "minute", "hour"):
            by_hand = f"""
                SELECT date_trunc('{step}', time, 'UTC') AS at, count(value), count(*) - count(value),
                       avg(value), min(value), max(value) FROM telemetry GROUP BY at ORDER BY at"""  # noqa: S608
            expected = await (await conn.execute(by_hand.encode())).fetchall()
            found = await summed(conn, step)
            assert [row[:3] for row in found] == [row[:3] for row in expected]
            for row, other in zip(found, expected, strict=True):
                assert row[4:] == other[4:]
                assert row[3] == (None if other[3] is None else pytest.approx(other[3], abs=1e-6))
        await conn.rollback()


async def test_a_minute_marked_while_it_is_summed_up_is_summed_up_again(
    database: Database,
) -> None:
    async with database.write() as conn:
        await a_tag(conn)
        await telemetry.store_telemetry(conn, "paint", columns([1.0]))
    async with database.write() as late:
        await telemetry.store_telemetry(late, "paint", columns([3.0]))
    async with database.write() as conn:
        assert await plain.sum_up(conn, before=T0 + timedelta(minutes=2)) == 1
    async with database.read() as conn:
        (row,) = await telemetry.trend(conn, "oven", "Temp1", from_at=T0, to_at=T0 + timedelta(1))
    assert row.mean == 2.0


async def test_a_wild_number_is_counted_and_never_stops_the_summing_up(conn: WriteConn) -> None:
    await a_tag(conn)
    wild = [float("nan"), 1.7e308, 20.0, -1.7e308, float("-inf"), 22.0]
    await telemetry.store_telemetry(conn, "paint", columns(wild))
    assert await plain.sum_up(conn, before=T0 + timedelta(minutes=2)) == 1
    (row,) = await telemetry.trend(conn, "oven", "Temp1", from_at=T0, to_at=T0 + timedelta(1))
    assert (row.values_n, row.bad_n, row.mean, row.low, row.high) == (2, 4, 21.0, 20.0, 22.0)


async def test_gaps_are_found_by_the_time_they_touch(conn: WriteConn) -> None:
    gap = Gap(line="paint", from_at=T0, to_at=T0 + timedelta(minutes=5), cause=GapCause.AGENT_DOWN)
    await telemetry.store_gaps(conn, [gap])
    hour = timedelta(hours=1)
    (found,) = await telemetry.gaps(
        conn, "paint", from_at=T0 + timedelta(minutes=4), to_at=T0 + hour
    )
    assert (found.cause, found.tag_ids) == ("agent_down", None)
    assert await telemetry.gaps(conn, "paint", from_at=T0 + hour, to_at=T0 + 2 * hour) == []
    assert await telemetry.gaps(conn, "eol", from_at=T0, to_at=T0 + hour) == []


async def partitions(conn: WriteConn) -> dict[str, int]:
    query = "SELECT tableoid::regclass::text, count(*) FROM telemetry GROUP BY 1"
    return dict(await (await conn.execute(query)).fetchall())


async def test_values_of_a_day_without_a_partition_wait_and_are_moved_when_it_is_made(
    conn: WriteConn,
) -> None:
    await telemetry.store_telemetry(conn, "paint", columns([1.0, 2.0]))
    assert await partitions(conn) == {"telemetry_default": 2}
    assert await timeseries.make_room(conn, now=T0) == 0
    assert await partitions(conn) == {"telemetry_p20260302": 2}
    ahead = columns([3.0], start=T0 + timedelta(days=2))
    await telemetry.store_telemetry(conn, "paint", ahead)
    assert (await partitions(conn))["telemetry_p20260304"] == 1
    assert await timeseries.make_room(conn, now=T0) == 0, "made once"


async def test_values_from_a_day_nobody_expected_raise_an_alarm(conn: WriteConn) -> None:
    far = columns([1.0], start=T0 + timedelta(days=400))
    await telemetry.store_telemetry(conn, "paint", far)
    assert await timeseries.make_room(conn, now=T0) == 1


async def test_raw_values_past_keeping_are_dropped_by_day(conn: WriteConn) -> None:
    await timeseries.make_room(conn, now=T0)
    await telemetry.store_telemetry(conn, "paint", columns([1.0]))
    later = T0 + timedelta(days=timeseries.Keep().raw_days)
    await timeseries.make_room(conn, now=later)
    assert await partitions(conn) == {"telemetry_p20260302": 1}, "the last day that is kept"
    await timeseries.make_room(conn, now=later + timedelta(days=1))
    assert await partitions(conn) == {}


async def test_what_is_summed_up_is_dropped_when_the_settings_say_so(conn: WriteConn) -> None:
    await a_tag(conn)
    await telemetry.store_telemetry(conn, "paint", columns([1.0]))
    await plain.sum_up(conn, before=T0 + timedelta(hours=2))

    async def kept() -> list[int]:
        return [len(await summed(conn, step)) for step in ("second", "minute", "hour")]

    await timeseries.make_room(conn, now=T0)
    later = T0 + timedelta(days=30)
    await timeseries.make_room(conn, now=later, keep=timeseries.Keep(second_days=30))
    assert await kept() == [1, 1, 1]
    await timeseries.make_room(conn, now=later)
    assert await kept() == [0, 1, 1], "seconds go after fourteen days, the others stay"
    await timeseries.make_room(conn, now=later, keep=timeseries.Keep(minute_days=7, hour_days=40))
    assert await kept() == [0, 0, 1]
    await timeseries.make_room(conn, now=later, keep=timeseries.Keep(hour_days=7))
    assert await kept() == [0, 0, 0]


async def test_the_newest_value_of_each_tag_is_found(conn: WriteConn) -> None:
    await a_tag(conn)
    await telemetry.store_telemetry(conn, "paint", columns([1.0, 2.0]))
    (newest,) = await telemetry.last_values(conn, "paint", since_at=T0)
    assert (newest.station, newest.name, newest.value) == ("oven", "Temp1", 2.0)


async def test_an_emptied_batch_stores_nothing(conn: WriteConn) -> None:
    assert await telemetry.store_telemetry(conn, "paint", columns([])) == 0
