"""Alarms and conditions of a real server reach the journal once, whatever happens to the session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from asyncua import Server, ua

from edge.alarms import AlarmDesk
from edge.journal import Journal
from edge.opcua.conditions import answer_alarm
from edge.opcua.events import EventWatch
from edge.opcua.link import CallRefused, Link, open_link
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.opcua.wanted import Sink, Wanted
from edge.plant_clock import LiveClock
from mes.contracts.alarms import AlarmReport
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.dispatch import Command, CommandKind
from mes.contracts.line_layout import line_interface
from mes.contracts.plant import PlantModel
from mes.contracts.plc import SERVER_NODE, SERVER_TIME_NODE
from mes.contracts.wire import decode, from_lines
from tests.support.conditions import Conditions
from tests.support.processes import free_ports
from tests.support.waiting import eventually

NOW = datetime.now(UTC)
CLOCK = PlantClock(segments=(ClockSegment(real_at=NOW, plant_at=NOW, factor=1.0),))
NAMES = ("guard", "oil", *(f"c{n}" for n in range(10)))


@dataclass
class Listening:
    """A server with conditions, and the agent's journal of what it said of them."""

    endpoint: str
    server: Server
    conditions: Conditions
    journal: Journal
    desk: AlarmDesk
    link: Link | None = None
    table: SubscriptionTable | None = None
    unacknowledged: list[Notification] = field(default_factory=list)
    values: int = 0
    on_events: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Link]:
        """Listen for as long as the block lasts."""
        async with open_link(self.endpoint) as link:
            watch = EventWatch((SERVER_NODE,))
            self.table = SubscriptionTable(link, self._take, events=watch)
            self.desk.begin(watch, link.namespaces)
            wanted = [Wanted(SERVER_TIME_NODE, 100, Sink.CANARY, "server", queue=1)]
            wanted.append(Wanted("ns=1;s=t1", 50, Sink.TELEMETRY, "t1", 1, 500))
            running = [
                asyncio.create_task(self.table.run(wanted)),
                asyncio.create_task(self.desk.run()),
            ]
            await eventually(
                lambda: watch.subscription_id is not None, what="events are listened to"
            )
            yield link
            assert not any(task.done() for task in running), "the session lives"
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _take(self, notification: Notification) -> None:
        assert self.table is not None
        table = self.table
        self.values += sum(len(part) for part in notification.telemetry)
        if notification.events:
            self.unacknowledged.append(notification)

            def kept() -> None:
                self.unacknowledged.remove(notification)
                table.acknowledge(notification)

            self.desk.take(notification.events, kept)
            self.on_events()
        else:
            table.acknowledge(notification)

    async def reports(self) -> list[AlarmReport]:
        """What is on disk."""
        frames = await self.journal.read(
            lambda db: db.execute(
                "SELECT frame FROM batch WHERE stream = 3 ORDER BY seq"
            ).fetchall()
        )
        lines = (line for (frame,) in frames for line in from_lines(decode(frame)))
        return [AlarmReport.model_validate_json(line) for line in lines]

    async def newest(self, name: str) -> AlarmReport | None:
        """What was kept last of a condition."""
        mine = [report for report in await self.reports() if report.name == name]
        return mine[-1] if mine else None

    async def shows(self, name: str, *, active: bool) -> None:
        """Wait until the journal has a condition like this."""

        async def kept() -> bool:
            report = await self.newest(name)
            return report is not None and report.active is active

        await eventually(kept, what=f"{name} {'active' if active else 'over'}")


@pytest.fixture
async def listening(tmp_path: Path, mini_plant: PlantModel) -> AsyncIterator[Listening]:
    endpoint = f"opc.tcp://127.0.0.1:{free_ports(1)}"
    server = Server()
    server.iserver.bind_condition_methods = 1
    await server.init()
    server.set_endpoint(endpoint)
    await server.nodes.objects.add_variable(ua.NodeId("t1", 1), "t1", 0.0, ua.VariantType.Double)
    conditions = Conditions(server)
    await conditions.offer(*NAMES)
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line="paint", max_bytes=1 << 30)
    writing = asyncio.create_task(journal.write_forever())
    interface = line_interface(mini_plant, mini_plant.lines[0])
    desk = AlarmDesk(journal, interface, LiveClock(CLOCK))
    async with server:
        yield Listening(endpoint, server, conditions, journal, desk)
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    journal.close()


async def test_an_alarm_is_told_from_its_begin_to_its_end(listening: Listening) -> None:
    async with listening.session():
        await listening.conditions.turn("guard", active=True, severity=800)
        await listening.shows("guard", active=True)
        await listening.conditions.turn("guard", active=False)
        await listening.shows("guard", active=False)
        await eventually(lambda: not listening.unacknowledged, what="all is acknowledged")
    begun, over = await listening.reports()
    assert (begun.severity, begun.acked, begun.retain, begun.message) == (
        800,
        False,
        True,
        "guard tripped",
    )
    assert begun.condition.endswith(";s=guard") and begun.condition.startswith("nsu=")
    assert over.began_at == begun.began_at == begun.at
    assert (over.at > begun.at, over.seen, over.retain) == (True, True, True)
    assert begun.line == over.line


async def test_nothing_is_acknowledged_to_the_server_before_it_is_on_disk(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go_on = asyncio.Event(), asyncio.Event()
    append = listening.journal.append_records

    async def slow(*arguments: object, **more: object) -> None:
        held.set()
        await go_on.wait()
        await append(*arguments, **more)  # type: ignore[arg-type]

    async with listening.session():
        monkeypatch.setattr(listening.journal, "append_records", slow)
        await listening.conditions.turn("guard", active=True)
        await held.wait()
        assert listening.unacknowledged, "the disk has not answered"
        go_on.set()
        await eventually(lambda: not listening.unacknowledged, what="it is acknowledged")
    assert await listening.newest("guard") is not None


async def test_what_ended_and_what_began_during_an_outage_is_known_after_it(
    listening: Listening,
) -> None:
    async with listening.session():
        await listening.conditions.turn("guard", active=True)
        await listening.conditions.turn("c1", active=True)
        await listening.shows("guard", active=True)
        await listening.shows("c1", active=True)
    await listening.conditions.turn("guard", active=False, acked=True)
    await listening.conditions.turn("oil", active=True)
    async with listening.session():
        await listening.shows("guard", active=False)
        await listening.shows("oil", active=True)
    guard = await listening.newest("guard")
    assert guard is not None
    assert (guard.seen, guard.retain) == (False, False)
    names = [report.name for report in await listening.reports()]
    assert names.count("c1") == 1, "what stands as before is not told again"
    assert (names.count("guard"), names.count("oil")) == (2, 1)


async def test_an_agent_that_was_started_again_knows_what_stood(
    listening: Listening, mini_plant: PlantModel
) -> None:
    async with listening.session():
        await listening.conditions.turn("guard", active=True)
        await listening.conditions.turn("oil", active=True)
        await listening.shows("guard", active=True)
        await listening.shows("oil", active=True)
    interface = line_interface(mini_plant, mini_plant.lines[0])
    listening.desk = AlarmDesk(listening.journal, interface, LiveClock(CLOCK))
    listening.desk.resume()
    assert len(listening.desk) == 2
    await listening.conditions.turn("oil", active=False, acked=True)
    async with listening.session():
        await listening.shows("oil", active=False)
    assert [report.name for report in await listening.reports()].count("guard") == 1


async def test_a_storm_costs_what_its_conditions_cost(listening: Listening) -> None:
    async with listening.session():
        before = listening.values
        for number in range(2000):
            await listening.conditions.turn(f"c{number % 10}", active=number // 10 % 2 == 0)
            if number % 40 == 0:
                now = datetime.now(UTC)
                data = ua.DataValue(ua.Variant(number + 1.0), SourceTimestamp=now)
                await listening.server.write_attribute_value(ua.NodeId("t1", 1), data)
                await asyncio.sleep(0.01)

        async def all_over() -> bool:
            newest = [await listening.newest(f"c{n}") for n in range(10)]
            return all(report is not None and not report.active for report in newest)

        await eventually(all_over, within_s=30, what="every condition as it stood at the end")
        await eventually(lambda: listening.values >= before + 50, what="every value meanwhile")
        await eventually(lambda: not listening.unacknowledged, what="all is acknowledged")
    reports = await listening.reports()
    assert len(reports) < 500
    assert sum(report.merged for report in reports) == listening.desk.merged
    assert len(reports) + listening.desk.merged == 2000, "each was told or counted"


async def test_events_without_a_condition_are_told_once_and_equal_ones_counted(
    listening: Listening,
) -> None:
    async with listening.session():
        for _ in range(50):
            await listening.conditions.tell("the tool was changed")

        async def all_told() -> bool:
            return sum(1 + report.merged for report in await listening.reports()) == 50

        await eventually(all_told, what="every event")
    for report in await listening.reports():
        assert not report.is_condition and not report.active and not report.retain
        assert report.branch == report.event_id


async def test_an_alarm_is_acknowledged_at_the_line(listening: Listening) -> None:
    async with listening.session() as link:
        await listening.conditions.turn("guard", active=True)
        await listening.shows("guard", active=True)
        seen = await listening.newest("guard")
        assert seen is not None
        command = Command(
            id=uuid4(),
            kind=CommandKind.ACKNOWLEDGE_ALARM,
            line="paint",
            issued_at=NOW,
            actor="mei",
            reason="locked again",
            condition=seen.condition,
            event_id=seen.event_id,
        )
        assert await answer_alarm(link, command) == "ok"

        async def acked() -> bool:
            report = await listening.newest("guard")
            return report is not None and report.acked is True

        await eventually(acked, what="the line says so")
        assert listening.conditions.acknowledged == [("guard", "mei: locked again")]
        with pytest.raises(CallRefused, match="BadEventIdUnknown"):
            await answer_alarm(link, command)
        now = await listening.newest("guard")
        assert now is not None
        again = command.model_copy(update={"event_id": now.event_id})
        assert await answer_alarm(link, again) == "already_done"
        assert now.by == "engineer"


async def test_an_alarm_is_confirmed_shelved_and_brought_back_at_the_line(
    listening: Listening,
) -> None:
    async with listening.session() as link:
        await listening.conditions.turn("guard", active=True, acked=True)
        await listening.shows("guard", active=True)

        async def answered(kind: CommandKind, **given: Any) -> str:
            seen = await listening.newest("guard")
            assert seen is not None
            command = Command(
                id=uuid4(),
                kind=kind,
                line="paint",
                issued_at=NOW,
                actor="mei",
                condition=seen.condition,
                event_id=seen.event_id,
                **given,
            )
            return await answer_alarm(link, command)

        async def shows(**wanted: bool) -> None:
            async def told() -> bool:
                report = await listening.newest("guard")
                return report is not None and all(
                    getattr(report, name) is value for name, value in wanted.items()
                )

            await eventually(told, what=f"{wanted} is told")

        await shows(confirmed=False, shelved=False)
        assert await answered(CommandKind.CONFIRM_ALARM, reason="guard bolted") == "ok"
        await shows(confirmed=True)
        assert await answered(CommandKind.CONFIRM_ALARM) == "already_done"
        assert listening.conditions.confirmed == [("guard", "mei: guard bolted")]
        assert await answered(CommandKind.SHELVE_ALARM, shelve_s=90.0) == "ok"
        await shows(shelved=True)
        assert await answered(CommandKind.SHELVE_ALARM) == "already_done"
        assert await answered(CommandKind.UNSHELVE_ALARM) == "ok"
        await shows(shelved=False)
        assert await answered(CommandKind.UNSHELVE_ALARM) == "already_done"
        assert await answered(CommandKind.SHELVE_ALARM) == "ok"
        assert listening.conditions.shelved_ms == [90_000.0, None]
