"""The supervisor over real processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil

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
