"""Prometheus: requests, the event table, jobs, agents and what the plant made."""

from __future__ import annotations

import time

from fastapi import FastAPI
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mes.platform import db
from mes.platform.http import Context
from mes.platform.sql import load_queries

queries = load_queries(__package__)

REQUESTS = Counter("c2m_http_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram(
    "c2m_http_request_seconds",
    "Time to answer a request",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
)
FIGURES = Gauge("c2m_plant", "Figures read from the database at each scrape", ["figure"])
CLOCK = Gauge("c2m_plant_clock_factor", "Plant seconds in a real second; 0 while stopped")


class Measure:
    """Count and time every request under the template of its route, never its full path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                route = getattr(scope.get("route"), "path", "other")
                DURATION.labels(route).observe(time.perf_counter() - started)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            REQUESTS.labels(scope["method"], route, str(status)).inc()


def install(app: FastAPI) -> None:
    """Measure every request of an application."""
    app.add_middleware(Measure)


async def scrape(context: Context) -> bytes:
    """Read the plant's figures and return everything in Prometheus' text format."""
    CLOCK.set(context.clock.factor)
    async with context.database.read() as conn:
        for row in await db.fetch_dicts(conn, queries["figures"]):
            FIGURES.labels(row["figure"]).set(float(row["value"]))
    return generate_latest(REGISTRY)
