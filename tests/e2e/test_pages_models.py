"""Models from the page: let one look on, compare, promote, roll back; in both languages and at 390 px."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mes.contracts.agent import ModelHealth, ModelRole
from mes.contracts.quality import BesideVerdict, InspectionResult, Region, Verdict
from mes.inspection import registry
from mes.inspection import service as inspection
from mes.inspection.images import FolderImageStore
from mes.inspection.rollout import Model
from qc_vision.runtime import pack
from qc_vision.shops import Shop
from tests.e2e.conftest import Plant
from tests.support.floor import a_result
from tests.support.model_packages import a_package


@pytest.fixture(scope="module")
def model(plant: Plant, tmp_path_factory: pytest.TempPathFactory) -> Model:
    archive = pack(a_package(tmp_path_factory.mktemp("p"), name="retrained", shop=Shop.PAINTING))

    async def register() -> Model:
        store = FolderImageStore(plant.shown.settings.image_dir)
        async with plant.shown.database.write() as conn:
            return await registry.register(
                conn, store, archive, actor="system", now=datetime.now(UTC)
            )

    return plant.do(register())


@pytest.fixture(scope="module")
def camera(plant: Plant) -> str:
    return next(
        station.camera.id
        for _, station in registry.stations_with_camera(plant.shown.plant)
        if station.camera is not None and station.camera.scene == "painting"
    )


def both_judge(plant: Plant, camera: str, model: Model, verdicts: Sequence[Verdict]) -> None:
    """Let two models judge pictures: the old one passes all, the new one as given."""
    sha256 = plant.value("SELECT sha256 FROM inspection_image LIMIT 1")

    def result(new: Verdict) -> InspectionResult:
        score = 0.8 if new is Verdict.NOK else 0.1
        return a_result(
            Verdict.OK,
            camera=camera,
            score=0.2,
            image_sha256=sha256,
            image_px=(256, 256),
            beside=BesideVerdict(
                package_sha256=model.package_sha256,
                judged_by="",
                verdict=new,
                score=score,
                threshold=0.5,
                regions=(Region(x=60, y=70, w=40, h=30, score=score),),
                ms=9.0,
            ),
        )

    async def judge() -> None:
        now = plant.shown.clock.now()
        async with plant.shown.database.write() as conn:
            for new in verdicts:
                judged = result(new).model_copy(update={"triggered_at": now, "decided_at": now})
                await inspection.on_result(conn, judged, now=now)

    plant.do(judge())


def state(plant: Plant, camera: str) -> list[str]:
    found = plant.value(
        "SELECT array_agg(state ORDER BY state) FROM vision_rollout WHERE camera = %s", camera
    )
    return list(found or [])


def test_a_model_is_tried_compared_promoted_and_rolled_back_on_the_page(
    plant: Plant, camera: str, model: Model, tmp_path: Path
) -> None:
    page = plant.page("quality")
    page.goto(f"{plant.url}/quality/models")
    expect(page.locator(f"#camera-{camera}")).to_be_visible()
    expect(page.locator("table").nth(1)).to_contain_text("retrained 2")
    page.click(f"#camera-{camera} a")
    page.get_by_role("button", name="Let it look on").click()
    expect(page.locator(".page-head .badge")).to_have_attribute("data-value", "shadow")

    both_judge(plant, camera, model, [Verdict.OK, Verdict.NOK, Verdict.OK])
    page.reload()
    expect(page.locator(".tile")).to_have_count(3)
    expect(page.locator(".tile").first).to_have_class("tile bad")
    expect(page.locator(".facts")).to_contain_text("66.7 %")

    for expected in ("canary", "active"):
        page.get_by_role("button", name=f"Promote to {expected}").click()
        page.locator("[data-confirm]").first.click()
        expect(page.locator("#history .badge").first).to_have_attribute("data-value", expected)
        assert state(plant, camera) == [expected]
    page.get_by_role("button", name="Roll back").click()
    page.locator("button.danger").click()
    expect(page.locator("#history .badge").first).to_have_attribute("data-value", "retired")
    assert state(plant, camera) == ["retired"]
    assert plant.errors == []


REASON = "model retrained cannot be used: the archive has sha256 1f2e3d4c5b6a…, announced was 6a5b4c3d2e1f…"


@pytest.fixture
def refused(plant: Plant, camera: str, model: Model) -> None:
    """An agent could not use a model on trial."""

    async def refuse() -> None:
        now = plant.shown.clock.now() + timedelta(minutes=1)
        async with plant.shown.database.write() as conn:
            sha256 = model.package_sha256
            await registry.begin_shadow(conn, camera, sha256, actor="user:quality", now=now)
            health = ModelHealth(
                camera=camera, package_sha256=sha256, role=ModelRole.SHADOW, reason=REASON
            )
            assert await registry.take_back_unusable(conn, [health], now=now) == [camera]

    if REASON not in str(plant.value("SELECT array_agg(reason) FROM vision_rollout")):
        plant.do(refuse())


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pages_fit_and_speak_both_languages(
    plant: Plant, camera: str, refused: None, language: str, width: int
) -> None:
    page = plant.page("quality", language=language, width=width)
    for path, heading in (("", {"zh": "模型", "en": "Models"}), (f"/{camera}", None)):
        page.goto(f"{plant.url}/quality/models{path}")
        if heading:
            expect(page.locator("h1")).to_have_text(heading[language])
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        said = page.locator("main").inner_text()
        assert {"zh": "归档的 SHA-256 为", "en": REASON}[language] in said
    assert plant.errors == []
