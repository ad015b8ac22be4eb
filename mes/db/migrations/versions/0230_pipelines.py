"""See `sql/0230_pipelines.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0230"
down_revision = "0250"


def upgrade() -> None:
    run_sql("0230_pipelines")
