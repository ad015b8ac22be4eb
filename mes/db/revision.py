"""Which schema a database has, and which this software works with; upgrades come from `mes.db.migrate`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import psycopg

from mes.db import timescale

SCHEMA_FILE = Path(__file__).parent / "schema.sql"
"""What all migrations add up to; `mes.db.dump` writes it."""
HEADING = "-- The schema of revision {revision}, as `python -m mes.db.dump` wrote it.\n"


@cache
def newest() -> str:
    """Return the revision this software works with."""
    with SCHEMA_FILE.open(encoding="utf-8") as file:
        found = re.match(r"-- The schema of revision (\S+),", file.readline())
    assert found is not None  # noqa: S101 - the file is written with its heading
    return found[1]


def current(dsn: str) -> str | None:
    """Return the revision of a database; None when it is empty."""
    with psycopg.connect(dsn) as conn:
        known = conn.execute("SELECT to_regclass('alembic_version')").fetchone()
        if known is None or known[0] is None:
            return None
        row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None


def bring_up(dsn: str) -> str:
    """Run the migrations that are missing, if any; return the revision the database has then.

    Its time series are moved into TimescaleDB when it has that and they are not there yet.

    Raises:
        SchemaTooNew: the database was upgraded by newer software.
    """
    if current(dsn) != newest():
        from mes.db import migrate  # its import costs more than most starts have to wait for

        migrate.upgrade(dsn)
    timescale.adopt(dsn)
    return newest()
