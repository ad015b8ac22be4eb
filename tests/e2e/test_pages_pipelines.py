"""A pipeline is drawn by hand and by keyboard, run on a stored picture, saved, compared, published, taken back."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from mes.contracts.quality import Measure, Verdict
from mes.inspection import registry
from mes.inspection import service as inspection
from mes.inspection.images import FolderImageStore
from mes.inspection.pipelines import judged
from mes.inspection.pipelines import service as pipelines
from tests.e2e.conftest import Plant
from tests.support.floor import a_result
from tests.support.pipelines import gap_picture, sample_document


@pytest.fixture(scope="module")
def camera(plant: Plant) -> str:
    """A camera with two stored pictures: a good gap, and before it one that is too wide."""
    line, station = next(
        (line, station)
        for line, station in registry.stations_with_camera(plant.shown.plant)
        if station.camera is not None and station.camera.scene == "welding"
    )
    assert station.camera is not None
    name = station.camera.id

    async def judge() -> None:
        store = FolderImageStore(plant.shown.settings.image_dir)
        now = plant.shown.clock.now()
        async with plant.shown.database.write() as conn:
            for number, width_px in enumerate((17.0, 11.0)):
                sha256, data = gap_picture(width_px, seed=number)
                result = a_result(
                    Verdict.OK,
                    line=line.id,
                    station=station.id,
                    camera=name,
                    image_sha256=sha256,
                    image_px=(200, 120),
                ).model_copy(update={"triggered_at": now.replace(microsecond=number)})
                await inspection.on_result(conn, result, now=now)
                await inspection.store_image(
                    conn, store, sha256, data, now=plant.shown.clock.real_now()
                )

    plant.do(judge())
    return name


def created(plant: Plant, name: str, document: dict[str, object] | None = None) -> UUID:
    empty: dict[str, object] = {"format": "c2m-pipeline/1", "nodes": []}

    async def create() -> UUID:
        async with plant.shown.database.write() as conn:
            made = await pipelines.create(
                conn,
                name,
                document or empty,
                note="",
                actor="user:test",
                now=plant.shown.clock.now(),
            )
        return made.id

    return plant.do(create())


def node(page: Page, name: str) -> object:
    return page.locator(f'.flow-node[data-node="{name}"]')


def drop(page: Page, kind: str, at: tuple[int, int]) -> None:
    """Drag a kind from the palette to a place of the sheet."""
    page.locator(f'.flow-add[data-kind="{kind}"]').hover()
    page.mouse.down()
    sheet = page.locator(".flow-sheet").bounding_box()
    assert sheet is not None
    page.mouse.move(sheet["x"] + at[0], sheet["y"] + at[1], steps=4)
    page.mouse.up()


def pull(page: Page, source: str, target: str) -> None:
    """Drag from a node's output to another node's input."""
    page.locator(f'[data-node="{source}"] .flow-port.out .flow-dot').hover()
    page.mouse.down()
    port = page.locator(f'[data-node="{target}"] .flow-port.in').first.bounding_box()
    assert port is not None
    page.mouse.move(port["x"] + 4, port["y"] + port["height"] / 2, steps=4)
    page.mouse.up()


def test_a_pipeline_is_built_by_hand_and_by_keyboard_run_and_published(
    plant: Plant, camera: str
) -> None:
    page = plant.page("quality")
    page.goto(f"{plant.url}/quality/pipelines")
    expect(page.locator("#pipelines .empty")).to_be_visible()
    page.get_by_label("Name").fill("Gap at the hood")
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".flow-empty")).to_be_visible()
    expect(page.locator(".flow-state")).to_contain_text("exactly one source")

    drop(page, "source", (110, 60))
    expect(page.locator(".flow-node")).to_have_count(1)
    drop(page, "fitness", (360, 60))
    pull(page, "Camera picture", "Picture fitness")
    expect(page.locator(".flow-wire")).to_have_count(1)

    page.locator('[data-node="Picture fitness"]').focus()
    page.keyboard.press("a")
    for _ in range(20):
        if page.evaluate("document.activeElement.dataset.kind") == "gap":
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator('[data-node="Gap"]')).to_be_focused()
    expect(page.locator(".flow-wire")).to_have_count(2)
    expect(page.locator('[data-node="Gap"] .flow-error').first).to_contain_text("is missing")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_label("Zone", exact=True).fill("60, 20, 80, 80")
    page.get_by_label("Millimetres per pixel").fill("0.25")
    page.get_by_label("Lower limit (mm)").fill("2")
    page.get_by_label("Upper limit (mm)").fill("3.5")
    page.get_by_label("Upper limit (mm)").press("Tab")

    page.locator('[data-kind="rule"]').press("Enter")
    page.locator('[data-kind="sink"]').press("Enter")
    expect(page.locator(".flow-wire")).to_have_count(4)
    expect(page.locator(".flow-state")).to_have_text("can run")

    page.locator("select[aria-label=Camera]").select_option(camera)
    page.locator(".flow-strip button").nth(1).click()
    expect(page.locator(".flow-verdict")).to_contain_text("NOK")
    expect(page.locator('[data-node="Gap"] .flow-result')).to_contain_text("4.2")
    expect(page.locator('[data-node="Gap"] .flow-picture')).to_be_visible()
    page.locator(".flow-strip button").nth(0).click()
    expect(page.locator(".flow-verdict")).to_contain_text("OK")

    page.get_by_role("button", name="Save version").click()
    expect(page.locator("#head")).to_have_text("v2")
    expect(page.locator(".flow-node").first).to_be_visible()
    page.locator(f'#publish input[value="{camera}"]').check()
    newest = page.locator("#publications .badge").first
    page.get_by_role("button", name="Publish").click()
    page.locator("#publish-form button[data-armed]").click()
    expect(newest).to_have_attribute("data-value", "published")
    page.get_by_role("button", name="Roll back").click()
    page.locator("#publish button.danger").click()
    expect(newest).to_have_attribute("data-value", "retired")

    page.wait_for_load_state("load")
    page.locator(f'#publish input[value="{camera}"]').check()
    page.get_by_role("button", name="Let it look on").click()
    expect(newest).to_have_attribute("data-value", "shadow")
    expect(page.locator(f"#trial-{camera}")).to_contain_text("Pictures judged by both")
    page.goto(f"{plant.url}/quality/models/{camera}")
    page.get_by_label("Share of the parts").select_option("10")
    page.get_by_role("button", name="Promote to canary").click()
    page.locator("#actions button[data-armed]").click()
    expect(page.locator(".facts").first).to_contain_text("judges one part of 10")
    page.get_by_role("button", name="Promote to active").click()
    page.locator("#actions button[data-armed]").click()
    expect(page.locator("#history .badge").first).to_have_attribute("data-value", "published")
    page.get_by_role("button", name="Roll back").click()
    page.locator("#actions button[data-armed]").click()
    expect(page.locator("#history .badge").first).to_have_attribute("data-value", "retired")


def test_what_the_hand_does_can_be_undone_and_the_keyboard_does_it_too(
    plant: Plant, camera: str
) -> None:
    made = created(plant, "Keys", sample_document("gap"))
    page = plant.page("quality")
    page.goto(f"{plant.url}/quality/pipelines/{made}")
    expect(page.locator(".flow-wire")).to_have_count(4)
    page.locator('[data-node="camera"]').focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator('[data-node="fitness"]')).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Delete")
    expect(page.locator(".flow-node")).to_have_count(4)
    expect(page.locator(".flow-wire")).to_have_count(2)
    expect(page.locator('[data-node="rule"] .flow-error')).to_contain_text("is not connected")
    page.keyboard.press("Control+z")
    expect(page.locator(".flow-wire")).to_have_count(4)
    page.keyboard.press("Control+y")
    expect(page.locator(".flow-node")).to_have_count(4)
    page.keyboard.press("Control+z")
    expect(page.locator(".flow-wire")).to_have_count(4)

    pull(page, "gap", "fitness")
    expect(page.locator("#toasts")).to_contain_text("fitness takes picture; gap gives measure")
    expect(page.locator(".flow-state")).to_have_text("can run")
    expect(page.locator(".flow-error")).to_have_count(0)
    middle = page.locator('.flow-wire[data-to="gap"] .hit').evaluate(
        "path => { const at = path.getPointAtLength(path.getTotalLength() / 2);"
        " const m = path.getScreenCTM(); return [at.x * m.a + m.e, at.y * m.d + m.f]; }"
    )
    page.mouse.click(*middle)
    page.keyboard.press("Delete")
    expect(page.locator(".flow-wire")).to_have_count(3)
    page.keyboard.press("Control+z")
    page.locator('[data-node="gap"]').focus()
    page.keyboard.press("Shift+ArrowDown")
    page.get_by_label("Upper limit (mm)").fill("4.5")
    page.get_by_label("Upper limit (mm)").press("Tab")
    page.get_by_role("button", name="Save version").click()
    expect(page.locator("#head")).to_have_text("v2")
    expect(page.locator(".flow-wire")).to_have_count(4)
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#changes li")).to_have_count(1)
    expect(page.locator("#changes")).to_contain_text("3.5 → 4.5")

    page.locator('[data-node="gap"]').focus()
    page.keyboard.press("c")
    expect(page.locator("mes-flow > [aria-live]")).to_contain_text("Nothing on the sheet takes")


@pytest.mark.parametrize(("language", "width", "dark"), [("zh", 390, False), ("en", 390, True)])
def test_the_editor_is_readable_on_a_phone_in_both_languages(
    plant: Plant, camera: str, tmp_path: Path, language: str, width: int, dark: bool
) -> None:
    made = created(plant, f"Phone {language}", sample_document("gap"))
    page = plant.page("quality", language=language, width=width, dark=dark)
    page.goto(f"{plant.url}/quality/pipelines/{made}")
    expect(page.locator(".flow-node")).to_have_count(5)
    expect(page.locator(".flow-state")).to_have_text("可运行" if language == "zh" else "can run")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    label = page.locator('[data-node="gap"]').get_attribute("aria-label")
    assert label is not None and label.startswith("gap, 间隙" if language == "zh" else "gap, Gap")
    page.goto(f"{plant.url}/quality/pipelines")
    expect(page.locator("#pipelines tbody tr")).not_to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_review_and_the_pictures_page_show_what_the_gauges_read(plant: Plant) -> None:
    hold = plant.value(
        "SELECT id FROM hold WHERE state = 'open' AND inspection_id IS NOT NULL LIMIT 1"
    )
    seen = plant.value("SELECT inspection_id FROM hold WHERE id = %s", hold)
    measure = Measure(
        node="gap left", gauge="gap", verdict=Verdict.NOK, value=4.25, unit="mm", high=3.5
    )

    async def note() -> None:
        result = a_result(Verdict.NOK, id=seen, measures=(measure,), step_ms={"gap left": 1.25})
        async with plant.shown.database.write() as conn:
            await judged.note_steps(conn, result)

    plant.do(note())
    page = plant.page("quality")
    page.goto(f"{plant.url}/quality/inspections/{seen}")
    expect(page.locator("#steps")).to_contain_text("gap left")
    expect(page.locator("#steps")).to_contain_text("4.250 mm")
    page.goto(f"{plant.url}/quality/review?hold={hold}")
    expect(page.locator(".review-side .facts")).to_contain_text("gap left")
    expect(page.locator(".review-side .facts")).to_contain_text("4.250 mm")
