"""Delivery and commands against a MES that is away, refuses, or has seen it all before."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from edge.backoff import Trouble
from edge.commands import CURSOR, Executor, Inbox
from edge.images import ImageFolder
from edge.journal import Journal
from edge.mes_client import MesAway, MesClient, MesRefused
from edge.opcua.answer import Answer
from edge.plant_clock import LiveClock
from edge.store import Entry, JournalStore
from edge.uplink import Uplink
from mes.contracts.agent import BatchReceipt, CommandPage
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.dispatch import Command, CommandKind, CommandResult
from mes.contracts.quality import Verdict
from mes.contracts.wire import Stream, decode, from_lines
from tests.support.waiting import eventually

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
STILL = PlantClock(segments=(ClockSegment(real_at=NOW, plant_at=NOW, factor=0),))


@dataclass
class FakeMes:
    """Takes batches in order per stream, keeps pictures, hands out commands; can be away or angry."""

    away: bool = False
    refusal: tuple[int, str] | None = None
    watermark: dict[tuple[int, int], int] = field(default_factory=dict)
    taken: list[bytes] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    oldest: list[str] = field(default_factory=list)
    fenced: bool = False
    tries: int = 0
    poison: bytes | None = None
    overtaking: bool = False

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.tries += 1
        if self.overtaking and self.tries % 2:
            await asyncio.sleep(0.01)
        if self.away:
            raise httpx.ConnectError("refused")
        if self.refusal is not None:
            status, code = self.refusal
            return httpx.Response(status, json={"code": code, "detail": f"because of {code}"})
        match request.url.path.split("/")[3]:
            case "batches":
                return self._batch(request)
            case "images":
                self.pictures.append(request.url.path.split("/")[4])
                return httpx.Response(204)
            case _:
                return self._commands(int(request.url.params["after"]))

    def _batch(self, request: httpx.Request) -> httpx.Response:
        batch = decode(request.content)
        self.oldest.append(request.headers["C2M-Oldest"])
        if self.poison is not None and batch.payload == self.poison:
            facts = {"code": "ingest.batch_malformed", "detail": "not understood"}
            return httpx.Response(400, json=facts)
        key = (int(batch.stream), batch.epoch)
        known = self.watermark.get(key, 0)
        if batch.seq > known + 1 and self.oldest[-1] != str(batch.seq):
            facts = {"code": "ingest.sequence_gap", "expected": known + 1, "detail": "too early"}
            return httpx.Response(409, json=facts)
        if batch.seq > known:
            self.taken.append(batch.payload)
            self.watermark[key] = batch.seq
        receipt = BatchReceipt(
            stream=batch.stream,
            watermark=self.watermark[key],
            duplicate=batch.seq <= known,
            fenced=self.fenced,
        )
        return httpx.Response(200, content=receipt.model_dump_json())

    def _commands(self, after: int) -> httpx.Response:
        page = CommandPage(
            commands=tuple(self.commands[after:]), cursor=len(self.commands), config_version=3
        )
        return httpx.Response(200, content=page.model_dump_json())


class QuickTrouble(Trouble):
    async def wait(self) -> None:
        await asyncio.sleep(0.01)


@dataclass
class Rig:
    journal: Journal
    fake: FakeMes
    mes: MesClient
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def run(self, work: Any) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def results(self) -> list[CommandResult]:
        rows = await self.journal.read(
            lambda db: db.execute(
                "SELECT frame FROM batch WHERE stream = ? ORDER BY seq", (int(Stream.RESULTS),)
            ).fetchall()
        )
        return [
            CommandResult.model_validate_json(line)
            for (frame,) in rows
            for line in from_lines(decode(frame))
        ]


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    for module in ("edge.uplink", "edge.commands", "edge.images"):
        monkeypatch.setattr(f"{module}.Trouble", QuickTrouble)
    fake = FakeMes()
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    mes = MesClient("http://mes", instance="a", transport=httpx.MockTransport(fake.answer))
    made = Rig(journal, fake, mes)
    made.run(journal.write_forever())
    yield made
    for task in reversed(made.tasks):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    journal.close()


def nothing(_: int) -> None:
    return None


def an_uplink(rig: Rig, *, on_fenced: Callable[[int], None] = nothing) -> Uplink:
    return Uplink(rig.journal, rig.mes, Stream.EVENTS, on_fenced=on_fenced)


async def test_batches_are_delivered_in_order_and_released_by_the_receipt_alone(rig: Rig) -> None:
    rig.fake.away = True
    for n in range(5):
        await rig.journal.append_records(Stream.EVENTS, [f'{{"n":{n}}}'])
    uplink = an_uplink(rig)
    rig.run(uplink.run())
    await eventually(lambda: rig.fake.tries >= 3)
    assert rig.journal.size.batches == 5
    assert uplink.trouble.reason is not None
    rig.fake.away = False
    await eventually(lambda: rig.journal.size.batches == 0)
    assert rig.fake.taken == [f'{{"n":{n}}}'.encode() for n in range(5)]
    assert rig.fake.oldest[-5:] == sorted(rig.fake.oldest[-5:]), "what lies before is not there"
    assert uplink.window > 1
    assert uplink.trouble.reason is None


@pytest.mark.parametrize(
    "refusal", [(401, "agent.token_refused"), (409, "ingest.sequence_gap"), (400, "malformed")]
)
async def test_nothing_is_lost_while_the_mes_refuses(rig: Rig, refusal: tuple[int, str]) -> None:
    rig.fake.refusal = refusal
    await rig.journal.append_records(Stream.EVENTS, ["{}"])
    uplink = an_uplink(rig)
    rig.run(uplink.run())
    await eventually(lambda: rig.fake.tries >= 2)
    assert refusal[1] in (uplink.trouble.reason or "")
    rig.fake.refusal = None
    await eventually(lambda: rig.fake.taken == [b"{}"])


async def test_a_batch_damaged_on_this_disk_does_not_block_those_behind_it(rig: Rig) -> None:
    await rig.journal.append_records(Stream.EVENTS, ['{"n":1}'])
    await rig.journal.append_records(Stream.EVENTS, ['{"n":2}'])
    await rig.journal.read(
        lambda db: db.execute("UPDATE batch SET frame = zeroblob(80) WHERE seq = 1").rowcount
    )
    rig.fake.refusal = (400, "ingest.batch_malformed")
    rig.run(an_uplink(rig).run())
    await eventually(lambda: rig.fake.tries >= 2)
    rig.fake.refusal = None
    await eventually(lambda: b'{"n":2}' in rig.fake.taken)


async def test_a_batch_that_the_mes_can_never_take_is_kept_beside_and_the_rest_goes_on(
    rig: Rig,
) -> None:
    for n in (1, 2):
        await rig.journal.append_records(Stream.EVENTS, [f'{{"n":{n}}}'])
    rig.fake.poison = b'{"n":1}'
    rig.run(an_uplink(rig).run())
    await eventually(lambda: b'{"n":2}' in rig.fake.taken)
    kept = await rig.journal.read(
        lambda db: db.execute("SELECT seq, reason, frame FROM set_aside").fetchall()
    )
    ((seq, reason, frame),) = kept
    assert (seq, decode(frame).payload) == (1, b'{"n":1}')
    assert "ingest.batch_malformed" in reason


async def test_batches_that_overtake_each_other_arrive_in_order(rig: Rig) -> None:
    for n in range(12):
        await rig.journal.append_records(Stream.EVENTS, [f'{{"n":{n}}}'])
    rig.fake.overtaking = True
    uplink = an_uplink(rig)
    uplink.window = 4
    rig.run(uplink.run())
    await eventually(lambda: rig.journal.size.batches == 0)
    assert rig.fake.taken == [f'{{"n":{n}}}'.encode() for n in range(12)]


async def test_a_mes_that_is_busy_gets_one_batch_at_a_time(rig: Rig) -> None:
    uplink = an_uplink(rig)
    uplink.window = 4
    rig.fake.refusal = (429, "ingest.busy")
    await rig.journal.append_records(Stream.EVENTS, ["{}"])
    rig.run(uplink.run())
    await eventually(lambda: rig.fake.tries >= 2)
    assert uplink.window == 1
    assert rig.journal.size.batches == 1


async def test_what_waits_for_a_mes_that_was_away_hears_of_its_return(rig: Rig) -> None:
    rig.fake.away = True
    with pytest.raises(MesAway):
        await rig.mes.commands(0)
    trouble = Trouble("uplink", first_s=600, sooner=rig.mes.is_back)
    waiting = asyncio.create_task(trouble.wait())
    await asyncio.sleep(0)
    rig.fake.away = False
    await rig.mes.commands(0)
    await asyncio.wait_for(waiting, 30)


async def test_the_agent_learns_from_a_receipt_that_it_is_fenced(rig: Rig) -> None:
    rig.fake.fenced = True
    epochs: list[int] = []
    await rig.journal.append_records(Stream.EVENTS, ["{}"])
    rig.run(an_uplink(rig, on_fenced=epochs.append).run())
    await eventually(lambda: epochs == [1])
    await eventually(lambda: rig.journal.size.batches == 0)


def a_command(kind: CommandKind = CommandKind.CANCEL_JOB) -> Command:
    return Command(
        id=uuid4(), kind=kind, line="paint", issued_at=NOW, actor="user:ann", job_order_id=uuid4()
    )


@dataclass
class FakeMethods:
    """The methods of a line; the session can fail in the middle of a call."""

    answers: dict[UUID, str] = field(default_factory=dict)
    called: list[UUID] = field(default_factory=list)
    broken: bool = False

    async def execute(self, command: Command) -> Answer:
        self.called.append(command.id)
        if self.broken:
            raise ConnectionError("Connection is closed")
        return Answer(self.answers.get(command.id, "ok"))


def an_executor(
    rig: Rig, inbox: Inbox, *, may_act: Callable[[], bool] = lambda: True
) -> tuple[Executor, list[bool]]:
    reloads: list[bool] = []

    async def reload() -> None:
        reloads.append(True)

    clock = LiveClock(STILL)
    return (
        Executor(rig.journal, clock, inbox, may_act=may_act, reload_config=reload),
        reloads,
    )


async def test_commands_are_executed_once_in_order_and_answered_through_the_journal(
    rig: Rig,
) -> None:
    versions: list[int] = []
    inbox = Inbox(rig.journal, rig.mes, on_config=versions.append)
    executor, _ = an_executor(rig, inbox)
    line = FakeMethods()
    first, second = a_command(), a_command()
    line.answers[second.id] = "unknown_job_order"
    rig.fake.commands += [first, second]
    rig.run(inbox.run())
    rig.run(executor.run(line))  # type: ignore[arg-type]  # the fake has the one method
    await eventually(lambda: len(line.called) == 2)

    async def both() -> list[CommandResult] | None:
        found = await rig.results()
        return found if len(found) == 2 else None

    answers = await eventually(both)
    assert [(a.command_id, a.ok, a.code) for a in answers] == [
        (first.id, True, "ok"),
        (second.id, False, "unknown_job_order"),
    ]
    assert versions[0] == 3
    assert rig.journal.fact(CURSOR) == "2"


async def test_a_command_whose_session_failed_is_tried_again_on_the_next(rig: Rig) -> None:
    inbox = Inbox(rig.journal, rig.mes, on_config=nothing)
    executor, _ = an_executor(rig, inbox)
    command = a_command()
    rig.fake.commands.append(command)
    rig.run(inbox.run())
    await eventually(lambda: rig.journal.fact(CURSOR) == "1")
    with pytest.raises(ConnectionError):
        await executor.run(FakeMethods(broken=True))  # type: ignore[arg-type]
    assert await rig.results() == []
    line = FakeMethods()
    rig.run(executor.run(line))  # type: ignore[arg-type]
    await eventually(lambda: line.called == [command.id])


async def test_a_command_delivered_twice_is_executed_once(rig: Rig) -> None:
    inbox = Inbox(rig.journal, rig.mes, on_config=nothing)
    executor, _ = an_executor(rig, inbox)
    command = a_command()
    rig.fake.commands += [command, command]
    rig.run(inbox.run())
    line = FakeMethods()
    rig.run(executor.run(line))  # type: ignore[arg-type]
    await eventually(lambda: rig.journal.fact(CURSOR) == "2")
    other = a_command()
    rig.fake.commands.append(other)
    await eventually(lambda: other.id in line.called)
    assert line.called == [command.id, other.id]


async def test_a_command_is_carried_out_while_the_disk_takes_it_and_answered_behind_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    commit = JournalStore.commit

    def slowly(self: JournalStore, entries: Sequence[Entry]) -> None:
        begun.set()
        may_end.wait(60)
        commit(self, entries)

    inbox = Inbox(rig.journal, rig.mes, on_config=nothing)
    executor, _ = an_executor(rig, inbox)
    line = FakeMethods()
    rig.run(inbox.run())
    rig.run(executor.run(line))  # type: ignore[arg-type]
    monkeypatch.setattr(JournalStore, "commit", slowly)
    command = a_command()
    rig.fake.commands.append(command)
    await eventually(lambda: line.called == [command.id])
    await eventually(begun.is_set)
    assert await rig.journal.look_up(kept_commands) == []
    may_end.set()

    async def answered() -> bool:
        return [answer.command_id for answer in await rig.results()] == [command.id]

    await eventually(answered)
    assert await rig.journal.look_up(kept_commands) == [(str(command.id), 1)]
    assert line.called == [command.id]


def kept_commands(db: sqlite3.Connection) -> list[tuple[str, int]]:
    return db.execute("SELECT id, done FROM command").fetchall()


async def test_a_fenced_agent_executes_nothing(rig: Rig) -> None:
    inbox = Inbox(rig.journal, rig.mes, on_config=nothing)
    executor, _ = an_executor(rig, inbox, may_act=lambda: False)
    rig.fake.commands.append(a_command())
    rig.run(inbox.run())
    line = FakeMethods()
    rig.run(executor.run(line))  # type: ignore[arg-type]
    await eventually(lambda: rig.journal.fact(CURSOR) == "1")
    await asyncio.sleep(0.05)
    assert line.called == []


async def test_a_reload_is_answered_and_asked_for(rig: Rig) -> None:
    inbox = Inbox(rig.journal, rig.mes, on_config=nothing)
    executor, reloads = an_executor(rig, inbox)
    rig.fake.commands.append(a_command(CommandKind.RELOAD_CONFIG))
    rig.run(inbox.run())
    rig.run(executor.run(FakeMethods()))  # type: ignore[arg-type]
    await eventually(lambda: reloads == [True])
    assert [answer.code for answer in await rig.results()] == ["ok"]


async def test_urgent_pictures_go_first_and_only_a_sample_of_the_good_ones(
    rig: Rig, tmp_path: Path
) -> None:
    folder = ImageFolder(rig.journal, tmp_path / "images", max_bytes=1 << 20, keep_ok_every=2)
    good = await folder.keep(b"good", Verdict.OK)
    assert await folder.keep(b"also good", Verdict.OK) is None
    unfit = await folder.keep(b"unfit", Verdict.UNFIT)
    bad = await folder.keep(b"bad", Verdict.NOK)
    rig.run(folder.send_forever(rig.mes))
    await eventually(lambda: len(rig.fake.pictures) == 3)
    assert rig.fake.pictures == [bad, unfit, good]
    await eventually(lambda: list((tmp_path / "images").iterdir()) == [])


async def test_over_its_bound_the_folder_gives_up_the_least_urgent_pictures(
    rig: Rig, tmp_path: Path
) -> None:
    rig.fake.away = True
    folder = ImageFolder(rig.journal, tmp_path / "images", max_bytes=250, keep_ok_every=1)
    bad = await folder.keep(b"b" * 100, Verdict.NOK)
    await folder.keep(b"g" * 100, Verdict.OK)
    worse = await folder.keep(b"w" * 100, Verdict.NOK)
    assert {path.stem for path in (tmp_path / "images").iterdir()} == {bad, worse}
    assert folder.given_up == 1


async def test_pictures_wait_while_the_mes_is_away(rig: Rig, tmp_path: Path) -> None:
    rig.fake.away = True
    folder = ImageFolder(rig.journal, tmp_path / "images", max_bytes=1 << 20, keep_ok_every=1)
    sha256 = await folder.keep(b"bad", Verdict.NOK)
    rig.run(folder.send_forever(rig.mes))
    await eventually(lambda: rig.fake.tries >= 2)
    assert folder.waiting == 1
    rig.fake.away = False
    await eventually(lambda: rig.fake.pictures == [sha256])


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_a_mes_that_fails_is_away_not_refusing(status: int) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status))
    async with MesClient("http://mes", instance="a", transport=transport) as mes:
        with pytest.raises(MesAway):
            await mes.config()


async def test_an_answer_that_is_no_document_of_ours_counts_as_away() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>login</html>"))
    async with MesClient("http://mes", instance="a", transport=transport) as mes:
        with pytest.raises(MesAway, match="no AgentConfig"):
            await mes.config()


async def test_a_refusal_without_a_problem_document_still_has_a_reason() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(404, text=json.dumps([])))
    async with MesClient("http://mes", instance="a", transport=transport) as mes:
        with pytest.raises(MesRefused, match="404 unknown: Not Found"):
            await mes.config()
