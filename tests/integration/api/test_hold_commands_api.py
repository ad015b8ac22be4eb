"""A hold by hand: tried at the line that has the body, by quality, with a reason, past no decision."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import httpx

from mes.agents import service as agents
from mes.commanding import routes, service
from mes.contracts.dispatch import CommandKind, CommandResult, ValueChange
from mes.contracts.events import CommandDone, InspectionRecorded
from mes.contracts.quality import Disposition, Verdict
from mes.events import service as events
from mes.execution import repository as execution
from mes.execution.model import Body, Place, PlaceKind
from mes.identity import service as identity
from mes.identity.model import Role
from mes.quality import service as quality
from mes.resources import service as resources
from tests.support.floor import a_body, newest, register
from tests.support.orders_api import OrdersApi, api, problem

__all__ = ["api"]

KNOWN = [kind.value for kind in CommandKind if kind is not CommandKind.UNKNOWN]


async def test_a_hold_is_tried_then_set_once_and_stands_in_history_and_audit(
    api: OrdersApi,
) -> None:
    line, body = await a_body_on_a_line(api)
    wish = {"kind": "set_hold", "body_id": str(body.id), "held": True}
    planner, inspector = await api.person(Role.PLANNER), await api.person(Role.QUALITY)
    url = f"/api/lines/{line}/commands"
    problem(await planner.post(url, json=wish), 403, "command.role")
    problem(await inspector.post(url, json={**wish, "held": None}), 422, "command.hold_incomplete")
    problem(
        await inspector.post("/api/lines/press-1/commands", json=wish),
        409,
        "command.body_elsewhere",
    )
    stranger = {**wish, "body_id": str(uuid4())}
    problem(await inspector.post(url, json=stranger), 404, "body.unknown")

    tried = await asked(inspector, url, wish)
    assert (tried["dry_run"], tried["body_id"], tried["state"]) == (True, str(body.id), "sent")
    change = ValueChange(name="hold", node="held", old=False, new=True)
    await answer(api, line, tried["id"], "ok", change)
    carry_out = f"{url}/{tried['id']}/carry-out"
    problem(await inspector.post(carry_out, json={}), 422, "command.reason_missing")
    done = await asked(inspector, carry_out, {"reason": "weld to be looked at"})
    again = await asked(inspector, carry_out, {"reason": "weld to be looked at"})
    assert again["id"] == done["id"]
    bodies = await sent(api, line)
    assert [one["kind"] for one in bodies] == ["dry_run", "set_hold"]
    assert (bodies[1]["held"], bodies[1]["body_id"], bodies[1]["trace"]) == (
        True,
        str(body.id),
        True,
    )
    await answer(api, line, done["id"], "ok", change)
    (row,) = (await inspector.get(url)).json()
    assert (row["state"], row["changes"][0]["new"]) == ("done", True)
    async with api.database.read() as conn:
        (entry,) = await identity.audit_of(conn, f"line:{line}")
    assert entry.action == "line.commanded"


async def test_a_body_that_waits_for_a_decision_is_not_freed_by_hand(api: OrdersApi) -> None:
    line, body = await a_body_on_a_line(api)
    inspector = await api.person(Role.QUALITY)
    url = f"/api/lines/{line}/commands"
    free = {"kind": "set_hold", "body_id": str(body.id), "held": False}
    tried = await asked(inspector, url, free)
    await answer(
        api, line, tried["id"], "ok", ValueChange(name="hold", node="h", old=True, new=False)
    )
    hold_id = await quality_holds(api, line, body)
    problem(await inspector.post(url, json=free), 409, "command.held_by_quality")
    carry_out = f"{url}/{tried['id']}/carry-out"
    refused = await inspector.post(carry_out, json={"reason": "in a hurry"})
    problem(refused, 409, "command.held_by_quality")
    async with api.database.write() as conn:
        hold = await quality.get_hold(conn, hold_id)
        await quality.decide(
            conn,
            hold_id,
            Disposition.FALSE_CALL,
            reason="a reflection",
            reviewer="quinn",
            row_version=hold.row_version,
            now=api.clock.now(),
        )
    assert (await asked(inspector, carry_out, {"reason": "as decided"}))["kind"] == "set_hold"


async def a_body_on_a_line(api: OrdersApi) -> tuple[str, Body]:
    """A body at the first station of a line that builds bodies, whose agent knows every command."""
    api.app.include_router(routes.router)
    async with api.database.write() as conn:
        plant = await resources.active_plant(conn)
        line = next(one for one in plant.lines if one.repair_bay is not None)
        place = Place(PlaceKind.LINE, line=line.id, station=line.stations[0].id)
        body = a_body(place=place, since_at=api.clock.now())
        await register(conn, body)
        await execution.save_bodies(conn, [body])
        await conn.execute(
            "INSERT INTO agent (id, line, heartbeat) VALUES (%s, %s, %s)"
            " ON CONFLICT (line) DO UPDATE SET heartbeat = excluded.heartbeat",
            [uuid4(), line.id, json.dumps({"commands": KNOWN})],
        )
    return line.id, body


async def quality_holds(api: OrdersApi, line: str, body: Body) -> UUID:
    """Let a defect be seen, and the body be held for it."""
    async with api.database.write() as conn:
        seen = InspectionRecorded(
            inspection_id=uuid4(),
            body_id=body.id,
            lot=None,
            line=line,
            station="s",
            camera="c",
            verdict=Verdict.NOK,
            score=0.9,
            defect_kind=None,
        )
        event = await events.record(conn, seen, now=api.clock.now(), actor=f"agent:{line}")
        hold = await quality.hold_body(
            conn,
            body,
            found_at=line,
            cause="nok",
            verdict=Verdict.NOK,
            defect_kind=None,
            inspection_id=None,
            now=api.clock.now(),
            actor="policy:quality",
            because=event,
        )
    assert hold is not None
    return hold.id


async def asked(client: httpx.AsyncClient, url: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(url, json=body)
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def answer(
    api: OrdersApi, line: str, command_id: str, code: str, *changes: ValueChange
) -> None:
    """Let the agent answer, and the MES hear it."""
    result = CommandResult(
        command_id=UUID(command_id),
        line=line,
        ok=True,
        code=code,
        done_at=api.clock.now(),
        changes=changes,
    )
    async with api.database.write() as conn:
        await agents.finish_command(conn, result, real_now=api.clock.real_now())
        done = (await newest(conn, CommandDone.type)).of(CommandDone)
        await service.answered(conn, done, at=api.clock.now())


async def sent(api: OrdersApi, line: str) -> list[dict[str, Any]]:
    """What lies in the outbox of the line, oldest first."""
    async with api.database.read() as conn:
        query = "SELECT body FROM agent_command WHERE line = %s ORDER BY number"
        return [row[0] for row in await (await conn.execute(query, [line])).fetchall()]
