"""See `sql/0329_proof_keys.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0329"
down_revision = "0322"


def upgrade() -> None:
    run_sql("0329_proof_keys")
