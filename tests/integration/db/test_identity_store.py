"""People, sessions and audit rows on a real database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mes.identity import service
from mes.identity.model import Role, Scope
from mes.platform.db import WriteConn
from tests.support.orders import PLANT_NOW, REAL_NOW

PASSWORD = "correct horse battery"


async def _sign_in(conn: WriteConn, user: str, password: str) -> object:
    return await service.sign_in(conn, user, password, address="10.0.0.9", real_now=REAL_NOW)


async def test_the_demo_has_one_user_a_role_with_passwords_nobody_else_knows(
    conn: WriteConn,
) -> None:
    made = await service.ensure_demo_users(conn, now=PLANT_NOW, real_now=REAL_NOW)
    assert set(made) == {role.value for role in Role}
    passwords = {password for _, password in made.values()}
    assert len(passwords) == len(Role)
    user, password = made["quality"]
    session = await _sign_in(conn, user, password)
    assert session.user.roles == {Role.QUALITY}  # type: ignore[attr-defined]
    again = await service.ensure_demo_users(conn, now=PLANT_NOW, real_now=REAL_NOW)
    assert again == {}, "those who are there keep their passwords"


async def test_nothing_secret_is_stored_in_the_clear(conn: WriteConn) -> None:
    await service.add_user(conn, "Li", PASSWORD, [Role.PLANNER], now=PLANT_NOW, real_now=REAL_NOW)
    session = await _sign_in(conn, "LI", PASSWORD)
    _, token = await service.issue_token(
        conn,
        "erp",
        [Scope.ORDERS_READ],
        life=timedelta(days=1),
        now=PLANT_NOW,
        real_now=REAL_NOW,
        actor="user:li",
    )
    secrets = (PASSWORD, session.token, token)  # type: ignore[attr-defined]
    cursor = await conn.execute(
        "SELECT t::text FROM app_user t UNION ALL SELECT t::text FROM user_session t "
        "UNION ALL SELECT t::text FROM api_token t UNION ALL SELECT t::text FROM audit_entry t"
    )
    rows = await cursor.fetchall()
    assert len(rows) == 5
    assert not any(secret in row[0] for row in rows for secret in secrets)
    cursor = await conn.execute("SELECT password_hash FROM app_user")
    rows = await cursor.fetchall()
    assert rows[0][0].startswith("$argon2id$")


async def test_a_new_password_ends_every_session(conn: WriteConn) -> None:
    await service.add_user(conn, "li", PASSWORD, [Role.PLANNER], now=PLANT_NOW, real_now=REAL_NOW)
    session = await _sign_in(conn, "li", PASSWORD)
    token = session.token  # type: ignore[attr-defined]
    await service.set_password(conn, "li", "another password", now=PLANT_NOW, actor="user:admin")
    assert await service.session_of(conn, token, real_now=REAL_NOW) is None
    assert isinstance(await _sign_in(conn, "li", PASSWORD), service.SignInRefused)
    with pytest.raises(service.NoSuchUser):
        await service.set_password(conn, "x", PASSWORD, now=PLANT_NOW, actor="user:admin")


async def test_who_has_left_cannot_sign_in(conn: WriteConn) -> None:
    await service.add_user(conn, "li", PASSWORD, [Role.PLANNER], now=PLANT_NOW, real_now=REAL_NOW)
    session = await _sign_in(conn, "li", PASSWORD)
    await service.set_active(conn, "li", active=False, now=PLANT_NOW, actor="user:admin")
    token = session.token  # type: ignore[attr-defined]
    assert await service.session_of(conn, token, real_now=REAL_NOW) is None
    assert isinstance(await _sign_in(conn, "li", PASSWORD), service.SignInRefused)
    await service.set_active(conn, "li", active=True, now=PLANT_NOW, actor="user:admin")
    assert not isinstance(await _sign_in(conn, "li", PASSWORD), service.SignInRefused)
    with pytest.raises(service.NoSuchUser):
        await service.set_active(conn, "x", active=True, now=PLANT_NOW, actor="user:admin")
    actions = [entry.action for entry in await service.audit_of(conn, "user:li")]
    assert actions == ["user.added", "user.active_set", "user.active_set"]


async def test_a_token_neither_lives_for_ever_nor_for_a_moment(conn: WriteConn) -> None:
    for life in (timedelta(seconds=1), timedelta(days=9999)):
        with pytest.raises(service.TokenLifeInvalid):
            await service.issue_token(
                conn,
                "erp",
                [Scope.ORDERS_READ],
                life=life,
                now=PLANT_NOW,
                real_now=REAL_NOW,
                actor="user:admin",
            )


async def test_what_ended_is_forgotten(conn: WriteConn) -> None:
    await service.add_user(conn, "li", PASSWORD, [Role.PLANNER], now=PLANT_NOW, real_now=REAL_NOW)
    await _sign_in(conn, "li", PASSWORD)
    await _sign_in(conn, "li", "wrong")
    await service.forget_what_ended(conn, real_now=REAL_NOW + timedelta(days=3))
    cursor = await conn.execute(
        "SELECT (SELECT count(*) FROM user_session), (SELECT count(*) FROM rate_window)"
    )
    assert await cursor.fetchone() == (0, 0)


async def test_a_limit_counts_in_its_window_only(conn: WriteConn) -> None:
    window = timedelta(minutes=1)

    async def spend(after_s: float) -> int:
        return await service.spend(
            conn, "x", limit=2, window=window, real_now=REAL_NOW + timedelta(seconds=after_s)
        )

    assert [await spend(0), await spend(10), await spend(20)] == [0, 0, 40]
    assert await spend(60) == 0
