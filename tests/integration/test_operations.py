"""The command line of plant IT against a real database: migrate, check, import, back up, restore."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from mes.catalog import service as catalog
from mes.catalog.file import load_catalog
from mes.contracts.plant import PlantModel
from mes.db import revision
from mes.entrypoints.demo.seed import DEMO_CATALOG
from mes.platform import clock
from mes.platform.db import Database
from mes.platform.embedded import EmbeddedPostgres
from mes.resources import service as resources

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


def c2m(dsn: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line against a database."""
    environment = {
        **os.environ,
        "C2M_DB__DSN": dsn,
        "C2M_DATA_DIR": str(folder),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "mes", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
async def plant_dsn(database: Database, mini_plant: PlantModel) -> str:
    """A database with plant and catalogue."""
    async with database.write() as conn:
        await clock.set_speed(conn, 1, plant_at=START)
        await resources.install_plant(conn, mini_plant, now=START)
        await catalog.install_catalog(
            conn, load_catalog(DEMO_CATALOG), effective_from=START, now=START
        )
    return database.dsn


async def test_check_says_what_is_well_and_what_to_do(plant_dsn: str, tmp_path: Path) -> None:
    done = c2m(plant_dsn, tmp_path, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    for subject in (
        "settings",
        "database",
        "schema",
        "values",
        "plant",
        "catalogue",
        "events",
        "model",
    ):
        assert f"✓ {subject}" in done.stdout
    away = c2m("host=127.0.0.1 port=1 dbname=x connect_timeout=1", tmp_path, "check")
    assert away.returncode == 1
    assert "✗ database" in away.stdout
    assert "C2M_DB__DSN" in away.stdout


def test_a_wrong_setting_is_refused_by_name(tmp_path: Path) -> None:
    environment = {**os.environ, "C2M_HTTP__PORT": "99999", "C2M_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "mes", "check"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "C2M_HTTP__PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_migrate_brings_an_empty_database_to_the_schema_and_again_changes_nothing(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE to_migrate")
    dsn = postgres.dsn_of("to_migrate")
    assert revision.current(dsn) is None
    for _ in range(2):
        done = c2m(dsn, tmp_path, "migrate")
        assert done.returncode == 0, done.stderr
        assert revision.newest() in done.stdout
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    newer = c2m(dsn, tmp_path, "migrate")
    assert newer.returncode == 1
    assert "install the newer software" in newer.stderr


async def test_orders_are_imported_and_bad_rows_are_told(plant_dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        "external_id,model,color,options\nA-1,S2,RED,SUN\nA-2,S2,PINK,\nA-3,C1,WHT,\n",
        encoding="gbk",
    )
    done = c2m(plant_dsn, tmp_path, "orders", "import", str(file))
    assert "2 orders placed, 1 rows refused" in done.stdout, done.stderr
    assert "row 3, color 'PINK'" in done.stderr
    assert done.returncode == 1


async def test_a_backup_brings_the_plant_back(
    plant_dsn: str, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    image = tmp_path / "here" / "images" / "ab" / "abcd"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"picture")
    file = tmp_path / "plant.backup"
    orders = tmp_path / "orders.csv"
    orders.write_text("external_id,model,color,options\nA-1,S2,RED,SUN\n", encoding="utf-8")
    assert c2m(plant_dsn, tmp_path / "here", "orders", "import", str(orders)).returncode == 0
    made = c2m(plant_dsn, tmp_path / "here", "backup", str(file))
    assert made.returncode == 0, made.stderr

    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE brought_back")
    dsn = postgres.dsn_of("brought_back")
    back = c2m(dsn, tmp_path / "there", "restore", str(file))
    assert back.returncode == 0, back.stderr
    for question in (
        "SELECT number, model, color, options FROM customer_order ORDER BY number",
        "SELECT type, subject, payload FROM event ORDER BY seq",
        "SELECT version_num FROM alembic_version",
    ):
        with psycopg.connect(plant_dsn) as before, psycopg.connect(dsn) as after:
            assert before.execute(question).fetchall() == after.execute(question).fetchall()
    assert (tmp_path / "there" / "images" / "ab" / "abcd").read_bytes() == b"picture"

    again = c2m(dsn, tmp_path / "there", "restore", str(file))
    assert again.returncode == 1
    assert "--replace" in again.stderr
    with psycopg.connect(dsn, autocommit=True) as later:
        later.execute(
            "CREATE TABLE of_a_later_version (id int); UPDATE customer_order SET model = 'U3'"
        )
    replaced = c2m(dsn, tmp_path / "there", "restore", "--replace", str(file))
    assert replaced.returncode == 0, replaced.stderr
    assert what_is_there(dsn) == ("S2", False)

    damaged = tmp_path / "damaged.backup"
    with tarfile.open(file) as whole, tarfile.open(damaged, "w") as cut:
        for member in whole.getmembers():
            content = whole.extractfile(member)
            if member.name == "database.dump":
                member.size //= 2
            cut.addfile(member, content)
    refused = c2m(dsn, tmp_path / "there", "restore", "--replace", str(damaged))
    assert refused.returncode == 1
    assert "pg_restore failed" in refused.stderr
    assert what_is_there(dsn) == ("S2", False)


def what_is_there(dsn: str) -> tuple[str, bool]:
    """Return the model of the one order, and whether there is a table that no backup knows."""
    with psycopg.connect(dsn) as conn:
        query = "SELECT model, to_regclass('of_a_later_version') IS NOT NULL FROM customer_order"
        (found,) = conn.execute(query).fetchall()
    return found


def test_what_is_no_backup_is_refused(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with psycopg.connect(postgres.dsn_of("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE stays_empty")
    dsn = postgres.dsn_of("stays_empty")
    text = tmp_path / "text"
    text.write_text("not a backup")
    empty = tmp_path / "empty.tar"
    with tarfile.open(empty, "w"):
        pass
    for file in (text, empty):
        done = c2m(dsn, tmp_path, "restore", str(file))
        assert done.returncode == 1
        assert "is not a backup of C2M" in done.stderr
    assert revision.current(dsn) is None
