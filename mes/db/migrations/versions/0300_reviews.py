"""See `sql/0300_reviews.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0300"
down_revision = "0320"


def upgrade() -> None:
    run_sql("0300_reviews")
