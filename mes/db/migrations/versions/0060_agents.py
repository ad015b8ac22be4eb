"""See `sql/0060_agents.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0060"
down_revision = "0050"


def upgrade() -> None:
    run_sql("0060_agents")
