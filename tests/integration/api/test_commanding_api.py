"""Commands of people: tried first, carried out once, by the right role, to agents that know them; all kept."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from mes.agents import service as agents
from mes.commanding import routes, service
from mes.contracts.dispatch import (
    Command,
    CommandKind,
    CommandResult,
    JobState,
    ValueChange,
)
from mes.contracts.events import CommandDone
from mes.dispatching import repository as jobs
from mes.dispatching.model import Job
from mes.identity import service as identity
from mes.identity.model import Role, Scope
from tests.support.floor import newest
from tests.support.lines import a_die_lot
from tests.support.orders_api import OrdersApi, api, problem

__all__ = ["api"]

LINE = "press-1"
KNOWN = [kind.value for kind in CommandKind if kind is not CommandKind.UNKNOWN]


async def knows(api: OrdersApi, kinds: list[str] | None) -> None:
    """Let the line's agent have said which commands it knows; None: it says nothing of them."""
    said = {} if kinds is None else {"commands": kinds}
    async with api.database.write() as conn:
        await conn.execute(
            "INSERT INTO agent (id, line, heartbeat) VALUES (%s, %s, %s)"
            " ON CONFLICT (line) DO UPDATE SET heartbeat = excluded.heartbeat",
            [uuid4(), LINE, json.dumps(said)],
        )


async def answer(api: OrdersApi, command_id: str, code: str, *changes: ValueChange) -> None:
    """Let the agent answer, and the MES hear it."""
    ok = code in ("ok", "already_done")
    async with api.database.write() as conn:
        result = CommandResult(
            command_id=UUID(command_id),
            line=LINE,
            ok=ok,
            code=code,
            done_at=api.clock.now(),
            changes=changes,
        )
        await agents.finish_command(conn, result, real_now=api.clock.real_now())
        done = (await newest(conn, CommandDone.type)).of(CommandDone)
        await service.answered(conn, done, at=api.clock.now())


async def sent(api: OrdersApi) -> list[dict[str, Any]]:
    """What lies in the outbox of the line, oldest first."""
    async with api.database.read() as conn:
        query = "SELECT body FROM agent_command WHERE line = %s ORDER BY number"
        return [row[0] for row in await (await conn.execute(query, [LINE])).fetchall()]


async def a_running_lot(api: OrdersApi) -> str:
    api.app.include_router(routes.router)
    order = a_die_lot(LINE, "s2-hood", 60)
    job = Job(
        id=order.id,
        kind=order.kind,
        line=LINE,
        subject_id=uuid4(),
        attempt=1,
        state=JobState.RUNNING,
        state_at=api.clock.now(),
        sequence=1,
        order=order,
    )
    async with api.database.write() as conn:
        await jobs.add_job(conn, job, now=api.clock.now())
    await knows(api, KNOWN)
    return str(order.id)


def stop(job: str, **more: Any) -> dict[str, Any]:
    return {"kind": "stop_job", "job_order_id": job, **more}


async def ask(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/api/lines/{LINE}/commands", json=body)
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_command_is_tried_then_done_once_and_its_history_says_who_why_and_what(
    api: OrdersApi,
) -> None:
    job = await a_running_lot(api)
    planner = await api.person(Role.PLANNER)
    tried = await ask(planner, stop(job))
    assert (tried["dry_run"], tried["state"]) == (True, "sent")
    carry_out = f"/api/lines/{LINE}/commands/{tried['id']}/carry-out"
    problem(await planner.post(carry_out, json={}), 409, "command.not_rehearsed")

    change = ValueChange(name="job_state", node="list", old="Running", new="Completed")
    await answer(api, tried["id"], "ok", change)
    problem(await planner.post(carry_out, json={}), 422, "command.reason_missing")
    first = await planner.post(carry_out, json={"reason": "the die is worn"})
    again = await planner.post(carry_out, json={"reason": "the die is worn"})
    assert first.status_code == again.status_code == 202, first.text
    done = first.json()
    assert done["id"] == again.json()["id"]
    assert [c["kind"] for c in await sent(api)] == ["dry_run", "stop_job"]
    assert (await sent(api))[1]["trace"] is True

    await answer(api, done["id"], "ok", change)
    (row,) = (await planner.get(f"/api/lines/{LINE}/commands")).json()
    assert (row["actor"], row["reason"], row["state"]) == (
        "user:planner",
        "the die is worn",
        "done",
    )
    assert row["rehearsal_id"] == tried["id"]
    assert row["changes"][0]["old"] == "Running"
    everything = await planner.get(f"/api/lines/{LINE}/commands", params={"dry_runs": True})
    assert len(everything.json()) == 2
    async with api.database.read() as conn:
        (entry,) = await identity.audit_of(conn, f"line:{LINE}")
    assert entry.action == "line.commanded"


async def test_the_same_id_is_one_command_and_another_wish_needs_another_id(api: OrdersApi) -> None:
    job = await a_running_lot(api)
    planner = await api.person(Role.PLANNER)
    mine = str(uuid4())
    for _ in range(2):
        assert (await ask(planner, stop(job, id=mine)))["id"] == mine
    assert len(await sent(api)) == 1
    path = f"/api/lines/{LINE}/commands"
    other = {"kind": "pause_job", "job_order_id": job, "id": mine}
    problem(await planner.post(path, json=other), 409, "command.id_taken")


async def test_who_may_not_and_what_makes_no_sense_is_refused_before_the_line(
    api: OrdersApi,
) -> None:
    job = await a_running_lot(api)
    planner, operator = await api.person(Role.PLANNER), await api.person(Role.OPERATOR)
    path = f"/api/lines/{LINE}/commands"
    problem(await operator.post(path, json=stop(job)), 403, "command.role")
    problem(await planner.post(path, json=stop(job, dry_run=False)), 422, "command.reason_missing")
    problem(await planner.post(path, json=stop(str(uuid4()))), 404, "job.unknown")
    problem(await planner.post(path, json={"kind": "stop_job"}), 422, "command.job_missing")
    problem(await planner.post(path, json={"kind": "reload_config"}), 422, "command.kind")
    problem(
        await planner.post("/api/lines/paint/commands", json=stop(job)),
        409,
        "command.job_elsewhere",
    )
    problem(await planner.post("/api/lines/nowhere/commands", json=stop(job)), 404, "line.unknown")
    problem(await planner.get(f"{path}/{uuid4()}"), 404, "command.unknown")
    assert await sent(api) == []
    machine = await api.machine(Scope.PLAN_READ)
    assert (await machine.get(path)).json() == []


@pytest.mark.parametrize("said", [None, ["pause_job", "cancel_job"]])
async def test_an_agent_of_an_older_version_is_not_sent_what_it_does_not_know(
    api: OrdersApi, said: list[str] | None
) -> None:
    job = await a_running_lot(api)
    await knows(api, said)
    planner = await api.person(Role.PLANNER)
    path = f"/api/lines/{LINE}/commands"
    wish = {"kind": "pause_job", "job_order_id": job}
    problem(await planner.post(path, json=wish), 409, "command.agent_too_old")
    assert (await ask(planner, {**wish, "dry_run": False}))["state"] == "sent"


async def test_what_was_shown_too_long_ago_is_tried_again_first(api: OrdersApi) -> None:
    job = await a_running_lot(api)
    planner = await api.person(Role.PLANNER)
    tried = await ask(planner, {"kind": "pause_job", "job_order_id": job})
    await answer(api, tried["id"], "ok")
    api.clock.pass_real(service.model.REHEARSAL_LASTS * 2)
    carry_out = f"/api/lines/{LINE}/commands/{tried['id']}/carry-out"
    problem(await planner.post(carry_out, json={}), 409, "command.rehearsal_too_old")


async def test_a_refusal_of_the_line_is_kept_with_its_word(api: OrdersApi) -> None:
    job = await a_running_lot(api)
    planner = await api.person(Role.PLANNER)
    asked = await ask(planner, {"kind": "resume_job", "job_order_id": job, "dry_run": False})
    await answer(api, asked["id"], "invalid_status")
    told = (await planner.get(f"/api/lines/{LINE}/commands/{asked['id']}")).json()
    assert (told["state"], told["code"]) == ("refused", "invalid_status")


async def test_a_recipe_is_asked_for_by_plant_it_within_the_limits_of_the_plant_file(
    api: OrdersApi,
) -> None:
    await a_running_lot(api)
    async with api.database.write() as conn:
        await conn.execute(
            "INSERT INTO agent (id, line, heartbeat) VALUES (%s, 'body-framing', %s)",
            [uuid4(), json.dumps({"commands": KNOWN})],
        )
    keeper, planner = await api.person(Role.MAINTENANCE), await api.person(Role.PLANNER)
    path = "/api/lines/body-framing/commands"
    wish: dict[str, Any] = {
        "kind": "download_recipe",
        "station": "framing",
        "variant": "C1",
        "values": {"WeldCurrent": 9.9},
    }
    problem(await planner.post(path, json=wish), 403, "command.role")
    for changed, status, code in (
        ({"values": {"WeldCurrent": 99.0}}, 422, "command.outside_limits"),
        ({"values": {"Mood": 1.0}}, 422, "command.not_in_recipe"),
        ({"variant": "X9"}, 404, "command.no_recipe"),
        ({"station": "nowhere"}, 404, "command.station_unknown"),
        ({"dry_run": False}, 422, "command.reason_missing"),
    ):
        problem(await keeper.post(path, json=wish | changed), status, code)
    asked = await keeper.post(path, json=wish)
    assert asked.status_code == 202, asked.text
    async with api.database.read() as conn:
        query = "SELECT body FROM agent_command WHERE line = 'body-framing'"
        (row,) = await (await conn.execute(query)).fetchall()
    command = Command.model_validate(row[0])
    assert (command.kind, command.of) == (CommandKind.DRY_RUN, CommandKind.DOWNLOAD_RECIPE)
    assert command.recipe is not None
    assert {one.name: one.value for one in command.recipe.values} == {
        "WeldCurrent": 9.9,
        "ElectrodeForce": 3400.0,
    }
    old = [kind for kind in KNOWN if kind != "download_recipe"]
    async with api.database.write() as conn:
        await conn.execute(
            "UPDATE agent SET heartbeat = %s WHERE line = 'body-framing'",
            [json.dumps({"commands": old})],
        )
    problem(await keeper.post(path, json=wish), 409, "command.agent_too_old")


async def test_an_interlock_is_for_maintenance_alone_and_says_which_way(api: OrdersApi) -> None:
    await a_running_lot(api)
    keeper, quality = await api.person(Role.MAINTENANCE), await api.person(Role.QUALITY)
    path = f"/api/lines/{LINE}/commands"
    wish: dict[str, Any] = {"kind": "set_interlock", "station": "press-1-draw", "engage": False}
    problem(await quality.post(path, json=wish), 403, "command.role")
    problem(await keeper.post(path, json=wish | {"engage": None}), 422, "command.engage_missing")
    problem(await keeper.post(path, json=wish | {"dry_run": False}), 422, "command.reason_missing")
    tried = await ask(keeper, wish)
    await answer(api, tried["id"], "guard_open")
    carry_out = f"{path}/{tried['id']}/carry-out"
    problem(await keeper.post(carry_out, json={"reason": "x"}), 409, "command.not_rehearsed")
    done = await ask(keeper, wish | {"dry_run": False, "reason": "the light curtain was checked"})
    assert done["station"] == "press-1-draw"
    assert [c["kind"] for c in await sent(api)] == ["dry_run", "set_interlock"]
