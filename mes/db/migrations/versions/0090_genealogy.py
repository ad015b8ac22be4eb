"""See `sql/0090_genealogy.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0090"
down_revision = "0080"


def upgrade() -> None:
    run_sql("0090_genealogy")
