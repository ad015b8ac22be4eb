"""Start the plant, show what happens, stop it cleanly."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import psycopg
from rich.console import Console

from mes.contracts.plant import PlantModel
from mes.contracts.plant_file import load_plant
from mes.db import revision
from mes.entrypoints.demo import progress, sign_in, state
from mes.entrypoints.demo.options import DemoOptions
from mes.entrypoints.nursery import Nursery
from mes.entrypoints.supervisor import Program, Supervisor
from mes.orders.roadef import read_book
from mes.platform.embedded import prepare, remove
from mes.platform.errors import Problem
from mes.platform.settings import Settings

console = Console(highlight=False)

DEMO_PLANT = Path(__file__).parents[2] / "resources" / "plants" / "demo.toml"

SERVER_IMPORTS = ("mes.entrypoints.api", "mes.entrypoints.worker")
LINE_IMPORTS = ("edge.agent", "plc_sim.shop", "plc_sim.load.server")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
FULLER_BATCHES = {"C2M_EDGE__TELEMETRY_LINGER_S": "1"}
"""At sixty times real speed tags change sixty times as often, and half a second of them is no worth a batch."""


class DemoRuns(Problem):
    """A demo already runs on {folder}: stop it with Ctrl-C in its terminal, or set C2M_DATA_DIR to another."""

    code = "demo.runs"


class DemoSpeaksPlainHttp(Problem):
    """The demo speaks plain HTTP on this machine alone: unset C2M_HTTP__TLS__CERTIFICATE, or run `c2m serve`."""

    code = "demo.plain_http"


class PortTaken(Problem):
    """Port {port} is in use by another program: set C2M_HTTP__PORT to a free one."""

    code = "demo.port_taken"


class PartNotReady(Problem):
    """{part} was not ready after {seconds:.0f} s; its messages are in {log}."""

    code = "demo.part_not_ready"


class PlantStands(Problem):
    """The demo goes on with the plant that it has, which is not that of {file}: --reset starts over with it."""

    code = "demo.plant_stands"


class Stopped(Exception):
    """A person asked the demo to stop."""


def run_demo(settings: Settings, options: DemoOptions) -> None:
    """Run the plant until Ctrl-C; a second run resumes with its data."""
    if settings.http.tls.is_on:
        raise DemoSpeaksPlainHttp
    folder = settings.data_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder):
        _refuse_what_cannot_begin(folder, options)
        supervisor = Supervisor(folder)
        left = supervisor.end_leftovers()
        if left:
            console.print(f"Ended what an interrupted demo had left: {', '.join(left)}.")
        if options.reset:
            _forget(folder)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        plant = _Plant(settings, options, folder, supervisor)
        try:
            plant.start()
            plant.show()
        except Stopped:
            pass
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            console.print("\nStopping the plant …")
            plant.stop()
            console.print("Stopped. `make demo` goes on from here; `c2m demo --reset` starts over.")


def _refuse_what_cannot_begin(folder: Path, options: DemoOptions) -> None:
    """Say what is wrong with the choices before anything starts, and before an old plant is forgotten for them."""
    if options.plant is not None:
        load_plant(options.plant)
    if options.orders is not None:
        read_book(options.orders)
    kept = folder / "plant.toml"
    if options.reset or not kept.exists():
        return
    if options.plant is not None and options.plant.read_bytes() != kept.read_bytes():
        raise PlantStands(file=options.plant)
    if options.orders is not None:
        console.print(
            "The demo goes on with the order book that it has; --orders counts after --reset."
        )


def _stop(*_: object) -> None:
    raise Stopped


@contextmanager
def _only_one(folder: Path) -> Iterator[IO[str]]:
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DemoRuns(folder=folder) from error
        yield lock


def _forget(folder: Path) -> None:
    remove(folder)
    for name in ("run", "logs", "images", "sim", "edge", "plant.toml", "sign-in.txt"):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in ("run", "logs"):
        (folder / name).mkdir()


class _Plant:
    """The processes of one demo."""

    def __init__(
        self, settings: Settings, options: DemoOptions, folder: Path, supervisor: Supervisor
    ) -> None:
        self._settings = settings
        self._options = options
        self._folder = folder
        self._supervisor = supervisor
        self._dsn = settings.db.dsn or ""
        self._clock_runs = False
        self._began = datetime.now(UTC)

    def start(self) -> None:
        """Bring everything up; returns when pages answer and every line is connected."""
        self._began = datetime.now(UTC)
        log = self._supervisor.log_of("nursery")
        with (
            Nursery(SERVER_IMPORTS, ONE_THREAD, log) as mes,
            Nursery(LINE_IMPORTS, ONE_THREAD, log) as lines,
        ):
            self._start_database()
            plant = self._seed()
            self._start_server(mes)
            self._start_shops(plant, lines)
            self._start_agents(plant, lines)
        self._wait_for_lines(plant)
        state.set_clock(self._dsn, self._options.speed)
        self._clock_runs = True
        took = datetime.now(UTC) - self._began
        console.print(f"The plant runs ({took.total_seconds():.0f} s to start).\n")
        sign_in.show(console, self._folder, self._settings.http.url)

    def show(self) -> None:
        """Show live progress and keep every process running, while customers go on ordering."""
        with self._customers():
            progress.show(console, self._dsn, self._supervisor)

    def _customers(self) -> AbstractContextManager[object]:
        if self._options.orders is not None:
            return nullcontext()
        from mes.entrypoints.demo.customers import Customers  # nothing of it is needed to start

        return Customers(self._dsn, open_orders=self._options.cars, seed=self._options.seed)

    def stop(self) -> None:
        """Stop the clock, then the processes, the database last."""
        if self._clock_runs:
            try:
                state.set_clock(self._dsn, 0)
            except psycopg.OperationalError:
                pass
        names = self._supervisor.names
        for group in ("edge-", "sim-", "worker", "api", "postgres"):
            self._supervisor.stop_group([name for name in names if name.startswith(group)])

    def _start_database(self) -> None:
        if not self._dsn:
            console.print("Starting the database …")
            server = prepare(self._folder)
            log = self._supervisor.log_of("postgres")
            self._supervisor.start(
                Program(
                    "postgres",
                    spawn=lambda file: server.spawn(log=file),
                    stop_signal=signal.SIGINT,
                )
            )
            server.wait_ready(alive=lambda: self._supervisor.is_running("postgres"), log=log)
            server.create_database()
            self._dsn = server.dsn
        revision.bring_up(self._dsn)

    def _seed(self) -> PlantModel:
        file = self._folder / "plant.toml"
        if not file.exists():
            source = self._options.plant or DEMO_PLANT
            load_plant(source)
            shutil.copyfile(source, file)
        plant = load_plant(file)
        if not state.has_plant(self._dsn):
            from mes.entrypoints.demo.seed import (
                seed,  # a later start does not wait for its imports
            )

            codes = seed(self._settings, self._dsn, plant, self._options, self._folder, console)
            for line, code in codes.items():
                home = self._folder / "edge" / line
                home.mkdir(parents=True, exist_ok=True)
                _write_private(home / "enrolment-code", code)
        state.settle_clock(self._dsn)
        return plant

    def _start_server(self, nursery: Nursery) -> None:
        console.print("Starting server and worker …")
        if _port_taken(self._settings):
            raise PortTaken(port=self._settings.http.port)
        env = {"C2M_DB__DSN": self._dsn, "C2M_DATA_DIR": str(self._folder)}
        for name, command in (("api", "serve"), ("worker", "worker")):
            self._fork(name, "mes", (command,), env, nursery)
        self._wait("the server", 60, lambda: _answers(f"{self._local_url}/readyz"), log="api")

    def _start_shops(self, plant: PlantModel, nursery: Nursery) -> None:
        console.print("Starting four shops and their edge agents …")
        for shop in plant.shops:
            if not any(line.shop == shop.id for line in plant.lines):
                continue
            arguments = (
                "run",
                "--plant", str(self._folder / "plant.toml"),
                "--shop", shop.id,
                "--data", str(self._folder / "sim"),
                "--seed", str(self._options.seed),
                "--trust", str(self._folder / "edge" / "{line}" / "pki" / "own"),
                "--clock-url", f"{self._local_url}/agent/v1/clock",
                "--warm",
            )  # fmt: skip
            self._fork(f"sim-{shop.id}", "plc_sim", arguments, ONE_THREAD, nursery)

    def _start_agents(self, plant: PlantModel, nursery: Nursery) -> None:
        for line in plant.lines:
            home = self._folder / "edge" / line.id
            home.mkdir(parents=True, exist_ok=True)
            arguments = (
                "--mes", self._local_url,
                "--data", str(home),
                "--code-file", str(home / "enrolment-code"),
                "--trust", str(self._folder / "sim" / "pki" / line.id / "own"),
            )  # fmt: skip
            settings = ONE_THREAD | FULLER_BATCHES
            self._fork(f"edge-{line.id}", "edge", arguments, settings, nursery)

    def _fork(
        self,
        name: str,
        package: str,
        arguments: Sequence[str],
        env: Mapping[str, str],
        nursery: Nursery,
    ) -> None:
        program = Program(name, (sys.executable, "-m", package, *arguments), env)
        try:
            self._supervisor.start(
                program, first=lambda log: nursery.spawn(name, package, arguments, env, log)
            )
        except (
            EOFError
        ):  # its log says why; from its command line a program only starts more slowly
            self._supervisor.start(program)

    def _wait_for_lines(self, plant: PlantModel) -> None:
        wanted = {line.id for line in plant.lines}
        self._wait(
            "every line's agent",
            120,
            lambda: wanted <= state.connected_lines(self._dsn, self._began),
            log=f"edge-{plant.lines[0].id}",
        )

    def _wait(self, part: str, timeout_s: float, ready: object, *, log: str) -> None:
        assert callable(ready)  # noqa: S101 - a programmer's mistake
        deadline = time.monotonic() + timeout_s
        while not ready():
            self._supervisor.watch()
            if time.monotonic() > deadline:
                raise PartNotReady(part=part, seconds=timeout_s, log=self._supervisor.log_of(log))
            time.sleep(0.1)

    @property
    def _local_url(self) -> str:
        return f"http://{self._settings.http.host}:{self._settings.http.port}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _port_taken(settings: Settings) -> bool:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.http.host, settings.http.port))
        except OSError:
            return True
    return False


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
