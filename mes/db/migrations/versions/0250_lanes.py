"""See `sql/0250_lanes.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0250"
down_revision = "0241"


def upgrade() -> None:
    run_sql("0250_lanes")
