"""See `sql/0071_telemetry.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0071"
down_revision = "0070"


def upgrade() -> None:
    run_sql("0071_telemetry")
