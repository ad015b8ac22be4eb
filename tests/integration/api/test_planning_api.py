"""The planning API as a planner's browser and a dealer's program use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from mes.dispatching import routes as dispatching_routes
from mes.identity import access
from mes.identity.model import Role, User
from mes.planning import routes, solving
from mes.planning.locks import routes as locks_routes
from mes.platform import http
from mes.platform.http import Context
from tests.support.late import a_late_car
from tests.support.planning import HERE, SETTINGS, PlannedPlant


@pytest.fixture
async def browser(planned: PlannedPlant) -> AsyncIterator[httpx.AsyncClient]:
    """A planner who is signed in."""
    app = FastAPI()
    http.install(app, SETTINGS)
    app.include_router(routes.router)
    app.include_router(locks_routes.router)
    app.include_router(dispatching_routes.router)
    app.state.context = Context(planned.database, planned.clock, SETTINGS, {})
    planner = User(id=uuid4(), name="pat", roles=frozenset({Role.PLANNER}))

    async def signed_in() -> User:
        return planner

    app.dependency_overrides[access.current_user] = signed_in
    doors = (routes.Reader, routes.PlanWriter, routes.Sales, routes.OrderReader)
    for route in (*doors, dispatching_routes.Reader):
        app.dependency_overrides[route.__metadata__[0].dependency] = signed_in
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://plant") as client:
        yield client


async def test_the_plan_in_force_and_its_board_are_shown(browser: httpx.AsyncClient) -> None:
    plan = (await browser.get("/api/plan")).json()
    assert plan["number"] == 1
    assert plan["state"] == "published"
    board = (await browser.get("/api/plan/board")).json()
    assert board["plan"]["id"] == plan["id"]
    assert len(board["bars"]) > 100
    assert len(board["lanes"]) == 7


async def test_starts_are_locked_listed_and_unlocked(browser: httpx.AsyncClient) -> None:
    board = (await browser.get("/api/plan/board")).json()
    fields, lanes = board["fields"], [lane["line"] for lane in board["lanes"]]
    at = {name: fields.index(name) for name in fields}
    drum = lanes.index("assembly")
    free = [b for b in board["bars"] if b[at["state"]] in (0, 2) and b[at["lane"]] == drum]
    number = max(free, key=lambda bar: bar[at["start"]])[at["id"]]
    made = await browser.post("/api/plan/locks", json={"cars": [number], "line": "assembly"})
    assert made.status_code == 201
    listed = (await browser.get("/api/plan/locks")).json()
    assert listed == made.json()
    assert listed[0]["locked_by"] == "user:pat"
    ended = await browser.post("/api/plan/locks/ended", json={"ids": [listed[0]["id"]]})
    assert ended.json() == listed
    assert (await browser.get("/api/plan/locks")).json() == []
    nobody = await browser.post("/api/plan/locks", json={"cars": ["nobody"]})
    assert (nobody.status_code, nobody.json()["code"]) == (422, "lock.nothing")
    half = {"cars": [number], "from_at": "2026-01-01T00:00:00Z"}
    assert (await browser.post("/api/plan/locks", json=half)).status_code == 422
    assert (await browser.post("/api/plan/locks", json={})).status_code == 422


async def test_a_board_over_a_year_is_refused(browser: httpx.AsyncClient) -> None:
    wide = {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}
    answer = await browser.get("/api/plan/board", params=wide)
    assert answer.status_code == 422
    assert answer.json()["code"] == "board.too_wide"


async def test_a_plan_published_twice_is_a_conflict_that_says_so(
    browser: httpx.AsyncClient, planned: PlannedPlant
) -> None:
    asked = await browser.post("/api/plans")
    assert asked.status_code == 202
    path = asked.headers["location"]
    assert (await browser.get(path)).json()["state"] == "solving"
    assert (await browser.post("/api/plans")).json()["code"] == "plan.solving"
    await solving.run_solve(
        planned.database, planned.clock, HERE, SETTINGS.plan, UUID(asked.json()["id"])
    )
    draft = await browser.get(path)
    assert draft.json()["state"] == "draft"
    seen = {"If-Match": draft.headers["etag"]}
    note = {"note": "looks right"}
    assert (await browser.post(f"{path}/publish", json=note)).status_code == 428
    stale = await browser.post(f"{path}/publish", json=note, headers={"If-Match": '"1"'})
    assert stale.status_code == 409
    assert stale.json()["code"] == "plan.changed"
    done = await browser.post(f"{path}/publish", json=note, headers=seen)
    assert done.status_code == 200
    again = await browser.get(path)
    twice = await browser.post(
        f"{path}/publish", json=note, headers={"If-Match": again.headers["etag"]}
    )
    assert twice.status_code == 409
    assert twice.json()["code"] == "plan.already_published"
    assert "already published" in twice.json()["detail"]
    difference = await browser.get(f"{path}/difference")
    assert difference.json() == []


async def test_why_an_order_comes_when_it_comes(browser: httpx.AsyncClient) -> None:
    why = (await browser.get("/api/orders/C2M-0000001/why")).json()
    assert why["promised_at"] is not None
    assert why["promises"][0]["reasons"][0]["text"]["zh"]
    assert (await browser.get("/api/orders/NOBODY/why")).status_code == 404


async def test_an_order_in_time_needs_no_help(browser: httpx.AsyncClient) -> None:
    helps = (await browser.get("/api/orders/C2M-0000001/help")).json()
    assert helps == {"number": "C2M-0000001", "plan_number": 1, "ways": []}
    assert (await browser.get("/api/orders/NOBODY/help")).status_code == 404


async def test_a_late_order_is_told_what_would_help(
    browser: httpx.AsyncClient, planned: PlannedPlant
) -> None:
    async with a_late_car(planned.database) as number:
        why = (await browser.get(f"/api/orders/{number}/why")).json()
        helps = (await browser.get(f"/api/orders/{number}/help")).json()
    assert why["causes"]
    assert helps["ways"]
    for way in helps["ways"]:
        assert all(change["code"].startswith("change.") for change in way["changes"])
        assert way["finish_at"] <= why["finish_at"]


async def test_a_dealer_asks_holds_and_orders(browser: httpx.AsyncClient) -> None:
    wish = {"model": "S2", "color": "WHT", "options": ["SUN"]}
    inquiry = await browser.post("/api/quotes", json=wish)
    assert inquiry.status_code == 200
    assert inquiry.json()["id"] is None
    quote = await browser.post("/api/quotes", json={**wish, "hold": True})
    assert quote.status_code == 201
    number = quote.json()["id"]
    assert (await browser.get(f"/api/quotes/{number}")).json()["state"] == "held"
    order = await browser.post(f"/api/quotes/{number}/confirm", json={"channel": "dealer"})
    assert order.status_code == 201
    again = await browser.post(f"/api/quotes/{number}/confirm", json={"channel": "dealer"})
    assert again.json()["code"] == "quote.closed"


async def test_an_unknown_plan_quote_line_or_job_is_not_found(browser: httpx.AsyncClient) -> None:
    for path in ("plans", "quotes", "jobs"):
        assert (await browser.get(f"/api/{path}/{uuid4()}")).status_code == 404
    unknown = await browser.get("/api/lines/no-such-line/jobs")
    assert unknown.json()["code"] == "line.unknown"
    assert (await browser.get("/api/lines/paint/jobs")).json() == []
    assert (await browser.get("/api/jobs/differing")).json() == []
