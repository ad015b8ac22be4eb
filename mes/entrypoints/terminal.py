"""What the commands of `c2m` share: where they answer, their settings, and a database that answers.

Settings and the database's client are imported where they are used, so that `c2m --help` loads neither.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from mes.platform.settings import Settings

console = Console()
errors = Console(stderr=True)
CONNECT_S = 5
SERVICE_WAITS_S = 30.0
"""A database that starts with the machine may be slower than what uses it."""


def refuse(sentence: str) -> NoReturn:
    """Say why a command is not carried out, and end with status 1."""
    errors.print(f"[bold red]✗[/] {escape(sentence)}", highlight=False, soft_wrap=True)
    sys.exit(1)


def dsn_of(settings: Settings) -> str:
    """Return the DSN of the database, whether it answers or not."""
    from mes.platform.embedded import database_dsn

    return database_dsn(settings)


def dsn_that_answers(settings: Settings, *, within_s: float = 0.0) -> str:
    """Return the DSN of the database once it answers; a person is told at once, a service waits a while."""
    import psycopg

    dsn = dsn_of(settings)
    until = time.monotonic() + within_s
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=CONNECT_S).close()
        except psycopg.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.5)
        else:
            return dsn


def settings_of(process: str) -> Settings:
    """Return the settings of this machine, with the log of a process set up by them."""
    from mes.platform import logs
    from mes.platform.settings import Settings

    settings = Settings()
    logs.configure(settings.log, process=process)
    return settings
