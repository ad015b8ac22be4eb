"""See `sql/0150_ingest.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0150"
down_revision = "0140"


def upgrade() -> None:
    run_sql("0150_ingest")
