"""Alarms of the machines from an agent's batch to the screens, and an acknowledgement back to the line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mes.agents import service as agents
from mes.agents.model import Identity
from mes.contracts.agent import Heartbeat, LinkState
from mes.contracts.alarms import AlarmReport
from mes.contracts.dispatch import CommandKind
from mes.contracts.wire import Batch, Stream, to_lines
from mes.equipment.alarms import routes
from mes.equipment.alarms import service as alarms
from mes.identity import service as people
from mes.identity.model import Role, Scope
from mes.ingest import service as ingest
from mes.platform.db import Database
from tests.support.agents import no_models
from tests.support.orders import PLANT_NOW
from tests.support.orders_api import OrdersApi, api, problem
from tests.unit.equipment.test_alarm_life import a_report

__all__ = ["api"]

LINE = "paint"
KNOWN = tuple(kind.value for kind in CommandKind if kind.value.endswith("_alarm"))
REAL = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


async def an_agent(database: Database, *, commands: tuple[str, ...]) -> Identity:
    async with database.write() as conn:
        code = await agents.issue_code(conn, LINE, real_now=REAL)
        enrolled = await agents.enrol(conn, code, now=PLANT_NOW, real_now=REAL)
        identity = await agents.identify(conn, enrolled.token, "a", real_now=REAL)
        await agents.config(conn, identity, models=no_models, real_now=REAL)
        identity = await agents.identify(conn, enrolled.token, "a", real_now=REAL)
        await beat(conn, identity, commands)
    return identity


async def beat(conn: Any, identity: Identity, commands: tuple[str, ...]) -> None:
    heartbeat = Heartbeat(
        epoch=1,
        software="test",
        config_version=1,
        sent_at=REAL,
        link=LinkState(connected=True, since=REAL, last_data_at=REAL),
        journal_bytes=0,
        journal_batches=0,
        images_waiting=0,
        gaps=0,
        values_per_s=0.0,
        inspections=0,
        late=0,
        commands=commands,
    )
    await agents.heartbeat(conn, identity.agent, heartbeat, now=PLANT_NOW, real_now=REAL)


async def delivered(
    database: Database, identity: Identity, seq: int, *reports: AlarmReport
) -> None:
    """Let a batch of results with these reports take effect."""
    texts = [report.model_dump_json() for report in reports]
    batch = Batch(identity.agent.id, 1, Stream.RESULTS, seq, len(texts), to_lines(texts))
    async with database.write() as conn:
        receipt = await ingest.take(
            conn, identity, batch, oldest=None, now=PLANT_NOW, real_now=REAL
        )
    assert receipt.watermark == seq


async def test_alarms_come_once_and_are_listed(api: OrdersApi) -> None:
    api.app.include_router(routes.router)
    identity = await an_agent(api.database, commands=KNOWN)
    oil = a_report(condition="nsu=urn:plc;s=oil", name="Oil", severity=300, at=PLANT_NOW)
    guard = a_report(began_at=PLANT_NOW, at=PLANT_NOW)
    await delivered(api.database, identity, 1, oil, guard)
    await delivered(api.database, identity, 1, oil, guard)
    await delivered(api.database, identity, 2, guard)
    reader = await api.machine(Scope.PLAN_READ)
    found = (await reader.get("/api/line-alarms", params={"line": LINE})).json()
    assert [one["name"] for one in found] == ["Guard", "Oil"], "the gravest first"
    assert found[0]["ended_at"] is None
    gone = {"active": False, "retain": False, "event_id": "09"}
    await delivered(api.database, identity, 3, guard.model_copy(update=gone))
    assert len((await reader.get("/api/line-alarms")).json()) == 1
    (over,) = (await reader.get("/api/line-alarms", params={"state": "over"})).json()
    assert over["name"] == "Guard"
    async with api.database.read() as conn:
        rows = await (await conn.execute("SELECT reason FROM ingest_quarantine")).fetchall()
    assert rows == []


async def test_an_alarm_of_another_line_is_set_aside(api: OrdersApi) -> None:
    identity = await an_agent(api.database, commands=KNOWN)
    await delivered(api.database, identity, 1, a_report(line="eol"), a_report())
    async with api.database.read() as conn:
        assert [alarm.line for alarm in await alarms.standing(conn)] == [LINE]
        row = await (await conn.execute("SELECT reason_code FROM ingest_quarantine")).fetchone()
    assert row == ("record.foreign_line",)


async def test_a_person_has_an_alarm_acknowledged_at_its_line(api: OrdersApi) -> None:
    api.app.include_router(routes.router)
    identity = await an_agent(api.database, commands=KNOWN)
    await delivered(api.database, identity, 1, a_report(event_id="0a0b"))
    keeper = await api.person(Role.MAINTENANCE)
    async with api.database.read() as conn:
        (alarm,) = await alarms.standing(conn)
    door = f"/api/line-alarms/{alarm.id}/acknowledgement"
    for _ in range(2):
        answer = await keeper.post(door, json={"comment": " on my way "})
        assert answer.status_code == 202, answer.text
    async with api.database.read() as conn:
        page = await agents.commands(conn, identity.agent, after=0)
        audited = await people.audit_of(conn, f"line:{LINE}")
    (command,) = page.commands
    assert command.kind is CommandKind.ACKNOWLEDGE_ALARM
    assert (command.condition, command.event_id) == (alarm.condition, "0a0b")
    assert command.reason == "on my way"
    assert "alarm.acknowledged" in {entry.action for entry in audited}
    acked = a_report(event_id="0c", acked=True, by="mei")
    await delivered(api.database, identity, 2, acked)
    problem(await keeper.post(door, json={}), 409, "alarm.nothing_to_acknowledge")
    planner = await api.person(Role.PLANNER)
    assert (await planner.post(door, json={})).status_code == 403


async def test_an_alarm_is_confirmed_once_it_was_acknowledged_and_shelved_by_maintenance(
    api: OrdersApi,
) -> None:
    api.app.include_router(routes.router)
    identity = await an_agent(api.database, commands=KNOWN)
    waits = {"acked": False, "confirmed": False, "shelved": False}
    await delivered(api.database, identity, 1, a_report(event_id="0a", **waits))
    keeper, operator = await api.person(Role.MAINTENANCE), await api.person(Role.OPERATOR)
    async with api.database.read() as conn:
        (alarm,) = await alarms.standing(conn)
    door = f"/api/line-alarms/{alarm.id}"
    problem(await operator.post(f"{door}/confirmation", json={}), 409, "alarm.nothing_to_confirm")
    problem(await keeper.delete(f"{door}/shelving"), 409, "alarm.nothing_to_shelve")
    assert (await operator.post(f"{door}/shelving", json={"minutes": 30})).status_code == 403
    assert (await keeper.post(f"{door}/shelving", json={"minutes": 30})).status_code == 202
    aside = waits | {"acked": True, "shelved": True}
    await delivered(api.database, identity, 2, a_report(event_id="0b", **aside))
    problem(await keeper.post(f"{door}/shelving", json={}), 409, "alarm.nothing_to_shelve")
    assert (await keeper.delete(f"{door}/shelving")).status_code == 202
    for _ in range(2):
        answer = await operator.post(f"{door}/confirmation", json={"comment": "bolted"})
        assert answer.status_code == 202, answer.text
    async with api.database.read() as conn:
        page = await agents.commands(conn, identity.agent, after=0)
        audited = {entry.action for entry in await people.audit_of(conn, f"line:{LINE}")}
    told = [(one.kind.value, one.shelve_s, one.event_id) for one in page.commands]
    assert told == [
        ("shelve_alarm", 1800.0, "0a"),
        ("unshelve_alarm", None, "0b"),
        ("confirm_alarm", None, "0b"),
    ]
    assert {"alarm.shelved", "alarm.unshelved", "alarm.confirmed"} <= audited


async def test_an_older_agent_is_not_asked_for_what_it_does_not_know(api: OrdersApi) -> None:
    api.app.include_router(routes.router)
    identity = await an_agent(api.database, commands=())
    await delivered(api.database, identity, 1, a_report())
    keeper = await api.person(Role.MAINTENANCE)
    async with api.database.read() as conn:
        (alarm,) = await alarms.standing(conn)
    door = f"/api/line-alarms/{alarm.id}/acknowledgement"
    problem(await keeper.post(door, json={}), 409, "alarm.agent_too_old")
