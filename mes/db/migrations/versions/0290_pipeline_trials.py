"""See `sql/0290_pipeline_trials.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0290"
down_revision = "0281"


def upgrade() -> None:
    run_sql("0290_pipeline_trials")
