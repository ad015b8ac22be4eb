"""Orders over HTTP: what channels, people and customers send and get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mes.contracts.events import Reason
from mes.contracts.text import Text
from mes.identity.model import Role, Scope
from mes.orders import customer, service
from mes.orders.model import OrderStage
from tests.support.orders import PLANT_NOW
from tests.support.orders_api import OrdersApi, api, problem

__all__ = ["api"]

ORDER = {"channel": "web", "external_id": "W-1", "model": "U3", "color": "PRL", "options": ["AWD"]}


def key(value: str) -> dict[str, str]:
    return {"Idempotency-Key": value}


async def _order(client: httpx.AsyncClient, **wishes: Any) -> dict[str, Any]:
    body = {"model": "S2", "color": "WHT", "options": ["SUN"], **wishes}
    answer = await client.post("/api/orders", json=body)
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def test_a_channel_places_an_order(api: OrdersApi) -> None:
    erp = await api.machine(Scope.ORDERS_WRITE, Scope.ORDERS_READ)
    answer = await erp.post("/api/orders", json=ORDER, headers=key("k-1"))
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert answer.headers["location"] == f"/api/orders/{order['number']}"
    assert (order["stage"], order["options"]) == ("confirmed", ["19IN", "AWD", "CHRG"])
    found = await erp.get(answer.headers["location"])
    assert found.json() == order
    assert found.headers["etag"] == f'"{order["row_version"]}"'


async def test_the_same_request_again_gets_the_same_answer(api: OrdersApi) -> None:
    erp = await api.machine(Scope.ORDERS_WRITE, Scope.ORDERS_READ)
    first = await erp.post("/api/orders", json=ORDER, headers=key("k-1"))
    again = await erp.post("/api/orders", json=ORDER, headers=key("k-1"))
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotent-replay"] == "true"
    other = {**ORDER, "color": "RED"}
    answer = await erp.post("/api/orders", json=other, headers=key("k-1"))
    problem(answer, 409, "idempotency.key_reused")
    problem(await erp.post("/api/orders", json=ORDER), 422, "idempotency.key_missing")
    assert len((await erp.get("/api/orders")).json()["orders"]) == 1


async def test_a_duplicate_order_names_the_one_that_is_there(api: OrdersApi) -> None:
    erp = await api.machine(Scope.ORDERS_WRITE)
    first = (await erp.post("/api/orders", json=ORDER, headers=key("k-1"))).json()
    body = problem(
        await erp.post("/api/orders", json=ORDER, headers=key("k-2")), 409, "order.duplicate"
    )
    assert body["number"] == first["number"]


async def test_an_unbuildable_car_is_refused_with_its_rules_in_words(api: OrdersApi) -> None:
    planner = await api.person(Role.PLANNER)
    answer = await planner.post(
        "/api/orders", json={"model": "C1", "color": "WHT", "options": ["PAN", "XYZ"]}
    )
    body = problem(answer, 422, "catalog.not_buildable")
    assert body["errors"][0]["rule"] == "known_option"
    answer = await planner.post(
        "/api/orders", json={"model": "C1", "color": "WHT", "options": ["PAN"]}
    )
    body = problem(answer, 422, "catalog.not_buildable")
    assert body["broken_rules"][0]["zh"] == "C1 没有全景天幕（PAN）。"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"model": "S2", ', 400, "malformed"),
        (b"[1, 2]", 422, "invalid"),
        (b'{"model": "S2"}', 422, "invalid"),
        (b'{"model": "S2", "color": "WHT", "wings": 2}', 422, "invalid"),
        (b'{"model": "S2", "color": "WHT", "priority": 0}', 422, "invalid"),
        (b'{"model": "S2", "color": "WHT", "requested_at": "soon"}', 422, "invalid"),
        (b'{"model": "S2", "color": "WHT", "requested_at": "2026-12-01T10:00:00"}', 422, "invalid"),
        (b'{"model": "S2", "color": "WHT", "channel": "W W"}', 422, "invalid"),
        (b'{"model": "S2", "color": "\\u0000"}', 422, "catalog.not_buildable"),
        (b'{"model": "S2", "color": "WHT", "customer": "\\u0000"}', 422, "invalid"),
        (b'{"model": "S2", "color": "WHT", "customer": "\\ud800"}', 422, "invalid"),
        (b'{"model": "' + b"x" * 5000 + b'"}', 413, "too_large"),
    ],
)
async def test_bad_json_is_refused_and_changes_nothing(
    api: OrdersApi, content: bytes, status: int, code: str
) -> None:
    planner = await api.person(Role.PLANNER)
    headers = {"Content-Type": "application/json"}
    problem(await planner.post("/api/orders", content=content, headers=headers), status, code)
    assert (await planner.get("/api/orders")).json()["orders"] == []


async def test_a_body_of_unannounced_length_is_held_to_the_limit_too(api: OrdersApi) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"model": "'
        for _ in range(100):
            yield b"x" * 1000

    planner = await api.person(Role.PLANNER)
    problem(await planner.post("/api/orders", content=endless()), 413, "too_large")


@pytest.mark.parametrize(
    "path",
    [
        "/api/orders/%00",
        "/api/orders?search=%00",
        "/api/orders?after=%00",
        "/api/orders?limit=9999",
        "/api/orders?stage=lost",
    ],
)
async def test_a_question_that_makes_no_sense_is_told_so(api: OrdersApi, path: str) -> None:
    planner = await api.person(Role.PLANNER)
    problem(await planner.get(path), 422, "invalid")


async def test_a_wished_day_ends_at_the_site(api: OrdersApi) -> None:
    planner = await api.person(Role.PLANNER)
    day = await _order(planner, requested_at="2026-12-01")
    assert day["requested_at"] == "2026-12-01T15:59:59Z"
    instant = await _order(planner, requested_at="2026-12-01T10:00:00+08:00")
    assert instant["requested_at"] == "2026-12-01T02:00:00Z"


async def test_a_token_of_one_channel_sees_and_sends_that_channel_only(api: OrdersApi) -> None:
    planner = await api.person(Role.PLANNER)
    foreign = await _order(planner, channel="fleet")
    web = await api.machine(Scope.ORDERS_WRITE, Scope.ORDERS_READ, channel="web")
    body = {"model": "S2", "color": "WHT"}
    mine = (await web.post("/api/orders", json=body, headers=key("1"))).json()
    assert mine["channel"] == "web"
    answer = await web.post("/api/orders", json={**body, "channel": "fleet"}, headers=key("2"))
    problem(answer, 403, "order.channel_forbidden")
    listed = (await web.get("/api/orders", params={"channel": "fleet"})).json()["orders"]
    assert [order["number"] for order in listed] == [mine["number"]]
    problem(await web.get(f"/api/orders/{foreign['number']}"), 404, "order.unknown")
    files = {"file": ("o.csv", b"channel,model,color\nfleet,S2,WHT\nweb,S2,WHT\n")}
    report = (await web.post("/api/orders/import", files=files, data={"channel": "web"})).json()
    assert [row["row"] for row in report["accepted"]] == [3]
    assert report["rejected"][0]["rule"] == "channel_forbidden"


async def test_orders_come_page_by_page(api: OrdersApi) -> None:
    planner = await api.person(Role.PLANNER)
    numbers = [(await _order(planner))["number"] for _ in range(3)]
    page = (await planner.get("/api/orders", params={"limit": 2})).json()
    assert [order["number"] for order in page["orders"]] == numbers[:2]
    rest = (await planner.get("/api/orders", params={"after": page["next"]})).json()
    assert [order["number"] for order in rest["orders"]] == numbers[2:]
    assert rest["next"] is None


async def test_an_edit_names_the_version_it_saw(api: OrdersApi) -> None:
    planner = await api.person(Role.PLANNER)
    order = await _order(planner)
    path, seen = f"/api/orders/{order['number']}", f'"{order["row_version"]}"'
    problem(await planner.patch(path, json={"color": "RED"}), 428, "order.if_match_required")
    answer = await planner.patch(path, json={"color": "RED"}, headers={"If-Match": "*"})
    problem(answer, 422, "order.if_match_unreadable")
    changed = await planner.patch(path, json={"color": "RED"}, headers={"If-Match": seen})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["color"], changed.json()["stage"]) == ("RED", "reconfigured")
    late = await planner.patch(
        path, json={"color": "BLU", "priority": 1}, headers={"If-Match": seen}
    )
    body = problem(late, 409, "order.changed_meanwhile")
    assert body["differences"] == {
        "color": {"yours": "BLU", "current": "RED"},
        "priority": {"yours": 1, "current": 5},
    }
    again = await planner.patch(
        path, json={"options": ["PAN", "ROOFR"]}, headers={"If-Match": changed.headers["etag"]}
    )
    problem(again, 422, "catalog.not_buildable")


async def test_an_order_is_kept_confirmed_held_and_cancelled(api: OrdersApi) -> None:
    dealer, planner = await api.person(Role.DEALER), await api.person(Role.PLANNER)
    order = await _order(dealer, confirm=False)
    assert order["stage"] == "validated"
    path = f"/api/orders/{order['number']}"
    assert (await dealer.post(f"{path}/confirm")).json()["stage"] == "confirmed"
    problem(await dealer.post(f"{path}/confirm"), 409, "order.wrong_stage")
    held = await planner.post(f"{path}/hold", json={"reason": "credit check"})
    assert (held.json()["stage"], held.json()["stage_reason"]) == ("held", "credit check")
    assert (await planner.post(f"{path}/resume")).json()["stage"] == "confirmed"
    assert (await dealer.post(f"{path}/cancel", json={"reason": "no"})).json()[
        "stage"
    ] == "cancelled"
    answer = await dealer.post(f"{path}/cancel", json={"reason": "no"})
    problem(answer, 409, "order.not_cancellable")
    problem(await dealer.get("/api/orders/C2M-0000999"), 404, "order.unknown")


async def test_what_was_frozen_and_promised_can_be_read(api: OrdersApi) -> None:
    planner = await api.person(Role.PLANNER)
    number = (await _order(planner))["number"]
    path = f"/api/orders/{number}"
    assert (await planner.get(f"{path}/bom")).json() == []
    async with api.database.write() as conn:
        order = await service.order(conn, number)
        await service.lock_order(conn, order.id, now=PLANT_NOW, actor="system")
        await service.make_promise(
            conn, order.id, PLANT_NOW, confidence=0.9, assumed=True, now=PLANT_NOW, actor="system"
        )
    locked = (await planner.get(path)).json()
    assert len(locked["vin"]) == 17
    assert locked["late"] is True
    bom = (await planner.get(f"{path}/bom")).json()
    assert {"seats", "wheels"} <= {part["family"] for part in bom}
    steps = (await planner.get(f"{path}/routing")).json()
    assert steps[-1]["line"] == "eol"
    (promise,) = (await planner.get(f"{path}/promises")).json()
    assert promise["confidence"] == 0.9


async def test_the_customer_sees_stage_promise_and_reasons_in_both_languages(
    api: OrdersApi,
) -> None:
    planner = await api.person(Role.PLANNER)
    order = await _order(planner, model="C1", color="BLU", options=["SUN"])
    token = order["customer_url"].rsplit("/", 1)[1]
    link = (await planner.get(f"/api/orders/{order['number']}/customer-link")).json()
    assert link["token"] == token
    because = Reason(code="paint.run", text=Text(en="A paint run was found.", zh="发现流挂。"))
    async with api.database.write() as conn:
        stored = await service.order(conn, order["number"])
        await service.lock_order(conn, stored.id, now=PLANT_NOW, actor="system")
        await service.make_promise(
            conn, stored.id, PLANT_NOW, confidence=0.9, assumed=True, now=PLANT_NOW, actor="system"
        )
        await service.change_promise(
            conn,
            stored.id,
            PLANT_NOW + timedelta(hours=1),
            [because],
            confidence=0.8,
            assumed=True,
            now=PLANT_NOW,
            actor="system",
        )
        await service.reach_stage(
            conn, stored.id, OrderStage.IN_PRODUCTION, now=PLANT_NOW, actor="agent:body"
        )
    anybody = api.client()
    view = (await anybody.get(f"/api/customer/{token}")).json()
    assert view["model"] == {"en": "C1 city hatchback", "zh": "C1 城市两厢车"}
    assert [step["state"] for step in view["stages"]] == [
        "done",
        "done",
        "current",
        "ahead",
        "ahead",
        "ahead",
    ]
    assert view["stages"][2]["name"] == {"en": "Being built", "zh": "生产中"}
    assert view["history"][1]["reasons"] == [
        {"code": "paint.run", "text": {"en": "A paint run was found.", "zh": "发现流挂。"}}
    ]
    assert view["history"][1]["previous_at"] == view["history"][0]["promised_at"]
    assert "event_id" not in str(view)


async def test_a_customers_link_is_refused_when_it_is_not_ours_or_too_old(
    api: OrdersApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner = await api.person(Role.PLANNER)
    token = (await _order(planner))["customer_url"].rsplit("/", 1)[1]
    anybody = api.client()
    problem(await anybody.get(f"/api/customer/{token[:-3]}AAA"), 404, "customer_link.unknown")
    problem(await anybody.get("/api/customer/x"), 404, "customer_link.unknown")
    api.clock.pass_real(timedelta(days=401))
    problem(await anybody.get(f"/api/customer/{token}"), 410, "customer_link.expired")
    monkeypatch.setattr(customer, "VIEWS_LIMIT", 2)
    codes = [(await anybody.get("/api/customer/x")).status_code for _ in range(2)]
    assert codes == [404, 429], "guesses count too"


async def test_a_file_of_orders_goes_in_with_its_bad_rows_told(api: OrdersApi) -> None:
    dealer = await api.person(Role.DEALER)
    text = (
        "外部订单号;车型;颜色;选装;期望交付\n"
        "A-1;S2;WHT;SUN;2026-12-01\n"
        "A-2;S2;PINK;;\n"
        "A-3;C1;WHT;PAN;\n"
        "A-1;S2;BLK;;\n"
        "A-4;U3;RED;AWD;昨天\n"
        "A-5;U3;RED;AWD;\n"
    )
    for encoding, name in (("gbk", "gb18030"), ("utf-8-sig", "utf-8-sig")):
        files = {
            "file": ("orders.csv", text.replace("A-", f"{name}-").encode(encoding), "text/csv")
        }
        answer = await dealer.post("/api/orders/import", files=files, data={"channel": "dealer"})
        assert answer.status_code == 200, answer.text
        report = answer.json()
        assert report["encoding"] == name
        assert [row["row"] for row in report["accepted"]] == [2, 7]
        assert [(r["row"], r["field"], r["rule"]) for r in report["rejected"]] == [
            (3, "color", "known_color"),
            (4, "options", "panoramic-roof-models"),
            (5, "external_id", "duplicate"),
            (6, "requested_at", "date"),
        ]
        assert report["rejected"][1]["value"] == "PAN"
        assert report["rejected"][1]["reason"]["zh"] == "C1 没有全景天幕（PAN）。"
    assert len((await dealer.get("/api/orders")).json()["orders"]) == 4


async def test_a_file_that_is_too_large_or_no_table_is_refused(api: OrdersApi) -> None:
    dealer = await api.person(Role.DEALER)
    large = {"file": ("orders.csv", b"x" * 70_000)}
    problem(await dealer.post("/api/orders/import", files=large), 413, "too_large")
    image = {"file": ("photo.png", b"\x89PNG\r\n\x1a\n")}
    problem(await dealer.post("/api/orders/import", files=image), 422, "order_file.unreadable")
    answer = await dealer.post("/api/orders/import", data={"channel": "dealer"})
    problem(answer, 422, "invalid")


async def test_the_catalogue_says_what_can_be_ordered(api: OrdersApi) -> None:
    dealer = await api.person(Role.DEALER)
    catalog = (await dealer.get("/api/catalog")).json()
    assert len(catalog["colors"]) == 12
    assert "parts" not in catalog
    wish = {"model": "U3", "color": "RED", "options": ["AWD"]}
    car = (await dealer.post("/api/catalog/configure", json=wish)).json()
    assert car["added"] == ["19IN", "CHRG"]
    assert len(car["parts"]) > 25
    answer = await dealer.post("/api/catalog/configure", json={**wish, "color": "YEL"})
    problem(answer, 422, "catalog.not_buildable")
