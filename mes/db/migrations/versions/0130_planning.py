"""See `sql/0130_planning.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0130"
down_revision = "0120"


def upgrade() -> None:
    run_sql("0130_planning")
