"""From values to rows: every value once, with its times and its status."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from edge.journal import Journal
from edge.opcua.items import Telemetry
from edge.telemetry import BATCH_ROWS, LAST_TIMES, NEW_BATCHES, WORTH_A_COMMIT
from mes.contracts.telemetry import GapCause
from mes.contracts.wire import Stream, TelemetryColumns, decode, from_filetime, to_filetime
from tests.support.collecting import a_collector, a_value, at, gaps, journal, rows, together

__all__ = ["journal"]


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
