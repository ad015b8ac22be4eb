"""The API of trainings: counted, refused in words, looked over, stopped; a lost worker blocks nobody."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from mes.identity.model import Role
from mes.inspection import service as inspection
from mes.inspection import training, training_routes, training_tasks
from mes.inspection.training_process import ProcessFailedError, StoppedError, run_vision
from mes.platform import jobs
from mes.platform.settings import Settings
from tests.support.floor_api import FloorApi, api, plant_floor
from tests.support.orders_api import problem
from tests.support.training import a_photo, reviewed_pictures
from tests.support.waiting import eventually

__all__ = ["api", "plant_floor", "training_tasks"]

CAMERA = "weld-camera"


@pytest.fixture
async def shop(plant_floor: FloorApi) -> FloorApi:
    """A camera with reviewed pictures of the last hour."""
    plant_floor.orders.app.include_router(training_routes.router)
    async with plant_floor.orders.database.write() as conn:
        now = plant_floor.orders.clock.now()
        await reviewed_pictures(conn, plant_floor.images, CAMERA, until=now)
    return plant_floor


def asked(shop: FloorApi, **given: Any) -> dict[str, Any]:
    now: datetime = shop.orders.clock.now()
    body = {
        "camera": CAMERA,
        "from_at": (now - timedelta(days=1)).isoformat(),
        "to_at": now.isoformat(),
        "assumed_good": True,
    }
    return body | given


@pytest.fixture
def data_dir(shop: FloorApi, tmp_path: Path) -> Path:
    """The data directory of a worker that sees the pictures of the API."""
    folder = tmp_path / "worker"
    folder.mkdir()
    (folder / "images").symlink_to(tmp_path)
    return folder


async def work(shop: FloorApi, answer: httpx.Response, data_dir: Path) -> dict[str, Any]:
    """Let a worker do every job that waits, and return the training after it."""
    training_id = answer.json()["id"]
    orders = shop.orders
    settings = Settings(data_dir=data_dir)
    app = jobs.job_app(
        orders.database.dsn, jobs.JobContext(orders.database, orders.clock, settings, {})
    )
    async with app.open_async():
        await app.run_worker_async(wait=False, install_signal_handlers=False)
    client = await orders.person(Role.QUALITY)
    found: dict[str, Any] = (await client.get(f"/api/trainings/{training_id}")).json()
    return found


async def test_pictures_are_counted_by_what_people_said(shop: FloorApi) -> None:
    client = await shop.orders.person(Role.QUALITY)
    body = asked(shop)
    answer = await client.get(
        f"/api/cameras/{CAMERA}/training-pictures",
        params={"from_at": body["from_at"], "to_at": body["to_at"], "assumed_good": True},
    )
    found = answer.json()
    assert (found["good"], found["assumed_good"], found["defects"]) == (6, 22, 5)
    assert found["best_overkill"] == pytest.approx(1 / 29)


async def test_what_cannot_be_kept_is_refused_with_what_is_missing(shop: FloorApi) -> None:
    client = await shop.orders.person(Role.QUALITY)

    async def refused(status: int, code: str, **given: Any) -> dict[str, Any]:
        return problem(await client.post("/api/trainings", json=asked(shop, **given)), status, code)

    few = await refused(422, "training.too_few_good", assumed_good=False)
    assert (few["found"], few["needed"], few["missing"]) == (6, 20, 14)
    unproved = await refused(422, "training.too_few_defects", target_escape=0.05)
    assert unproved["needed"] == 59
    await refused(404, "model.unknown_camera", camera="attic")
    await refused(422, "training.dates_reversed", to_at=asked(shop)["from_at"])
    await refused(422, "invalid", target_overkill=2)
    nobody = "00000000-0000-7000-8000-000000000000"
    problem(await client.get(f"/api/trainings/{nobody}"), 404, "training.unknown")
    operator = await shop.orders.person(Role.OPERATOR)
    answer = await operator.post("/api/trainings", json=asked(shop))
    problem(answer, 403, "identity.role_missing")


async def test_a_training_is_looked_over_stopped_and_not_started_twice(
    shop: FloorApi, data_dir: Path
) -> None:
    client = await shop.orders.person(Role.QUALITY)
    first = await client.post("/api/trainings", json=asked(shop))
    assert first.status_code == 201, first.text
    path = f"/api/trainings/{first.json()['id']}"
    problem(await client.post(f"{path}/start", json={}), 409, "training.not_examined")

    assert (await work(shop, first, data_dir))["state"] == "examined"
    pictures = (await client.get(f"{path}/pictures")).json()
    assert len(pictures) == 33
    assert all(p["twins"] is not None for p in pictures)
    good = [p["inspection_id"] for p in pictures if p["truth"] == "good"]
    too_few = await client.post(f"{path}/start", json={"leave_out": good[:10]})
    problem(too_few, 422, "training.too_few_good")

    assert (await client.post(f"{path}/stop")).json()["state"] == "stopped"
    problem(await client.post(f"{path}/stop"), 409, "training.over")

    second = await client.post("/api/trainings", json=asked(shop))
    stopping = await client.post(f"/api/trainings/{second.json()['id']}/stop")
    assert (stopping.json()["state"], stopping.json()["stopping"]) == ("examining", True)
    assert (await work(shop, second, data_dir))["state"] == "stopped"
    assert [t["state"] for t in (await client.get("/api/trainings")).json()] == ["stopped"] * 2


async def test_a_training_whose_workers_are_lost_fails_and_another_is_asked_for(
    shop: FloorApi,
) -> None:
    client = await shop.orders.person(Role.QUALITY)
    lost = await client.post("/api/trainings", json=asked(shop))
    async with shop.orders.database.write() as conn:
        await training.fail_abandoned(conn, now=shop.orders.clock.now())
        assert (await training.get(conn, lost.json()["id"])).state.runs  # its job waits
        await conn.execute("UPDATE procrastinate_jobs SET status = 'failed'")
        await training.fail_abandoned(conn, now=shop.orders.clock.now())
    found = (await client.get(f"/api/trainings/{lost.json()['id']}")).json()
    assert (found["state"], found["failure"]["code"]) == ("failed", "given_up")
    assert (await client.post("/api/trainings", json=asked(shop))).status_code == 201


async def test_pictures_of_a_training_are_kept(shop: FloorApi) -> None:
    client = await shop.orders.person(Role.QUALITY)
    await client.post("/api/trainings", json=asked(shop))
    late = shop.orders.clock.now() + timedelta(days=900)
    async with shop.orders.database.write() as conn:
        assert not await inspection.drop_good_images(conn, shop.images, before=late, limit=99)


async def test_a_command_says_why_it_failed_and_can_be_stopped(tmp_path: Path) -> None:
    async def go_on() -> bool:
        return False

    async def stop() -> bool:
        return True

    with pytest.raises(ProcessFailedError, match="is neither an image nor a folder"):
        await run_vision(
            ["examine", "--good", str(tmp_path / "none")], told=print, stop=go_on, limit_s=60
        )
    (tmp_path / "a.png").write_bytes(a_photo(1))
    with pytest.raises(StoppedError):
        await run_vision(["examine", "--good", str(tmp_path)], told=print, stop=stop, limit_s=60)


async def test_the_process_ends_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, os, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'mes.inspection.training_child',"
        " str(os.getpid()), 'render', '--shop', 'welding', '--count', '100000', '--out', sys.argv[1]])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    await eventually(lambda: any(tmp_path.rglob("*.png")), within_s=60, what="it works")
    parent.kill()
    await parent.wait()
    await eventually(lambda: _ended(child), within_s=30, what="the child has ended")


def _ended(pid: int) -> bool:
    """Whether a process is gone, or waits to be collected by whoever adopted it."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return True
    return state == "Z"
