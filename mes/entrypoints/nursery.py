"""A process that has imported what several programs share, and forks them: twelve starts at the price of one.

Importing is most of what a small Python program does at its start, and a plant on one machine starts a
dozen of them on two cores. `python -m mes.entrypoints.nursery MODULE…` imports the modules, then forks a
program for every line of JSON it is given. It forks twice: its parent, which has said that orphans are its
own (`PR_SET_CHILD_SUBREAPER`), becomes the parent of the program, as if it had started it itself. The nursery
is closed as soon as everything runs, and none of the programs minds. It must not have threads: a fork has
none of them, and dies of it sooner or later.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_SET_CHILD_SUBREAPER = 36  # prctl(2)
_NAME_LENGTH = 15  # proc(5), comm
_LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class Wish:
    """A program to fork, as the line to the nursery carries it."""

    name: str
    package: str
    arguments: Sequence[str]
    env: Mapping[str, str]
    log: str


class Forked:
    """A program that a nursery forked: what `subprocess.Popen` is for one that was started from its file."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status (negative: the signal that ended it); None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has waited for it
                self.returncode = 0
            else:
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout` real seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(0.02)
        return status

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The parent's end: starts the nursery, has it fork programs, closes it."""

    def __init__(self, modules: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        ours, theirs = socket.socketpair()
        self._line = ours.makefile("rw", encoding="utf-8")
        ours.close()
        with theirs, log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                (sys.executable, "-m", __name__, str(theirs.fileno()), *modules),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **env},
            )

    def spawn(
        self, name: str, package: str, arguments: Sequence[str], env: Mapping[str, str], log: Path
    ) -> Forked:
        """Fork a program that does what `python -m package arguments` does; its messages go to `log`.

        Raises:
            EOFError: the nursery has ended.
        """
        wish = Wish(name, package, tuple(arguments), dict(env), str(log))
        _adopt_orphans(True)
        try:
            self._line.write(json.dumps(asdict(wish)) + "\n")
            self._line.flush()
            answer = self._line.readline()
        except OSError:
            answer = ""
        finally:
            _adopt_orphans(False)
        if not answer:
            raise EOFError("the nursery has ended")
        return Forked(int(answer))

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        """End the nursery; what it forked runs on."""
        self._line.close()
        self._process.kill()
        self._process.wait()


def _adopt_orphans(adopt: bool) -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def main(arguments: Sequence[str]) -> None:
    """Import the modules and fork what is asked for, until the line is closed."""
    line = socket.socket(fileno=int(arguments[0]))
    for name in arguments[1:]:
        importlib.import_module(name)
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        sys.exit(f"importing {', '.join(arguments[1:])} starts threads, which a fork would lack")
    with line.makefile("rw", encoding="utf-8") as wishes:
        while text := wishes.readline(_LONGEST):
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                grandchild = os.fork()
                if grandchild != 0:
                    os.write(writer, str(grandchild).encode())
                    os._exit(0)
                os.close(reader)
                os.close(writer)
                break
            os.waitpid(child, 0)
            wishes.write(os.read(reader, 32).decode() + "\n")
            wishes.flush()
            os.close(reader)
            os.close(writer)
    line.close()
    if text:
        _become(Wish(**json.loads(text)))


def _become(wish: Wish) -> None:
    os.setsid()
    output = os.open(wish.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    Path("/proc/self/comm").write_text(wish.name[:_NAME_LENGTH])  # what `top` and `ps -e` show
    os.environ.update(wish.env)
    sys.argv = [wish.package, *wish.arguments]
    runpy.run_module(wish.package, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
