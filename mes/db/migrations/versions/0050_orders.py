"""See `sql/0050_orders.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0050"
down_revision = "0040"


def upgrade() -> None:
    run_sql("0050_orders")
