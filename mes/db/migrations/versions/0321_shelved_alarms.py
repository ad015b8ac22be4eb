"""See `sql/0321_shelved_alarms.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0321"
down_revision = "0310"


def upgrade() -> None:
    run_sql("0321_shelved_alarms")
