"""See `sql/0010_base.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0010"
down_revision = "0001"


def upgrade() -> None:
    run_sql("0010_base")
