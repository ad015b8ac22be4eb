"""Signing in, staying in, and what tokens may do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mes.identity import service
from mes.identity.model import Role, Scope
from tests.support.orders_api import PASSWORD, OrdersApi, api, problem

__all__ = ["api"]


async def test_a_person_signs_in_and_out(api: OrdersApi) -> None:
    client = await api.person(Role.PLANNER)
    me = (await client.get("/api/session")).json()
    assert (me["user"], me["roles"]) == ("planner", ["planner"])
    cookie = client.cookies["c2m_session"]
    assert (await client.delete("/api/session")).status_code == 204
    assert "c2m_session" not in client.cookies
    client.cookies["c2m_session"] = cookie
    problem(await client.get("/api/orders"), 401, "identity.session_ended")


async def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(api: OrdersApi) -> None:
    await api.person(Role.PLANNER)
    answer = await api.client().post("/api/session", json={"user": "planner", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_nobody_reads_orders_without_signing_in(api: OrdersApi) -> None:
    problem(await api.client().get("/api/orders"), 401, "identity.not_signed_in")
    problem(await api.client().get("/api/session"), 401, "identity.not_signed_in")


async def test_a_wrong_password_says_no_more_than_an_unknown_user(api: OrdersApi) -> None:
    await api.person(Role.PLANNER)
    client = api.client()
    wrong = await client.post("/api/session", json={"user": "planner", "password": "guess"})
    nobody = await client.post("/api/session", json={"user": "nobody", "password": "guess"})
    assert wrong.json() == nobody.json()
    problem(wrong, 401, "identity.sign_in_failed")


async def test_guessing_is_slowed_down_and_forgiven_after_a_while(api: OrdersApi) -> None:
    await api.person(Role.PLANNER)
    client = api.client()

    async def attempt(password: str, user: str = "planner") -> int:
        answer = await client.post("/api/session", json={"user": user, "password": password})
        return answer.status_code

    assert [await attempt("guess") for _ in range(6)] == [401] * 5 + [429]
    answer = await client.post("/api/session", json={"user": "planner", "password": PASSWORD})
    body = problem(answer, 429, "identity.too_many_sign_ins")
    assert 0 < body["retry_after_s"] <= 600
    assert answer.headers["retry-after"] == str(body["retry_after_s"])
    assert await attempt("guess", user="other") == 401, "another name may still try"
    api.clock.pass_real(timedelta(minutes=11))
    assert await attempt(PASSWORD) == 200
    assert await attempt("guess") == 401, "success has forgiven the failures"


async def test_an_address_that_tries_many_names_has_to_wait(
    api: OrdersApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "ADDRESS_LIMIT", 7)
    client = api.client()
    for n in range(7):
        answer = await client.post("/api/session", json={"user": f"u{n}", "password": "guess"})
        assert answer.status_code == 401
    answer = await client.post("/api/session", json={"user": "u99", "password": "guess"})
    problem(answer, 429, "identity.too_many_sign_ins")


async def test_a_session_lives_while_it_is_used_and_ends_when_not(api: OrdersApi) -> None:
    client = await api.person(Role.PLANNER)
    for _ in range(3):
        api.clock.pass_real(timedelta(hours=11))
        assert (await client.get("/api/session")).status_code == 200
    api.clock.pass_real(timedelta(hours=13))
    problem(await client.get("/api/orders"), 401, "identity.session_ended")


async def test_a_change_needs_the_sessions_csrf_token(api: OrdersApi) -> None:
    client = await api.person(Role.PLANNER)
    order = {"model": "S2", "color": "WHT"}
    del client.headers["X-CSRF-Token"]
    problem(await client.post("/api/orders", json=order), 403, "identity.csrf")
    for given in ("", "wrong", "\u00e9"):
        headers = {"X-CSRF-Token": given.encode("latin-1")}
        answer = await client.post("/api/orders", json=order, headers=headers)  # type: ignore[arg-type]
        problem(answer, 403, "identity.csrf")
    assert (await client.get("/api/orders")).json()["orders"] == []


async def test_a_form_carries_the_csrf_token_as_a_field(api: OrdersApi) -> None:
    client = await api.person(Role.PLANNER)
    token = client.headers.pop("X-CSRF-Token")
    files = {"file": ("orders.csv", b"model,color\nS2,WHT\n", "text/csv")}
    problem(await client.post("/api/orders/import", files=files), 403, "identity.csrf")
    answer = await client.post("/api/orders/import", files=files, data={"csrf_token": token})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["accepted"]) == 1


async def test_another_site_cannot_sign_anybody_in(api: OrdersApi) -> None:
    await api.person(Role.PLANNER)
    client = api.client(**{"Sec-Fetch-Site": "cross-site"})
    answer = await client.post("/api/session", json={"user": "planner", "password": PASSWORD})
    problem(answer, 403, "identity.cross_site")


async def test_each_role_does_what_is_its_own(api: OrdersApi) -> None:
    operator = await api.person(Role.OPERATOR)
    order = {"model": "S2", "color": "WHT"}
    problem(await operator.post("/api/orders", json=order), 403, "identity.role_missing")
    assert (await operator.get("/api/orders")).status_code == 200
    dealer = await api.person(Role.DEALER)
    number = (await dealer.post("/api/orders", json=order)).json()["number"]
    answer = await dealer.post(f"/api/orders/{number}/hold", json={"reason": "x"})
    problem(answer, 403, "identity.role_missing")
    admin = await api.person(Role.ADMIN)
    assert (await admin.post(f"/api/orders/{number}/hold", json={"reason": "x"})).status_code == 200
    problem(await dealer.get("/api/users"), 403, "identity.role_missing")


async def test_an_expired_token_is_told_so(api: OrdersApi) -> None:
    machine = await api.machine(Scope.ORDERS_READ, life=timedelta(hours=1))
    assert (await machine.get("/api/orders")).status_code == 200
    api.clock.pass_real(timedelta(hours=1))
    body = problem(await machine.get("/api/orders"), 401, "identity.token_expired")
    assert "expired at 2026-11-22T13:00:00" in body["detail"]


async def test_a_token_does_only_what_its_scopes_say(api: OrdersApi) -> None:
    reader = await api.machine(Scope.ORDERS_READ)
    answer = await reader.post("/api/orders", json={"model": "S2", "color": "WHT"})
    problem(answer, 403, "identity.scope_missing")
    unknown = api.client(Authorization="Bearer c2m_nonsense")
    problem(await unknown.get("/api/orders"), 401, "identity.token_unknown")


async def test_an_administrator_issues_and_revokes_tokens(api: OrdersApi) -> None:
    admin = await api.person(Role.ADMIN)
    body = {"name": "shop", "scopes": ["orders:write", "orders:read"], "channel": "web", "days": 7}
    issued = (await admin.post("/api/tokens", json=body)).json()
    shop = api.client(Authorization=f"Bearer {issued['token']}")
    assert (await shop.get("/api/orders")).status_code == 200
    listed = (await admin.get("/api/tokens")).json()
    assert [(one["name"], one["channel"]) for one in listed] == [("shop", "web")]
    assert issued["token"] not in (await admin.get("/api/tokens")).text
    path = f"/api/tokens/{issued['id']}"
    assert (await admin.delete(path)).status_code == 204
    problem(await shop.get("/api/orders"), 401, "identity.token_revoked")
    problem(await admin.delete(path), 404, "identity.no_such_token")


async def test_an_administrator_adds_people(api: OrdersApi) -> None:
    admin = await api.person(Role.ADMIN)
    body = {"name": "li.na", "password": "a long password", "roles": ["quality"]}
    assert (await admin.post("/api/users", json=body)).status_code == 201
    problem(await admin.post("/api/users", json=body), 409, "identity.name_taken")
    weak = {"name": "wang", "password": "short", "roles": ["quality"]}
    problem(await admin.post("/api/users", json=weak), 422, "identity.password_too_weak")
    names = [one["name"] for one in (await admin.get("/api/users")).json()]
    assert names == ["admin", "li.na"]
