"""See `sql/0120_quality.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0120"
down_revision = "0110"


def upgrade() -> None:
    run_sql("0120_quality")
