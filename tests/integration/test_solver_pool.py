"""Where solves run: processes that never outlive their worker, and that are replaced when one dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from mes.entrypoints.bootstrap import worker_services
from mes.planning.solvers import PoolSolvers, SolverDied
from mes.platform.settings import Settings
from tests.support.processes import Process
from tests.support.waiting import eventually

WORKER = """
import os, sys, threading
from mes.entrypoints.bootstrap import worker_services
from mes.platform.settings import Settings

pool = worker_services(Settings(data_dir=sys.argv[1]))["solvers"]._pool
print("solver", pool.submit(os.getpid).result(), flush=True)
threading.Event().wait()
"""


async def test_a_worker_that_is_killed_leaves_no_solver_behind(tmp_path: Path) -> None:
    worker = Process(["-c", WORKER, str(tmp_path)], tmp_path / "worker.log")
    await eventually(lambda: worker.says("solver"), within_s=60)
    solver = int(worker.log.read_text().split()[-1])
    worker.kill()
    await eventually(lambda: _has_ended(solver), what="the solver ended")


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def test_a_solver_that_dies_is_told_and_the_next_solve_has_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solvers = worker_services(Settings(data_dir=tmp_path))["solvers"]
    assert isinstance(solvers, PoolSolvers)
    for solve in (die, os.path.join):
        monkeypatch.setattr("mes.planning.bridge.solve_packed", solve)
        async with solvers.solve("a", "b", "c") as solving:  # type: ignore[arg-type]  # only passed on
            if solve is die:
                with pytest.raises(SolverDied):
                    await solving.work
            else:
                assert "c2m-solve-" in str(await solving.work)
    solvers.close()


def _has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
