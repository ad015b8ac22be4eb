"""Subscribing to a load server (`python -m plc_sim load`), and what collecting from it costs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from asyncua.client.client import Client

from edge.bench.report import Figure
from edge.opcua.link import Link, open_link
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import Notification
from edge.opcua.wanted import TAG_QUEUE, Sink, Wanted

TAGS = 5_000
PUBLISH_MS = 100
NAMESPACE = "urn:c2m:load"
START_S = 180.0


@dataclass(slots=True)
class _Collected:
    values: int = 0
    missed: int = 0
    overflows: int = 0


async def measure(*, rate: float, seconds: float) -> list[Figure]:
    """Subscribe to 5,000 tags with the agent's table and with asyncua's own; then collect for some seconds."""
    async with load_server(rate=rate) as endpoint:
        stock_s, stock_us = await _by_asyncua(endpoint, seconds=seconds / 2)
        async with open_link(endpoint) as link:
            seen = _Collected()
            table, began = _table(link, seen), time.monotonic()
            running = asyncio.create_task(table.run(wanted()))
            await _until_flowing(seen, running)
            subscribed_s = time.monotonic() - began
            values, cpu_s, began = seen.values, time.process_time(), time.monotonic()
            await asyncio.sleep(seconds)
            took = time.monotonic() - began
            used = time.process_time() - cpu_s
            values = seen.values - values
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    return [
        Figure(
            f"subscribe {TAGS:,} items, to the first value",
            "s",
            subscribed_s,
            goal=1.0,
            stock=stock_s,
            more_is_better=False,
        ),
        Figure(
            f"collect, {rate:,.0f} values/s offered", "values/s", values / took, goal=rate * 0.99
        ),
        Figure("collect, processor time", "µs/value", used / max(values, 1) * 1e6, stock=stock_us),
        Figure(
            "collect, publications missed and queues overflowed",
            "",
            seen.missed + seen.overflows,
            goal=0,
            more_is_better=False,
        ),
    ]


@contextlib.asynccontextmanager
async def load_server(*, rate: float, account: str | None = None) -> AsyncIterator[str]:
    """Run a load server of 5,000 tags on a free port; yields its endpoint."""
    port = free_port()
    arguments = ["-m", "plc_sim", "load", "--port", str(port), "--tags", str(TAGS)]
    arguments += ["--rate", str(rate), *(["--account", account] if account else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None  # noqa: S101  # it was asked for
        async with asyncio.timeout(START_S):
            if not await process.stdout.readline():
                raise RuntimeError("the load server did not start")
        yield f"opc.tcp://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wanted() -> list[Wanted]:
    """Return every tag of the load server."""
    return [
        Wanted(f"nsu={NAMESPACE};s=t{n}", PUBLISH_MS, Sink.TELEMETRY, f"t{n}", n + 1, TAG_QUEUE)
        for n in range(TAGS)
    ]


def _table(link: Link, seen: _Collected) -> SubscriptionTable:
    def take(notification: Notification) -> None:
        seen.missed += notification.missed
        for telemetry in notification.telemetry:
            seen.values += len(telemetry)
            seen.overflows += int(telemetry.overflow.sum())
        table.acknowledge(notification)

    table = SubscriptionTable(link, take)
    return table


async def _until_flowing(seen: _Collected, running: asyncio.Task[None]) -> None:
    while seen.values < TAGS:
        if running.done():
            running.result()
        await asyncio.sleep(0.005)


class _Counter:
    """Counts as asyncua's own handler interface has it: one call a value."""

    def __init__(self) -> None:
        self.values = 0
        self.every_tag = asyncio.Event()

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        self.values += 1
        if self.values == TAGS:
            self.every_tag.set()


async def _by_asyncua(endpoint: str, *, seconds: float) -> tuple[float, float]:
    """Return seconds to subscribe and processor time (µs) a value of asyncua's own `Subscription`."""
    async with Client(endpoint, timeout=60, watchdog_intervall=60) as client:
        index = await client.get_namespace_index(NAMESPACE)
        counter, began = _Counter(), time.monotonic()
        subscription = await client.create_subscription(PUBLISH_MS, counter)
        nodes = [client.get_node(f"ns={index};s=t{n}") for n in range(TAGS)]
        await subscription.subscribe_data_change(nodes, queuesize=TAG_QUEUE)
        await counter.every_tag.wait()
        subscribed_s = time.monotonic() - began
        values, cpu_s = counter.values, time.process_time()
        await asyncio.sleep(seconds)
        used = time.process_time() - cpu_s
        return subscribed_s, used / max(counter.values - values, 1) * 1e6
