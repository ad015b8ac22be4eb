"""From values to rows and gaps: every value once, every hole said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from edge.gap_rows import GAPS_BY_TAG
from edge.journal import Journal
from edge.opcua.items import Items, Telemetry
from edge.opcua.publication import decode_by_asyncua
from edge.opcua.wanted import Sink, Wanted
from edge.repair import MOST_REPAIRS, from_text, to_text
from edge.telemetry import (
    BATCH_ROWS,
    LAST_TIMES,
    NEW_BATCHES,
    WORTH_A_COMMIT,
    Collector,
)
from mes.contracts.telemetry import Gap, GapCause
from mes.contracts.wire import (
    Stream,
    TelemetryColumns,
    decode,
    from_filetime,
    from_lines,
    to_filetime,
)

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def a_value(
    tag_id: int,
    seconds: float,
    value: object = 1.5,
    *,
    first: bool = False,
    status: int = 0,
    overflow: bool = False,
) -> Telemetry:
    """One value as a notification brings it."""
    data = ua.DataValue(
        Value=ua.Variant(value), StatusCode=ua.StatusCode(status), SourceTimestamp=at(seconds)
    )
    item = ua.MonitoredItemNotification(1, data)
    body = struct_to_binary(ua.DataChangeNotification(MonitoredItems=[item]))
    items = Items()
    items.add(Wanted(f"i={tag_id}", 250, Sink.TELEMETRY, f"oven.T{tag_id}", tag_id))
    values = items.sort(decode_by_asyncua(body)).telemetry
    assert values is not None
    return replace(values, first=np.array([first]), overflow=np.array([overflow]))


def together(*values: Telemetry) -> Telemetry:
    """Several values in one notification."""
    columns = (np.concatenate([getattr(v, n) for v in values]) for n in Telemetry.__slots__)
    return Telemetry(*columns)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal(tmp_path / "journal")
    opened.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    writing = asyncio.create_task(opened.write_forever())
    yield opened
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    opened.close()


def a_collector(journal: Journal) -> Collector:
    names = {1: "oven.T1", 2: "oven.T2"}
    collector = Collector(journal, "paint", linger_s=0.01, names=names)
    collector.resume()
    return collector


async def rows(journal: Journal) -> TelemetryColumns:
    batch = decode((await journal.wait_for(Stream.TELEMETRY)).frame)
    return TelemetryColumns.from_payload(batch.payload, batch.count)


async def gaps(journal: Journal) -> list[Gap]:
    frames = await journal.read(
        lambda db: db.execute("SELECT frame FROM batch WHERE stream = 4").fetchall()
    )
    return [
        Gap.model_validate_json(line) for (frame,) in frames for line in from_lines(decode(frame))
    ]


async def test_a_server_that_has_measured_nothing_yet_gives_no_row(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, 5, None, first=True, status=0x80320000), plant_now=at(5))
    collector.take(a_value(1, 9, 2.5), plant_now=at(9))
    await collector.flush()
    kept = await rows(journal)
    assert [from_filetime(int(ft)) for ft in kept.source_ft] == [at(9)]


async def test_a_restarted_line_that_shows_an_older_value_gives_no_row(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, 9, 2.5), plant_now=at(9))
    collector.take(a_value(1, 7, 2.4, first=True), plant_now=at(30))
    collector.take(a_value(1, 31, 2.6), plant_now=at(31))
    await collector.flush()
    kept = await rows(journal)
    assert [from_filetime(int(ft)) for ft in kept.source_ft] == [at(9), at(31)]


async def test_values_are_kept_with_both_times_and_the_raw_status(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, 0, 2.5), plant_now=at(1))
    collector.take(a_value(2, 1, 7, status=0x40930000), plant_now=at(1))
    await collector.flush()
    kept = await rows(journal)
    assert kept.tag_id.tolist() == [1, 2]
    assert kept.value.tolist() == [2.5, 7.0]
    assert kept.status.tolist() == [0, 0x40930000]
    assert [from_filetime(int(ft)) for ft in kept.source_ft] == [at(0), at(1)]


async def test_a_bad_value_has_no_number_but_its_status(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, 0, 2.5, status=0x808A0000), plant_now=at(0))
    await collector.flush()
    kept = await rows(journal)
    assert np.isnan(kept.value[0])
    assert kept.status[0] == 0x808A0000


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "warm", True])
async def test_what_is_no_number_is_named_once_and_forgotten_when_it_recovers(
    journal: Journal, value: object
) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, 0, value), plant_now=at(0))
    collector.take(a_value(2, 0, 3.0), plant_now=at(0))
    await collector.flush()
    assert len(await rows(journal)) == 2, "the others go on"
    if value is not True:
        assert collector.not_numbers == {"oven.T1"}
    collector.take(a_value(1, 1, 20.0), plant_now=at(1))
    assert collector.not_numbers == set()


async def test_the_current_value_sent_again_by_a_new_subscription_is_not_kept_twice(
    journal: Journal,
) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, 0), plant_now=at(0))
    collector.take(a_value(1, 0, first=True), plant_now=at(5))
    assert collector.values == 1


async def test_after_a_restart_the_time_without_an_agent_is_a_gap(journal: Journal) -> None:
    before = a_collector(journal)
    before.take(a_value(1, 10), plant_now=at(10))
    await before.flush()
    after = a_collector(journal)
    after.take(a_value(1, 300, first=True), plant_now=at(310))
    after.take(a_value(1, 312), plant_now=at(312))
    await after.flush()
    (gap,) = await gaps(journal)
    assert gap.cause is GapCause.AGENT_DOWN
    assert (gap.from_at, gap.to_at, gap.tag_ids) == (at(10), at(310), None)


async def test_a_lost_link_is_one_gap_whatever_failed_in_it(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, 0), plant_now=at(0))
    collector.interrupted(GapCause.DATA_SILENT, "no data for 5 s")
    collector.interrupted(GapCause.LINK_LOST, "refused")
    collector.take(a_value(1, 30, first=True), plant_now=at(31))
    await collector.flush()
    (gap,) = await gaps(journal)
    assert gap.cause is GapCause.DATA_SILENT
    assert (gap.from_at, gap.to_at) == (at(0), at(31))


async def test_a_gap_begins_as_much_earlier_as_values_were_seen_out_of_order(
    journal: Journal,
) -> None:
    """What is lost may be older than the newest that was kept: a server tells one tag after the other."""
    collector = a_collector(journal)
    collector.take(a_value(1, 10), plant_now=at(10))
    collector.take(a_value(2, 7), plant_now=at(10))
    collector.take(a_value(1, 20), plant_now=at(20))
    await collector.flush()
    again = a_collector(journal)
    again.take(a_value(1, 30, first=True), plant_now=at(31))
    again.interrupted(GapCause.LINK_LOST)
    again.any_order_s = lambda: 5.0
    again.take(a_value(1, 40, first=True), plant_now=at(41))
    await again.flush()
    assert [gap.from_at for gap in await gaps(journal)] == [at(17), at(25)]


async def test_an_agent_that_never_had_a_value_has_no_gap(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.interrupted(GapCause.LINK_LOST)
    collector.take(a_value(1, 5, first=True), plant_now=at(5))
    await collector.flush()
    assert await gaps(journal) == []


async def test_an_overflow_at_the_server_is_a_gap_of_that_tag(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, 0), plant_now=at(0))
    collector.take(a_value(1, 9, overflow=True), plant_now=at(9))
    await collector.flush()
    (gap,) = await gaps(journal)
    assert (gap.cause, gap.tag_ids) == (GapCause.QUEUE_OVERFLOW, (1,))
    assert (gap.from_at, gap.to_at) == (at(0), at(9))


async def test_a_notification_is_acknowledged_only_when_it_is_on_disk(journal: Journal) -> None:
    collector = a_collector(journal)
    acknowledged: list[bool] = []
    collector.take(a_value(1, 0), plant_now=at(0))
    collector.when_kept(lambda: acknowledged.append(True))
    assert not acknowledged
    await collector.flush()
    assert acknowledged
    assert len(await rows(journal)) == 1


async def test_a_clock_that_is_off_is_measured_and_never_a_reason_to_refuse(
    journal: Journal,
) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, -600), plant_now=at(0))
    await collector.flush()
    assert collector.source_ahead_ms == -600_000
    assert len(await rows(journal)) == 1


async def test_several_values_of_a_tag_in_one_notification_are_all_kept(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.take(
        together(a_value(1, 0), a_value(2, 0), a_value(1, 1), a_value(1, 2)), plant_now=at(2)
    )
    collector.take(a_value(1, 2, first=True), plant_now=at(3))
    await collector.flush()
    kept = await rows(journal)
    assert kept.tag_id.tolist() == [1, 2, 1, 1]


async def test_an_overflow_between_two_values_of_a_notification_lies_between_them(
    journal: Journal,
) -> None:
    collector = a_collector(journal)
    collector.take(
        together(a_value(1, 0), a_value(2, 0), a_value(1, 5, overflow=True)), plant_now=at(5)
    )
    await collector.flush()
    (gap,) = await gaps(journal)
    assert (gap.tag_ids, gap.from_at, gap.to_at) == ((1,), at(0), at(5))


async def test_a_storm_of_overflows_is_one_gap_row_that_names_every_tag(journal: Journal) -> None:
    collector = a_collector(journal)
    tags = range(1, GAPS_BY_TAG + 2)
    collector.take(together(*(a_value(tag, tag) for tag in tags)), plant_now=at(50))
    collector.take(
        together(*(a_value(tag, 50 + tag, overflow=True) for tag in tags)), plant_now=at(99)
    )
    await collector.flush()
    (gap,) = await gaps(journal)
    assert gap.tag_ids == tuple(tags)
    assert (gap.from_at, gap.to_at) == (at(1), at(50 + len(tags)))


async def test_a_value_that_is_odd_and_then_good_again_is_not_named_any_more(
    journal: Journal,
) -> None:
    collector = a_collector(journal)
    collector.take(a_value(1, 0, "warm"), plant_now=at(0))
    assert collector.not_numbers == {"oven.T1"}
    collector.take(together(a_value(1, 1, float("nan")), a_value(1, 2, 20.0)), plant_now=at(2))
    assert collector.not_numbers == set()


async def test_last_times_that_an_earlier_agent_wrote_are_understood(journal: Journal) -> None:
    earlier = json.dumps({"1": to_filetime(at(9)), "2": to_filetime(at(5))})
    await journal.record(facts={LAST_TIMES: earlier})
    collector = a_collector(journal)
    collector.take(a_value(1, 9, first=True), plant_now=at(20))
    collector.take(a_value(2, 6, first=True), plant_now=at(20))
    await collector.flush()
    assert (await rows(journal)).tag_id.tolist() == [2]
    (gap,) = await gaps(journal)
    assert (gap.cause, gap.from_at) == (GapCause.AGENT_DOWN, at(9))


async def test_a_value_without_a_source_time_has_the_time_of_the_server(journal: Journal) -> None:
    collector = a_collector(journal)
    server = np.array([to_filetime(at(4))])
    bare = replace(a_value(1, 0), source_ft=np.zeros(1, np.int64))
    collector.take(replace(bare, server_ft=server), plant_now=at(9))
    collector.take(bare, plant_now=at(9))
    await collector.flush()
    assert (await rows(journal)).source_ft.tolist() == [to_filetime(at(4)), to_filetime(at(9))]


async def test_what_a_refused_tag_had_until_it_is_monitored_is_a_gap_of_that_tag(
    journal: Journal,
) -> None:
    before = a_collector(journal)
    before.take(together(a_value(1, 0), a_value(2, 0)), plant_now=at(0))
    before.refused(1, "BadNodeIdUnknown")
    await before.flush()
    collector = a_collector(journal)  # the agent has restarted meanwhile
    collector.take(a_value(2, 20, first=True), plant_now=at(20))
    collector.take(a_value(1, 30, first=True), plant_now=at(30))
    collector.take(a_value(1, 40, first=True), plant_now=at(40))
    await collector.flush()
    _, gap = await gaps(journal)
    assert (gap.cause, gap.tag_ids) == (GapCause.NODE_REFUSED, (1,))
    assert (gap.from_at, gap.to_at, gap.detail) == (at(0), at(30), "oven.T1: BadNodeIdUnknown")


async def test_gaps_of_a_line_that_comes_and_goes_wait_for_its_history_and_not_without_end(
    journal: Journal,
) -> None:
    collector = a_collector(journal)
    collector.asks_history = True
    for number in range(MOST_REPAIRS + 3):
        collector.take(a_value(1, number, first=True), plant_now=at(number))
        collector.interrupted(GapCause.LINK_LOST)
    await collector.flush()
    assert len(collector.repairs) == MOST_REPAIRS
    assert [gap.from_at for gap in await gaps(journal)] == [at(0), at(1)]
    collector.write_off_all()
    await collector.flush()
    assert len(await gaps(journal)) == MOST_REPAIRS + 2


async def test_what_a_tag_may_have_told_unheard_before_a_gap_is_in_a_row_of_its_own(
    journal: Journal,
) -> None:
    """Nothing came of tags 1 and 3 for a while; only tag 1 shows another value than the one kept."""
    collector = a_collector(journal)
    collector.asks_history = True
    collector.unheard_s = lambda: 5.0
    collector.take(together(a_value(1, 0), a_value(2, 0), a_value(3, 0)), plant_now=at(0))
    for second in range(1, 9):
        collector.take(a_value(2, second), plant_now=at(second))
    collector.interrupted(GapCause.LINK_LOST, "cut")
    again = (a_value(1, 6, first=True), a_value(2, 9, first=True), a_value(3, 0, first=True))
    collector.take(together(*again), plant_now=at(9))
    await collector.flush()
    kept = a_collector(journal)
    (repair,) = kept.repairs
    kept.write_off(repair)
    await kept.flush()
    unheard, line = await gaps(journal)
    assert (unheard.tag_ids, unheard.from_at, unheard.to_at) == ((1,), at(3), at(8))
    assert (line.tag_ids, line.from_at, line.to_at) == (None, at(8), at(9))


async def test_a_gap_that_an_earlier_agent_left_waiting_is_understood(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.asks_history = True
    collector.take(a_value(1, 0), plant_now=at(0))
    collector.interrupted(GapCause.LINK_LOST, "cut")
    collector.take(a_value(1, 9, first=True), plant_now=at(9))
    kept = json.loads(to_text(collector.repairs))
    del kept[0]["unwatched"]
    (repair,) = from_text(json.dumps(kept))
    assert repair.unwatched_ft == repair.from_ft == to_filetime(at(0))


def many_values(seconds: float, *, count: int = WORTH_A_COMMIT) -> Telemetry:
    one = a_value(1, seconds)
    return Telemetry(*(np.repeat(getattr(one, name), count) for name in Telemetry.__slots__))


async def test_batches_grow_while_the_mes_falls_behind(journal: Journal) -> None:
    collector = a_collector(journal)
    collector.take(many_values(1), plant_now=at(1))
    assert collector._full.is_set()
    await collector.flush()
    collector.take(many_values(2), plant_now=at(2))
    assert collector._full.is_set(), "one batch on its way is no backlog"
    await collector.flush()
    collector.take(many_values(3), plant_now=at(3))
    assert not collector._full.is_set(), "it waits for as many again, or for its time"
    collector.take(many_values(3), plant_now=at(3))
    assert collector._full.is_set()
    await collector.flush()
    for number in range(journal.size.new, NEW_BATCHES):
        collector.take(many_values(4 + number), plant_now=at(4 + number))
        await collector.flush()
    collector.take(many_values(20, count=BATCH_ROWS - 1), plant_now=at(20))
    assert not collector._full.is_set()
    collector.take(many_values(21, count=1), plant_now=at(21))
    assert collector._full.is_set()


async def test_after_an_outage_new_values_do_not_stand_behind_those_that_waited(
    journal: Journal,
) -> None:
    collector = a_collector(journal)
    collector.keeps_backlog = True
    for number in range(NEW_BATCHES + 3):
        collector.take(a_value(1, number + 1.0), plant_now=at(number + 1))
        await collector.flush()
    assert await times(journal, Stream.TELEMETRY) == [at(n + 1) for n in range(NEW_BATCHES)]
    waited = [at(NEW_BATCHES + n + 1) for n in range(3)]
    assert await times(journal, Stream.BACKLOG) == waited
    await journal.release(Stream.TELEMETRY, epoch=1, up_to=NEW_BATCHES)
    collector.take(a_value(1, 60.0), plant_now=at(60))
    await collector.flush()
    assert await times(journal, Stream.TELEMETRY) == [at(60)]
    assert await times(journal, Stream.BACKLOG) == waited


async def test_a_mes_that_knows_no_backlog_gets_everything_in_one_stream(journal: Journal) -> None:
    collector = a_collector(journal)
    for number in range(NEW_BATCHES + 3):
        collector.take(a_value(1, number + 1.0), plant_now=at(number + 1))
        await collector.flush()
    assert await times(journal, Stream.BACKLOG) == []
    assert len(await times(journal, Stream.TELEMETRY)) == NEW_BATCHES + 3


async def times(journal: Journal, stream: Stream) -> list[datetime]:
    frames = await journal.read(
        lambda db: db.execute(
            "SELECT frame FROM batch WHERE stream = ? ORDER BY seq", (int(stream),)
        ).fetchall()
    )
    batches = [decode(frame) for (frame,) in frames]
    columns = [TelemetryColumns.from_payload(batch.payload, batch.count) for batch in batches]
    return [from_filetime(ft) for rows in columns for ft in rows.source_ft.tolist()]
