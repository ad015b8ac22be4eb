"""Training from the page: pictures chosen, looked over, trained, measured beside the old model, let look on."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from playwright.sync_api import expect

from mes.inspection import registry, training_runs
from mes.inspection.images import FolderImageStore
from tests.e2e.conftest import Plant
from tests.support.training import reviewed_pictures


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
    row = page.locator("#trainings tbody a").first
    if row.count():
        row.click()
        expect(page.locator("#figures")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
