"""Real processes in tests: start, wait for their word, stop, freeze, kill."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mes

ROOT = Path(mes.__file__).parent.parent
FIRST_PORT = 20_000
PORTS_A_WORKER = 3_000
_given = [os.getpid() % 1_000]
"""Where the search for free ports goes on: a port given to one test is not given to the next."""


class Process:
    """One child process and its log."""

    def __init__(self, arguments: list[str], log: Path, *, program: str = sys.executable) -> None:
        self.log = log
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                [program, *arguments], stdout=out, stderr=out, cwd=ROOT, env={**os.environ}
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def says(self, word: str) -> bool:
        """Whether the word stands in the log; fails when the process has died before it."""
        text = self.log.read_text()
        if word in text:
            return True
        assert self._child.poll() is None, f"it ended with {self._child.returncode}: {text}"
        return False

    def must_run(self) -> None:
        """Fail with its log when it has ended."""
        assert self._child.poll() is None, f"it has ended: {self.log.read_text()}"

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does; its connections stay open."""
        self._child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9`: no chance to tidy up."""
        self._child.kill()
        self._child.wait(10)

    def stop(self) -> int:
        """Ask it to end, and wait."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGCONT)
            self._child.terminate()
        try:
            return self._child.wait(15)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait(10)


@contextmanager
def process(arguments: list[str], log: Path, *, program: str = sys.executable) -> Iterator[Process]:
    """Run a process for the length of a block."""
    started = Process(arguments, log, program=program)
    try:
        yield started
    finally:
        started.stop()


def free_ports(count: int) -> int:
    """Return the first of `count` free neighbouring loopback ports that no other test of this run is given.

    They lie below the range from which the kernel takes ports of its own accord.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST_PORT + worker % 4 * PORTS_A_WORKER
    for base in itertools.chain(range(_given[0], PORTS_A_WORKER - count), range(_given[0])):
        if all(_is_free(first + base + port) for port in range(count)):
            _given[0] = base + count
            return first + base
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
