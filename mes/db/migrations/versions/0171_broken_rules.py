"""See `sql/0171_broken_rules.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0171"
down_revision = "0190"


def upgrade() -> None:
    run_sql("0171_broken_rules")
