"""Ask something of a line: first as a dry run, then for good; keep what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.agents import service as agents
from mes.commanding import model, repository
from mes.commanding.model import (
    AgentTooOld,
    CommandIdTaken,
    EngageMissing,
    HeldByQuality,
    HoldIncomplete,
    JobMissing,
    LineCommand,
    UnknownLineCommand,
    Wish,
)
from mes.contracts.dispatch import Command, CommandKind
from mes.contracts.events import CommandDone
from mes.contracts.ids import uuid7
from mes.dispatching import service as dispatching
from mes.dispatching.model import UnknownLine
from mes.equipment.recipes import service as recipes
from mes.execution import service as execution
from mes.execution.model import UnknownBody
from mes.identity import service as identity
from mes.identity.model import User
from mes.platform.db import ReadConn, WriteConn
from mes.quality import service as quality
from mes.resources import service as resources

RECENT = 50


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and when: plant time and real time."""

    user: User
    now: datetime
    real_now: datetime


async def ask(
    conn: WriteConn, line: str, wish: Wish, asking: Asking, *, command_id: UUID | None = None
) -> LineCommand:
    """Send a wish to the agent of a line; the same wish with the same id is one command.

    Raises:
        UnknownLine, NotCommandable, NotYourCommand, ReasonMissing, JobMissing, JobElsewhere, OnlyLotsStop,
        UnknownStation, NoRecipe, NotInRecipe, OutsideLimits, EngageMissing, HoldIncomplete, UnknownBody,
        BodyElsewhere, HeldByQuality, AgentTooOld, CommandIdTaken: as they say.
    """
    await require_line(conn, line)
    model.require_role(wish.kind, asking.user)
    if not wish.dry_run:
        model.require_reason(wish.kind, wish.reason)
    command = await _command(conn, line, wish, asking, command_id or uuid7())
    return await _send(conn, command, asking, wish=wish, rehearsal_id=None)


async def carry_out(
    conn: WriteConn, line: str, rehearsal_id: UUID, asking: Asking, *, reason: str
) -> LineCommand:
    """Do what a dry run has shown; asked twice, it is done once.

    Raises:
        UnknownLineCommand, NotRehearsed, RehearsalTooOld, and as `ask`.
    """
    rehearsal = await command_of(conn, line, rehearsal_id)
    model.require_role(rehearsal.kind, asking.user)
    done = await repository.carried_out(conn, rehearsal.id)
    if done is not None:
        return done
    rehearsal.require_fresh_rehearsal(asking.real_now)
    why = reason.strip() or rehearsal.reason
    model.require_reason(rehearsal.kind, why)
    shown = Command.model_validate(rehearsal.body)
    if shown.body_id is not None:
        await _require_free_to_hold(conn, line, shown.body_id, held=bool(shown.held))
    command = shown.model_copy(
        update={
            "id": model.carried_out_id(rehearsal.id),
            "kind": rehearsal.kind,
            "of": None,
            "trace": True,
            "issued_at": asking.now,
            "actor": asking.user.actor,
            "reason": why or None,
        }
    )
    wish = Wish(kind=rehearsal.kind, dry_run=False, reason=why)
    return await _send(conn, command, asking, wish=wish, rehearsal_id=rehearsal.id)


async def command_of(conn: ReadConn, line: str, command_id: UUID) -> LineCommand:
    """Return what was asked of a line.

    Raises:
        UnknownLineCommand: nobody did.
    """
    found = await repository.one(conn, line, command_id)
    if found is None:
        raise UnknownLineCommand(command=command_id, line=line)
    return found


async def history(
    conn: ReadConn, line: str, *, dry_runs: bool = False, limit: int = RECENT
) -> list[LineCommand]:
    """Return who asked what of a line and what came of it, the newest first."""
    return await repository.newest(conn, line, dry_runs=dry_runs, limit=limit)


async def answered(conn: WriteConn, done: CommandDone, *, at: datetime) -> None:
    """Keep a line's answer to what a person asked; answers to others are not ours."""
    kept = await repository.finish(
        conn, done.command_id, ok=done.ok, code=done.code, changes=done.changes, done_at=at
    )
    if not kept:
        return
    command = await repository.by_id(conn, done.command_id)
    if command is None or command.dry_run:
        return
    shown = Command.model_validate(command.body)
    if done.ok and command.kind is CommandKind.DOWNLOAD_RECIPE and shown.recipe is not None:
        await recipes.expect(conn, command.line, shown.recipe)
    before = {change.node: change.old for change in done.changes}
    after = {"result": done.code, **{change.node: change.new for change in done.changes}}
    await identity.audit(
        conn, command.actor, "line.commanded", f"line:{command.line}", before, after, now=at
    )


async def require_line(conn: ReadConn, line: str) -> None:
    """Refuse a line that the plant does not have.

    Raises:
        UnknownLine: it has none of this name.
    """
    known = [one.id for one in (await resources.active_plant(conn)).lines]
    if line not in known:
        raise UnknownLine(line=line, known=", ".join(known))


async def _command(
    conn: WriteConn, line: str, wish: Wish, asking: Asking, command_id: UUID
) -> Command:
    plant_line = (await resources.active_plant(conn)).line(line)
    recipe, job = None, None
    match wish.kind:
        case CommandKind.DOWNLOAD_RECIPE:
            recipe = model.recipe_for(plant_line, wish)
        case CommandKind.SET_INTERLOCK:
            model.station_of(plant_line, wish)
            if wish.engage is None:
                raise EngageMissing
        case CommandKind.SET_HOLD:
            if wish.body_id is None or wish.held is None:
                raise HoldIncomplete
            await _require_free_to_hold(conn, line, wish.body_id, held=wish.held)
        case _:
            if wish.job_order_id is None:
                raise JobMissing(kind=wish.kind.value, line=line)
            job = await dispatching.job(conn, wish.job_order_id)
            model.require_possible(wish.kind, job, line)
    return Command(
        id=command_id,
        kind=CommandKind.DRY_RUN if wish.dry_run else wish.kind,
        of=wish.kind if wish.dry_run else None,
        line=line,
        issued_at=asking.now,
        actor=asking.user.actor,
        job=job.order if job is not None and model.sends_job(wish.kind) else None,
        job_order_id=None if job is None else job.id,
        station=wish.station if job is None else None,
        body_id=wish.body_id if wish.kind is CommandKind.SET_HOLD else None,
        held=wish.held if wish.kind is CommandKind.SET_HOLD else None,
        recipe=recipe,
        engage=wish.engage if wish.kind is CommandKind.SET_INTERLOCK else None,
        reason=wish.reason.strip() or None,
        trace=not wish.dry_run,
    )


async def _require_free_to_hold(conn: ReadConn, line: str, body_id: UUID, *, held: bool) -> None:
    """Refuse to hold a body where it is not, and to free one that waits for a decision."""
    body = await execution.find_body(conn, body_id)
    if body is None:
        raise UnknownBody(body=body_id)
    model.require_on_line(body, line)
    if not held and await quality.is_held(conn, body_id):
        raise HeldByQuality(body=body.number)


async def _send(
    conn: WriteConn, command: Command, asking: Asking, *, wish: Wish, rehearsal_id: UUID | None
) -> LineCommand:
    for kind in {command.kind, wish.kind}:
        if kind not in await agents.known_kinds(conn, command.line):
            raise AgentTooOld(line=command.line, kind=kind.value)
    asked = LineCommand(
        id=command.id,
        line=command.line,
        kind=wish.kind,
        dry_run=wish.dry_run,
        rehearsal_id=rehearsal_id,
        job_order_id=command.job_order_id,
        station=command.station,
        body=command.model_dump(mode="json", exclude_none=True),
        actor=command.actor,
        reason=command.reason or "",
        asked_at=asking.now,
        sent_at=asking.real_now,
    )
    if not await repository.add(conn, asked):
        before = await repository.by_id(conn, asked.id)
        if before is None or not before.is_same_wish(asked):
            raise CommandIdTaken(command=asked.id)
        return before
    await agents.send_command(conn, command.line, command, real_now=asking.real_now)
    return asked
