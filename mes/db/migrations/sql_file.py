"""Run the hand-written SQL of a revision."""

from __future__ import annotations

from pathlib import Path

from alembic import op


def run_sql(name: str) -> None:
    """Run `sql/NAME.sql` as it stands: no parameters, any number of statements."""
    run_text((Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8"))


def run_text(text: str) -> None:
    """Run statements through psycopg itself, so that `%` and `:` mean nothing special."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None  # noqa: S101 - alembic runs on an open connection
    connection.execute(text)
