"""Bad input gets its clear error and changes nothing: the whole application over HTTP, every table compared.

What is refused in detail, case by case, stands where it is decided:

- JSON and its size: `api/test_orders_api.py` (bad fields, unannounced length);
- options, duplicates, encodings of order files, each bad row with row, field and reason:
  `api/test_orders_api.py`, `unit/orders/test_order_file.py`;
- plant files: `unit/contracts/test_plant_file.py` (each rule with its line). Stations are nested in their
  line, so a plant file cannot name a station that is not there; what it can name wrongly is told by name;
- plans: `db/test_planning_versions.py` (stale, changed, broken, too old);
- batches: `db/test_ingest_once.py` (poison records, wrong counts, gaps in the sequence);
- tokens: `api/test_identity_api.py`, `api/test_agent_doors.py`;
- tags that are no number: `unit/edge/test_telemetry.py` (said once, status kept),
  `db/test_ingest_telemetry.py` (no value, sums go on);
- cameras: `unit/edge/test_inspection.py` (every way in which no picture comes).
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI, Response
from psycopg import sql
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from edge.images import ImageFolder
from edge.inspection.judging import PictureJudge
from edge.inspection.pictures import SnapshotCamera
from edge.inspection.request import Handshake
from edge.inspection.station import Station
from edge.journal import Journal
from edge.mes_client import MesClient, MesRefused
from edge.models import ModelShelf
from edge.plant_clock import LiveClock
from mes.agents import service as agents
from mes.contracts.agent import CameraModel
from mes.contracts.clock import ClockSegment, PlantClock
from mes.contracts.quality import InspectionResult, Verdict, VerdictCode
from mes.contracts.wire import (
    Batch,
    Stream,
    TelemetryColumns,
    decode,
    encode,
    from_lines,
    to_filetime,
)
from mes.entrypoints.api import create_app
from mes.equipment import partitions, telemetry
from mes.identity import service as identity
from mes.identity.model import Role, Scope
from mes.planning import solving
from mes.platform.clock import set_speed
from mes.platform.settings import HttpSettings, Settings
from qc_vision.packages import shipped
from qc_vision.runtime.manifest import Manifest
from qc_vision.shops import Shop
from qc_vision.synth import Scene, render
from tests.support.browser import served
from tests.support.camera_tags import NODES, FakeLine
from tests.support.orders import PLANT_NOW
from tests.support.orders_api import PASSWORD, problem
from tests.support.planning import HERE, SETTINGS, PlannedPlant
from tests.support.plant import PLANTS
from tests.support.waiting import eventually

LINE = "paint"
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND c.relname NOT IN ('audit_entry', 'rate_window', 'user_session', 'api_token') ORDER BY 1
"""
"""All but the audit of what was tried, and what notes requests and when a token or session was last used."""


@dataclass
class Plant:
    """A served plant with a plan in force, and those who speak with it."""

    url: str
    planned: PlannedPlant
    planner: httpx.AsyncClient
    erp: httpx.AsyncClient
    agent: MesClient
    agent_id: UUID

    async def contents(self) -> dict[str, str]:
        """A hash of every table."""
        found = {}
        async with self.planned.database.read() as conn:
            for (name,) in await (await conn.execute(TABLES)).fetchall():
                digest = sql.SQL(
                    "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
                ).format(sql.Identifier(name))
                row = await (await conn.execute(digest)).fetchone()
                assert row is not None
                found[name] = row[0]
        return found

    @asynccontextmanager
    async def unchanged(self) -> AsyncIterator[None]:
        """Whatever is done in the block leaves every table as it was."""
        before = await self.contents()
        yield
        assert await self.contents() == before


@pytest.fixture
async def plant(
    planned: PlannedPlant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Plant]:
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    monkeypatch.setattr(identity, "_argon2", quick)
    real_now = datetime.now(UTC)
    async with planned.database.write() as conn:
        await set_speed(conn, 0, plant_at=PLANT_NOW)
        at = {"now": PLANT_NOW, "real_now": real_now}
        await identity.add_user(conn, "pat", PASSWORD, [Role.PLANNER], **at)
        _, token = await identity.issue_token(
            conn, "erp", [Scope.ORDERS_WRITE], life=timedelta(hours=1), actor="user:admin", **at
        )
        code = await agents.issue_code(conn, LINE, real_now=real_now)
    settings = Settings(
        data_dir=tmp_path,
        http=HttpSettings(max_body_bytes=4096, max_upload_bytes=65536),
        plan=SETTINGS.plan,
    )
    app = create_app(settings, planned.database.dsn)
    async with (
        served(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as planner,
        httpx.AsyncClient(
            base_url=url, trust_env=False, headers={"Authorization": f"Bearer {token}"}
        ) as erp,
        MesClient(url, instance="one") as agent,
    ):
        signed_in = await planner.post("/api/session", json={"user": "pat", "password": PASSWORD})
        planner.headers["X-CSRF-Token"] = signed_in.json()["csrf_token"]
        enrolled = await agent.enrol(code)
        agent.authenticate(enrolled.token)
        await agent.config()
        yield Plant(url, planned, planner, erp, agent, enrolled.agent_id)


JSON = {"Content-Type": "application/json"}


async def test_malformed_and_oversized_json_is_refused_at_every_kind_of_door(plant: Plant) -> None:
    async with plant.unchanged(), httpx.AsyncClient(base_url=plant.url, trust_env=False) as nobody:
        for client, path in (
            (plant.erp, "/api/orders"),
            (plant.erp, "/api/quotes"),
            (nobody, "/api/session"),
            (nobody, "/agent/v1/enrol"),
        ):
            for content in (b'{"model": ', b"\xff\xfe{}"):
                answer = await client.post(path, content=content, headers=JSON)
                assert problem(answer, 400, "malformed")["status"] == 400
            deep = await client.post(path, content=b"[" * 2000, headers=JSON)
            problem(deep, 400, "http.400")
            large = b'{"model": "' + b"x" * 5000 + b'"}'
            if path.startswith("/agent/v1/"):
                large *= 20
            problem(await client.post(path, content=large, headers=JSON), 413, "too_large")
        with pytest.raises(MesRefused) as refused:
            await plant.agent.send_batch(b"x" * 70_000, oldest=1)
        assert (refused.value.status, refused.value.code) == (413, "too_large")


async def test_unknown_options_and_duplicates_are_told_by_name(plant: Plant) -> None:
    wish = {"model": "S2", "color": "WHT", "options": ["XYZ"]}
    once = {"model": "S2", "color": "WHT", "external_id": "E-1", "channel": "erp"}
    first = await plant.erp.post("/api/orders", json=once, headers={"Idempotency-Key": "a"})
    assert first.status_code == 201, first.text
    async with plant.unchanged():
        for path in ("/api/orders", "/api/quotes"):
            answer = await plant.erp.post(path, json=wish, headers={"Idempotency-Key": "b"})
            body = problem(answer, 422, "catalog.not_buildable")
            assert "XYZ" in str(body["errors"])
        again = await plant.erp.post("/api/orders", json=once, headers={"Idempotency-Key": "c"})
        assert problem(again, 409, "order.duplicate")["number"] == first.json()["number"]


@pytest.mark.parametrize("encoding", ["gbk", "utf-8-sig"])
async def test_a_file_of_bad_rows_is_told_row_by_row_in_any_encoding(
    plant: Plant, encoding: str
) -> None:
    rows = "外部订单号;车型;颜色;选装\nA-1;S2;粉色;\nA-2;S2;WHT;不存在\nA-3;没有;WHT;\n"
    async with plant.unchanged():
        answer = await plant.erp.post(
            "/api/orders/import",
            files={"file": ("订单.csv", rows.encode(encoding), "text/csv")},
            data={"channel": "erp"},
        )
        report = answer.json()
        assert report["accepted"] == []
        assert [(row["row"], row["field"]) for row in report["rejected"]] == [
            (2, "color"),
            (3, "options"),
            (4, "model"),
        ]


def test_a_plant_file_that_does_not_hang_together_is_explained(tmp_path: Path) -> None:
    text = (PLANTS / "demo.toml").read_text(encoding="utf-8")
    for before, after in (
        ('gives_to = "pbs"', 'gives_to = "subs"'),
        ('calendar = "three-shifts"', 'calendar = "four-shifts"'),
        ('presses = ["press-1", "press-2"]', 'presses = ["press-9"]'),
        ('tag = "Tonnage"', 'tag = "Tonnes"'),
    ):
        assert before in text
        text = text.replace(before, after, 1)
    file = tmp_path / "plant.toml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mes", "check", "plant", str(file)],
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for rule, words in (
        ("acyclic_flow", "subs → wbs → subs"),
        ("known_calendar", "'four-shifts'"),
        ("known_line", "'press-9'"),
        ("known_tag", "'Tonnes'"),
    ):
        (told,) = [line for line in done.stderr.splitlines() if f"[{rule}]" in line]
        assert words in told
        assert re.search(r": line \d+: ", told)


async def test_a_plan_published_twice_is_published_once(plant: Plant) -> None:
    asked = await plant.planner.post("/api/plans")
    path, plan_id = asked.headers["location"], UUID(asked.json()["id"])
    planned = plant.planned
    await solving.run_solve(planned.database, planned.clock, HERE, SETTINGS.plan, plan_id)
    seen = {"If-Match": (await plant.planner.get(path)).headers["etag"]}
    done = await plant.planner.post(f"{path}/publish", json={"note": "once"}, headers=seen)
    assert done.status_code == 200, done.text
    async with plant.unchanged():
        now = {"If-Match": (await plant.planner.get(path)).headers["etag"]}
        for version in (seen, now):
            again = await plant.planner.post(
                f"{path}/publish", json={"note": "twice"}, headers=version
            )
            assert again.status_code == 409
        assert "already published" in problem(again, 409, "plan.already_published")["detail"]


async def test_a_damaged_batch_is_refused_and_the_whole_one_taken(plant: Plant) -> None:
    frame = encode(Batch(plant.agent_id, 1, Stream.EVENTS, 1, 1, b'{"seq": 1}'))
    async with plant.unchanged():
        for place in (4, len(frame) // 2, len(frame) - 1):
            damaged = bytearray(frame)
            damaged[place] ^= 0x10
            with pytest.raises(MesRefused) as refused:
                await plant.agent.send_batch(bytes(damaged), oldest=1)
            assert (refused.value.status, refused.value.code) == (400, "ingest.batch_malformed")
        with pytest.raises(MesRefused, match="checksum"):
            await plant.agent.send_batch(bytes(damaged), oldest=1)
    assert (await plant.agent.send_batch(frame, oldest=1)).watermark == 1


async def test_an_expired_token_opens_nothing_neither_for_agents_nor_for_programs(
    plant: Plant,
) -> None:
    async with plant.planned.database.write() as conn:
        await conn.execute("UPDATE agent_token SET expires_at = '2026-01-01'")
        await conn.execute(
            "UPDATE api_token SET created_at = '2025-12-01', expires_at = '2026-01-01'"
        )
    async with plant.unchanged():
        order = {"model": "S2", "color": "WHT"}
        answer = await plant.erp.post("/api/orders", json=order, headers={"Idempotency-Key": "x"})
        assert "expired at 2026-01-01" in problem(answer, 401, "identity.token_expired")["detail"]
        frame = encode(Batch(plant.agent_id, 1, Stream.EVENTS, 1, 0, b""))
        for refused in (plant.agent.config(), plant.agent.send_batch(frame, oldest=1)):
            with pytest.raises(MesRefused, match="expired or revoked") as error:
                await refused
            assert error.value.status == 401


async def test_a_tag_that_is_no_number_is_kept_as_none_and_the_minute_is_summed_up(
    plant: Plant,
) -> None:
    config = await plant.agent.config()
    tag = config.interface.tags[0]
    values = np.array([20.0, float("nan"), float("inf"), 22.0])
    at = to_filetime(PLANT_NOW) + np.arange(4, dtype=np.int64) * 10_000_000
    columns = TelemetryColumns(
        np.full(4, tag.tag_id, np.uint32),
        at,
        at,
        values,
        np.array([0, 0, 0x40930000, 0], np.uint32),
    )
    batch = Batch(plant.agent_id, 1, Stream.TELEMETRY, 1, 4, columns.to_payload())
    await plant.agent.send_batch(encode(batch), oldest=1)
    async with plant.planned.database.write() as conn:
        query = "SELECT value, status FROM telemetry ORDER BY time"
        stored = await (await conn.execute(query)).fetchall()
        assert stored == [(20.0, 0), (None, 0), (None, 0x40930000), (22.0, 0)]
        assert await partitions.sum_up(conn, before=PLANT_NOW + timedelta(hours=1)) == 1
        (minute,) = await telemetry.trend(
            conn, tag.station, tag.name, from_at=PLANT_NOW, to_at=PLANT_NOW + timedelta(hours=1)
        )
    assert (minute.values_n, minute.bad_n, minute.mean) == (2, 2, 21.0)


@asynccontextmanager
async def a_station(url: str, folder: Path) -> AsyncIterator[tuple[Station, FakeLine, Journal]]:
    """A paint camera's station with the shipped model, on a PLC's tags, for as long as the block."""
    folder.mkdir(exist_ok=True)
    journal = Journal(folder / "journal")
    journal.identify(agent_id=UUID(int=1), epoch=1, line=LINE, max_bytes=1 << 30)
    manifest = Manifest.read(shipped()[Shop.PAINTING])
    model = CameraModel(
        camera="cam", package="painting", version=manifest.version, sha256=manifest.sha256
    )
    real = datetime.now(UTC)
    clock = LiveClock(PlantClock(segments=(ClockSegment(real_at=real, plant_at=real, factor=1.0),)))
    line = FakeLine({})
    async with httpx.AsyncClient(timeout=3, trust_env=False) as http:
        station = Station(
            line=LINE,
            handshake=Handshake(NODES, line, clock),  # type: ignore[arg-type]  # it has the two methods used
            judge=PictureJudge(
                NODES.id, SnapshotCamera(url, http, clock), ModelShelf((model,)), clock
            ),
            journal=journal,
            images=ImageFolder(journal, folder / "images", max_bytes=1 << 20, keep_ok_every=1),
            clock=clock,
            may_act=lambda: True,
            counts=dict.fromkeys(Verdict, 0),
        )
        tasks = [asyncio.create_task(journal.write_forever()), asyncio.create_task(station.run())]
        try:
            yield station, line, journal
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            journal.close()


async def results(journal: Journal) -> Sequence[InspectionResult]:
    """What is in the journal for the MES."""
    frames = await journal.read(
        lambda db: db.execute(
            "SELECT frame FROM batch WHERE stream = ? ORDER BY seq", (int(Stream.RESULTS),)
        ).fetchall()
    )
    return [
        InspectionResult.model_validate_json(line)
        for (frame,) in frames
        for line in from_lines(decode(frame))
    ]


async def test_a_camera_that_answers_with_text_is_unfit_and_never_ok(tmp_path: Path) -> None:
    good = render(Scene(Shop.PAINTING, "S2", color="#f2f2f0", seed=3)).image
    jpeg = cv2.imencode(".jpg", good, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    answers = [
        Response("camera is warming up", media_type="text/plain"),
        Response("camera is warming up", media_type="image/jpeg"),
        Response("<h1>login</h1>", media_type="text/html"),
        Response(b"", media_type="image/jpeg"),
        Response(jpeg[: len(jpeg) // 2], media_type="image/jpeg"),
        Response(jpeg, media_type="image/jpeg"),
    ]
    camera = FastAPI()

    @camera.get("/snapshot.jpg")
    async def snapshot(counter: int) -> Response:
        return answers[counter - 1]

    async with (
        served(camera) as url,
        a_station(f"{url}/snapshot.jpg", tmp_path / "edge") as (station, line, journal),
    ):
        for counter in range(1, len(answers) + 1):
            deadline = datetime.now(UTC) + timedelta(minutes=1)
            line.ask(counter, deadline=deadline, variant="S2")
            station.announce(counter)

            async def answered(count: int = counter) -> bool:
                return len(await results(journal)) == count

            await eventually(answered, within_s=60)
        *bad, last = await results(journal)
    assert [result.verdict for result in bad] == [Verdict.UNFIT] * 5
    assert all(result.reason for result in bad)
    assert "text/plain" in (bad[0].reason or "")
    assert last.verdict is not Verdict.UNFIT, "the same camera with its picture is judged"
    told = [written["verdict"] for written in line.writes]
    assert told[:5] == [VerdictCode.UNFIT] * 5
