"""See `sql/0180_vision_models.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0180"
down_revision = "0171"


def upgrade() -> None:
    run_sql("0180_vision_models")
