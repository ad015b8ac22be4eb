"""See `sql/0241_measurement_systems.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0241"
down_revision = "0240"


def upgrade() -> None:
    run_sql("0241_measurement_systems")
