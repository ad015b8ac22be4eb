"""Child processes of a campaign: started, frozen, killed, throttled; each with its log."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_S = 15.0
START_S = 300.0
"""Real seconds within which a process answers; seconds on an idle machine, far more on a crowded one."""
UNLIMITED = resource.RLIM_INFINITY


class ProcessEnded(Exception):
    """A process that should run has ended; the message has the end of its log."""


class Child:
    """One process. Its standard input takes commands, everything it says goes to its log."""

    def __init__(
        self,
        name: str,
        module: Sequence[str],
        folder: Path,
        env: Mapping[str, str] | None = None,
        *,
        program: Sequence[str] = (sys.executable, "-m"),
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._read = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603  # our own programs
                [*program, *module],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env={**os.environ, **(env or {})},
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def must_run(self) -> None:
        """Raise ProcessEnded when it has ended."""
        if not self.runs:
            raise ProcessEnded(f"{self.name} ended: {self.said()[-2000:]}")

    def said(self) -> str:
        """Return what it has said since it was started."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            return file.read().decode(errors="replace")

    async def says(self, word: str, *, within_s: float = START_S) -> str:
        """Wait for a line that contains `word` and return it.

        Raises:
            ProcessEnded: it ended before.
            TimeoutError: it did not say so in time.
        """
        async with asyncio.timeout(within_s):
            while True:
                found = next((line for line in self.said().splitlines() if word in line), None)
                if found is not None:
                    return found
                self.must_run()
                await asyncio.sleep(0.05)

    def tell(self, command: str) -> None:
        """Send one line to its standard input."""
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does; its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def limit_files(self, size: int) -> None:
        """Let it write no file beyond `size` bytes, as on a full disk; UNLIMITED takes that back."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, hard))

    def kill(self) -> None:
        """`kill -9`: no chance to tidy up."""
        self._process.kill()
        self._process.wait(STOP_S)

    def wait(self) -> None:
        """Let it end by itself."""
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """Ask it to end, and make sure that it has."""
        if self.runs:
            self.thaw()
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
