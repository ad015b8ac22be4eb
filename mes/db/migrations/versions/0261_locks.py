"""See `sql/0261_locks.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0261"
down_revision = "0260"


def upgrade() -> None:
    run_sql("0261_locks")
