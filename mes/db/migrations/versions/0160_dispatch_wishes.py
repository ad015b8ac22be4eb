"""See `sql/0160_dispatch_wishes.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0160"
down_revision = "0150"


def upgrade() -> None:
    run_sql("0160_dispatch_wishes")
