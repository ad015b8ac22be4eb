"""See `sql/0070_equipment.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0070"
down_revision = "0060"


def upgrade() -> None:
    run_sql("0070_equipment")
