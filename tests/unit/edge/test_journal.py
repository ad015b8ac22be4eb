"""What the journal promises: order, durability, bounds; events and results are never given up."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.journal import Journal, telemetry_rows
from edge.store import Entry, JournalStore, Rows
from mes.contracts.telemetry import Gap, GapCause
from mes.contracts.wire import (
    Stream,
    TelemetryColumns,
    decode,
    from_filetime,
    from_lines,
    to_lines,
)
from tests.support.waiting import eventually

AGENT = UUID(int=7)
START_FT = 133_000_000_000_000_000


def telemetry(count: int, *, start: int = 0) -> TelemetryColumns:
    at = np.arange(start, start + count, dtype=np.int64) * 10_000_000 + START_FT
    noise = np.random.default_rng(start).random(count)
    return TelemetryColumns(np.ones(count, np.uint32), at, at, noise, np.zeros(count, np.uint32))


def records(*texts: str, stream: Stream = Stream.EVENTS) -> Entry:
    return Entry((Rows(stream, len(texts), to_lines(texts)),))


def a_store(path: Path, *, max_bytes: int = 1 << 30) -> JournalStore:
    store = JournalStore(path)
    store.identify(agent_id=AGENT, epoch=1, line="paint", max_bytes=max_bytes)
    return store


def waiting(store: JournalStore, stream: Stream) -> list[tuple[int, list[bytes]]]:
    rows = store.connection.execute(
        "SELECT frame FROM batch WHERE stream = ? ORDER BY epoch, seq", (int(stream),)
    ).fetchall()
    batches = [decode(frame) for (frame,) in rows]
    return [(batch.seq, list(from_lines(batch))) for batch in batches]


@asynccontextmanager
async def a_journal(path: Path) -> AsyncIterator[Journal]:
    journal = Journal(path)
    journal.identify(agent_id=AGENT, epoch=1, line="paint", max_bytes=1 << 30)
    writing = asyncio.create_task(journal.write_forever())
    try:
        yield journal
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        journal.close()


async def test_what_append_returned_for_is_there_after_a_restart(tmp_path: Path) -> None:
    async with a_journal(tmp_path / "j") as journal:
        await journal.append_records(Stream.EVENTS, ['{"seq":1}'], facts={"ledger_last": "1"})
    async with a_journal(tmp_path / "j") as journal:
        batch = await journal.wait_for(Stream.EVENTS)
        assert decode(batch.frame).payload == b'{"seq":1}'
        assert journal.fact("ledger_last") == "1"


async def test_many_appends_share_one_commit_and_keep_their_order(tmp_path: Path) -> None:
    async with a_journal(tmp_path / "j") as journal:
        await asyncio.gather(
            *(journal.append_records(Stream.RESULTS, [f'{{"n":{n}}}']) for n in range(50))
        )
        for n in range(50):
            batch = await journal.wait_for(Stream.RESULTS)
            assert (batch.seq, decode(batch.frame).payload) == (n + 1, f'{{"n":{n}}}'.encode())
            await journal.release(Stream.RESULTS, epoch=1, up_to=batch.seq)
        assert journal.size.batches == 0
        assert journal.size.bytes == 0


async def test_a_commit_under_way_when_the_writer_is_stopped_is_not_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    commit = JournalStore.commit

    def slowly(store: JournalStore, entries: Sequence[Entry]) -> None:
        begun.set()
        may_go_on.wait(30)
        commit(store, entries)

    monkeypatch.setattr(JournalStore, "commit", slowly)
    journal = Journal(tmp_path / "j")
    journal.identify(agent_id=AGENT, epoch=1, line="paint", max_bytes=1 << 30)
    writing = asyncio.create_task(journal.write_forever())
    first = asyncio.create_task(journal.append_records(Stream.EVENTS, ["under way"]))
    await asyncio.to_thread(begun.wait, 30)
    second = asyncio.create_task(journal.append_records(Stream.EVENTS, ["not begun"]))
    await asyncio.sleep(0)
    writing.cancel()
    may_go_on.set()
    await asyncio.gather(writing, first, second, return_exceptions=True)
    kept = await journal.read(
        lambda db: db.execute("SELECT frame FROM batch ORDER BY seq").fetchall()
    )
    assert [decode(frame).payload for (frame,) in kept] == [b"under way", b"not begun"]
    assert journal.size.batches == 2
    journal.close()


async def test_what_is_urgent_waits_for_no_company_and_takes_along_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_journal(tmp_path / "j") as journal:
        await journal.append_records(Stream.EVENTS, ["{}"])
        monkeypatch.setattr("edge.journal.GROUP_COMMIT_S", 1e6)
        await journal.append_records(Stream.EVENTS, ["{}"], urgent=True)
        waits = journal.begin(records("{}"))
        await journal.append_records(Stream.RESULTS, ["{}"], urgent=True)
        assert waits.done()
        monkeypatch.undo()


async def test_a_question_does_not_wait_for_a_commit_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_journal(tmp_path / "j") as journal:
        await journal.append_records(Stream.EVENTS, ["{}"])
        begun, may_end = threading.Event(), threading.Event()
        commit = JournalStore.commit

        def slowly(self: JournalStore, entries: Sequence[Entry]) -> None:
            begun.set()
            may_end.wait(60)
            commit(self, entries)

        monkeypatch.setattr(JournalStore, "commit", slowly)
        waits = journal.begin(records("{}"))
        await eventually(begun.is_set)
        assert (await journal.wait_for(Stream.EVENTS)).seq == 1
        assert await journal.look_up(lambda db: db.execute("SELECT 1").fetchone()) == (1,)
        assert not waits.done()
        may_end.set()
        await waits


async def test_a_cancelled_writer_commits_what_is_pending_first(tmp_path: Path) -> None:
    async with a_journal(tmp_path / "j") as journal:
        pending = asyncio.create_task(journal.append_records(Stream.EVENTS, ["{}"]))
        await asyncio.sleep(0)
    await pending
    store = a_store(tmp_path / "j")
    assert waiting(store, Stream.EVENTS) == [(1, [b"{}"])]
    store.close()


async def test_a_full_disk_makes_appends_wait_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.journal.RETRY_S", 0.01)
    async with a_journal(tmp_path / "j") as journal:
        await journal.read(lambda db: db.execute("PRAGMA max_page_count = 20").fetchall())
        noise = np.random.default_rng(1).integers(33, 120, 500_000).astype(np.uint8)
        large = journal.append_records(Stream.RESULTS, [noise.tobytes().decode("ascii")])
        small = journal.append_records(Stream.EVENTS, ["{}"])
        both = asyncio.gather(large, small)
        await eventually(lambda: journal.failing)
        assert not both.done()
        await journal.read(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchall())
        await both
        assert journal.size.batches == 2


def test_sequence_numbers_go_on_behind_what_was_delivered(tmp_path: Path) -> None:
    store = a_store(tmp_path / "j")
    store.commit([records("a"), records("b")])
    store.release(Stream.EVENTS, 1, 2)
    store.close()
    store = a_store(tmp_path / "j")
    store.commit([records("c")])
    assert waiting(store, Stream.EVENTS) == [(3, [b"c"])]
    store.close()


def test_a_new_epoch_counts_from_one_and_the_old_journal_keeps_its_own(tmp_path: Path) -> None:
    store = a_store(tmp_path / "j")
    store.commit([records("old")])
    store.identify(agent_id=AGENT, epoch=2, line="paint", max_bytes=1 << 30)
    store.commit([records("new")])
    first = store.first(Stream.EVENTS)
    assert first is not None
    assert (first.epoch, first.seq) == (1, 1)
    store.release(Stream.EVENTS, 1, 1)
    second = store.first(Stream.EVENTS)
    assert second is not None
    assert (second.epoch, second.seq) == (2, 1)
    store.close()


def a_filling_store(path: Path, *, max_bytes: int, batches: int) -> list[tuple[int, int]]:
    """Fill a journal with telemetry and events; return the number and the rows of its telemetry batches."""
    store = a_store(path, max_bytes=max_bytes)
    for n in range(batches):
        store.commit([Entry((telemetry_rows(telemetry(500, start=n * 500)),))])
        store.commit([records(f'{{"n":{n}}}')])
    frames = store.connection.execute(
        "SELECT frame FROM batch WHERE stream = 1 ORDER BY seq"
    ).fetchall()
    decoded = [decode(frame) for (frame,) in frames]
    assert len(waiting(store, Stream.EVENTS)) == batches, "events are never given up"
    assert store.size.bytes <= max_bytes
    kept = {
        int(ft)
        for batch in decoded
        for ft in TelemetryColumns.from_payload(batch.payload, batch.count).source_ft
    }
    gaps = [Gap.model_validate_json(line) for _, ls in waiting(store, Stream.GAPS) for line in ls]
    assert {gap.cause for gap in gaps} <= {GapCause.JOURNAL_FULL}
    for number in range(batches * 500):
        filetime = START_FT + number * 10_000_000
        at = from_filetime(filetime)
        assert filetime in kept or any(gap.from_at <= at <= gap.to_at for gap in gaps)
    store.close()
    return [(batch.seq, batch.count) for batch in decoded]


def test_a_journal_that_fills_keeps_fewer_of_the_oldest_values_first(tmp_path: Path) -> None:
    rows = a_filling_store(tmp_path / "j", max_bytes=100_000, batches=14)
    assert [seq for seq, _ in rows] == list(range(1, 15))
    counts = [count for _, count in rows]
    assert counts[0] < 500, "the oldest are thinned"
    assert counts[-1] == 500, "the newest are whole"
    assert all(counts), "nothing is dropped as long as thinning is enough"
    assert counts == sorted(counts)


def test_over_its_limit_the_journal_drops_the_oldest_values_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.store.THIN_AT", ())
    rows = a_filling_store(tmp_path / "j", max_bytes=60_000, batches=20)
    assert [seq for seq, _ in rows] == list(range(1, 21)), "the numbers have no hole"
    assert rows[0][1] == 0
    assert rows[-1][1] > 0


def test_backlog_is_thinned_by_its_age_and_new_telemetry_is_counted_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = a_store(tmp_path / "j")
    for number, stream in enumerate((Stream.TELEMETRY, Stream.BACKLOG, Stream.TELEMETRY)):
        store.commit([Entry((telemetry_rows(telemetry(500, start=number * 500), stream),))])
    store.close()
    monkeypatch.setattr("edge.store.THIN_AT", ())
    store = a_store(tmp_path / "j", max_bytes=round(store.size.bytes * 0.6))
    assert (store.size.batches, store.size.new) == (3, 2)
    store.commit([])
    by_age = "SELECT stream, rows FROM batch WHERE stream != 4 ORDER BY rowid"
    dropped = store.connection.execute(by_age).fetchall()
    assert dropped == [(1, 0), (5, 0), (1, 500)], "the oldest first, whichever way it goes"
    store.release(Stream.TELEMETRY, 1, 1)
    assert store.size.new == 1
    store.release(Stream.BACKLOG, 1, 1)
    assert store.size.new == 1
    store.close()


def test_a_journal_of_an_earlier_agent_is_read_on(tmp_path: Path) -> None:
    store = a_store(tmp_path / "j")
    store.commit([records("a")])
    store.connection.execute("ALTER TABLE batch DROP COLUMN thinned")
    store.close()
    store = a_store(tmp_path / "j")
    store.commit([records("b")])
    assert waiting(store, Stream.EVENTS) == [(1, [b"a"]), (2, [b"b"])]
    store.close()


def test_a_batch_damaged_on_disk_leaves_its_place_and_a_gap(tmp_path: Path) -> None:
    store = a_store(tmp_path / "j")
    store.commit([Entry((telemetry_rows(telemetry(10)),))])
    batch = store.first(Stream.TELEMETRY)
    assert batch is not None
    store.set_aside(batch, "the checksum does not match")
    emptied = store.first(Stream.TELEMETRY)
    assert emptied is not None
    assert (decode(emptied.frame).seq, decode(emptied.frame).count) == (1, 0)
    ((_, lines),) = waiting(store, Stream.GAPS)
    assert Gap.model_validate_json(lines[0]).cause is GapCause.POISON
    store.close()


def test_an_entry_whose_effect_fails_leaves_no_trace(tmp_path: Path) -> None:
    store = a_store(tmp_path / "j")

    def fails(db: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(sqlite3.OperationalError):
        store.commit([records("a"), Entry((), {"key": "value"}, fails)])
    assert waiting(store, Stream.EVENTS) == []
    assert store.fact("key") is None
    store.commit([records("b")])
    assert waiting(store, Stream.EVENTS) == [(1, [b"b"])], "no number was used up"
    store.close()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(1, 6000), garbage=st.binary(max_size=64))
def test_a_torn_tail_takes_back_at_most_the_last_commits(
    tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    store = a_store(folder / "j")
    store.connection.execute("PRAGMA wal_autocheckpoint=0")
    for n in range(1, 11):
        store.commit([Entry(records(f'{{"n":{n}}}').rows, {"last": str(n)})])
    torn = folder / "torn"
    torn.write_bytes((folder / "j").read_bytes())
    wal = (folder / "j-wal").read_bytes()
    (folder / "torn-wal").write_bytes(wal[: max(len(wal) - cut, 0)] + garbage)
    store.close()
    store = a_store(torn)
    found = [lines for _, lines in waiting(store, Stream.EVENTS)]
    assert found == [[f'{{"n":{n}}}'.encode()] for n in range(1, len(found) + 1)]
    assert int(store.fact("last") or 0) == len(found), "the facts belong to the batches"
    store.close()
