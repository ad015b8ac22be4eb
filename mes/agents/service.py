"""Enrol agents, give each its epoch and its configuration, send them commands, notice when they fall silent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from mes.agents import model, repository
from mes.agents.model import (
    CODE_LIFETIME,
    LEASE,
    TOKEN_LIFETIME,
    Agent,
    AgentView,
    CodeRefused,
    Decision,
    Identity,
    InstanceMissing,
    TokenRefused,
    UnknownLine,
)
from mes.contracts import broker
from mes.contracts.agent import (
    AgentConfig,
    CameraModel,
    CommandPage,
    Enrolled,
    Heartbeat,
)
from mes.contracts.controls import station_controls
from mes.contracts.dispatch import FIRST_KINDS, Command, CommandKind, CommandResult
from mes.contracts.events import AgentBack, AgentEnrolled, AgentLost, CommandDone
from mes.contracts.line_layout import line_interface
from mes.contracts.plant import Line, PlantModel
from mes.events import service as events
from mes.identity import service as identity_service
from mes.platform.clock import read_plant_clock
from mes.platform.db import ReadConn, WriteConn
from mes.resources import service as resources

COMMANDS_PER_PAGE = 50

ModelsOf = Callable[[ReadConn, PlantModel, Line], Awaitable[tuple[CameraModel, ...]]]
"""Which packages judge the pictures of a line's cameras; given by the composition root."""


async def issue_code(conn: WriteConn, line: str, *, real_now: datetime) -> str:
    """Issue a one-time enrolment code for the agent of a line; it is shown once and stored hashed.

    Raises:
        UnknownLine: the plant in force has no such line.
    """
    agent = await agent_of(conn, line)
    code = model.new_secret()
    await repository.add_code(
        conn,
        agent.id,
        model.secret_hash(code),
        issued_at=real_now,
        expires_at=real_now + CODE_LIFETIME,
    )
    return code


async def agent_of(conn: WriteConn, line: str) -> Agent:
    """Return the agent of a line, locked, whether it has been enrolled or not.

    Raises:
        UnknownLine: the plant in force has no such line.
    """
    plant = await resources.active_plant(conn)
    _line_of(plant, line)
    await repository.ensure(conn, line)
    agent = await repository.by_line_for_update(conn, line)
    assert agent is not None  # noqa: S101 - it was made a statement ago
    return agent


async def enrol(conn: WriteConn, code: str, *, now: datetime, real_now: datetime) -> Enrolled:
    """Trade a code for a device token. A former copy of the agent is fenced.

    An agent that never got the answer may ask again, until somebody has worked with what was answered.

    Raises:
        CodeRefused: the code is unknown, used or expired.
    """
    agent_id = await repository.use_code(conn, model.secret_hash(code), now=real_now)
    if agent_id is None:
        raise CodeRefused
    agent = await repository.by_id_for_update(conn, agent_id)
    assert agent is not None  # noqa: S101 - the code refers to it
    epoch, token = agent.epoch + 1, model.new_secret()
    await repository.begin_epoch(conn, agent.id, epoch, instance=None, now=real_now)
    await repository.add_token(
        conn,
        agent.id,
        model.secret_hash(token),
        epoch=epoch,
        issued_at=real_now,
        expires_at=real_now + TOKEN_LIFETIME,
    )
    await events.record(
        conn,
        AgentEnrolled(agent_id=agent.id, line=agent.line),
        now=now,
        actor=f"agent:{agent.line}",
    )
    return Enrolled(agent_id=agent.id, token=token, line=agent.line, epoch=epoch)


async def issue_code_by(
    conn: WriteConn, line: str, *, actor: str, now: datetime, real_now: datetime
) -> str:
    """Issue a code for a person, and write down who asked for it."""
    code = await issue_code(conn, line, real_now=real_now)
    await identity_service.audit(
        conn, actor, "agent.code_issued", f"line:{line}", None, None, now=now
    )
    return code


async def revoke(
    conn: WriteConn, line: str, *, actor: str, now: datetime, real_now: datetime
) -> int:
    """Make every device token and client certificate of a line's agent invalid; return how many were valid."""
    tokens = await repository.revoke_tokens(conn, line, now=real_now)
    certificates = await repository.withdraw_client_certificates(conn, line, now=real_now)
    facts = {"tokens": tokens, "certificates": certificates}
    await identity_service.audit(
        conn, actor, "agent.tokens_revoked", f"line:{line}", None, facts, now=now
    )
    return tokens + certificates


async def identify(
    conn: ReadConn, token: str | None, instance: str | None, *, real_now: datetime
) -> Identity:
    """Return who shows a token.

    Raises:
        TokenRefused: there is none, or it is not valid any more.
        InstanceMissing: the request does not say which copy it comes from.
    """
    if not token:
        raise TokenRefused
    return await _identity(conn, model.secret_hash(token), instance, real_now=real_now)


async def identify_by_proof(
    conn: ReadConn,
    agent_id: UUID,
    instance: str | None,
    *,
    stated: bytes,
    proof: str,
    real_now: datetime,
) -> tuple[Identity, bytes]:
    """Return who proves to have a token, or a certificate's key, without showing it, and the key to answer with.

    Raises:
        TokenRefused: no valid token of the agent, and no key of its valid certificates, made the proof.
        InstanceMissing: the message does not say which copy it comes from.
    """
    for token_hash in await repository.valid_tokens(conn, agent_id, now=real_now):
        if broker.proves(token_hash, stated, proof):
            return await _identity(conn, token_hash, instance, real_now=real_now), token_hash
    for fingerprint, key in await repository.valid_proof_keys(conn, agent_id, now=real_now):
        if broker.proves(key, stated, proof):
            row = await repository.certified(
                conn, fingerprint, instance=instance or "", now=real_now
            )
            return _identified(row, instance), key
    raise TokenRefused


async def _identity(
    conn: ReadConn, token_hash: bytes, instance: str | None, *, real_now: datetime
) -> Identity:
    row = await repository.token(conn, token_hash, instance=instance or "", now=real_now)
    return _identified(row, instance)


def _identified(row: repository.TokenRow | None, instance: str | None) -> Identity:
    if row is None:
        raise TokenRefused
    if not instance:
        raise InstanceMissing
    return Identity(row, row.token_epoch, instance, row.copy_epoch)


async def config(
    conn: WriteConn, identity: Identity, *, models: ModelsOf, real_now: datetime
) -> AgentConfig:
    """Return the configuration of an agent under the epoch of this copy of it.

    Raises:
        Fenced: a newer copy has taken over.
    """
    agent = await repository.by_id_for_update(conn, identity.agent.id)
    assert agent is not None  # noqa: S101 - identified a moment ago
    claim = model.claim(
        agent,
        await repository.epochs(conn, agent.id),
        identity.instance,
        token_epoch=identity.token_epoch,
        newest_token=await repository.newest_token(conn, agent.id),
    )
    if claim.is_new:
        await repository.begin_epoch(
            conn, agent.id, claim.epoch, instance=identity.instance, now=real_now
        )
    elif claim.adopts_enrolment:
        await repository.adopt_epoch(conn, agent.id, claim.epoch, identity.instance)
    draft = await _draft(conn, agent, epoch=claim.epoch, models=models)
    version = await _version(conn, agent, draft)
    return draft.model_copy(update={"version": version})


async def refresh_configs(conn: WriteConn, *, models: ModelsOf) -> list[str]:
    """Give configurations whose content has changed their next version; their agents fetch them.

    Returns:
        the lines whose agents have something new to fetch.
    """
    changed = []
    for agent in await repository.configured(conn):
        draft = await _draft(conn, agent, epoch=agent.epoch, models=models)
        if await _version(conn, agent, draft) != agent.config_version:
            changed.append(agent.line)
            await repository.ring(conn, agent.line)
    return changed


async def commands(conn: ReadConn, agent: Agent, *, after: int) -> CommandPage:
    """Return the commands behind a cursor, and the newest version of the configuration."""
    rows = await repository.commands_after(conn, agent.line, after=after, limit=COMMANDS_PER_PAGE)
    current = await repository.by_id(conn, agent.id)
    return CommandPage(
        commands=tuple(Command.model_validate(row.body) for row in rows),
        cursor=rows[-1].number if rows else after,
        config_version=(current or agent).config_version,
    )


async def send_command(conn: WriteConn, line: str, command: Command, *, real_now: datetime) -> None:
    """Put a command into the outbox of a line; its agent fetches it when this transaction commits.

    Sending a command twice does no harm.
    """
    if not await repository.command_exists(conn, command.id):
        await repository.add_command(conn, line, command, sent_at=real_now)


async def known_kinds(conn: ReadConn, line: str) -> frozenset[CommandKind]:
    """Return the kinds of commands that the agent of a line knows, as it said last."""
    said = await repository.known_kinds(conn, line)
    if not said:
        return FIRST_KINDS
    return frozenset(CommandKind(kind) for kind in said) - {CommandKind.UNKNOWN}


async def finish_command(conn: WriteConn, result: CommandResult, *, real_now: datetime) -> None:
    """Take the answer to a command and announce it; a repeated answer changes nothing."""
    kind = await repository.finish_command(
        conn, result.command_id, ok=result.ok, code=result.code, now=real_now
    )
    if kind is not None:
        done = CommandDone(
            command_id=result.command_id,
            line=result.line,
            kind=kind,
            ok=result.ok,
            code=result.code,
            message=result.message,
            changes=result.changes,
        )
        await events.record(conn, done, now=result.done_at, actor=f"agent:{result.line}")


async def heartbeat(
    conn: WriteConn, agent: Agent, beat: Heartbeat, *, now: datetime, real_now: datetime
) -> None:
    """Keep how an agent is; announce that its line speaks again."""
    heard = beat.link.connected
    await repository.save_heartbeat(
        conn, agent.id, beat, heard_at=real_now if heard else None, now=real_now
    )
    if heard and agent.lost:
        await repository.set_lost(conn, agent.id, lost=False)
        back = AgentBack(agent_id=agent.id, line=agent.line)
        await events.record(conn, back, now=now, actor=f"agent:{agent.line}")


async def notice_lost(conn: WriteConn, *, now: datetime, real_now: datetime) -> list[str]:
    """Announce the lines not heard of within the lease: away with their agent, or silent before it.

    Returns:
        the lines.
    """
    overdue = await repository.overdue(conn, before=real_now - LEASE)
    for agent in overdue:
        await repository.set_lost(conn, agent.id, lost=True)
        lost = AgentLost(agent_id=agent.id, line=agent.line)
        await events.record(conn, lost, now=now, actor="system")
    return [agent.line for agent in overdue]


async def forget_commands(conn: WriteConn, *, before: datetime) -> int:
    """Drop commands answered before a real time; return how many."""
    return await repository.forget_commands(conn, before=before)


async def fenced_at(conn: ReadConn, agent_id: UUID, epoch: int) -> datetime | None:
    """Return when an epoch was fenced, real time; None while it is current."""
    found = await repository.epochs(conn, agent_id)
    return next((e.fenced_at for e in found if e.epoch == epoch), None)


async def overview(conn: ReadConn) -> list[AgentView]:
    """Return every agent and how it is."""
    return await repository.overview(conn)


async def polled(conn: ReadConn) -> list[str]:
    """Return the lines that are read in rounds, and so tell no alarms, as their agents said last."""
    return await repository.polled(conn)


async def _draft(conn: WriteConn, agent: Agent, *, epoch: int, models: ModelsOf) -> AgentConfig:
    plant = await resources.active_plant(conn)
    line = _line_of(plant, agent.line)
    interface = line_interface(plant, line)
    numbers = await repository.tag_numbers(conn, agent.line)
    missing = [tag for tag in interface.tags if (tag.station, tag.name) not in numbers]
    if missing:
        await repository.add_tags(conn, agent.line, missing)
        numbers = await repository.tag_numbers(conn, agent.line)
    decided = await repository.decisions_of_line(conn, agent.line)
    return AgentConfig(
        version=1,
        agent_id=agent.id,
        epoch=epoch,
        interface=model.numbered_tags(interface, numbers),
        controls=station_controls(line),
        models=await models(conn, plant, line),
        trusted=tuple(d.thumbprint for d in decided if d.decision is Decision.TRUSTED),
        revoked=tuple(d.thumbprint for d in decided if d.decision is Decision.REVOKED),
        takes_backlog=True,
        takes_recipes=True,
        clock=await read_plant_clock(conn),
    )


async def _version(conn: WriteConn, agent: Agent, draft: AgentConfig) -> int:
    """Return the version of a configuration: the next one when its content is new."""
    digest = model.digest(draft.model_dump_json(exclude={"version", "epoch", "clock"}))
    if digest == agent.config_digest:
        return agent.config_version
    version = agent.config_version + (1 if agent.config_digest else 0)
    await repository.set_config(conn, agent.id, version=version, digest=digest)
    return version


def _line_of(plant: PlantModel, line: str) -> Line:
    try:
        return plant.line(line)
    except KeyError:
        raise UnknownLine(line=line) from None
