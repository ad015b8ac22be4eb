"""See `sql/0242_training_regions.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0242"
down_revision = "0328"


def upgrade() -> None:
    run_sql("0242_training_regions")
