"""Full solves on a Dask cluster of two workers, as `C2M_PLAN__DASK` has them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import dask
import pytest
from distributed import LocalCluster, SchedulerPlugin

from mes.entrypoints.bootstrap import worker_services
from mes.planning import service as planning
from mes.planning import solving
from mes.planning.cluster import ClusterSolvers
from mes.planning.model import Plan, PlanState
from mes.planning.solvers import SOLVER_DIED
from mes.platform.settings import PlanSettings, Settings
from tests.support.planning import PlannedPlant
from tests.support.processes import free_ports
from tests.support.waiting import eventually

CONFIG = {
    "distributed.scheduler.allowed-failures": 0,  # a worker that dies is not forgiven
    "distributed.worker.multiprocessing-method": "spawn",
}


class Searchers(SchedulerPlugin):  # type: ignore[misc]  # distributed does not type its plugins
    """Notes which workers have searched a seed."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def transition(self, key: Any, start: str, finish: str, *_: object, **facts: Any) -> None:
        if str(key).startswith("_away") and (start, finish) == ("processing", "memory"):
            self.seen.add(facts["worker"])


@dataclass
class Cluster:
    """Two workers in processes of their own, on loopback."""

    dask: LocalCluster
    solvers: ClusterSolvers
    searchers: Searchers = field(default_factory=Searchers)

    def kill(self, address: str) -> None:
        (pid,) = (n.pid for n in self.dask.workers.values() if n.worker_address == address)
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = str(tmp_path_factory.mktemp("dask"))
    with (
        dask.config.set(CONFIG),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            local_directory=folder,
        ) as local,
    ):
        settings = Settings(plan=PlanSettings(dask=local.scheduler_address), data_dir=folder)
        made = Cluster(local, worker_services(settings)["solvers"])
        local.scheduler.add_plugin(made.searchers)
        yield made


async def asked_for(plant: PlannedPlant, wall_s: float) -> Plan:
    async with plant.database.write() as conn:
        return await planning.request_solve(
            conn,
            now=plant.clock.now(),
            factor=1.0,
            settings=PlanSettings(wall_s=wall_s),
            actor="user:pat",
        )


async def seen(plant: PlannedPlant, plan_id: UUID) -> Plan:
    async with plant.database.read() as conn:
        return await planning.plan(conn, plan_id)


async def solved(plant: PlannedPlant, cluster: Cluster, plan_id: UUID) -> Plan:
    await solving.run_solve(plant.database, plant.clock, cluster.solvers, PlanSettings(), plan_id)
    return await seen(plant, plan_id)


async def test_a_solve_runs_on_the_cluster_and_both_workers_search(
    planned: PlannedPlant, cluster: Cluster
) -> None:
    draft = await solved(planned, cluster, (await asked_for(planned, 3.0)).id)
    assert draft.state is PlanState.DRAFT, draft.failure
    assert draft.violations == []
    assert draft.progress["worker"] in cluster.dask.scheduler.workers
    assert draft.progress["best"]["cars_planned"] > 0
    assert len(draft.progress["curve"]) >= 1
    assert len(cluster.searchers.seen) == 2


async def told(plant: PlannedPlant, plan_id: UUID, what: str) -> Any:
    """Return what a solve that runs has told, once it has."""

    async def look() -> Any:
        return (await seen(plant, plan_id)).progress.get(what)

    return await eventually(look, what=f"the solve tells its {what}")


async def test_a_solve_that_somebody_stops_keeps_its_best_plan(
    planned: PlannedPlant, cluster: Cluster
) -> None:
    head = await asked_for(planned, 600.0)

    async def stop() -> None:
        await told(planned, head.id, "best")
        async with planned.database.write() as conn:
            await planning.cancel_solve(conn, head.id)

    async with asyncio.TaskGroup() as both:
        both.create_task(stop())
        ended = both.create_task(solved(planned, cluster, head.id))
    assert ended.result().state is PlanState.DRAFT, ended.result().failure
    assert (ended.result().solved_s or 600) < 300


async def test_a_worker_that_dies_leaves_the_published_plan_in_force_and_the_version_says_so(
    planned: PlannedPlant, cluster: Cluster
) -> None:
    async with planned.database.read() as conn:
        before = await planning.published(conn)
    head = await asked_for(planned, 600.0)

    async def kill_who_solves() -> None:
        cluster.kill(await told(planned, head.id, "worker"))

    async with asyncio.TaskGroup() as both:
        both.create_task(kill_who_solves())
        ended = both.create_task(solved(planned, cluster, head.id))
    assert ended.result().state is PlanState.FAILED
    assert ended.result().failure == SOLVER_DIED
    async with planned.database.read() as conn:
        assert await planning.published(conn) == before


async def test_a_cluster_that_is_not_there_fails_the_solve(
    planned: PlannedPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mes.planning.cluster.CONNECT_S", 0.3)
    port = free_ports(1)
    nowhere = ClusterSolvers(f"tcp://127.0.0.1:{port}")
    head = await asked_for(planned, 1.0)
    await solving.run_solve(planned.database, planned.clock, nowhere, PlanSettings(), head.id)
    failed = await seen(planned, head.id)
    assert failed.state is PlanState.FAILED
    assert str(port) in str(failed.failure)
