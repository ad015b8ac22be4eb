"""Periodic work for agents: notice the silent ones, forget answered commands."""

from __future__ import annotations

from datetime import timedelta

import structlog

from mes.agents import certificates, client_certificates, service
from mes.platform.jobs import JobContext, every

log = structlog.get_logger()

KEEP_COMMANDS = timedelta(days=7)


@every(seconds=3, name="agents.notice_lost")
async def notice_lost(context: JobContext) -> None:
    """Announce lines that have not been heard of within the lease."""
    async with context.database.write() as conn:
        lines = await service.notice_lost(
            conn, now=context.clock.now(), real_now=context.clock.real_now()
        )
    for line in lines:
        log.warning("agent.lost", line=line)


@every(seconds=20, name="agents.refresh_configs")
async def refresh_configs(context: JobContext) -> None:
    """Let agents fetch their configuration again when the plant or a model has changed."""
    models: service.ModelsOf = context.services["camera_models"]
    async with context.database.write() as conn:
        for line in await service.refresh_configs(conn, models=models):
            log.info("agent.config_changed", line=line)


@every(seconds=3600, name="agents.forget_commands")
async def forget_commands(context: JobContext) -> None:
    """Drop commands that were answered a week ago."""
    async with context.database.write() as conn:
        await service.forget_commands(conn, before=context.clock.real_now() - KEEP_COMMANDS)


@every(seconds=600, name="agents.watch_certificates")
async def watch_certificates(context: JobContext) -> None:
    """Announce certificates that come to their end."""
    async with context.database.write() as conn:
        now, real_now = context.clock.now(), context.clock.real_now()
        ending = await certificates.watch(conn, now=now, real_now=real_now)
        proofs = await client_certificates.watch(conn, now=now, real_now=real_now)
    for proof in proofs:
        log.warning(
            "agent.certificate_ends", line=proof.line, not_after=proof.expires_at.isoformat()
        )
    for one in ending:
        log.warning(
            "agent.certificate_ends", line=one.line, not_after=one.certificate.not_after.isoformat()
        )
