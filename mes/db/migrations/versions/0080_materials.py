"""See `sql/0080_materials.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0080"
down_revision = "0071"


def upgrade() -> None:
    run_sql("0080_materials")
