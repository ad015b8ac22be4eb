"""Run `python -m qc_vision …` as a child that leaves the processor to others and ends with its parent.

A worker that is killed has no time to end what it started: the kernel does it (`PR_SET_PDEATHSIG`, Linux).
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)


def main() -> None:
    """Run the command line of the vision library; the first argument is the parent's process id."""
    parent = int(sys.argv.pop(1))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the kernel was asked
            sys.exit(1)
    os.nice(10)
    sys.argv[0] = "qc_vision"
    runpy.run_module("qc_vision", run_name="__main__")


if __name__ == "__main__":
    main()
