"""See `sql/0322_locks_of_bars.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0322"
down_revision = "0243"


def upgrade() -> None:
    run_sql("0322_locks_of_bars")
