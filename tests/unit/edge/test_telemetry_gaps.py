"""From holes to gaps: every hole is said once, with its cause, its tags and its times."""

from __future__ import annotations

import json

from edge.gap_rows import GAPS_BY_TAG
from edge.journal import Journal
from edge.repair import MOST_REPAIRS, from_text, to_text
from mes.contracts.telemetry import GapCause
from mes.contracts.wire import to_filetime
from tests.support.collecting import a_collector, a_value, at, gaps, journal, together

__all__ = ["journal"]


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
