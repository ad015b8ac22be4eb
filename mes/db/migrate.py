"""Bring a database to the schema of this software.

Alembic runs the revisions of `migrations/versions`; each of them runs the hand-written SQL file of its
name in `migrations/sql`. All of an upgrade is one transaction, under a lock, so that any number of
processes may call it at once.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from mes.platform.errors import Problem

MIGRATIONS = Path(str(resources.files(__package__ or "mes.db"))) / "migrations"
_LOCK = 0x43324D00


class SchemaTooNew(Problem):
    """The database has schema {found}, which this software does not know: install the newer software."""

    code = "schema.too_new"


def upgrade(dsn: str) -> str:
    """Run every migration that is missing; return the revision the database has then.

    Raises:
        SchemaTooNew: the database was upgraded by newer software.
    """
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    script = ScriptDirectory(str(MIGRATIONS))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and found not in {
            revision.revision for revision in script.walk_revisions()
        }:
            raise SchemaTooNew(found=found)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    head = script.get_current_head()
    assert head is not None  # noqa: S101 - there is a first migration
    return head
