"""The API and web UI: one stateless process; run as many as you like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import FrameType

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST

from mes.agents.authority import CERTIFICATE_FILE, Authority
from mes.agents.bell import CommandBell
from mes.db import revision
from mes.entrypoints import bootstrap, metrics
from mes.events.topics import follow_topics
from mes.planning import service as planning
from mes.platform import http
from mes.platform.clock import ServerClock, read_plant_clock
from mes.platform.db import Database
from mes.platform.errors import Unavailable
from mes.platform.http import Context, ContextDep
from mes.platform.settings import Settings
from mes.platform.stream import Nudges
from mes.platform.tls import secure

log = structlog.get_logger()
router = APIRouter()

MAX_STREAMS = 500


def create_app(settings: Settings, dsn: str) -> FastAPI:
    """Build the application over one database."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Database(
            dsn,
            pool_min=settings.db.pool_min,
            pool_max=settings.db.pool_max,
            statement_timeout_s=settings.db.statement_timeout_s,
        ) as database:
            async with database.read() as conn:
                clock = ServerClock(await read_plant_clock(conn))
            nudges = Nudges()
            services = {**bootstrap.api_services(settings), "nudges": nudges}
            app.state.context = Context(database, clock, settings, services)
            bell: CommandBell = services["command_bell"]
            background = [
                asyncio.create_task(
                    bootstrap.keep_running("clock", lambda: clock.follow(database))
                ),
                asyncio.create_task(
                    bootstrap.keep_running("commands", lambda: bell.follow(database))
                ),
                asyncio.create_task(
                    bootstrap.keep_running(
                        "topics", lambda: follow_topics(database, nudges.announce)
                    )
                ),
                asyncio.create_task(
                    bootstrap.keep_running("quotes", lambda: planning.keep_ready(database))
                ),
            ]
            log.info("api.started", url=settings.http.url)
            try:
                yield
            finally:
                for task in background:
                    task.cancel()
                await asyncio.gather(*background, return_exceptions=True)

    app = FastAPI(
        title="C2M",
        summary="Manufacturing execution for car plants that build to order",
        version=bootstrap.version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    http.install(app, settings)
    metrics.install(app)
    app.include_router(router)
    bootstrap.add_doors(app)
    return app


class _Server(uvicorn.Server):
    """Ends open streams and long polls when it is asked to stop, so that stopping takes no time."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        context: Context | None = getattr(self._app.state, "context", None)
        if context is not None:
            context.services["nudges"].close()
            context.services["command_bell"].close()
        super().handle_exit(sig, frame)


def run(settings: Settings, dsn: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = create_app(settings, dsn)
    config = uvicorn.Config(
        app,
        host=settings.http.host,
        port=settings.http.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    if settings.http.tls.is_on:
        Authority.open(settings.authority_dir, now=datetime.now(UTC))
        secure(config, settings.http.tls, authority=settings.authority_dir / CERTIFICATE_FILE)
    _Server(config, app).run()


@router.get("/healthz", include_in_schema=False)
async def healthz() -> PlainTextResponse:
    """Say that the process lives."""
    return PlainTextResponse("ok\n")


@router.get("/readyz", include_in_schema=False)
async def readyz(context: ContextDep) -> JSONResponse:
    """Say that the database answers and has the schema of this software."""
    async with context.database.read() as conn:
        row = await (await conn.execute("SELECT version_num FROM alembic_version")).fetchone()
    found = row[0] if row else None
    if found != revision.newest():
        raise Unavailable()
    return JSONResponse(
        {"status": "ready", "schema": found, "plant_now": context.clock.now().isoformat()}
    )


@router.get("/metrics", include_in_schema=False)
async def metrics_page(context: ContextDep) -> Response:
    """Answer Prometheus."""
    return Response(await metrics.scrape(context), media_type=CONTENT_TYPE_LATEST)


@router.get("/events/stream", include_in_schema=False)
async def events_stream(
    request: Request, context: ContextDep, topics: str = Query(max_length=200)
) -> StreamingResponse:
    """Nudge a live page: which of its topics have news. It tells nothing but that."""
    nudges: Nudges = context.services["nudges"]
    if nudges.listeners >= MAX_STREAMS:
        raise Unavailable()
    last = request.headers.get("last-event-id", "")
    stream = nudges.stream(
        frozenset(topics.split(",")), last_seen=int(last) if last.isdigit() else None
    )
    return StreamingResponse(
        stream,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
