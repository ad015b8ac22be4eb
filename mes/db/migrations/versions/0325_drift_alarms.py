"""See `sql/0325_drift_alarms.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0325"
down_revision = "0321"


def upgrade() -> None:
    run_sql("0325_drift_alarms")
