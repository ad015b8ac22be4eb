"""The supervisor over real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mes.entrypoints.demo.run import LINE_IMPORTS, ONE_THREAD, SERVER_IMPORTS
from mes.entrypoints.nursery import Forked, Nursery
from mes.entrypoints.supervisor import Program, Supervisor

SLEEPER = (sys.executable, "-c", "import signal; signal.pause()")


def wait_until(condition: object, *, timeout_s: float = 20) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the state did not come"
        time.sleep(0.02)


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start(Program("line", SLEEPER))
    first = supervisor.pid("line")
    os.kill(first, signal.SIGKILL)

    def is_back() -> bool:
        supervisor.watch()
        return supervisor.is_running("line") and supervisor.pid("line") != first

    wait_until(is_back)
    supervisor.stop()
    assert not psutil.pid_exists(first)


def test_stop_leaves_nothing_running(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_DFL); signal.pause()"
    supervisor.start(Program("a", SLEEPER))
    supervisor.start(Program("b", (sys.executable, "-c", stubborn)))
    pids = [supervisor.pid(name) for name in supervisor.names]
    supervisor.stop_group(["b"])
    assert supervisor.names == ("a",)
    supervisor.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert list((tmp_path / "run").glob("*.json")) == []


def test_what_a_killed_supervisor_left_is_ended_by_the_next(tmp_path: Path) -> None:
    orphaned = Supervisor(tmp_path)
    orphaned.start(Program("line", SLEEPER))
    pid = orphaned.pid("line")
    assert Supervisor(tmp_path).end_leftovers() == ["line"]

    def is_gone() -> bool:
        orphaned.is_running("line")  # reaps it: here the parent is still this process
        return not psutil.pid_exists(pid)

    wait_until(is_gone)


def test_a_process_id_that_was_reused_is_not_ended(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    note = f'{{"pid": {os.getpid()}, "created": 1.0, "signal": 15}}'
    (tmp_path / "run" / "line.json").write_text(note)
    assert supervisor.end_leftovers() == []


def test_a_held_process_stays_down_until_it_is_released(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start(Program("line", SLEEPER))
    first = supervisor.pid("line")
    hold = tmp_path / "run" / "line.hold"
    hold.touch()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not supervisor.is_running("line"))
    began = time.monotonic()
    while time.monotonic() - began < 1.5:  # longer than the first back-off
        supervisor.watch()
        assert not supervisor.is_running("line")
    hold.unlink()

    def is_back() -> bool:
        supervisor.watch()
        return supervisor.is_running("line")

    wait_until(is_back)
    supervisor.stop()


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    (tmp_path / "shared.py").write_text("loaded_by = __import__('os').getpid()")
    (tmp_path / "line.py").write_text(
        "import os, pathlib, shared, signal, sys\n"
        "pathlib.Path(sys.argv[1]).write_text(f'{shared.loaded_by != os.getpid()} {os.environ[\"WORD\"]}')\n"
        "print('runs', flush=True)\n"
        "signal.pause()\n"
    )
    (tmp_path / "broken.py").write_text("raise SystemExit(3)")
    env = {"PYTHONPATH": str(tmp_path)}
    with Nursery(("shared",), env, tmp_path / "nursery.log") as opened:
        yield opened


def fork(nursery: Nursery, package: str, folder: Path, log: Path) -> Forked:
    return nursery.spawn(package, package, (str(folder / "said"),), {"WORD": "hello"}, log)


def test_a_forked_program_has_the_shared_imports_and_settings_of_its_own(
    nursery: Nursery, tmp_path: Path
) -> None:
    log = tmp_path / "line.log"
    program = fork(nursery, "line", tmp_path, log)
    wait_until(lambda: log.exists() and log.read_text() == "runs\n")
    assert (tmp_path / "said").read_text() == "True hello"
    assert program.poll() is None
    assert psutil.Process(program.pid).ppid() == os.getpid()
    assert psutil.Process(program.pid).name() == "line"
    assert os.getsid(program.pid) == program.pid
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.05)
    nursery.__exit__()
    assert program.poll() is None  # it outlives the nursery
    program.kill()
    assert program.wait(20) == -signal.SIGKILL
    program.kill()  # it has ended: nothing happens


def test_a_program_of_a_nursery_is_started_again_from_its_command(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    with Nursery((), {}, tmp_path / "nursery.log") as nursery:
        (tmp_path / "line.py").write_text("import signal\nsignal.pause()\n")
        supervisor.start(
            Program("line", SLEEPER),
            first=lambda log: nursery.spawn("line", "this", (), {}, log),
        )
        wait_until(lambda: not supervisor.is_running("line"))  # `this` only says the Zen of Python

    def is_back() -> bool:
        supervisor.watch()
        return supervisor.is_running("line")

    wait_until(is_back)
    wait_until(lambda: psutil.Process(supervisor.pid("line")).cmdline() == list(SLEEPER))
    supervisor.stop()


def test_a_forked_program_that_fails_tells_its_status(nursery: Nursery, tmp_path: Path) -> None:
    assert fork(nursery, "broken", tmp_path, tmp_path / "broken.log").wait(20) == 3


def test_what_the_demo_has_imported_before_it_forks_starts_no_threads(tmp_path: Path) -> None:
    (tmp_path / "line.py").write_text("raise SystemExit(3)")
    env = {**ONE_THREAD, "PYTHONPATH": str(tmp_path)}
    with Nursery((*SERVER_IMPORTS, *LINE_IMPORTS), env, tmp_path / "nursery.log") as nursery:
        assert nursery.spawn("line", "line", (), {}, tmp_path / "line.log").wait(20) == 3


def test_a_nursery_with_threads_forks_nothing(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    log = tmp_path / "nursery.log"
    with Nursery(("busy",), {"PYTHONPATH": str(tmp_path)}, log) as nursery, pytest.raises(EOFError):
        nursery.spawn("line", "line", (), {}, tmp_path / "line.log")
    assert "busy starts threads" in log.read_text()


def test_a_nursery_that_cannot_import_says_so_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "nursery.log"
    with Nursery(("no_such_module",), {}, log) as nursery, pytest.raises(EOFError):
        nursery.spawn("line", "line", (), {}, tmp_path / "line.log")
    assert "no_such_module" in log.read_text()
