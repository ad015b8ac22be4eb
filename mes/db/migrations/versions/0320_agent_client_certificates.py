"""See `sql/0320_agent_client_certificates.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0320"
down_revision = "0290"


def upgrade() -> None:
    run_sql("0320_agent_client_certificates")
