"""See `sql/0020_identity.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0020"
down_revision = "0010"


def upgrade() -> None:
    run_sql("0020_identity")
