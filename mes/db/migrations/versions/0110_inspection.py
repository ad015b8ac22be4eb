"""See `sql/0110_inspection.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0110"
down_revision = "0100"


def upgrade() -> None:
    run_sql("0110_inspection")
