"""See `sql/0220_telemetry_aggregates.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0220"
down_revision = "0133"


def upgrade() -> None:
    run_sql("0220_telemetry_aggregates")
