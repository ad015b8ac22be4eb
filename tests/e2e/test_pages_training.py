"""Training and studies of measurement systems on their pages, from reviewed pictures to a model that looks on."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from playwright.sync_api import expect

from mes.inspection import registry, training_runs
from mes.inspection.agreement_tasks import model_judges
from mes.inspection.images import FolderImageStore
from tests.e2e.conftest import Plant
from tests.support.training import reviewed_pictures
from tests.unit.inspection.test_gauge_rr import READINGS


@pytest.fixture(scope="module")
def camera(plant: Plant) -> str:
    """The weld camera, with reviewed pictures of the last hour."""
    found = next(
        station.camera.id
        for _, station in registry.stations_with_camera(plant.shown.plant)
        if station.camera is not None and station.camera.scene == "welding"
    )

    async def fill() -> None:
        store = FolderImageStore(plant.shown.settings.image_dir)
        async with plant.shown.database.write() as conn:
            await reviewed_pictures(conn, store, found, until=plant.shown.clock.now())

    plant.do(fill())
    return found


def let_a_worker_work(plant: Plant, training_id: str) -> None:
    """Begin what a worker would do; the page shows how it gets on."""
    shown = plant.shown
    store = FolderImageStore(shown.settings.image_dir)

    async def begin() -> None:
        run = training_runs.run(shown.database, shown.clock, store, UUID(training_id))
        shown.facts.setdefault("working", []).append(asyncio.create_task(run))

    plant.do(begin())


def test_reviewed_pictures_become_a_model_that_looks_on(plant: Plant, camera: str) -> None:
    page = plant.page("quality")
    page.goto(f"{plant.url}/quality/training?camera={camera}&good=reviewed")
    expect(page.locator("#enough")).to_contain_text("6 good pictures are too few")
    expect(page.locator("#enough")).to_contain_text("review 14 more")
    page.select_option("#f-good", "")
    expect(page.locator('[data-count="assumed"]')).to_have_text("22")
    page.get_by_role("button", name="Look the pictures over").click()
    expect(page.locator(".page-head .badge")).to_have_attribute("data-value", "examining")

    training_id = page.url.rpartition("/")[2]
    let_a_worker_work(plant, training_id)
    start = page.get_by_role("button", name="Start the training")
    expect(start).to_be_visible(timeout=90_000)
    start.click()
    expect(page.locator("#progress")).to_be_visible()
    page.reload()  # it is the worker's work: a page may come and go
    let_a_worker_work(plant, training_id)
    expect(page.locator(".page-head .badge")).to_have_attribute(
        "data-value", "trained", timeout=150_000
    )

    figures = plant.value("SELECT figures FROM vision_training WHERE id = %s", training_id)
    new = figures["new"]
    assert (new["good"], new["defects"]) == (7, 5)
    assert new["auroc"] > 0.8
    assert figures["old"]["good"] == 7
    assert figures["learned"] == 21
    expect(page.locator('[data-figure="escape"]')).to_contain_text(f"{new['escapes']}/5")
    expect(page.locator(".strips line.defect")).to_have_count(10)

    page.get_by_role("button", name="Let it look on (shadow)").click()
    expect(page.locator('[data-value="shadow"]')).to_be_visible()
    trial = plant.value("SELECT state FROM vision_rollout WHERE camera = %s", camera)
    assert trial == "shadow"
    summary = plant.value(
        "SELECT m.manifest->'metrics'->'summary' FROM vision_model m"
        " JOIN vision_training t USING (package_sha256) WHERE t.id = %s",
        training_id,
    )
    assert summary["overkill_n"] == 7
    audited = plant.value(
        "SELECT array_agg(after->>'state' ORDER BY id) FROM audit_entry WHERE subject = %s",
        f"training:{training_id}",
    )
    assert audited == ["examining", "examined", "training", "trained"]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pages_fit_and_speak_both_languages(
    plant: Plant, camera: str, language: str, width: int
) -> None:
    page = plant.page("quality", language=language, width=width)
    page.goto(f"{plant.url}/quality/training?camera={camera}")
    expect(page.locator("h1")).to_have_text({"zh": "训练", "en": "Training"}[language])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"{plant.url}/quality/training?camera={camera}&regions=drawn")
    few = {"zh": "带区域的图片只有 0 张", "en": "0 pictures with regions are too few"}[language]
    expect(page.locator("#enough")).to_contain_text(few)
    expect(page.locator("main button[disabled]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    row = page.locator("#trainings tbody a").first
    if row.count():
        row.click()
        expect(page.locator("#figures")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


AIAG_CSV = "part,appraiser,trial,value\n" + "\n".join(
    f"{r.part},{r.appraiser},{r.trial},{r.value}" for r in READINGS
)


def test_a_golden_set_is_judged_with_one_key_a_verdict(plant: Plant, camera: str) -> None:
    shown = plant.shown
    store = FolderImageStore(shown.settings.image_dir)
    page = plant.page("quality")
    page.goto(f"{plant.url}/quality/studies")
    form = page.locator('form[data-api="POST /api/agreement-studies"]')
    form.locator("#title").fill("Spatter at the roof")
    form.locator("#f-camera").select_option(camera)
    form.locator("#parts").select_option("10")
    form.locator("#repeats").select_option("2")
    form.get_by_role("button").click()
    expect(page.locator("h1")).to_have_text("Spatter at the roof")
    study_id = UUID(page.url.rpartition("/")[2])
    plant.do(model_judges(shown.database, shown.clock, store, study_id))

    truth = plant.value(
        "SELECT json_object_agg(image_sha256, defect) FROM agreement_part WHERE study_id = %s",
        study_id,
    )
    page.reload()
    page.get_by_role("link", name="Judge").click()
    for place in range(20):
        expect(page.locator("#where")).to_have_text(f"{place + 1} / 20")
        image = str(page.locator("#picture").get_attribute("src")).rpartition("/")[2]
        if place == 0:  # a wrong key, taken back
            page.keyboard.press("d" if not truth[image] else "g")
            expect(page.locator("#where")).to_have_text("2 / 20")
            page.keyboard.press("u")
            expect(page.locator("#where")).to_have_text("1 / 20")
        page.keyboard.press("d" if truth[image] else "g")
    expect(page.locator("#said")).to_contain_text("judged everything")

    page.goto(f"{plant.url}/quality/studies/{study_id}")
    mine = page.locator('[data-appraiser="user:quality"]')
    expect(mine).to_contain_text("10/10")
    expect(page.locator('[data-appraiser="model"]')).to_be_visible()
    close = page.get_by_role("button", name="Close the study")
    close.click()
    page.locator("[data-armed]").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(download.value.path().read_text("utf-8-sig").splitlines()) == 41


def test_a_gauge_is_studied_from_pasted_measurements(plant: Plant) -> None:
    page = plant.page("quality")
    page.goto(f"{plant.url}/quality/studies")
    form = page.locator('form[data-api="POST /api/gauge-studies"]')
    form.locator("#gauge-title").fill("Gap at the hood")
    form.locator("#csv").fill("part,appraiser,trial,value\n1,A,1,wide\n")
    form.get_by_role("button", name="Work it out").click()
    expect(page.locator("#error-csv")).to_contain_text("line 2")
    form.locator("#csv").fill(AIAG_CSV)
    form.get_by_role("button", name="Work it out").click()
    expect(page.locator('[data-component="grr"]')).to_contain_text("27.9%")


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_studies_fit_and_speak_both_languages(plant: Plant, language: str, width: int) -> None:
    page = plant.page("quality", language=language, width=width)
    page.goto(f"{plant.url}/quality/studies")
    heading = {"zh": "测量系统", "en": "Measurement systems"}[language]
    expect(page.locator("h1")).to_have_text(heading)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for path in [a.get_attribute("href") for a in page.locator("main tbody a.strong").all()]:
        page.goto(f"{plant.url}{path}")
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
