"""Back up a plant into one file, and restore it: the database, the images, the settings of the demo."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from mes.db import revision, timescale
from mes.db.timescale import PlantInTimescale, Standing
from mes.events import service as events
from mes.platform.db import Database
from mes.platform.embedded import locate
from mes.platform.errors import Problem
from mes.platform.settings import Settings

_FORMAT = 1


class BackupUnreadable(Problem):
    """{file} is not a backup of C2M: {why}"""

    code = "backup.unreadable"
    status = 422


class DatabaseNotEmpty(Problem):
    """The database already holds a plant; restore into an empty one, or pass --replace to overwrite it."""

    code = "backup.database_not_empty"
    status = 409


class ProgramFailed(Problem):
    """{program} failed: {why}"""

    code = "backup.program_failed"


def backup(settings: Settings, dsn: str, target: Path) -> int:
    """Write a backup; return its size in bytes. The plant may run meanwhile: it is one moment's state.

    Raises:
        PlantInTimescale: the database is not plain PostgreSQL.
    """
    with psycopg.connect(dsn) as conn:
        if timescale.standing(conn)[0] is Standing.IN_USE:
            raise PlantInTimescale
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "database.dump"
        _run(settings, "pg_dump", ["--format=custom", "--no-owner", f"--dbname={dsn}"], output=dump)
        about = {
            "format": _FORMAT,
            "schema": revision.current(dsn),
            "made_at": datetime.now(UTC).isoformat(),
        }
        unfinished = target.with_name(target.name + ".part")
        with tarfile.open(unfinished, "w") as archive:
            _add_bytes(archive, "about.json", json.dumps(about).encode())
            archive.add(dump, "database.dump")
            if settings.image_dir.exists():
                archive.add(settings.image_dir, "images")
        unfinished.rename(target)
    return target.stat().st_size


def restore(settings: Settings, dsn: str, source: Path, *, replace: bool = False) -> None:
    """Bring a backup back and upgrade it to the schema of this software.

    Raises:
        BackupUnreadable: the file is damaged or something else.
        DatabaseNotEmpty: without `replace`, over a database that is in use.
        PlantInTimescale: the database that would be replaced is not plain PostgreSQL.
    """
    if revision.current(dsn) is not None and not replace:
        raise DatabaseNotEmpty()
    try:
        with tarfile.open(source) as archive, tempfile.TemporaryDirectory() as folder:
            about = json.loads(_member(archive, "about.json").read())
            if about.get("format") != _FORMAT:
                raise BackupUnreadable(file=source.name, why=f"format {about.get('format')!r}")
            archive.extractall(folder, filter="data")
            with timescale.set_aside(dsn), _in_place_of_what_is_there(dsn):
                _run(
                    settings,
                    "pg_restore",
                    ["--no-owner", "--single-transaction", f"--dbname={dsn}"],
                    source=Path(folder) / "database.dump",
                )
            images = Path(folder) / "images"
            for image in images.rglob("*") if images.exists() else ():
                if image.is_file():
                    place = settings.image_dir / image.relative_to(images)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(image.read_bytes())
    except (tarfile.TarError, EOFError, json.JSONDecodeError, KeyError) as error:
        raise BackupUnreadable(file=source.name, why=str(error)) from error
    revision.bring_up(dsn)
    asyncio.run(_rebase_events(dsn))


@contextmanager
def _in_place_of_what_is_there(dsn: str) -> Iterator[None]:
    """Begin with an empty database; what was in it goes when the block ends well and comes back when not.

    `pg_restore --clean` could not do it: it drops only what the backup knows, and not the primary key of a
    partitioned table.
    """
    with psycopg.connect(dsn) as conn:
        interrupted = conn.execute("SELECT to_regnamespace('replaced_by_restore') IS NOT NULL")
        if interrupted.fetchone() == (True,):
            conn.execute("DROP SCHEMA public CASCADE")
        else:
            conn.execute("ALTER SCHEMA public RENAME TO replaced_by_restore")
        conn.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
    try:
        yield
    except BaseException:
        with psycopg.connect(dsn) as conn:
            conn.execute("DROP SCHEMA public CASCADE")
            conn.execute("ALTER SCHEMA replaced_by_restore RENAME TO public")
        raise
    with psycopg.connect(dsn) as conn:
        conn.execute("DROP SCHEMA replaced_by_restore CASCADE")


async def _rebase_events(dsn: str) -> None:
    async with (
        Database(dsn, pool_max=1, statement_timeout_s=3600) as database,
        database.write() as conn,
    ):
        await events.rebase(conn)


def _member(archive: tarfile.TarFile, name: str) -> io.BufferedReader:
    found = archive.extractfile(name)
    if found is None:
        raise KeyError(f"{name} is missing")
    return found  # type: ignore[return-value]  # extractfile is typed as IO[bytes]


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _run(
    settings: Settings,
    program: str,
    arguments: list[str],
    *,
    output: Path | None = None,
    source: Path | None = None,
) -> None:
    """Run one of PostgreSQL's programs; files go through pipes, since another user may own the server."""
    path = locate(settings.data_dir).program(program)
    stdin = source.open("rb") if source else subprocess.DEVNULL
    stdout = output.open("wb") if output else subprocess.DEVNULL
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [str(path), *arguments], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, check=False
    )
    for stream in (stdin, stdout):
        if not isinstance(stream, int):
            stream.close()
    if done.returncode != 0:
        raise ProgramFailed(program=program, why=done.stderr.decode(errors="replace").strip())
