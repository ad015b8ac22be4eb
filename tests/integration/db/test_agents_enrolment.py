"""Enrolment, epochs and the outbox on a real database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mes.agents import service
from mes.agents.bell import CommandBell
from mes.agents.model import (
    LEASE,
    CodeRefused,
    Fenced,
    Identity,
    InstanceMissing,
    TokenRefused,
    UnknownLine,
)
from mes.contracts.agent import CameraModel, Enrolled, Heartbeat, LinkState
from mes.contracts.dispatch import Command, CommandKind, CommandResult
from mes.contracts.events import AgentBack, AgentLost, CommandDone, LineDown
from mes.contracts.ids import uuid7
from mes.contracts.plant import Line, PlantModel
from mes.events import service as events
from mes.platform.db import Database, ReadConn, WriteConn
from tests.support.agents import no_models, seed_plant

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def plant_db(database: Database, mini_plant: PlantModel) -> Database:
    await seed_plant(database, mini_plant)
    return database


async def enrolled(conn: WriteConn, line: str = "paint") -> Enrolled:
    code = await service.issue_code(conn, line, real_now=NOW)
    return await service.enrol(conn, code, now=NOW, real_now=NOW)


async def who(conn: ReadConn, agent: Enrolled, instance: str, *, now: datetime = NOW) -> Identity:
    return await service.identify(conn, agent.token, instance, real_now=now)


async def epoch_of(conn: WriteConn, agent: Enrolled, instance: str) -> int:
    found = await service.config(
        conn, await who(conn, agent, instance), models=no_models, real_now=NOW
    )
    return found.epoch


def a_command(line: str = "paint") -> Command:
    return Command(
        id=uuid7(), kind=CommandKind.SET_HOLD, line=line, issued_at=NOW, actor="user:ann",
        body_id=uuid7(), held=True,
    )  # fmt: skip


async def test_a_code_works_once(plant_db: Database) -> None:
    async with plant_db.write() as conn:
        code = await service.issue_code(conn, "paint", real_now=NOW)
        agent = await service.enrol(conn, code, now=NOW, real_now=NOW)
        await epoch_of(conn, agent, "a")
        with pytest.raises(CodeRefused):
            await service.enrol(conn, code, now=NOW, real_now=NOW)


async def test_an_agent_that_never_got_the_answer_enrols_again(plant_db: Database) -> None:
    later = NOW + timedelta(seconds=20)
    async with plant_db.write() as conn:
        code = await service.issue_code(conn, "paint", real_now=NOW)
        lost = await service.enrol(conn, code, now=NOW, real_now=NOW)
        agent = await service.enrol(conn, code, now=NOW, real_now=later)
        assert agent.epoch == lost.epoch + 1
        assert await epoch_of(conn, agent, "a") == agent.epoch
        with pytest.raises(CodeRefused):
            await service.enrol(conn, code, now=NOW, real_now=later)


async def test_a_code_expires(plant_db: Database) -> None:
    async with plant_db.write() as conn:
        code = await service.issue_code(conn, "paint", real_now=NOW)
        with pytest.raises(CodeRefused):
            await service.enrol(conn, code, now=NOW, real_now=NOW + service.CODE_LIFETIME)


async def test_no_code_is_issued_for_a_line_that_the_plant_does_not_have(
    plant_db: Database,
) -> None:
    async with plant_db.write() as conn:
        with pytest.raises(UnknownLine, match="moon"):
            await service.issue_code(conn, "moon", real_now=NOW)


async def test_neither_codes_nor_tokens_are_stored(plant_db: Database) -> None:
    async with plant_db.write() as conn:
        agent = await enrolled(conn)
        rows = await (await conn.execute("SELECT token_hash FROM agent_token")).fetchall()
    assert agent.token.encode() not in rows[0][0]
    assert len(rows[0][0]) == 32


async def test_a_token_is_refused_when_unknown_expired_or_revoked(plant_db: Database) -> None:
    async with plant_db.write() as conn:
        agent = await enrolled(conn)
        for token, now in (
            (None, NOW),
            ("made up", NOW),
            (agent.token, NOW + service.TOKEN_LIFETIME),
        ):
            with pytest.raises(TokenRefused):
                await service.identify(conn, token, "a", real_now=now)
        with pytest.raises(InstanceMissing):
            await service.identify(conn, agent.token, None, real_now=NOW)
        await service.revoke(conn, "paint", actor="user:ann", now=NOW, real_now=NOW)
        with pytest.raises(TokenRefused):
            await who(conn, agent, "a")


async def test_a_restart_keeps_its_epoch_and_a_copy_fences_the_original(
    plant_db: Database,
) -> None:
    async with plant_db.write() as conn:
        agent = await enrolled(conn)
        assert await epoch_of(conn, agent, "original") == 1
        assert await epoch_of(conn, agent, "original") == 1
        assert await epoch_of(conn, agent, "copy") == 2
        with pytest.raises(Fenced, match="epoch 2 belongs to a newer copy"):
            await epoch_of(conn, agent, "original")
        with pytest.raises(Fenced):
            (await who(conn, agent, "original")).require_current()
        (await who(conn, agent, "copy")).require_current()


async def test_a_new_enrolment_takes_over_and_keeps_the_agent(plant_db: Database) -> None:
    async with plant_db.write() as conn:
        old = await enrolled(conn)
        assert await epoch_of(conn, old, "old host") == 1
        new = await enrolled(conn)
        assert new.agent_id == old.agent_id
        assert await epoch_of(conn, new, "new host") == 2
        with pytest.raises(Fenced):
            await epoch_of(conn, old, "a copy with the old token")


async def test_a_configuration_has_the_same_version_until_its_content_changes(
    plant_db: Database, mini_plant: PlantModel
) -> None:
    async with plant_db.write() as conn:
        agent = await enrolled(conn)
        identity = await who(conn, agent, "a")
        first = await service.config(conn, identity, models=no_models, real_now=NOW)
        again = await service.config(conn, identity, models=no_models, real_now=LATER)
        assert first.version == again.version == 1
        assert first.interface.line == "paint"
        assert [tag.name for tag in first.interface.tags] == [
            tag.name for station in mini_plant.line("paint").stations for tag in station.tags
        ]


async def test_a_changed_model_gives_the_configuration_its_next_version_at_once(
    plant_db: Database,
) -> None:
    async def one_model(conn: ReadConn, plant: PlantModel, line: Line) -> tuple[CameraModel, ...]:
        return (CameraModel(camera="cam", package="painting", version="2", sha256="b" * 64),)

    async with plant_db.write() as conn:
        agent = await enrolled(conn)
        await service.config(conn, await who(conn, agent, "a"), models=no_models, real_now=NOW)
        assert await service.refresh_configs(conn, models=no_models) == []
        assert await service.refresh_configs(conn, models=one_model) == ["paint"]
        assert await service.refresh_configs(conn, models=one_model) == []
        identity = await who(conn, agent, "a")
        assert (await service.commands(conn, identity.agent, after=0)).config_version == 2


async def test_tag_numbers_outlive_a_change_of_the_plant_file(
    plant_db: Database, mini_plant: PlantModel
) -> None:
    from mes.resources import service as resources

    async with plant_db.write() as conn:
        agent = await enrolled(conn)
        before = await service.config(
            conn, await who(conn, agent, "a"), models=no_models, real_now=NOW
        )
        fewer = mini_plant.model_dump()
        first_with_tags = next(s for s in fewer["lines"][0]["stations"] if s["tags"])
        first_with_tags["tags"] = ()
        first_with_tags["defects"] = ()
        await resources.install_plant(conn, PlantModel.model_validate(fewer), now=NOW)
        after = await service.config(
            conn, await who(conn, agent, "a"), models=no_models, real_now=NOW
        )
    assert after.interface.tags == before.interface.tags


async def test_a_command_sent_twice_is_one_command(plant_db: Database) -> None:
    command = a_command()
    async with plant_db.write() as conn:
        agent = await enrolled(conn)
        await service.send_command(conn, "paint", command, real_now=NOW)
        await service.send_command(conn, "paint", command, real_now=NOW)
        identity = await who(conn, agent, "a")
        page = await service.commands(conn, identity.agent, after=0)
        assert page.commands == (command,)
        assert await service.commands(conn, identity.agent, after=page.cursor) == page.model_copy(
            update={"commands": ()}
        )


async def test_commands_are_numbered_in_the_order_in_which_they_commit(
    plant_db: Database,
) -> None:
    """A cursor never passes a command that is still uncommitted."""
    first, second = a_command(), a_command()
    async with plant_db.write() as conn:
        agent = await enrolled(conn)

    async def send(command: Command, hold: asyncio.Event, began: asyncio.Event) -> None:
        async with plant_db.write() as conn:
            began.set()
            await service.send_command(conn, "paint", command, real_now=NOW)
            await hold.wait()

    hold, open_door = asyncio.Event(), asyncio.Event()
    open_door.set()
    began = asyncio.Event()
    slow = asyncio.create_task(send(first, hold, began))
    await began.wait()
    fast = asyncio.create_task(send(second, open_door, asyncio.Event()))
    async with plant_db.read() as conn:
        identity = await who(conn, agent, "a")
        page = await service.commands(conn, identity.agent, after=0)
    seen = list(page.commands)
    hold.set()
    await asyncio.gather(slow, fast)
    async with plant_db.read() as conn:
        seen += (await service.commands(conn, identity.agent, after=page.cursor)).commands
    assert {command.id for command in seen} == {first.id, second.id}


async def test_only_the_first_answer_to_a_command_counts(plant_db: Database) -> None:
    command = a_command()
    answer = CommandResult(command_id=command.id, line="paint", ok=True, code="ok", done_at=LATER)
    async with plant_db.write() as conn:
        await service.send_command(conn, "paint", command, real_now=NOW)
        await service.finish_command(conn, answer, real_now=NOW)
        await service.finish_command(conn, answer, real_now=NOW)
        unknown = answer.model_copy(update={"command_id": UUID(int=5)})
        await service.finish_command(conn, unknown, real_now=NOW)
        (done,) = await events.history(conn, str(command.id))
    assert done.type == CommandDone.type
    assert done.plant_at == LATER


def a_beat(*, connected: bool) -> Heartbeat:
    return Heartbeat(
        epoch=1, software="c2m-edge", config_version=1, sent_at=NOW,
        link=LinkState(connected=connected, since=NOW, last_data_at=None),
        journal_bytes=0, journal_batches=0, images_waiting=0, gaps=0, values_per_s=0,
        inspections=0, late=0,
    )  # fmt: skip


async def test_a_line_is_lost_when_its_agent_or_its_plc_is_silent_and_back_when_it_speaks(
    plant_db: Database,
) -> None:
    async with plant_db.write() as conn:
        agent = await enrolled(conn)

        async def beat(real: datetime, *, connected: bool) -> None:
            identity = await who(conn, agent, "a")
            await service.heartbeat(
                conn, identity.agent, a_beat(connected=connected), now=real, real_now=real
            )

        async def lost(real: datetime) -> list[str]:
            return await service.notice_lost(conn, now=real, real_now=real)

        await beat(NOW, connected=True)
        assert await lost(NOW + LEASE) == []
        await beat(NOW + LEASE, connected=False)
        assert await lost(NOW + LEASE + timedelta(seconds=1)) == ["paint"]
        assert await lost(NOW + LEASE * 2) == [], "it is said once"
        await beat(NOW + LEASE * 2, connected=False)
        await beat(NOW + LEASE * 3, connected=True)
        await beat(NOW + LEASE * 3, connected=True)
        types = [event.type for event in await events.history(conn, str(agent.agent_id))]
    assert types == ["agent.enrolled", AgentBack.type, AgentLost.type, AgentBack.type]
    assert LineDown.type not in types


async def test_a_committed_command_rings_for_its_line(plant_db: Database) -> None:
    bell = CommandBell()
    following = asyncio.create_task(bell.follow(plant_db))
    with bell.listen("paint") as paint, bell.listen("eol") as eol:
        assert await paint.wait(10), "everybody looks once when the bell begins to listen"
        await eol.wait(10)
        async with plant_db.write() as conn:
            await service.send_command(conn, "paint", a_command(), real_now=NOW)
            assert not await paint.wait(0.1), "not before the commit"
        assert await paint.wait(10)
        assert not await eol.wait(0.05)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
