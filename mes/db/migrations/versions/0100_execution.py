"""See `sql/0100_execution.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0100"
down_revision = "0090"


def upgrade() -> None:
    run_sql("0100_execution")
