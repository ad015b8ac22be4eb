"""See `sql/0281_line_alarms.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0281"
down_revision = "0280"


def upgrade() -> None:
    run_sql("0281_line_alarms")
