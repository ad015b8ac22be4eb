"""Orders when several processes work at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mes.orders import idempotency
from mes.orders.idempotency import Answered, IdempotencyKeyMissing, IdempotencyKeyReused
from mes.orders.placing import DuplicateOrder
from mes.platform.db import Database
from tests.support.orders import REAL_NOW, install_demo, locked, placed


@pytest.fixture
async def plant(database: Database) -> Database:
    """A database with plant and catalogue."""
    async with database.write() as conn:
        await install_demo(conn)
    return database


async def test_two_processes_never_give_the_same_vin_or_number(plant: Database) -> None:
    async def place_and_lock() -> tuple[str, str | None]:
        async with plant.write() as conn:
            order = await locked(conn)
        return order.number, order.vin

    done = await asyncio.gather(*(place_and_lock() for _ in range(6)))
    assert len({number for number, _ in done}) == 6
    assert len({vin for _, vin in done}) == 6


async def test_the_same_external_order_sent_twice_at_once_is_one_order(plant: Database) -> None:
    async def place() -> str:
        async with plant.write() as conn:
            return (await placed(conn, external_id="E-1")).number

    outcomes = await asyncio.gather(place(), place(), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {str, DuplicateOrder}


async def _once(plant: Database, key: str, request: str, answer: Any) -> Answered:
    async def act() -> tuple[int, Any]:
        await asyncio.sleep(0.05)
        return 201, answer

    async with plant.write() as conn:
        return await idempotency.once(
            conn, client="token:erp", key=key, request=request, now=REAL_NOW, act=act
        )


async def test_a_request_repeated_while_it_runs_gets_the_answer_of_the_first(
    plant: Database,
) -> None:
    first, second = await asyncio.gather(
        _once(plant, "k1", "hash", {"made": 1}), _once(plant, "k1", "hash", {"made": 2})
    )
    assert first.body == second.body
    assert {first.again, second.again} == {True, False}


async def test_a_key_belongs_to_one_request(plant: Database) -> None:
    await _once(plant, "k1", "hash", {})
    with pytest.raises(IdempotencyKeyReused):
        await _once(plant, "k1", "another hash", {})
    with pytest.raises(IdempotencyKeyMissing):
        await _once(plant, "", "hash", {})


async def test_a_request_that_failed_may_be_tried_again(plant: Database) -> None:
    async def fail() -> tuple[int, Any]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        async with plant.write() as conn:
            await idempotency.once(
                conn, client="token:erp", key="k", request="hash", now=REAL_NOW, act=fail
            )
    assert (await _once(plant, "k", "hash", {"made": 1})).again is False
