"""Commands from the MES: kept before they are acknowledged, executed once, answered through the journal.

A command is carried out while it is written down. What is acknowledged to the MES (the cursor) and answered is on
disk first; after a crash in between, the MES tells the command again and the line knows it by the job order's id.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog

from edge.backoff import Trouble
from edge.journal import Journal
from edge.mes_client import MesAway, MesClient, MesRefused
from edge.opcua.answer import DONE_WORDS, OK, Answer
from edge.opcua.line_methods import LineMethods
from edge.plant_clock import LiveClock
from edge.store import Entry
from mes.contracts.agent import CommandPage
from mes.contracts.dispatch import Command, CommandKind, CommandResult
from mes.contracts.wire import Stream

log = structlog.get_logger(__name__)

CURSOR = "command_cursor"
EMPTY_PAUSE_S = 0.05
"""Between two polls without news, for a MES that does not hold them open."""
KEEP_DONE = 10_000
"""Commands remembered after they are done, so that one sent twice is executed once."""


class Inbox:
    """Fetches commands by long poll into the journal.

    The cursor moves in the transaction that keeps the commands, so a crash at any point neither loses nor
    repeats one.

    Attributes:
        fresh: commands that came in this life of the agent and are not carried out yet, oldest first.
    """

    def __init__(
        self, journal: Journal, mes: MesClient, *, on_config: Callable[[int], None]
    ) -> None:
        self._journal = journal
        self._mes = mes
        self._on_config = on_config
        self.arrived = asyncio.Event()
        self.fresh: dict[UUID, Command] = {}
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
                await self._take(page)
            else:
                await asyncio.sleep(EMPTY_PAUSE_S)
            cursor = page.cursor
            self._on_config(page.config_version)

    def first(self) -> Command | None:
        """Return the oldest command that came in this life of the agent and is not carried out yet."""
        return next(iter(self.fresh.values()), None)

    async def _take(self, page: CommandPage) -> None:
        """Write commands down and let those that nobody knows yet be carried out meanwhile."""
        known = await self._journal.look_up(lambda db: _known(db, page.commands))
        kept = self._journal.begin(
            Entry(facts={CURSOR: str(page.cursor)}, effect=lambda db: _insert(db, page))
        )
        for command in page.commands:
            if str(command.id) not in known:
                self.fresh.setdefault(command.id, command)
        self.arrived.set()
        await kept


def _known(db: sqlite3.Connection, commands: Sequence[Command]) -> set[str]:
    """Return the ids of commands that were kept before, carried out or not."""
    marks = ", ".join("?" * len(commands))
    query = f"SELECT id FROM command WHERE id IN ({marks})"  # noqa: S608  # nothing but question marks
    return {row[0] for row in db.execute(query, [str(command.id) for command in commands])}


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
        behind = True
        while True:
            self._inbox.arrived.clear()
            command = None if behind else self._inbox.first()
            if command is None:
                command = await self._oldest_kept()
                behind = command is not None
                command = command or self._inbox.first()
            if command is None or not self._may_act():
                await self._inbox.arrived.wait()
                continue
            await self._execute(line, command)
            self._inbox.fresh.pop(command.id, None)

    async def _oldest_kept(self) -> Command | None:
        """Return the oldest command that is written down and open: at the start of a session, what is left."""
        row = await self._journal.look_up(
            lambda db: db.execute(
                "SELECT body FROM command WHERE NOT done ORDER BY number LIMIT 1"
            ).fetchone()
        )
        return None if row is None else Command.model_validate_json(row[0])

    async def _execute(self, line: LineMethods, command: Command) -> None:
        if command.kind is CommandKind.RELOAD_CONFIG:
            await self._answer(command, Answer(OK))
            await self._reload_config()
            return
        await self._answer(command, await line.execute(command))

    async def _answer(self, command: Command, answer: Answer) -> None:
        result = CommandResult(
            command_id=command.id,
            line=command.line,
            ok=answer.word in DONE_WORDS,
            code=answer.word,
            done_at=self._clock.now(),
            changes=answer.changes,
        )
        if not result.ok and command.kind is not CommandKind.DRY_RUN:
            log.warning("command.refused", kind=command.kind.value, answer=answer.word)

        def mark(db: sqlite3.Connection) -> None:
            db.execute("UPDATE command SET done = 1 WHERE id = ?", (str(command.id),))

        records = [result.model_dump_json()]
        await self._journal.append_records(Stream.RESULTS, records, effect=mark, urgent=True)
