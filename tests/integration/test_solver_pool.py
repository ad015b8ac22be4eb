"""The processes that solve for a worker never outlive it."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.support.processes import Process
from tests.support.waiting import eventually

WORKER = """
import os, sys, threading
from mes.entrypoints.bootstrap import worker_services
from mes.platform.settings import Settings

pool = worker_services(Settings(data_dir=sys.argv[1]))["executor"]
print("solver", pool.submit(os.getpid).result(), flush=True)
threading.Event().wait()
"""


async def test_a_worker_that_is_killed_leaves_no_solver_behind(tmp_path: Path) -> None:
    worker = Process(["-c", WORKER, str(tmp_path)], tmp_path / "worker.log")
    await eventually(lambda: worker.says("solver"), within_s=60)
    solver = int(worker.log.read_text().split()[-1])
    worker.kill()
    await eventually(lambda: _has_ended(solver), what="the solver ended")


def _has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
