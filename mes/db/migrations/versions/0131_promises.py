"""See `sql/0131_promises.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0131"
down_revision = "0160"


def upgrade() -> None:
    run_sql("0131_promises")
