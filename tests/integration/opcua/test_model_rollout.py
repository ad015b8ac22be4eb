"""A model package comes to a camera of a running line, judges there, goes again; a bad one never judges.

The MES is all of `c2m serve` over a real database, the agent and the press line are processes of their own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from mes.agents import service as agents
from mes.contracts.agent import Heartbeat
from mes.entrypoints.api import create_app
from mes.equipment import timeseries
from mes.identity import service as identity
from mes.identity.model import Role
from mes.inspection import bridge, tasks
from mes.inspection.images import FolderImageStore
from mes.inspection.pipelines import publishing
from mes.platform.clock import ServerClock, set_speed
from mes.platform.db import Database
from mes.platform.jobs import JobContext
from mes.platform.settings import Settings
from mes.resources import service as resources
from qc_vision.runtime import Manifest, content_hash, pack
from qc_vision.shops import Shop
from tests.support.browser import served
from tests.support.line_client import LineClient
from tests.support.lines import MONDAY, a_die_lot
from tests.support.model_packages import a_package, broken
from tests.support.processes import Process
from tests.support.sims import Sims
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

LINE, CAMERA = "press-1", "press-1-camera"
FACTOR = 24.0
"""A picture every 1.7 s, and 2.5 s of real time for its verdict."""
PIECES = 200
"""Of each panel: fewer than fill its place in the panel store, so that the line goes on to the next."""
PASSWORD = "correct horse battery"


@dataclass
class Rollout:
    """A press line, its agent, a MES, and a quality engineer who is signed in."""

    database: Database
    clock: ServerClock
    settings: Settings
    engineer: httpx.AsyncClient
    agent: Process
    folder: Path

    def package(self, name: str, **changes: Any) -> bytes:
        """Make a package for the press line's camera; `changes` are of its manifest."""
        made = a_package(self.folder / "made", name=name, shop=Shop.STAMPING)
        manifest = Manifest.read(made)
        replace(manifest, **changes).write(made)
        return pack(made)

    async def register(self, archive: bytes) -> str:
        answer = await self.engineer.post("/api/models", content=archive)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["package_sha256"])

    async def step(self, action: str, **body: object) -> None:
        answer = await self.engineer.post(f"/api/cameras/{CAMERA}/{action}", json=body)
        assert answer.status_code == 204, answer.text

    async def results(self) -> list[dict[str, Any]]:
        """Return what the camera's results say, in the order of the line's requests."""
        query = (
            "SELECT i.counter, i.verdict, i.reason, i.model_name, i.accepted, b.package_sha256, b.judged_by"
            " FROM inspection i LEFT JOIN inspection_beside b ON b.inspection_id = i.id"
            " WHERE i.camera = %s ORDER BY i.counter"
        )
        async with self.database.read() as conn:
            cursor = await conn.execute(query, (CAMERA,))
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]

    async def next_result(self, what: str, **wanted: object) -> dict[str, Any]:
        """Wait for a result that is not there yet and has these facts."""
        last = max((row["counter"] for row in await self.results()), default=0)

        async def found() -> dict[str, Any] | None:
            for row in await self.results():
                if row["counter"] > last and wanted.items() <= row.items():
                    return row
            return None

        return await eventually(found, within_s=40, what=what)

    async def refused(self, sha256: str) -> None:
        """Wait until the agent has refused a package, and let the worker's job hear it."""

        async def reported() -> bool:
            async with self.database.read() as conn:
                (view,) = await agents.overview(conn)
            beat = view.heartbeat and Heartbeat.model_validate(view.heartbeat)
            found = beat.unusable_models if beat else ()
            return sha256 in [model.package_sha256 for model in found]

        await eventually(reported, within_s=30, what="the agent's refusal")
        await self.worker()

    async def worker(self) -> None:
        """Run the worker's job once, as it runs every few seconds."""
        services = {"camera_models": publishing.camera_models}
        await tasks.take_back_unusable(
            JobContext(self.database, self.clock, self.settings, services)
        )

    async def page(self, path: str = "") -> str:
        answer = await self.engineer.get(f"/quality/models{path}")
        assert answer.status_code == 200
        return answer.text

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = (line for line in self.agent.log.read_text().splitlines() if line[:1] == "{")
        return [said for said in map(json.loads, lines) if said["event"] == event]


@asynccontextmanager
async def _signed_in(database: Database, url: str) -> AsyncIterator[httpx.AsyncClient]:
    now = datetime.now(UTC)
    async with database.write() as conn:
        await identity.add_user(conn, "quality", PASSWORD, [Role.QUALITY], now=now, real_now=now)
    async with httpx.AsyncClient(base_url=url, headers={"Accept-Language": "en"}) as client:
        answer = await client.post("/api/session", json={"user": "quality", "password": PASSWORD})
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        yield client


@pytest.fixture
async def rollout(database: Database, tmp_path: Path) -> AsyncIterator[Rollout]:
    sims = Sims(tmp_path / "floor")
    sims.folder.mkdir()
    start = datetime.fromtimestamp(MONDAY, UTC)
    async with database.write() as conn:
        plant_clock = await set_speed(conn, FACTOR, plant_at=start)
        await resources.install_plant(conn, sims.plant, now=start)
        await timeseries.make_room(conn, now=start)
        code = await agents.issue_code(conn, LINE, real_now=datetime.now(UTC))
    sims.keep_time(plant_clock)
    settings = Settings(data_dir=tmp_path / "mes")
    settings.image_dir.mkdir(parents=True)
    code_file = tmp_path / "code"
    code_file.write_text(code)
    with ExitStack() as stack:
        stack.callback(sims.stop)
        sims.start(LINE)
        async with (
            served(create_app(settings, database.dsn)) as url,
            _signed_in(database, url) as engineer,
            LineClient(sims.plant, LINE) as line,
        ):
            arguments = ["-m", "edge", "--mes", url, "--data", str(tmp_path / "edge")]
            arguments += ["--security", "None", "--code-file", str(code_file)]
            agent = Process(arguments, tmp_path / "agent.log")
            stack.callback(agent.stop)
            for sequence, panel in enumerate(sims.plant.panels):
                await line.send(a_die_lot(LINE, panel.code, PIECES, sequence=sequence))
            clock = ServerClock(plant_clock)
            yield Rollout(database, clock, settings, engineer, agent, tmp_path)


async def test_a_model_comes_to_a_running_line_and_goes_and_a_bad_one_never_judges(
    rollout: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = {"model_name": "stamping"}
    await rollout.next_result("the shipped model's verdict", package_sha256=None, **shipped)

    good = await rollout.register(rollout.package("retrained"))
    await rollout.step("shadow", package_sha256=good)
    await rollout.next_result("a shadow's verdict", package_sha256=good, judged_by="", **shipped)
    await rollout.step("promote")
    await rollout.next_result("a canary's verdict", model_name="retrained", judged_by=good)
    await rollout.step("promote")
    await rollout.next_result("the new one's verdict", model_name="retrained", package_sha256=None)
    await rollout.step("roll-back", reason="false calls at the flange")
    await rollout.next_result("the old one's verdict", package_sha256=None, **shipped)
    assert [said["package"] for said in rollout.logged("model.fetched")] == [good]

    await a_pipeline_looks_on_judges_and_gives_the_place_back(rollout)
    await a_package_damaged_on_its_way_is_refused(rollout)
    await a_package_that_computes_otherwise_is_refused(rollout, monkeypatch)
    rows = await rollout.results()
    assert [row["counter"] for row in rows] == list(range(1, len(rows) + 1))
    assert not [row for row in rows if "model" in (row["reason"] or "")]


async def a_pipeline_looks_on_judges_and_gives_the_place_back(rollout: Rollout) -> None:
    engineer = rollout.engineer
    made = await engineer.post("/api/pipelines", json={"name": "Panel", "sample": "stamping"})
    path = f"/api/pipelines/{made.json()['id']}"
    document = (await engineer.get(path)).json()["document"]
    zones = {"zone": [8, 8, 40, 40], "ground_zone": [60, 8, 40, 40], "low": -255}
    document["nodes"].append(
        {"name": "bright", "kind": "contrast", "inputs": {"image": "fitness"}, "settings": zones}
    )
    rule = next(node for node in document["nodes"] if node["kind"] == "rule")
    rule["inputs"]["parts"] = ["model", "bright"]
    saved = await engineer.put(path, json={"document": document}, headers={"If-Match": '"1"'})
    assert saved.status_code == 200, saved.text
    body = {"number": 2, "cameras": [CAMERA]}
    begun = await engineer.post(f"{path}/shadow", json=body)
    assert begun.status_code == 200, begun.text
    bundle = begun.json()[0]["bundle_sha256"]
    await rollout.next_result(
        "the pipeline's look", package_sha256=bundle, model_name="stamping", judged_by=""
    )
    promote = f"/api/cameras/{CAMERA}/pipeline/promote"
    assert (await engineer.post(promote, json={"every": 2})).json()["state"] == "canary"
    await rollout.next_result("a canary's verdict", model_name="Panel", judged_by=bundle)
    await rollout.next_result("another's look", model_name="stamping", package_sha256=bundle)
    compared = (await engineer.get(f"/api/cameras/{CAMERA}/pipeline/compared")).json()
    assert compared["pictures"] >= 3
    assert (await engineer.post(promote)).json()["state"] == "published"
    await rollout.next_result("the pipeline's verdict", model_name="Panel", package_sha256=None)
    async with rollout.database.read() as conn:
        cursor = await conn.execute("SELECT measures, step_ms FROM inspection_steps LIMIT 1")
        measures, step_ms = await cursor.fetchone() or ([], {})
    assert [one["node"] for one in measures] == ["bright"]
    assert {"fitness", "model", "bright", "rule"} <= set(step_ms)
    back = {"reason": "enough seen"}
    answer = await engineer.post(f"/api/cameras/{CAMERA}/pipeline/roll-back", json=back)
    assert answer.status_code == 204, answer.text
    await rollout.next_result("the old one's verdict", package_sha256=None, model_name="stamping")


async def a_package_damaged_on_its_way_is_refused(rollout: Rollout) -> None:
    archive = rollout.package("damaged")
    sha256 = await rollout.register(archive)
    store = FolderImageStore(rollout.settings.image_dir)
    (where,) = rollout.settings.image_dir.rglob(f"{sha256}*")
    where.write_bytes(broken(archive))
    assert content_hash(await store.get(sha256) or b"") != sha256
    await rollout.step("shadow", package_sha256=sha256)
    await rollout.refused(sha256)
    for path in ("", f"/{CAMERA}"):
        assert f"announced was {sha256[:12]}" in await rollout.page(path)
    await rollout.next_result("the old one's verdict", package_sha256=None, model_name="stamping")

    where.write_bytes(archive)
    await rollout.step("shadow", package_sha256=sha256)
    await rollout.worker()
    await rollout.next_result("the mended one's verdict", package_sha256=sha256)
    assert f"announced was {sha256[:12]}" not in await rollout.page()
    await rollout.step("roll-back", reason="enough seen")


async def a_package_that_computes_otherwise_is_refused(
    rollout: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = rollout.package("elsewhere", extra={"parity": {"raw": -40.0}})
    answer = await rollout.engineer.post("/api/models", content=archive)
    assert answer.status_code == 422
    assert "does not compute here" in answer.json()["detail"]
    # The MES runs on another kind of processor, where the sum is right.
    monkeypatch.setattr(bridge, "check_parity", lambda _: None)
    sha256 = await rollout.register(archive)
    await rollout.step("shadow", package_sha256=sha256)
    await rollout.refused(sha256)
    for path in ("", f"/{CAMERA}"):
        assert "does not compute here" in await rollout.page(path)
    await rollout.next_result("the old one's verdict", package_sha256=None, model_name="stamping")
