"""See `sql/0310_permit_locks.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0310"
down_revision = "0301"


def upgrade() -> None:
    run_sql("0310_permit_locks")
