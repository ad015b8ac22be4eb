"""See `sql/0328_loaded_recipes.sql`."""

from mes.db.migrations.sql_file import run_sql

revision = "0328"
down_revision = "0325"


def upgrade() -> None:
    run_sql("0328_loaded_recipes")
