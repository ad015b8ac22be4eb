"""See `sql/0030_resources.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0030"
down_revision = "0020"


def upgrade() -> None:
    run_sql("0030_resources")
