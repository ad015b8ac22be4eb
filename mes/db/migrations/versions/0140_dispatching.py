"""See `sql/0140_dispatching.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0140"
down_revision = "0130"


def upgrade() -> None:
    run_sql("0140_dispatching")
