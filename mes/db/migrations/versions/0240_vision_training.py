"""See `sql/0240_vision_training.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0240"
down_revision = "0220"


def upgrade() -> None:
    run_sql("0240_vision_training")
