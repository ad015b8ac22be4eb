"""Put the features together: their doors, their handlers, their jobs."""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import metadata
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI

from mes.agents.bell import CommandBell
from mes.inspection.pipelines.publishing import camera_models
from mes.platform.settings import Settings

if TYPE_CHECKING:
    from mes.planning.solvers import Solvers

log = structlog.get_logger()

ROUTES = (
    "mes.identity.routes",
    "mes.orders.routes",
    "mes.agents.routes",
    "mes.equipment.routes",
    "mes.equipment.alarms.routes",
    "mes.genealogy.routes",
    "mes.execution.routes",
    "mes.inspection.routes",
    "mes.inspection.training_routes",
    "mes.inspection.agreement_routes",
    "mes.inspection.pipelines.routes",
    "mes.quality.routes",
    "mes.planning.board_routes",
    "mes.planning.routes",
    "mes.planning.whatif.routes",
    "mes.planning.locks.routes",
    "mes.planning.proposals.routes",
    "mes.dispatching.routes",
    "mes.commanding.routes",
    "mes.ingest.routes",
)
"""Modules with a `router` of JSON endpoints, lower floors first."""

TASKS = (
    "mes.identity.tasks",
    "mes.resources.tasks",
    "mes.orders.tasks",
    "mes.agents.tasks",
    "mes.equipment.tasks",
    "mes.execution.tasks",
    "mes.inspection.tasks",
    "mes.inspection.training_tasks",
    "mes.inspection.agreement_tasks",
    "mes.quality.tasks",
    "mes.planning.tasks",
    "mes.planning.whatif.tasks",
    "mes.dispatching.tasks",
    "mes.commanding.tasks",
    "mes.ingest.tasks",
)
"""Modules that subscribe handlers and register jobs when they are imported."""


def add_doors(app: FastAPI) -> None:
    """Mount every feature's endpoints and pages."""
    for name in ROUTES:
        app.include_router(importlib.import_module(name).router)
    web = importlib.import_module("mes.web.app")
    web.mount(app)


def subscribe_all() -> None:
    """Register every feature's handlers and jobs."""
    for name in TASKS:
        importlib.import_module(name)


def api_services(settings: Settings) -> dict[str, Any]:
    """Return the long-lived things an API process needs beside database and clock."""
    settings.image_dir.mkdir(parents=True, exist_ok=True)
    return {"command_bell": CommandBell(), "camera_models": camera_models}


def worker_services(settings: Settings) -> dict[str, Any]:
    """Return the long-lived things a worker needs: where its solves run."""
    settings.image_dir.mkdir(parents=True, exist_ok=True)
    return {"solvers": _solvers(settings), "camera_models": camera_models}


def _solvers(settings: Settings) -> Solvers:
    """Return the Dask cluster of the settings, or processes of this machine."""
    if settings.plan.dask is not None:
        from mes.planning.cluster import ClusterSolvers

        return ClusterSolvers(settings.plan.dask)
    from mes.planning.solvers import PoolSolvers

    new_pool = partial(
        ProcessPoolExecutor,
        max_workers=settings.plan.workers,
        mp_context=get_context("spawn"),
        initializer=_serve_worker,
    )
    return PoolSolvers(new_pool)


def _serve_worker() -> None:
    """Leave the processor to others, and end with the worker, even when it had no time to say so."""
    os.nice(10)
    threading.Thread(target=_end_with_worker, name="worker watch", daemon=True).start()


def _end_with_worker() -> None:
    worker = parent_process()
    assert worker is not None  # noqa: S101 - a solver always has a worker
    worker.join()
    os._exit(1)


async def keep_running(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run endless work again whenever it fails (the database was away); say so once, and once when it is back."""
    failing = False
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await work()
            return
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if asyncio.get_running_loop().time() - started > 10:
                failing = False
            if not failing:
                log.warning(
                    "background.failed", work=name, error=f"{type(error).__name__}: {error}"
                )
            failing = True
            await asyncio.sleep(1)


def version() -> str:
    """Return the version of the installed distribution."""
    return metadata.version("c2m")
