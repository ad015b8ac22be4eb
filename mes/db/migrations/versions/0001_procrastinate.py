"""The job queue's own schema, from its package."""

from procrastinate.schema import SchemaManager

from mes.db.migrations.sql_file import run_text

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_text(SchemaManager.get_schema())
