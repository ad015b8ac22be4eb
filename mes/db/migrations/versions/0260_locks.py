"""See `sql/0260_locks.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0260"
down_revision = "0230"


def upgrade() -> None:
    run_sql("0260_locks")
