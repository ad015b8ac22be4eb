"""A simulated line raises conditions that go with what happens in it, as any OPC UA client sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from edge.opcua.conditions import answer_alarm
from edge.opcua.events import EventWatch, Told, read_events
from edge.opcua.link import CallRefused, Link, open_link
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.opcua.wanted import Sink, Wanted
from mes.contracts.dispatch import Command, CommandKind
from mes.contracts.line_layout import line_interface
from mes.contracts.plc import SERVER_NODE, SERVER_TIME_NODE, plant_node
from mes.contracts.warm_start import WarmBody, WarmStart
from plc_sim.core.changes import moment
from tests.support.lines import MONDAY, a_body_job
from tests.support.sims import Sims
from tests.support.waiting import eventually

LINE = "body-framing"


@pytest.fixture
def sims(tmp_path: Path) -> Iterator[Sims]:
    sims = Sims(tmp_path)
    body = WarmBody(line=LINE, station="framing", job=a_body_job(LINE, 0, body=uuid4()))
    WarmStart(plant_at=moment(MONDAY), on_line=(body,), stored=(), racks=()).save(tmp_path)
    sims.set_clock(1)
    sims.start(LINE, warm=True)
    try:
        yield sims
    finally:
        sims.stop()


async def test_a_station_that_breaks_down_raises_an_alarm_until_it_is_acknowledged(
    sims: Sims,
) -> None:
    line = next(line for line in sims.plant.lines if line.id == LINE)
    endpoint = line_interface(sims.plant, line).endpoint
    told: list[Told] = []
    async with open_link(endpoint) as link:
        listening = asyncio.create_task(_listen(link, told))
        await eventually(
            lambda: not listening.done() and len(_refreshes(told)) == 2, what="all that stands"
        )
        told.clear()
        sims.plant_fault(LINE, kind="down", station="framing", minutes=5)
        await eventually(lambda: _newest(told, "Down") is not None, within_s=20, what="the alarm")
        down = _newest(told, "Down")
        assert down is not None
        assert (down.active, down.acked, down.retain, down.severity) == (True, False, True, 800)
        assert "planted" in down.message
        condition = plant_node(LINE, "framing", "Down")
        assert down.condition is not None
        assert str(down.condition.Identifier) == condition.rpartition("s=")[2]
        command = _asks(CommandKind.ACKNOWLEDGE_ALARM, condition, down.event_id, reason="on it")
        assert await answer_alarm(link, command) == "ok"
        await eventually(lambda: _stands(told, active=True, acked=True), what="acknowledged")
        with pytest.raises(CallRefused, match="BadEventIdUnknown"):
            await answer_alarm(link, command)
        sims.set_clock(120)
        await eventually(
            lambda: _stands(told, active=False, acked=True), within_s=60, what="works again"
        )
        over = _newest(told, "Down")
        assert over is not None and (over.confirmed, over.retain) == (False, True)
        assert over.at is not None and down.at is not None and over.at > down.at, "plant time"
        command = _asks(CommandKind.CONFIRM_ALARM, condition, over.event_id, reason="belt changed")
        assert await answer_alarm(link, command) == "ok"
        await eventually(lambda: not _newest_of(told, "Down").retain, what="dealt with")
        done = _newest_of(told, "Down")
        assert (done.confirmed, done.comment, done.by) == (True, "mei: belt changed", "mei")
        again = _asks(CommandKind.CONFIRM_ALARM, condition, done.event_id)
        assert await answer_alarm(link, again) == "already_done"
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_an_alarm_is_shelved_for_a_while_or_until_it_is_over_and_brought_back(
    sims: Sims,
) -> None:
    line = next(line for line in sims.plant.lines if line.id == LINE)
    condition = plant_node(LINE, "framing", "Down")
    told: list[Told] = []

    async def shelve(for_s: float | None) -> str:
        command = _asks(CommandKind.SHELVE_ALARM, condition)
        return await answer_alarm(link, command.model_copy(update={"shelve_s": for_s}))

    async with open_link(line_interface(sims.plant, line).endpoint) as link:
        listening = asyncio.create_task(_listen(link, told))
        await eventually(
            lambda: not listening.done() and len(_refreshes(told)) == 2, what="all that stands"
        )
        sims.plant_fault(LINE, kind="down", station="framing", minutes=5)
        await eventually(lambda: _newest(told, "Down") is not None, within_s=20, what="the alarm")
        assert _newest_of(told, "Down").shelved is False
        with pytest.raises(CallRefused, match="BadShelvingTimeOutOfRange"):
            await shelve(8 * 24 * 3600.0)
        assert await answer_alarm(link, _asks(CommandKind.UNSHELVE_ALARM, condition)) == (
            "already_done"
        )
        assert await shelve(0.5) == "ok"
        await eventually(lambda: _newest_of(told, "Down").shelved, what="shelved for a while")
        await eventually(lambda: not _newest_of(told, "Down").shelved, what="back by itself")
        assert await shelve(3600.0) == "ok"
        assert await shelve(3600.0) == "already_done"
        await eventually(lambda: _newest_of(told, "Down").shelved, what="shelved for an hour")
        assert await answer_alarm(link, _asks(CommandKind.UNSHELVE_ALARM, condition)) == "ok"
        await eventually(lambda: not _newest_of(told, "Down").shelved, what="brought back")
        assert await shelve(None) == "ok"
        await eventually(lambda: _newest_of(told, "Down").shelved, what="shelved until it is over")
        sims.set_clock(120)
        await eventually(
            lambda: not _newest_of(told, "Down").active, within_s=60, what="works again"
        )
        assert _newest_of(told, "Down").shelved is False
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def _asks(
    kind: CommandKind, condition: str, event_id: bytes = b"", *, reason: str | None = None
) -> Command:
    return Command(
        id=uuid4(),
        kind=kind,
        line=LINE,
        issued_at=moment(MONDAY),
        actor="mei",
        reason=reason,
        condition=condition,
        event_id=event_id.hex(),
    )


async def _listen(link: Link, told: list[Told]) -> None:
    def take(notification: Notification) -> None:
        for body in notification.events:
            told.extend(event for _, event in read_events(body))
        table.acknowledge(notification)

    table = SubscriptionTable(link, take, events=EventWatch((SERVER_NODE,)))
    await table.run([Wanted(SERVER_TIME_NODE, 250, Sink.CANARY, "server", queue=1)])


def _refreshes(told: list[Told]) -> list[Any]:
    return [event for event in told if event.event_type.Identifier in (2787, 2788)]


def _newest(told: list[Told], name: str) -> Told | None:
    mine = [event for event in told if event.name == name]
    return mine[-1] if mine else None


def _newest_of(told: list[Told], name: str) -> Told:
    newest = _newest(told, name)
    assert newest is not None
    return newest


def _stands(told: list[Told], *, active: bool, acked: bool) -> bool:
    newest = _newest(told, "Down")
    return newest is not None and (newest.active, newest.acked) == (active, acked)
