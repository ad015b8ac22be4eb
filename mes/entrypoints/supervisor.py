"""One parent for the processes of a plant on one machine: starts them, restarts them, stops them.

Each child runs in a session of its own and is written down in `run/NAME.json`, so that a supervisor that
was killed leaves nothing behind: the next one ends the children it finds there before it starts its own.
While `run/NAME.hold` exists a child that ended stays down: to see what the plant does without it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil
import structlog

log = structlog.get_logger()

GRACE_S = 15.0
"""A child that does not end this many real seconds after SIGTERM is killed."""
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0)
"""Wait before the nth restart in a row; a child that ran a minute starts again from the first."""
STEADY_S = 60.0


class Process(Protocol):
    """What the supervisor asks of a child: `subprocess.Popen`, or another way to have started it."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int, /) -> None: ...

    def kill(self) -> None: ...


Spawn = Callable[[Path], Process]
"""Starts a process whose messages go to the file it is given."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep running: either a command line, or `spawn` for one with needs of its own."""

    name: str
    command: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    spawn: Spawn | None = None
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass
class _Child:
    program: Program
    process: Process
    started: float
    failures: int = 0
    restart_at: float | None = None


class Supervisor:
    """Keeps programs running until `stop`."""

    def __init__(self, folder: Path) -> None:
        self._run = folder / "run"
        self._logs = folder / "logs"
        self._run.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        self._children: dict[str, _Child] = {}
        self._lock = threading.RLock()

    def log_of(self, name: str) -> Path:
        """Return the file that a program's output goes to."""
        return self._logs / f"{name}.log"

    def end_leftovers(self) -> list[str]:
        """End the children of a supervisor that was killed; return their names."""
        ended = []
        for file in sorted(self._run.glob("*.json")):
            try:
                note = json.loads(file.read_text())
                process = psutil.Process(note["pid"])
                if abs(process.create_time() - note["created"]) < 1:
                    _end_process(process, signal.Signals(note["signal"]))
                    ended.append(file.stem)
            except (psutil.NoSuchProcess, ValueError, KeyError):
                pass
            file.unlink(missing_ok=True)
        return ended

    def start(self, program: Program, *, first: Spawn | None = None) -> None:
        """Start a program (this once by `first`); it is restarted whenever it ends, until `stop`."""
        with self._lock:
            self._children[program.name] = self._spawn(program, first or program.spawn)

    def watch(self) -> None:
        """Restart what has ended; call it several times a second."""
        with self._lock:
            now = time.monotonic()
            for name, child in self._children.items():
                status = child.process.poll()
                if status is None:
                    continue
                if child.restart_at is None:
                    if now - child.started > STEADY_S:
                        child.failures = 0
                    wait = BACK_OFF_S[min(child.failures, len(BACK_OFF_S) - 1)]
                    child.restart_at = now + wait
                    log.warning("process.ended", name=name, status=status, restart_in_s=wait)
                elif now >= child.restart_at and not (self._run / f"{name}.hold").exists():
                    fresh = self._spawn(child.program, child.program.spawn)
                    fresh.failures = child.failures + 1
                    self._children[name] = fresh
                    log.info("process.restarted", name=name, pid=fresh.process.pid)

    def is_running(self, name: str) -> bool:
        """Say whether a program runs now."""
        with self._lock:
            child = self._children.get(name)
            return child is not None and child.process.poll() is None

    def pid(self, name: str) -> int:
        """Return the process id of a running program."""
        with self._lock:
            return self._children[name].process.pid

    @property
    def names(self) -> tuple[str, ...]:
        """The programs, in the order they were started."""
        return tuple(self._children)

    def stop(self) -> None:
        """End every program, the last started first; none is left when this returns."""
        with self._lock:
            for name in reversed(self._children):
                child = self._children[name]
                try:
                    _end_process(psutil.Process(child.process.pid), child.program.stop_signal)
                except psutil.NoSuchProcess:
                    pass
                child.process.wait()
                (self._run / f"{name}.json").unlink(missing_ok=True)
            self._children.clear()

    def stop_group(self, names: Sequence[str]) -> None:
        """End several programs at once: all are asked first, then waited for."""
        with self._lock:
            for name in names:
                child = self._children[name]
                if child.process.poll() is None:
                    child.process.send_signal(child.program.stop_signal)
            for name in names:
                child = self._children.pop(name)
                try:
                    child.process.wait(GRACE_S)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
                (self._run / f"{name}.json").unlink(missing_ok=True)

    def _spawn(self, program: Program, spawn: Spawn | None) -> _Child:
        log_file = self.log_of(program.name)
        process: Process
        if spawn is not None:
            process = spawn(log_file)
        else:
            with log_file.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 - our own programs
                    list(program.command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    env={**os.environ, **program.env},
                )
        note = {
            "pid": process.pid,
            "created": psutil.Process(process.pid).create_time(),
            "signal": int(program.stop_signal),
        }
        whole = self._run / f"{program.name}.new"
        whole.write_text(json.dumps(note))
        whole.replace(self._run / f"{program.name}.json")  # nobody ever reads half a note
        return _Child(program, process, time.monotonic())


def _end_process(process: psutil.Process, number: signal.Signals) -> None:
    """Ask a process to end, wait, then kill it and what it started."""
    family = [process, *process.children(recursive=True)]
    process.send_signal(number)
    _, alive = psutil.wait_procs([process], timeout=GRACE_S)
    for member in family if alive else family[1:]:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            pass
    psutil.wait_procs(family, timeout=GRACE_S)
