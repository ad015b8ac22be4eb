"""A reviewer's hour without the mouse: codes, regions, the zone's history, fifty pictures; and a second look."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from mes.contracts.ids import uuid7
from mes.contracts.quality import InspectionResult, Region, Verdict
from mes.inspection import service as inspection
from mes.platform.settings import ReviewSettings
from tests.e2e.conftest import Plant
from tests.support.floor import a_result

FIFTY = 50
MODEL = "6" * 64


def to_be_judged_again() -> UUID:
    """An id that lies in the share of pictures that a second person judges."""
    while True:
        found = uuid7()
        digest = hashlib.md5(str(found).encode(), usedforsecurity=False).hexdigest()
        if int(digest[:6], 16) < ReviewSettings().second_looks * 2**24:
            return found


@pytest.fixture(scope="module")
def fifty(plant: Plant) -> list[UUID]:
    """Fifty refused pictures beside those that wait already; the first is one to be judged again."""
    body = plant.shown.facts["held"][0]
    sha256 = plant.value("SELECT sha256 FROM inspection_image LIMIT 1")
    camera, line, station = plant.value(
        "SELECT ARRAY[camera, line, station] FROM inspection WHERE verdict = 'NOK' LIMIT 1"
    )
    results = []
    for n in range(FIFTY):
        at = plant.shown.clock.now() - timedelta(seconds=100 - n)
        region = Region(x=60 + n, y=90, w=40, h=30, score=0.8, label="scratch")
        results.append(
            a_result(
                Verdict.NOK,
                id=to_be_judged_again() if not n else uuid7(),
                line=line,
                station=station,
                camera=camera,
                body_id=body.id,
                variant="RED",
                score=0.52 + 0.005 * n,
                image_sha256=sha256,
                image_px=(384, 384),
                regions=(region,),
                model_sha256=MODEL,
                model_version="v6",
                triggered_at=at,
                decided_at=at,
                deadline_at=at,
            )
        )

    async def judge(some: list[InspectionResult]) -> None:
        async with plant.shown.database.write() as conn:
            for result in some:
                await inspection.on_result(conn, result, now=plant.shown.clock.now())
        await plant.shown.react()

    for first in range(0, FIFTY, 10):
        plant.do(judge(results[first : first + 10]))
    return [result.id for result in results]


def review(plant: Plant, user: str = "quality", *, language: str = "en") -> Page:
    page = plant.page(user, language=language)
    page.goto(f"{plant.url}/quality/review")
    expect(page.locator(".review-queue li")).not_to_have_count(0)
    expect(page.locator(".review-view img").first).to_be_visible()
    return page


def go_to(page: Page, plant: Plant, picture: UUID) -> str:
    hold = str(plant.value("SELECT id FROM hold WHERE inspection_id = %s", picture))
    page.click(f'[data-hold="{hold}"]')
    expect(page.locator(f'[data-hold="{hold}"]')).to_have_attribute("aria-current", "true")
    page.focus(".review-view")
    return hold


def seen(plant: Plant, column: str, picture: UUID) -> object:
    return plant.value(
        "SELECT to_jsonb(i) -> %s FROM inspection AS i WHERE id = %s", column, picture
    )


@pytest.mark.parametrize(("language", "letters"), [("en", "dus"), ("zh", "cd")])
def test_a_defect_code_is_set_by_a_few_letters(
    plant: Plant, fifty: list[UUID], language: str, letters: str
) -> None:
    page = review(plant, language=language)
    go_to(page, plant, fifty[1])
    page.keyboard.press("c")
    page.keyboard.type(letters)
    expect(page.locator(".codes [aria-selected=true]")).to_have_attribute("data-code", "dust_nib")
    page.keyboard.press("Enter")
    expect(page.locator(".what")).to_contain_text("尘点" if language == "zh" else "dust nib")
    with page.expect_response("**/disposition") as answer:
        page.keyboard.press("r")
    assert answer.value.ok
    assert seen(plant, "defect_code", fifty[1]) == "dust_nib"
    with page.expect_response("**/undo"):
        page.keyboard.press("u")
    assert seen(plant, "defect_code", fifty[1]) is None


def test_a_region_is_corrected_by_keys_and_goes_with_the_verdict(
    plant: Plant, fifty: list[UUID]
) -> None:
    page = review(plant)
    go_to(page, plant, fifty[2])
    page.keyboard.press("1")
    for key in ("d", "ArrowRight", "Shift+ArrowDown", "n", "Escape"):
        page.keyboard.press(key)
    expect(page.locator(".review-view rect.box")).to_have_count(1)
    assert page.get_attribute(".review-view rect.box", "x") == "62"
    for key in ("d", "ArrowRight", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".review-view.drawing")).to_have_count(0)
    with page.expect_response("**/disposition") as answer:
        page.keyboard.press("r")
    assert answer.value.ok
    assert seen(plant, "reviewed_regions", fifty[2]) == [
        {"x": 70, "y": 90, "w": 40, "h": 38, "label": "scratch"}
    ]
    page.goto(f"{plant.url}/quality/inspections/{fifty[2]}")
    assert page.get_attribute("rect.box", "x") == "70"
    expect(page.locator(".facts")).to_contain_text("corrected by hand")


def test_a_region_is_drawn_with_the_mouse_too(plant: Plant, fifty: list[UUID]) -> None:
    page = review(plant)
    go_to(page, plant, fifty[3])
    page.keyboard.press("d")
    box = page.locator(".review-view .world img").first.bounding_box()
    assert box is not None
    scale = box["width"] / 384
    page.mouse.move(box["x"] + 200 * scale, box["y"] + 200 * scale)
    page.mouse.down()
    page.mouse.move(box["x"] + 260 * scale, box["y"] + 240 * scale)
    page.mouse.up()
    expect(page.locator(".review-view rect.box")).to_have_count(2)
    page.keyboard.press("Enter")
    with page.expect_response("**/disposition"):
        page.keyboard.press("r")
    regions = seen(plant, "reviewed_regions", fifty[3])
    assert isinstance(regions, list)
    assert regions[1]["w"] == pytest.approx(60, abs=2)


def test_regions_and_heat_map_are_toggled_and_the_picture_is_panned_by_keys(
    plant: Plant, fifty: list[UUID]
) -> None:
    page = review(plant)
    go_to(page, plant, fifty[4])
    page.keyboard.press("b")
    expect(page.locator(".review-view rect.box")).to_be_hidden()
    expect(page.locator('[data-act="boxes"]')).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("b")
    expect(page.locator(".review-view rect.box")).to_be_visible()
    before = page.locator(".world").get_attribute("style")
    page.keyboard.press("Shift+ArrowRight")
    assert page.locator(".world").get_attribute("style") != before
    page.keyboard.press("h")
    expect(page.locator(".toasts")).to_contain_text("cannot be judged again")


def test_the_same_zone_of_earlier_pictures_lies_beside(plant: Plant, fifty: list[UUID]) -> None:
    page = review(plant)
    go_to(page, plant, fifty[9])
    zone = page.locator(".zone-history")
    expect(zone.locator("h2")).to_have_text("The same zone earlier")
    expect(zone.locator("svg")).to_have_count(6)
    assert zone.locator("svg").first.get_attribute("viewBox") == "49 65 80 80"
    expect(zone).to_contain_text("6 of 6 had a region here")
    expect(page.locator("figcaption").first).to_contain_text("Good part")


def test_fifty_pictures_are_decided_without_the_mouse(plant: Plant, fifty: list[UUID]) -> None:
    page = review(plant)
    page.focus(".review-view")
    queue = page.locator(".review-queue li")
    waiting = queue.count()
    for number in range(waiting):
        expect(queue).to_have_count(waiting - number)
        page.keyboard.press("f" if number % 3 else "r")
    expect(page.locator(".what")).to_have_text("Nothing waits for a verdict")
    expect(page.locator(".pace")).to_contain_text(f"{waiting} decided in this sitting")
    page.wait_for_load_state("networkidle")
    assert plant.value("SELECT count(*) FROM hold WHERE state = 'open'") == 0
    assert plant.value("SELECT count(*) FROM inspection WHERE review IS NOT NULL") >= FIFTY


def test_another_reviewer_judges_a_picture_again_blind(plant: Plant, fifty: list[UUID]) -> None:
    page = review(plant, "admin")
    hold = go_to(page, plant, fifty[0])
    before = plant.value("SELECT row_version FROM hold WHERE id = %s", hold)
    for word in ("False call", "Confirmed", "quality"):
        expect(page.locator(".review-side .facts")).not_to_contain_text(word)
    waiting = page.locator(".review-queue li").count()
    with page.expect_response("**/second-look") as answer:
        page.keyboard.press("f")
    assert answer.value.ok
    expect(page.locator(".review-queue li")).to_have_count(waiting - 1)
    with page.expect_response("**/second-look"):
        page.keyboard.press("u")
    expect(page.locator(".review-queue li")).to_have_count(waiting)
    with page.expect_response("**/second-look"):
        page.keyboard.press("r")
    assert plant.value("SELECT row_version FROM hold WHERE id = %s", hold) == before
    assert plant.value("SELECT defect FROM second_look WHERE by = 'admin'") is True

    page.goto(f"{plant.url}/quality/studies#reviewers")
    expect(page.locator("#reviewers .count")).to_have_text("1")
    expect(page.locator("#reviewers tbody tr").first).to_contain_text("1")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_from_a_model_version_to_every_part_it_judged(
    plant: Plant, fifty: list[UUID], language: str
) -> None:
    page = plant.page("quality", language=language)
    page.goto(f"{plant.url}/quality/inspections/{fifty[5]}")
    page.click("a[href*='/quality/judged']")
    expect(page.locator("h1")).to_contain_text("v6")
    expect(page.locator(".count").first).to_have_text(str(FIFTY))
    page.select_option("[name=review]", "false_call")
    expect(page.locator("tbody tr")).not_to_have_count(FIFTY)
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(FIFTY)
    expect(page.locator("[name=review]")).to_have_value("")
    page.go_forward()
    expect(page.locator("[name=review]")).to_have_value("false_call")
    with page.expect_download() as download:
        page.click("a[download]")
    rows = download.value.path().read_text("utf-8-sig").splitlines()
    assert rows[0].startswith("id,triggered_at,line,camera,body_number,vin")
    assert all("false_call" in row for row in rows[1:])
