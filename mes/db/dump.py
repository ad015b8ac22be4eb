"""`python -m mes.db.dump`: write `schema.sql`, what all migrations add up to.

The job queue's own tables (procrastinate) come from its package and are left out.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path

from mes.db import migrate, revision
from mes.platform.embedded import EmbeddedPostgres, prepare, remove


def dump(server: EmbeddedPostgres, database: str) -> str:
    """Return the schema of a database as SQL, without what changes from run to run."""
    done = server.run(
        "pg_dump",
        [
            f"--dbname={server.dsn_of(database)}",
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            "--restrict-key=c2m",
        ],
    )
    statements = _statements(done.stdout.decode())
    heading = revision.HEADING.format(revision=revision.current(server.dsn_of(database)))
    return (
        heading
        + "\n"
        + "\n\n".join(text for text in statements if "procrastinate" not in text)
        + "\n"
    )


def _statements(text: str) -> list[str]:
    """Cut pg_dump's output at its comment headings; keep the statements."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("-- Name: "):
            blocks.append([])
        elif not line.startswith(("--", "\\")):
            blocks[-1].append(line)
    return [block for lines in blocks[1:] if (block := "\n".join(lines).strip())]


def main() -> None:
    """Migrate an empty database on a server of its own and write its schema."""
    home = Path(tempfile.mkdtemp(prefix="c2m-schema-"))
    server = prepare(home)
    process = server.spawn(log=home / "postgres.log", options={"fsync": "off"})
    try:
        server.wait_ready(alive=lambda: process.poll() is None, log=home / "postgres.log")
        server.create_database()
        migrate.upgrade(server.dsn)
        revision.SCHEMA_FILE.write_text(dump(server, "c2m"), encoding="utf-8")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        remove(home)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
