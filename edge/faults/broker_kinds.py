"""The faults of a campaign over NATS: of the broker, and of the worker that takes in what comes through it."""

from __future__ import annotations

import asyncio

from edge.faults.broker import Broker
from edge.faults.kinds import Chance, Fault
from edge.faults.proxy import Cable, Proxy
from edge.faults.rig import Rig

BROKER_FAULTS: dict[str, Fault] = {}


def _broker_fault(act: Fault) -> Fault:
    BROKER_FAULTS[getattr(act, "__name__", repr(act))] = act
    return act


@_broker_fault
async def broker_killed(rig: Rig, chance: Chance) -> None:
    """The broker dies and comes back with what its disk has."""
    broker, _ = _of(rig)
    broker.kill()
    await asyncio.sleep(chance.between(0, 6))
    await broker.start()


@_broker_fault
async def broker_loses_its_disk(rig: Rig, chance: Chance) -> None:
    """The broker comes back empty: batches that it has acknowledged are gone."""
    broker, _ = _of(rig)
    broker.kill()
    broker.forget()
    await asyncio.sleep(chance.between(0, 6))
    await broker.start()


@_broker_fault
async def broker_unreachable(rig: Rig, chance: Chance) -> None:
    """The network to the broker is gone, silent or refusing; that to the MES is whole."""
    _, cable = _of(rig)
    cable.set(chance.dice.choice((Cable.PULLED, Cable.REFUSED)))
    await asyncio.sleep(chance.between(1, 60))
    cable.set(Cable.WHOLE)


@_broker_fault
async def broker_connections_cut(rig: Rig, chance: Chance) -> None:
    """The agent's connection to the broker is reset, up to three times."""
    _, cable = _of(rig)
    for _ in range(chance.dice.randint(1, 3)):
        cable.abort()
        await asyncio.sleep(chance.between(0, 2))


@_broker_fault
async def worker_killed(rig: Rig, chance: Chance) -> None:
    """What takes batches in dies at any moment, with batches in its hands, and comes back."""
    await asyncio.sleep(chance.dice.uniform(0, 1))
    rig.mes.kill()
    await asyncio.sleep(chance.between(0, 5))
    await rig.start_mes()


@_broker_fault
async def worker_hangs(rig: Rig, chance: Chance) -> None:
    """What takes batches in stands still with batches in its hands; they may go out again."""
    rig.mes.freeze()
    await asyncio.sleep(chance.between(5, 40))
    rig.mes.thaw()


def _of(rig: Rig) -> tuple[Broker, Proxy]:
    assert rig.broker is not None  # noqa: S101  # these faults belong to campaigns over NATS
    assert rig.to_broker is not None  # noqa: S101
    return rig.broker, rig.to_broker
