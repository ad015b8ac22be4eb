"""See `sql/0270_line_commands.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0270"
down_revision = "0261"


def upgrade() -> None:
    run_sql("0270_line_commands")
