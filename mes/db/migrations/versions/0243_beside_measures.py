"""See `sql/0243_beside_measures.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0243"
down_revision = "0242"


def upgrade() -> None:
    run_sql("0243_beside_measures")
