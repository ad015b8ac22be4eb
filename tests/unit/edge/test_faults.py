"""The parts of the fault campaign that decide: who is right, and what was torn."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from edge.faults.broker_kinds import BROKER_FAULTS
from edge.faults.campaign import Totals, faults_over, main
from edge.faults.judge import Stretch, Tally
from edge.faults.kinds import OF_HTTP
from edge.faults.ledger import LedgerReader, LedgerWriter, Tick
from edge.faults.proxy import BatchProxy, Cable, Harm, Proxy
from edge.faults.torn import committed_bytes, tear
from edge.journal import Journal
from edge.store import JournalStore
from mes.contracts.wire import Stream
from tests.support.processes import free_ports

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
TAGS = {0: 11, 1: 12}


def at(number: int) -> datetime:
    return NOW + timedelta(milliseconds=50 * number)


def ticks(count: int) -> list[Tick]:
    return [Tick(number, at(number)) for number in range(1, count + 1)]


def rows(*, without: tuple[int, int] | None = None) -> list[tuple[int, datetime, float | None]]:
    """Five ticks of two tags as stored; `without` leaves one (tag, tick) out."""
    return [
        (tag, tick.at, float(tick.number))
        for tick in ticks(5)
        for tag in TAGS.values()
        if (tag, tick.number) != without
    ]


def judged(found: list[tuple[int, datetime, float | None]], gaps: object = ()) -> Stretch:
    stretch = Stretch(until=at(6))
    stretch.weigh(ticks(5), TAGS, found, list(gaps), at(1))  # type: ignore[call-overload]
    return stretch


def test_what_is_stored_once_is_in_order() -> None:
    found = judged(rows()).tally
    assert (found.values, found.stored) == (10, 10)
    assert (found.lost, found.doubled, found.made_up, found.wrong) == (0, 0, 0, 0)


def test_a_missing_value_is_lost_unless_a_gap_of_its_own_tag_or_of_the_line_covers_it() -> None:
    missing = rows(without=(12, 3))
    assert judged(missing).tally.lost == 1
    for tags, lost in ((None, 0), ([12], 0), ([11], 1)):
        assert judged(missing, [(tags, at(2), at(4), "link_lost")]).tally.lost == lost
    assert judged(missing, [(None, at(4), at(5), "link_lost")]).tally.lost == 1


def test_a_value_stored_twice_is_doubled_and_counted_once() -> None:
    found = judged([*rows(), (11, at(2), 2.0)])
    assert found.tally.doubled == 1
    again = Stretch(until=at(6), known=found.known)
    again.weigh(ticks(5), TAGS, [*rows(), (11, at(2), 2.0)], [], at(1))
    assert again.tally.doubled == 0


def test_a_value_that_the_line_never_told_is_made_up_and_another_number_is_wrong() -> None:
    assert judged([*rows(), (11, at(2) + timedelta(milliseconds=1), 2.0)]).tally.made_up == 1
    assert judged([*rows(without=(11, 2)), (11, at(2), 7.0)]).tally.wrong == 1


def test_stretches_add_up_and_what_counts_the_whole_database_is_taken_as_it_is() -> None:
    first = Tally(values=10, stored=8, in_gaps=1, lost=1, events=5, gaps={"link_lost": 1})
    second = Tally(values=4, stored=4, doubled=1, events=7, set_aside=1, gaps={"link_lost": 2})
    both = first.then(second)
    assert (both.values, both.stored, both.in_gaps) == (14, 12, 1)
    assert (both.events, both.gaps) == (7, {"link_lost": 2})
    assert both.violations == 3  # one lost, one doubled, one batch set aside


def test_a_ledger_goes_on_after_a_kill_and_a_torn_line_was_never_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    writer = LedgerWriter(path)
    writer.tick(Tick(1, at(1)))
    writer.record('{"seq": 1}')
    writer.close()
    with path.open("a") as file:
        file.write('{"n": 2, "t"')
    again = LedgerWriter(path)
    assert (again.number, len(again.records)) == (1, 1)
    again.tick(Tick(2, at(2), absent=frozenset({1}), special=frozenset({0})))
    again.close()
    reader = LedgerReader(path)
    reader.read_on()
    assert reader.ticks == [Tick(1, at(1)), Tick(2, at(2), frozenset({1}), frozenset({0}))]
    assert reader.records == 1


def test_a_torn_log_keeps_every_committed_transaction(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA journal_mode=WAL; CREATE TABLE batch (n INTEGER)")
    for number in range(50):
        db.execute("INSERT INTO batch VALUES (?)", (number,))
    copy, log = tmp_path / "copy", tmp_path / "copy-wal"
    copy.write_bytes(path.read_bytes())
    whole = (tmp_path / "journal-wal").read_bytes()
    assert committed_bytes(whole) == len(whole)
    assert committed_bytes(whole[:-100]) < len(whole) - 100
    log.write_bytes(whole)
    assert tear(log, random.Random(1)) > 0
    survivor = sqlite3.connect(copy)
    assert survivor.execute("SELECT count(*) FROM batch").fetchone() == (50,)
    survivor.close()
    db.close()


def test_totals_of_campaigns_add_up_and_survive(tmp_path: Path) -> None:
    file = tmp_path / "campaign.json"
    Totals(faults=3, values=10, lost=1).save(file)
    assert Totals.load(file).faults == 3
    assert Totals.load(file).broken == 1
    assert Totals.load(tmp_path / "none").broken == 0


def test_a_fault_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "1", "--only", "earthquake"]) == 2
    assert "no such fault: earthquake; known: line_killed" in capsys.readouterr().err


def test_a_campaign_that_cannot_begin_says_why_and_is_no_loss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--count", "1", "--data", str(tmp_path)]
    assert main([*common, "--plant", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err
    assert main([*common, "--line", "body-framing"]) == 2
    assert "no line 'body-framing' without cameras" in capsys.readouterr().err
    (tmp_path / "campaign.json").write_text('{"faults": 3, "cut sho')
    assert main(common) == 2
    assert "holds no totals of campaigns" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["--count", "1", "--data", str(tmp_path / "file")]) == 2
    assert "cannot be used" in capsys.readouterr().err
    for wrong in ("0", "-3", "many"):
        with pytest.raises(SystemExit):
            main([f"--count={wrong}"])
        assert f"{wrong!r} is not a whole number, 1 or more" in capsys.readouterr().err


async def test_a_receipt_that_comes_while_the_disk_is_full_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the campaign (disk_full): releasing a batch ended the agent."""
    monkeypatch.setattr("edge.journal.RETRY_S", 0.05)
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    writing = asyncio.create_task(journal.write_forever())
    await journal.append_records(Stream.EVENTS, ['{"n": 1}'])
    release, refusals = JournalStore.release, [1, 2]

    def full_at_first(self: JournalStore, *facts: int) -> None:
        if refusals:
            refusals.pop()
            raise sqlite3.OperationalError("disk I/O error")
        release(self, *facts)  # type: ignore[arg-type]

    monkeypatch.setattr(JournalStore, "release", full_at_first)
    await journal.release(Stream.EVENTS, epoch=1, up_to=1)
    assert (refusals, journal.failing) == ([], False)
    assert journal.size.batches == 0
    await journal.append_records(Stream.EVENTS, ['{"n": 2}'])
    assert journal.size.batches == 1
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    journal.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A door that answers each HTTP request with the sum of its body's bytes, and hangs up."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    SEEN.append(body)
    answer = json.dumps(sum(body)).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
    await writer.drain()
    writer.close()


SEEN: list[bytes] = []


async def post(port: int, body: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /agent/v1/batches HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    await writer.drain()
    try:
        return (await reader.read()).rpartition(b"\r\n")[2]
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_batches_are_doubled_damaged_repeated_and_their_receipts_lost() -> None:
    port = free_ports(2)
    SEEN.clear()
    server = await asyncio.start_server(echo, "127.0.0.1", port + 1)
    async with server, BatchProxy(port, port + 1) as proxy:
        assert await post(port, b"one") == str(sum(b"one")).encode()
        proxy.harm(Harm.OLD_AGAIN)
        await post(port, b"two")
        assert SEEN == [b"one", b"one", b"two"]
        proxy.harm(Harm.DOUBLED)
        await post(port, b"three")
        assert SEEN[3:] == [b"three", b"three"]
        proxy.harm(Harm.DAMAGED)
        await post(port, b"four")
        assert (len(SEEN[5]), SEEN[5] == b"four") == (4, False)
        proxy.harm(Harm.ANSWER_LOST)
        assert await post(port, b"five") == b""
        assert SEEN[6:] == [b"five"]
        assert proxy.harm_is_done.is_set()
        assert await post(port, b"six") == str(sum(b"six")).encode()


async def test_a_pulled_cable_says_nothing_and_a_refusing_one_resets() -> None:
    port = free_ports(2)
    server = await asyncio.start_server(echo, "127.0.0.1", port + 1)
    async with server, Proxy(port, port + 1) as proxy:
        proxy.set(Cable.PULLED)
        waiting = asyncio.create_task(post(port, b"later"))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        proxy.set(Cable.WHOLE)
        assert await waiting == str(sum(b"later")).encode()
        proxy.set(Cable.REFUSED)
        assert await post(port, b"never") == b""


def test_a_campaign_over_nats_has_the_faults_of_the_broker_and_none_of_batches_on_http() -> None:
    over_nats, over_http = faults_over("nats"), faults_over("http")
    assert set(over_http) - set(over_nats) == OF_HTTP
    assert set(over_nats) - set(over_http) == set(BROKER_FAULTS)
    assert set(over_http) >= OF_HTTP, "each is the name of a fault"
