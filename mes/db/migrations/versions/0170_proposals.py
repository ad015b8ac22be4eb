"""See `sql/0170_proposals.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0170"
down_revision = "0132"


def upgrade() -> None:
    run_sql("0170_proposals")
