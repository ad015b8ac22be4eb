"""See `sql/0061_agent_certificates.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0061"
down_revision = "0131"


def upgrade() -> None:
    run_sql("0061_agent_certificates")
