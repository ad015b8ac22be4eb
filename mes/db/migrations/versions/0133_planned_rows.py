"""See `sql/0133_planned_rows.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0133"
down_revision = "0180"


def upgrade() -> None:
    run_sql("0133_planned_rows")
