"""See `sql/0190_gap_repair.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0190"
down_revision = "0170"


def upgrade() -> None:
    run_sql("0190_gap_repair")
