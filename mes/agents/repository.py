"""The tables of agents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.agents.model import (
    Agent,
    AgentView,
    ClientCertificate,
    Decided,
    Decision,
    Epoch,
    TagNumber,
)
from mes.contracts.agent import Heartbeat
from mes.contracts.dispatch import Command, CommandKind
from mes.contracts.ids import uuid7
from mes.contracts.plc import TagNode
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class TokenRow(Agent):
    """An agent, with what the token says that it shows."""

    token_epoch: int
    copy_epoch: int | None


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command in the outbox."""

    number: int
    body: dict[str, Any]


async def ensure(conn: WriteConn, line: str) -> None:
    """Make the agent of a line exist."""
    await db.execute(conn, queries["ensure"], {"id": uuid7(), "line": line})


async def by_line_for_update(conn: WriteConn, line: str) -> Agent | None:
    """Return the agent of a line, locked."""
    return await db.fetch_one(conn, queries["by_line_for_update"], {"line": line}, Agent)


async def by_id(conn: ReadConn, agent_id: UUID) -> Agent | None:
    """Return an agent."""
    return await db.fetch_one(conn, queries["by_id"], {"id": agent_id}, Agent)


async def configured(conn: WriteConn) -> list[Agent]:
    """Return the agents that have a configuration, locked; those that are busy now are left out."""
    return await db.fetch_all(conn, queries["configured"], None, Agent)


async def by_id_for_update(conn: WriteConn, agent_id: UUID) -> Agent | None:
    """Return an agent, locked."""
    return await db.fetch_one(conn, queries["by_id_for_update"], {"id": agent_id}, Agent)


async def add_code(
    conn: WriteConn, agent_id: UUID, code_hash: bytes, *, issued_at: datetime, expires_at: datetime
) -> None:
    """Keep the hash of a new enrolment code."""
    await db.execute(
        conn,
        queries["add_code"],
        {
            "code_hash": code_hash,
            "agent_id": agent_id,
            "issued_at": issued_at,
            "expires_at": expires_at,
        },
    )


async def use_code(conn: WriteConn, code_hash: bytes, *, now: datetime) -> UUID | None:
    """Use up a code; return whose it was, or None when it is not valid."""
    found: UUID | None = await db.fetch_value(
        conn, queries["use_code"], {"code_hash": code_hash, "now": now}
    )
    return found


async def add_token(
    conn: WriteConn,
    agent_id: UUID,
    token_hash: bytes,
    *,
    epoch: int,
    issued_at: datetime,
    expires_at: datetime,
) -> None:
    """Keep the hash of a new device token."""
    await db.execute(
        conn,
        queries["add_token"],
        {
            "token_hash": token_hash,
            "agent_id": agent_id,
            "epoch": epoch,
            "issued_at": issued_at,
            "expires_at": expires_at,
        },
    )


async def revoke_tokens(conn: WriteConn, line: str, *, now: datetime) -> int:
    """Revoke every token of a line's agent; return how many were valid."""
    return await db.execute(conn, queries["revoke_tokens"], {"line": line, "now": now})


async def withdraw_client_certificates(conn: WriteConn, line: str, *, now: datetime) -> int:
    """Withdraw every client certificate of a line's agent; return how many there were."""
    facts = {"line": line, "now": now}
    return await db.execute(conn, queries["withdraw_client_certificates"], facts)


async def token(
    conn: ReadConn, token_hash: bytes, *, instance: str, now: datetime
) -> TokenRow | None:
    """Return what a valid token says, or None."""
    return await db.fetch_one(
        conn,
        queries["identity"],
        {"token_hash": token_hash, "instance": instance, "now": now},
        TokenRow,
    )


async def certified(
    conn: ReadConn, fingerprint: bytes, *, instance: str, now: datetime
) -> TokenRow | None:
    """Return what a valid client certificate says, or None."""
    facts = {"fingerprint": fingerprint, "instance": instance, "now": now}
    return await db.fetch_one(conn, queries["certified"], facts, TokenRow)


async def add_client_certificate(
    conn: WriteConn, agent_id: UUID, certificate: ClientCertificate, *, epoch: int
) -> None:
    """Keep a certificate; one that was withdrawn stays so."""
    facts = {**asdict(certificate), "agent_id": agent_id, "epoch": epoch}
    await db.execute(conn, queries["add_client_certificate"], facts)


async def withdraw_client_certificate(
    conn: WriteConn, line: str, fingerprint: bytes, *, now: datetime
) -> bool:
    """Withdraw a certificate; False: the line's agent has none of this fingerprint that is not withdrawn."""
    facts = {"line": line, "fingerprint": fingerprint, "now": now}
    return await db.execute(conn, queries["withdraw_client_certificate"], facts) == 1


async def proof_key(conn: WriteConn, fingerprint: bytes, *, fresh: bytes) -> bytes:
    """Return the key that goes with a certificate; without one it is `fresh` from now on."""
    facts = {"fingerprint": fingerprint, "fresh": fresh}
    return bytes(await db.fetch_value(conn, queries["proof_key"], facts))


async def valid_proof_keys(
    conn: ReadConn, agent_id: UUID, *, now: datetime
) -> list[tuple[bytes, bytes]]:
    """Return the fingerprints and keys of an agent's valid certificates, the newest first."""
    facts = {"agent_id": agent_id, "now": now}
    rows = await db.fetch_dicts(conn, queries["valid_proof_keys"], facts)
    return [(bytes(row["fingerprint"]), bytes(row["proof_key"])) for row in rows]


async def client_certificates(conn: ReadConn, *, now: datetime) -> list[ClientCertificate]:
    """Return the certificates that count now, line by line, the one that lasts longest first."""
    return await db.fetch_all(conn, queries["client_certificates"], {"now": now}, ClientCertificate)


async def valid_tokens(conn: ReadConn, agent_id: UUID, *, now: datetime) -> list[bytes]:
    """Return the hashes of an agent's valid tokens, the newest first."""
    facts = {"agent_id": agent_id, "now": now}
    rows = await db.fetch_dicts(conn, queries["valid_tokens"], facts)
    return [row["token_hash"] for row in rows]


async def newest_token(conn: ReadConn, agent_id: UUID) -> int:
    """Return the epoch of the agent's last enrolment."""
    found: int = await db.fetch_value(conn, queries["newest_token"], {"agent_id": agent_id})
    return found


async def epochs(conn: ReadConn, agent_id: UUID) -> list[Epoch]:
    """Return every epoch of an agent, oldest first."""
    return await db.fetch_all(conn, queries["epochs"], {"agent_id": agent_id}, Epoch)


async def begin_epoch(
    conn: WriteConn, agent_id: UUID, epoch: int, *, instance: str | None, now: datetime
) -> None:
    """Fence the former epochs and issue a new one."""
    facts = {"agent_id": agent_id, "epoch": epoch, "instance": instance, "now": now}
    await db.execute(conn, queries["fence"], facts)
    await db.execute(conn, queries["add_epoch"], facts)
    await db.execute(conn, queries["set_epoch"], facts)


async def adopt_epoch(conn: WriteConn, agent_id: UUID, epoch: int, instance: str) -> None:
    """Bind the epoch of an enrolment to the copy that showed up first."""
    await db.execute(
        conn,
        queries["adopt_epoch"],
        {"agent_id": agent_id, "epoch": epoch, "instance": instance},
    )


async def set_config(conn: WriteConn, agent_id: UUID, *, version: int, digest: str) -> None:
    """Keep the version and content name of a configuration."""
    await db.execute(
        conn, queries["set_config"], {"agent_id": agent_id, "version": version, "digest": digest}
    )


async def tag_numbers(conn: ReadConn, line: str) -> dict[tuple[str, str], int]:
    """Return the numbers of a line's tags, by station and name."""
    rows = await db.fetch_all(conn, queries["tags_of_line"], {"line": line}, TagNumber)
    return {(row.station, row.name): row.id for row in rows}


async def add_tags(conn: WriteConn, line: str, tags: Iterable[TagNode]) -> None:
    """Number tags that have no number yet."""
    for tag in tags:
        await db.execute(
            conn,
            queries["add_tag"],
            {
                "id": tag.tag_id,
                "line": line,
                "station": tag.station,
                "name": tag.name,
                "unit": tag.unit,
            },
        )


async def save_heartbeat(
    conn: WriteConn, agent_id: UUID, beat: Heartbeat, *, heard_at: datetime | None, now: datetime
) -> None:
    """Keep the last heartbeat."""
    await db.execute(
        conn,
        queries["save_heartbeat"],
        {
            "agent_id": agent_id,
            "now": now,
            "heard_at": heard_at,
            "connected": beat.link.connected,
            "detail": beat.link.detail,
            "heartbeat": beat.model_dump_json(),
        },
    )


async def set_lost(conn: WriteConn, agent_id: UUID, *, lost: bool) -> None:
    """Note that an agent's line fell silent, or speaks again."""
    await db.execute(conn, queries["set_lost"], {"agent_id": agent_id, "lost": lost})


async def overdue(conn: WriteConn, *, before: datetime) -> list[Agent]:
    """Return agents not yet lost whose lines were last heard of before a real time."""
    return await db.fetch_all(conn, queries["overdue"], {"before": before}, Agent)


async def add_command(conn: WriteConn, line: str, command: Command, *, sent_at: datetime) -> None:
    """Put a command into the outbox of a line and ring for it."""
    number: int = await db.fetch_value(conn, queries["next_number"], {"line": line})
    await db.execute(
        conn,
        queries["add_command"],
        {
            "line": line,
            "number": number,
            "id": command.id,
            "kind": command.kind.value,
            "body": command.model_dump_json(exclude_none=True),
            "sent_at": sent_at,
        },
    )
    await ring(conn, line)


async def ring(conn: WriteConn, line: str) -> None:
    """Wake whoever waits for commands of a line, when this transaction commits."""
    await db.fetch_value(conn, queries["ring"], {"line": line})


async def command_exists(conn: ReadConn, command_id: UUID) -> bool:
    """Say whether a command was sent before."""
    return bool(await db.fetch_value(conn, queries["command_exists"], {"id": command_id}))


async def commands_after(
    conn: ReadConn, line: str, *, after: int, limit: int
) -> Sequence[CommandRow]:
    """Return commands behind a cursor, oldest first."""
    return await db.fetch_all(
        conn,
        queries["commands_after"],
        {"line": line, "after": after, "limit": limit},
        CommandRow,
    )


async def finish_command(
    conn: WriteConn, command_id: UUID, *, ok: bool, code: str, now: datetime
) -> CommandKind | None:
    """Note the first answer to a command; None when it was answered before or never sent."""
    kind = await db.fetch_value(
        conn, queries["finish_command"], {"id": command_id, "ok": ok, "code": code, "now": now}
    )
    return None if kind is None else CommandKind(kind)


async def forget_commands(conn: WriteConn, *, before: datetime) -> int:
    """Drop commands answered before a real time."""
    return await db.execute(conn, queries["forget_commands"], {"before": before})


async def overview(conn: ReadConn) -> list[AgentView]:
    """Return every agent as the page shows it."""
    return await db.fetch_all(conn, queries["overview"], None, AgentView)


async def known_kinds(conn: ReadConn, line: str) -> list[str] | None:
    """Return the kinds of commands that an agent named in its last heartbeat; None: it named none."""
    found: list[str] | None = await db.fetch_value(conn, queries["known_kinds"], {"line": line})
    return found


async def polled(conn: ReadConn) -> list[str]:
    """Return the lines whose agents said last that they read them in rounds."""
    return [row["line"] for row in await db.fetch_dicts(conn, queries["polled"])]


async def decisions(conn: ReadConn) -> list[Decided]:
    """Return what was decided about certificates."""
    return [_decided(row) for row in await db.fetch_dicts(conn, queries["decisions"])]


async def decisions_of_line(conn: ReadConn, line: str) -> list[Decided]:
    """Return what was decided about the certificates of a line, in a fixed order."""
    rows = await db.fetch_dicts(conn, queries["decisions_of_line"], {"line": line})
    return [_decided(row) for row in rows]


async def save_decision(conn: WriteConn, decided: Decided, *, actor: str, now: datetime) -> None:
    """Keep a decision; a later one replaces it."""
    facts = {**asdict(decided), "actor": actor, "now": now}
    await db.execute(conn, queries["save_decision"], facts)


async def raise_certificate_alarm(
    conn: WriteConn, line: str, thumbprint: str, days: int, *, now: datetime
) -> bool:
    """Note an alarm; return whether it is new."""
    facts = {"line": line, "thumbprint": thumbprint, "days": days, "now": now}
    return await db.execute(conn, queries["raise_certificate_alarm"], facts) == 1


def _decided(row: dict[str, Any]) -> Decided:
    return Decided(row["line"], row["thumbprint"], Decision(row["decision"]))
