"""The agent sets recipes and interlocks of a simulated line: looks first, reads back, keeps out of danger."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asyncua import ua

from edge.journal import Journal
from edge.opcua.line_methods import LineMethods
from edge.opcua.link import Link, open_link
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.opcua.wanted import Sink, wanted_items
from edge.plant_clock import LiveClock
from edge.recipes import RecipeWatch
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.controls import (
    InterlockNodes,
    Recipe,
    RecipeNodes,
    RecipeParameterNodes,
    RecipeReport,
    StationControls,
    recipe_of,
    station_controls,
)
from mes.contracts.dispatch import Command, CommandKind
from mes.contracts.line_layout import line_interface
from mes.contracts.plant import Line
from mes.contracts.warm_start import WarmBody, WarmStart
from mes.contracts.wire import decode, from_lines
from plc_sim.core.changes import moment
from plc_sim.store import FLOOR_FILE
from tests.support.lines import MONDAY, a_body_job
from tests.support.sims import Sims
from tests.support.waiting import eventually

NOW = datetime.now(UTC)
LINE, STATION, WELD = "body-framing", "framing", "WeldCurrent"


@pytest.fixture(scope="module")
def sims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sims]:
    sims = Sims(tmp_path_factory.mktemp("floor"))
    sims.set_clock(0)
    sims.start(LINE)
    try:
        yield sims
    finally:
        sims.stop()


@pytest.fixture
async def link(sims: Sims) -> AsyncIterator[Link]:
    async with open_link(line_interface(sims.plant, the_line(sims)).endpoint) as opened:
        yield opened


def the_line(sims: Sims) -> Line:
    return sims.plant.line(LINE)


def methods(sims: Sims, link: Link, controls: StationControls | None = None) -> LineMethods:
    line = the_line(sims)
    offered = station_controls(line) if controls is None else controls
    return LineMethods(link, line_interface(sims.plant, line), offered)


def a_recipe(sims: Sims, variant: str, weld: float) -> Recipe:
    station = next(s for s in the_line(sims).stations if s.id == STATION)
    found = recipe_of(station, variant, {WELD: weld})
    assert found is not None
    return found


def a_command(kind: CommandKind, **more: Any) -> Command:
    facts = {"issued_at": moment(MONDAY), "actor": "user:ann", "station": STATION, "reason": "why"}
    return Command.model_validate({"id": uuid4(), "kind": kind, "line": LINE, **facts, **more})


def tried(command: Command) -> Command:
    return command.model_copy(update={"kind": CommandKind.DRY_RUN, "of": command.kind})


async def shown(link: Link, *nodes: str) -> list[Any]:
    return [value.Value.Value for value in await link.read(nodes)]


async def test_a_hold_is_tried_set_read_back_and_lifted(tmp_path: Path) -> None:
    sims, body = Sims(tmp_path), uuid4()
    stands = WarmBody(line=LINE, station=STATION, job=a_body_job(LINE, 0, body=body))
    WarmStart(plant_at=moment(MONDAY), on_line=(stands,), stored=(), racks=()).save(tmp_path)
    sims.set_clock(0)
    sims.start(LINE, warm=True)
    try:
        async with open_link(line_interface(sims.plant, the_line(sims)).endpoint) as link:
            line, nodes = methods(sims, link), station_controls(the_line(sims)).holds
            assert nodes is not None
            hold = a_command(CommandKind.SET_HOLD, body_id=body, held=True, trace=True)
            assert await shown(link, nodes.present, nodes.held) == [[str(body)], []]

            rehearsal = await line.execute(tried(hold))
            assert rehearsal.word == "ok"
            (change,) = rehearsal.changes
            assert (change.name, change.node) == ("hold", nodes.held)
            assert (change.old, change.new) == (False, True)
            assert await shown(link, nodes.held) == [[]], "a dry run holds nobody"

            assert await line.execute(hold) == rehearsal
            assert await shown(link, nodes.held) == [[str(body)]]
            assert (await line.execute(tried(hold))).word == "already_done"
            free = hold.model_copy(update={"held": False})
            assert (await line.execute(free)).word == "ok"
            assert await shown(link, nodes.held) == [[]]
            stranger = hold.model_copy(update={"body_id": uuid4()})
            assert (await line.execute(tried(stranger))).word == "unknown_body"
            elsewhere = methods(sims, link, StationControls())
            assert (await elsewhere.execute(tried(hold))).word == "not_offered"
    finally:
        sims.stop()


async def test_what_is_loaded_is_told_at_once_and_again_when_it_changes(
    sims: Sims, link: Link, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal")
    journal.identify(agent_id=uuid4(), epoch=1, line=LINE, max_bytes=1 << 30)
    clock = LiveClock(PlantClock(segments=(ClockSegment(real_at=NOW, plant_at=NOW, factor=1.0),)))
    watch = RecipeWatch(journal, LINE, clock)

    def take(notification: Notification) -> None:
        for change in notification.changes:
            if change.item.sink is Sink.RECIPE and change.value.Value is not None:
                watch.take(change.item.key, change.value.Value.Value)
        table.acknowledge(notification)

    async def told() -> dict[str, str]:
        frames = await journal.read(
            lambda db: db.execute(
                "SELECT frame FROM batch WHERE stream = 3 ORDER BY seq"
            ).fetchall()
        )
        lines = [line for (frame,) in frames for line in from_lines(decode(frame))]
        reports = [RecipeReport.model_validate_json(line) for line in lines]
        return {report.variant: report.version for report in reports}

    async def shows(version: str) -> bool:
        return (await told()).get(variant) == version

    line = the_line(sims)
    recipes = station_controls(line).recipes
    variant = recipes[-1].variant
    table = SubscriptionTable(link, take)
    interface = line_interface(sims.plant, line)
    wanted = wanted_items(interface, publish_interval_ms=250, recipes=recipes)
    running = [
        asyncio.create_task(one)
        for one in (journal.write_forever(), table.run(wanted), watch.run())
    ]
    try:
        await eventually(lambda: _all_told(told, len(recipes)), what="what is loaded")
        planned = recipe_of(next(s for s in line.stations if s.id == STATION), variant)
        assert planned is not None and await shows(planned.version), "as the plant file says"
        other = a_recipe(sims, variant, 9.7)
        download = a_command(CommandKind.DOWNLOAD_RECIPE, recipe=other)
        assert (await methods(sims, link).execute(download)).word == "ok"
        await eventually(lambda: shows(other.version), what="what was loaded")
        back = a_command(CommandKind.DOWNLOAD_RECIPE, recipe=planned)
        assert (await methods(sims, link).execute(back)).word == "ok"
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        journal.close()


async def _all_told(told: Callable[[], Awaitable[dict[str, str]]], count: int) -> bool:
    return len(await told()) == count


async def test_a_recipe_is_tried_loaded_read_back_and_reported_by_its_checksum(
    sims: Sims, link: Link
) -> None:
    line = methods(sims, link)
    recipe = a_recipe(sims, "C1", 9.9)
    download = a_command(CommandKind.DOWNLOAD_RECIPE, recipe=recipe)
    nodes = station_controls(the_line(sims)).recipe(STATION, "C1")
    assert nodes is not None
    seen = [nodes.version, *(one.actual for one in nodes.parameters)]
    before = await shown(link, *seen)

    rehearsal = await line.execute(tried(download))
    assert rehearsal.word == "ok"
    assert {c.name: (c.old, c.new, c.unit) for c in rehearsal.changes} == {
        WELD: (9.6, 9.9, "kA"),
        "recipe_version": (before[0], recipe.version, ""),
    }
    assert await shown(link, *seen) == before, "a dry run writes nothing"

    answer = await line.execute(download)
    assert (answer.word, answer.changes) == ("ok", rehearsal.changes)
    assert await shown(link, *seen) == [recipe.version, 9.9, 3400.0]
    assert (await line.execute(download)).word == "already_done"
    assert (await line.execute(tried(download))).word == "already_done"

    db = sqlite3.connect(sims.folder / FLOOR_FILE)
    (doc,) = db.execute("SELECT doc FROM line_state WHERE key = 'line'").fetchone()
    db.close()
    assert json.loads(doc)["recipes"][STATION]["C1"][WELD] == 9.9, "it is on disk when it is told"


async def test_limits_are_kept_by_the_agent_and_by_the_line(sims: Sims, link: Link) -> None:
    too_hot = a_recipe(sims, "S2", 11.5)
    line = methods(sims, link)
    command = a_command(CommandKind.DOWNLOAD_RECIPE, recipe=too_hot)
    for one in (command, tried(command)):
        assert (await line.execute(one)).word == "outside_limits"
    blind = tuple(one.model_copy(update={"low": 0.0, "high": 1e6}) for one in too_hot.values)
    past_the_agent = too_hot.model_copy(update={"values": blind})
    answer = await line.execute(command.model_copy(update={"recipe": past_the_agent}))
    assert answer.word == "outside_limits"
    nodes = station_controls(the_line(sims)).recipe(STATION, "S2")
    assert nodes is not None
    assert await shown(link, nodes.parameters[0].actual) == [9.6]


async def test_what_a_line_does_not_offer_is_said_and_not_written(sims: Sims, link: Link) -> None:
    recipe = a_recipe(sims, "C1", 9.7)
    nothing = methods(sims, link, StationControls())
    download = a_command(CommandKind.DOWNLOAD_RECIPE, recipe=recipe)
    lock = a_command(CommandKind.SET_INTERLOCK, engage=True)
    for command in (download, lock, tried(download), tried(lock)):
        assert (await nothing.execute(command)).word == "not_offered"
    full = station_controls(the_line(sims)).recipe(STATION, "C1")
    assert full is not None
    fewer = full.model_copy(update={"parameters": full.parameters[:1]})
    line = methods(sims, link, StationControls(recipes=(fewer,)))
    assert (await line.execute(download)).word == "incomplete"


async def test_a_line_of_plain_nodes_is_written_and_read_back(sims: Sims, link: Link) -> None:
    """Another maker's line may have no method: the staged nodes stand for its set points here."""
    ours = station_controls(the_line(sims)).recipe(STATION, "C1")
    assert ours is not None
    plain = RecipeNodes(
        station=STATION,
        variant="C1",
        parameters=tuple(
            RecipeParameterNodes(name=one.name, wanted=one.wanted, actual=one.wanted)
            for one in ours.parameters
        ),
        version=ours.wanted_version or "",
        wanted_version=ours.wanted_version,
    )
    line = methods(sims, link, StationControls(recipes=(plain,)))
    download = a_command(CommandKind.DOWNLOAD_RECIPE, recipe=a_recipe(sims, "C1", 9.75))
    assert (await line.execute(tried(download))).word == "ok"
    assert (await line.execute(download)).word == "ok"
    assert (await line.execute(download)).word == "already_done"

    deaf = plain.model_copy(
        update={
            "parameters": tuple(
                RecipeParameterNodes(name=one.name, wanted=one.wanted, actual=one.actual)
                for one in ours.parameters
            )
        }
    )
    line = methods(sims, link, StationControls(recipes=(deaf,)))
    other = a_command(CommandKind.DOWNLOAD_RECIPE, recipe=a_recipe(sims, "C1", 9.3))
    assert (await line.execute(other)).word == "not_verified"

    read_only = tuple(
        RecipeParameterNodes(name=one.name, wanted=one.actual, actual=one.actual)
        for one in ours.parameters
    )
    locked = plain.model_copy(update={"parameters": read_only})
    line = methods(sims, link, StationControls(recipes=(locked,)))
    for command in (other, tried(other)):
        assert (await line.execute(command)).word == "not_writable"


async def test_an_interlock_is_never_touched_while_the_guard_is_open(
    sims: Sims, link: Link
) -> None:
    line = methods(sims, link)
    nodes = station_controls(the_line(sims)).interlock(STATION)
    assert nodes is not None
    lock = a_command(CommandKind.SET_INTERLOCK, engage=True)
    release = a_command(CommandKind.SET_INTERLOCK, engage=False)
    assert (await line.execute(tried(lock))).word == "ok"
    assert await shown(link, nodes.is_set) == [False]
    (change,) = (await line.execute(lock)).changes
    assert (change.old, change.new) == (False, True)
    assert await shown(link, nodes.is_set) == [True]
    assert (await line.execute(lock)).word == "already_done"
    assert (await line.execute(release)).word == "ok"

    async def guard(open_: bool) -> None:
        sims.plant_fault(LINE, kind="guard", station=STATION, open=open_)

        async def seen() -> bool:
            return await shown(link, nodes.guard_open) == [open_]

        await eventually(seen, within_s=20)

    await guard(True)
    assert await shown(link, nodes.is_set) == [True], "the open guard has set it"
    for command in (release, lock, tried(release)):
        assert (await line.execute(command)).word == "guard_open"
    said = await link.call(
        nodes.parent or "",
        nodes.change or "",
        *(ua.Variant(value) for value in (False, "past the agent")),
    )
    assert said == ["guard_open"], "the line says so itself"
    await guard(False)
    assert await shown(link, nodes.is_set) == [True], "closing it releases nothing"
    assert (await line.execute(release)).word == "ok"


async def test_without_a_word_of_the_guard_nothing_is_released(sims: Sims, link: Link) -> None:
    ours = station_controls(the_line(sims)).interlock(STATION)
    assert ours is not None
    blind = InterlockNodes(
        station=STATION,
        is_set=ours.is_set,
        guard_open=station_controls(the_line(sims)).recipes[0].parent or "",
        parent=ours.parent,
        change=ours.change,
    )
    line = methods(sims, link, StationControls(interlocks=(blind,)))
    release = a_command(CommandKind.SET_INTERLOCK, engage=True)
    assert (await line.execute(release)).word == "guard_unknown"
    assert await shown(link, ours.is_set) == [False]
