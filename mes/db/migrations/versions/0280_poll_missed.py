"""See `sql/0280_poll_missed.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0280"
down_revision = "0270"


def upgrade() -> None:
    run_sql("0280_poll_missed")
