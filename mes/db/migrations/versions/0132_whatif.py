"""See `sql/0132_whatif.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0132"
down_revision = "0061"


def upgrade() -> None:
    run_sql("0132_whatif")
