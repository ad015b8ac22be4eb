"""A solve leaves the signals of its process as they are."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap


def test_ctrl_c_reaches_the_handler_of_the_process_after_a_solve() -> None:
    program = textwrap.dedent("""
        import os, signal, sys
        from aps.budget import new_solver
        from ortools.sat.python import cp_model

        signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
        model = cp_model.CpModel()
        model.new_int_var(0, 1, "x")
        new_solver().solve(model)
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    """)
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert done.returncode == 7, signal.Signals(-done.returncode) if done.returncode < 0 else None
