"""See `sql/0301_feature_watch.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0301"
down_revision = "0300"


def upgrade() -> None:
    run_sql("0301_feature_watch")
