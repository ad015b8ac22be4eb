"""Orders on the screen: the form with its rules, the file with its rows, one order, the customer's page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from mes.orders import links, service
from tests.e2e.conftest import Plant


def an_order(plant: Plant) -> str:
    number: str = plant.value("SELECT number FROM customer_order ORDER BY number DESC LIMIT 1")
    return number


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_car_that_cannot_be_built_is_refused_in_words(plant: Plant, language: str) -> None:
    page = plant.page("dealer", language=language)
    page.goto(f"{plant.url}/orders/new")
    yes = {"en": "Yes, this car can be built.", "zh": "可以，这辆车能够制造。"}[language]
    no = {"en": "No, not like this.", "zh": "不行，该配置无法制造。"}[language]
    expect(page.locator("#verdict")).to_contain_text(yes)
    for box in page.locator("input[name=options]").all():
        box.check()
        page.wait_for_timeout(30)
        if no in page.inner_text("#verdict"):
            break
    expect(page.locator("#verdict")).to_contain_text(no)
    assert page.locator("#verdict p").count() >= 2


def test_an_order_from_the_form_gets_its_own_page(plant: Plant) -> None:
    page = plant.page("dealer")
    page.goto(f"{plant.url}/orders/new")
    page.check("input[name=model][value=S2]")
    page.check("input[name=color][value=RED]")
    page.fill("#customer", "Ada")
    expect(page.locator("#verdict")).to_contain_text("Yes")
    page.click("button[type=submit]")
    page.wait_for_url("**/orders/C2M-*")
    expect(page.locator("h1")).to_have_text(an_order(plant))
    expect(page.locator(".lead")).to_contain_text("S2 saloon · Signal red · Ada")
    expect(page.locator("[aria-current=step]")).to_have_text("Confirmed")


def test_a_wish_that_breaks_the_api_is_said_at_its_field(plant: Plant) -> None:
    page = plant.page("dealer")
    page.goto(f"{plant.url}/orders/new")
    page.evaluate("document.getElementById('customer').value = 'x'.repeat(300)")
    page.click("button[type=submit]")
    expect(page.locator("#error-customer")).to_contain_text("200")
    assert page.get_attribute("#customer", "aria-invalid") == "true"


def test_every_row_of_a_file_has_its_result(plant: Plant) -> None:
    page = plant.page("planner", language="zh")
    page.goto(f"{plant.url}/orders/import")
    rows = "external_id,model,color,options\nF-1,S2,RED,\nF-2,S2,PURPLE,\nF-3,XX,RED,\n"
    page.set_input_files(
        "#file", {"name": "orders.csv", "mimeType": "text/csv", "buffer": rows.encode("gbk")}
    )
    page.click("button[type=submit]")
    expect(page.locator("[data-accepted]")).to_have_text("接收 1 行")
    expect(page.locator("[data-rejected]")).to_have_text("拒绝 2 行")
    refused = page.locator("#result tbody tr", has_text="PURPLE")
    expect(refused).to_contain_text("color")


def test_filters_stand_in_the_url_and_go_into_the_export(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/orders")
    page.select_option("#f-model", "S2")
    page.wait_for_url("**/orders?model=S2")
    shown = int(page.inner_text(".page-head .count"))
    with page.expect_download() as download:
        page.click(".page-head a[download]")
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == shown + 1
    assert lines[0].startswith("number,channel,")


def test_an_empty_list_says_what_to_do(plant: Plant) -> None:
    page = plant.page("planner")
    page.goto(f"{plant.url}/orders?search=nobody-has-this")
    expect(page.locator(".empty")).to_contain_text("No order matches")
    page.click(".empty a")
    page.wait_for_url(f"{plant.url}/orders")


def test_an_order_can_be_changed_until_it_is_locked(plant: Plant) -> None:
    page = plant.page("dealer")
    page.goto(f"{plant.url}/orders/{an_order(plant)}/change")
    page.check("input[name=color][value=BLU]")
    page.click("button[type=submit]")
    page.wait_for_url("**/orders/C2M-*")
    expect(page.locator(".lead")).to_contain_text("Lake blue")


def test_cancelling_asks_first_and_needs_a_reason(plant: Plant) -> None:
    page = plant.page("planner")
    number = an_order(plant)
    page.goto(f"{plant.url}/orders/{number}")
    page.fill("#reason", "the customer moved")
    page.click("button.danger")
    assert plant.value("SELECT stage FROM customer_order WHERE number = %s", number) != "cancelled"
    expect(page.locator("button.danger")).to_contain_text(f"Cancel {number} for good?")
    page.click("button.danger")
    expect(page.locator(".page-head .badge")).to_contain_text("Cancelled")


@pytest.mark.parametrize(("language", "stage"), [("en", "Being built"), ("zh", "生产中")])
def test_the_customer_sees_stage_date_and_reasons_on_a_phone(
    plant: Plant, language: str, stage: str
) -> None:
    number = plant.value(
        "SELECT number FROM customer_order WHERE stage = 'in_production' ORDER BY number LIMIT 1"
    )

    async def link() -> str:
        async with plant.shown.database.write() as conn:
            return await links.customer_token(conn, await service.order(conn, number))

    page = plant.page(language=language, width=390)
    page.goto(f"{plant.url}/customer/{plant.do(link())}")
    expect(page.locator("[aria-current=step]")).to_contain_text(stage)
    expect(page.locator("[data-promised]")).not_to_be_empty()
    assert page.locator(".chain li").count() >= 1
    assert "UTC+8" in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_link_that_nobody_was_given_shows_nothing(plant: Plant) -> None:
    page = plant.page()
    answer = page.goto(f"{plant.url}/customer/not-a-token")
    assert answer is not None and 400 <= answer.status < 500
    assert "VIN" not in page.inner_text("body")
