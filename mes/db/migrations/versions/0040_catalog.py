"""See `sql/0040_catalog.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0040"
down_revision = "0030"


def upgrade() -> None:
    run_sql("0040_catalog")
