"""Commands from the MES: kept before they are acknowledged, executed once, answered through the journal."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable

import structlog

from edge.backoff import Trouble
from edge.journal import Journal
from edge.mes_client import MesAway, MesClient, MesRefused
from edge.opcua.line_methods import LineMethods
from edge.plant_clock import LiveClock
from mes.contracts.agent import CommandPage
from mes.contracts.dispatch import Command, CommandKind, CommandResult
from mes.contracts.wire import Stream

log = structlog.get_logger(__name__)

CURSOR = "command_cursor"
DONE_WORDS = frozenset({"ok", "already_done"})
EMPTY_PAUSE_S = 0.05
"""Between two polls without news, for a MES that does not hold them open."""
KEEP_DONE = 10_000
"""Commands remembered after they are done, so that one sent twice is executed once."""


class Inbox:
    """Fetches commands by long poll into the journal.

    The cursor moves in the transaction that keeps the commands, so a crash at any point neither loses nor
    repeats one.
    """

    def __init__(
        self, journal: Journal, mes: MesClient, *, on_config: Callable[[int], None]
    ) -> None:
        self._journal = journal
        self._mes = mes
        self._on_config = on_config
        self.arrived = asyncio.Event()
        self.trouble = Trouble("commands", sooner=mes.is_back)

    async def run(self) -> None:
        """Fetch for ever."""
        cursor = int(self._journal.fact(CURSOR) or 0)
        while True:
            try:
                page = await self._mes.commands(cursor)
            except (MesAway, MesRefused) as error:
                self.trouble.failed(str(error))
                await self.trouble.wait()
                continue
            self.trouble.over()
            if page.commands:
                await self._keep(page)
                self.arrived.set()
            else:
                await asyncio.sleep(EMPTY_PAUSE_S)
            cursor = page.cursor
            self._on_config(page.config_version)

    async def _keep(self, page: CommandPage) -> None:
        await self._journal.record(
            facts={CURSOR: str(page.cursor)}, effect=lambda db: _insert(db, page)
        )


def _insert(db: sqlite3.Connection, page: CommandPage) -> None:
    db.executemany(
        "INSERT OR IGNORE INTO command (id, number, body)"
        " VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM command), ?)",
        [(str(command.id), command.model_dump_json()) for command in page.commands],
    )
    db.execute(
        "DELETE FROM command WHERE done AND number <= (SELECT max(number) FROM command) - ?",
        (KEEP_DONE,),
    )


class Executor:
    """Executes kept commands in order, while there is a session with the line."""

    def __init__(
        self,
        journal: Journal,
        clock: LiveClock,
        inbox: Inbox,
        *,
        may_act: Callable[[], bool],
        reload_config: Callable[[], Awaitable[None]],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._inbox = inbox
        self._may_act = may_act
        self._reload_config = reload_config

    async def run(self, line: LineMethods) -> None:
        """Execute what is open and what comes, until the session fails.

        Raises:
            OSError, TimeoutError, ua.UaError: the session failed. The command is tried again on the next:
                the line knows it by the job order's id.
        """
        while True:
            self._inbox.arrived.clear()
            command = await self._next()
            if command is None or not self._may_act():
                await self._inbox.arrived.wait()
                continue
            await self._execute(line, command)

    async def _next(self) -> Command | None:
        row = await self._journal.read(
            lambda db: db.execute(
                "SELECT body FROM command WHERE NOT done ORDER BY number LIMIT 1"
            ).fetchone()
        )
        return None if row is None else Command.model_validate_json(row[0])

    async def _execute(self, line: LineMethods, command: Command) -> None:
        if command.kind is CommandKind.RELOAD_CONFIG:
            await self._answer(command, "ok")
            await self._reload_config()
            return
        word = await line.execute(command)
        await self._answer(command, word)

    async def _answer(self, command: Command, word: str) -> None:
        result = CommandResult(
            command_id=command.id,
            line=command.line,
            ok=word in DONE_WORDS,
            code=word,
            done_at=self._clock.now(),
        )
        if not result.ok:
            log.warning("command.refused", kind=command.kind.value, answer=word)

        def mark(db: sqlite3.Connection) -> None:
            db.execute("UPDATE command SET done = 1 WHERE id = ?", (str(command.id),))

        await self._journal.append_records(Stream.RESULTS, [result.model_dump_json()], effect=mark)
