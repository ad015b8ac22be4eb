"""One agent: enrol, fetch the configuration (or take the cached one), then run all parts until stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime

import structlog

from edge.alarms import AlarmDesk
from edge.backoff import Trouble
from edge.commands import Executor, Inbox
from edge.enrolment import Enrolment
from edge.health import Health
from edge.identity import DataFolder
from edge.images import ImageFolder
from edge.journal import Journal
from edge.ledger import LedgerReader
from edge.line import Line
from edge.mes_client import MesAway, MesClient, MesRefused
from edge.models import ModelShelf
from edge.nats_door import NatsDoor
from edge.opcua.security import LinkSecurity
from edge.opcua.vigil import missed_within_s
from edge.packages import PackageFolder
from edge.plant_clock import LiveClock
from edge.renewal import renew_forever
from edge.settings import EdgeSettings
from edge.staging import Staging, keeps_the_session
from edge.telemetry import Collector
from edge.uplink import BatchDoor, Uplink
from mes.contracts.agent import AgentConfig
from mes.contracts.wire import Stream

log = structlog.get_logger(__name__)


FENCED = "agent.fenced"
FENCED_FOR_EVER = 1 << 32
PUBLISHES_IN_ANY_ORDER = 2
"""A line that works tick by tick tells the values of a tick within two publications."""


class _Reload(Exception):
    """The configuration has changed: start the parts again."""


class Agent:
    """One agent on one data folder."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        self._folder = DataFolder(settings.data)
        self._enrolment = Enrolment(settings, self._folder)
        self._fenced_epoch = 0
        self._config: AgentConfig | None = None
        self._newest_version = 0

    async def run(self) -> None:
        """Run until cancelled.

        Raises:
            FolderInUse: another agent runs on this folder.
            NotEnrolled: there is no way to prove who this is.
            TlsUnusable: a file of the TLS link to the MES cannot be used.
        """
        lock = self._folder.lock()
        log.debug("agent.locked", handle=lock)
        journal = Journal(self._folder.journal)
        try:
            instance = self._folder.instance(journal.id)
            tls = self._settings.mes_tls()
            async with MesClient(self._settings.mes, instance=instance, tls=tls) as mes:
                await self._enrolment.prove(mes)
                staging = Staging(self._folder, instance, trial_s=self._settings.trial_s)
                async with _beside(renew_forever(tls, mes) if tls is not None else None):
                    while True:
                        config = await self._next_config(mes, instance, staging)
                        await self._run_with(config, journal, mes, instance, staging)
        finally:
            journal.close()

    async def _next_config(
        self, mes: MesClient, instance: str, staging: Staging, *, heard: bool = False
    ) -> AgentConfig:
        """Return the configuration to run now: the newest, or an older one while that does not work.

        Args:
            heard: the line was heard until now.
        """
        newest = await self._newest_config(mes, instance)
        self._newest_version = newest.version
        return staging.choose(newest, heard=heard)

    async def _newest_config(self, mes: MesClient, instance: str) -> AgentConfig:
        """Fetch the configuration; with the MES away take the last one of this instance that proved itself.

        A token that is no longer valid is replaced when there is a fresh code; until then the agent goes on
        collecting under the configuration it has.
        """
        trouble = Trouble("config")
        while True:
            try:
                return await mes.config()
            except MesAway as error:
                trouble.failed(str(error))
            except MesRefused as refusal:
                trouble.failed(str(refusal))
                if refusal.code == FENCED:
                    self._fenced_epoch = FENCED_FOR_EVER
                if await self._enrolment.renew(mes, refusal):
                    continue
            cached = self._folder.cached_config(instance)
            if cached is not None:
                log.info("config.cached", version=cached.version)
                return cached
            await trouble.wait()

    async def _run_with(
        self,
        config: AgentConfig,
        journal: Journal,
        mes: MesClient,
        instance: str,
        staging: Staging,
    ) -> None:
        """Run all parts with one configuration, until there is another one for the line."""
        log.info(
            "agent.running", line=config.interface.line, config=config.version, epoch=config.epoch
        )
        self._config = config
        journal.identify(
            agent_id=config.agent_id,
            epoch=config.epoch,
            line=config.interface.line,
            max_bytes=config.journal_max_bytes,
        )
        try:
            async with asyncio.TaskGroup() as writer:
                writing = writer.create_task(journal.write_forever())
                try:
                    await self._run_parts(config, journal, mes, instance, staging)
                finally:
                    writing.cancel()
        except* _Reload:
            pass

    async def _run_parts(
        self,
        config: AgentConfig,
        journal: Journal,
        mes: MesClient,
        instance: str,
        staging: Staging,
    ) -> None:
        clock = LiveClock(config.clock)
        tags = _names_of_tags(config)
        published_s = config.publish_interval_ms / 1000
        collector = Collector(
            journal,
            config.interface.line,
            self._settings.telemetry_linger_s,
            tags,
            any_order_s=lambda: PUBLISHES_IN_ANY_ORDER * published_s * clock.clock.factor,
            unheard_s=lambda: (
                missed_within_s(len(collector.names), round_s=published_s) * clock.clock.factor
            ),
            asks_history=True,
            epoch=config.epoch,
            keeps_backlog=config.takes_backlog,
        )
        collector.resume()
        ledger = LedgerReader(journal, config.interface.line)
        ledger.resume()
        alarms = AlarmDesk(journal, config.interface, clock)
        alarms.resume()
        images = ImageFolder(
            journal,
            self._folder.images,
            max_bytes=config.image_folder_max_bytes,
            keep_ok_every=config.keep_ok_image_every,
        )
        packages = PackageFolder(self._folder.models)
        shelf = ModelShelf(config.models, self._settings.packages, packages)
        inbox = Inbox(journal, mes, on_config=self._config_is)
        executor = Executor(
            journal, clock, inbox, may_act=self._may_act, reload_config=self._ask_reload
        )
        security = await asyncio.to_thread(self._secure, config)
        line = Line(
            config,
            journal=journal,
            clock=clock,
            collector=collector,
            ledger=ledger,
            executor=executor,
            shelf=shelf,
            images=images,
            may_act=self._may_act,
            alarms=alarms,
            security=security,
        )
        health = Health(
            config,
            line,
            collector,
            ledger,
            journal,
            images,
            security,
            fenced=lambda: not self._may_act(),
            refused=lambda: staging.refused,
        )
        self._reload, self._trial = asyncio.Event(), asyncio.Event()
        self._trial.set()
        async with asyncio.TaskGroup() as parts:
            parts.create_task(
                self._watch_config(config, mes, instance, staging, shelf, security, health)
            )
            parts.create_task(_try_out(staging, health, self._trial))
            parts.create_task(collector.write_forever())
            parts.create_task(line.run())
            parts.create_task(inbox.run())
            parts.create_task(clock.follow(mes))
            parts.create_task(images.send_forever(mes))
            parts.create_task(health.send_forever(mes))
            door: BatchDoor = mes
            if self._settings.nats.url:
                door = NatsDoor(self._settings.nats, mes, config.agent_id)
                parts.create_task(door.run())
            for stream in Stream:
                parts.create_task(Uplink(journal, door, stream, on_fenced=self._fence).run())
            if self._settings.metrics_port is not None:
                parts.create_task(
                    health.serve_metrics(self._settings.metrics_port, on_ready=_metrics_ready)
                )

    def _secure(self, config: AgentConfig) -> LinkSecurity:
        security = self._settings.link_security(config.interface.line)
        security.prepare(now=datetime.now(UTC))
        security.trust.apply(trusted=config.trusted, revoked=config.revoked)
        return security

    def _may_act(self) -> bool:
        return self._config is not None and self._config.epoch > self._fenced_epoch

    def _fence(self, epoch: int) -> None:
        """Stop commanding and writing under this epoch; what is in the journal is still delivered."""
        if epoch > self._fenced_epoch:
            self._fenced_epoch = epoch
            if not self._may_act():
                log.error("agent.fenced", epoch=epoch)

    def _config_is(self, version: int) -> None:
        if version > self._newest_version:
            self._reload.set()

    async def _ask_reload(self) -> None:
        self._reload.set()

    async def _watch_config(
        self,
        config: AgentConfig,
        mes: MesClient,
        instance: str,
        staging: Staging,
        shelf: ModelShelf,
        security: LinkSecurity,
        health: Health,
    ) -> None:
        """Take other models, tags and decisions on certificates while everything runs on.

        Raises:
            _Reload: more has changed, and all parts start again.
        """
        await shelf.bring(mes, config.models)
        while True:
            await self._reload.wait()
            self._reload.clear()
            fresh = await self._next_config(
                mes, instance, staging, heard=health.line.health.connected
            )
            if not keeps_the_session(config, fresh):
                log.info("config.changed", version=fresh.version)
                raise _Reload
            await asyncio.to_thread(
                security.trust.apply, trusted=fresh.trusted, revoked=fresh.revoked
            )
            before, self._config = config, fresh
            health.config = config = fresh
            if before.interface.tags != fresh.interface.tags:
                health.collector.names = _names_of_tags(fresh)
                await health.line.change_tags(fresh.interface)
                self._trial.set()
                log.info("config.tags_changed", version=fresh.version)
            if before.models != fresh.models:
                await shelf.bring(mes, fresh.models)
                log.info("config.models_changed", version=fresh.version)


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[None, None, None] | None) -> AsyncIterator[None]:
    """Let something run for as long as a block does."""
    task = asyncio.ensure_future(work) if work is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _try_out(staging: Staging, health: Health, trial: asyncio.Event) -> None:
    """See whether the line is heard under a configuration that is on trial, each time one is.

    Raises:
        _Reload: another configuration is to be chosen.
    """
    while True:
        await trial.wait()
        trial.clear()
        before = health.collector.values

        def heard(before: int = before) -> bool:
            silent = bool(health.config.interface.tags) and health.collector.values == before
            return health.line.health.connected and not silent

        if await staging.watch(heard, health.detail):
            raise _Reload


def _names_of_tags(config: AgentConfig) -> dict[int, str]:
    return {tag.tag_id: f"{tag.station}.{tag.name}" for tag in config.interface.tags}


def _metrics_ready(port: int) -> None:
    log.info("metrics.ready", port=port)


async def run_agent(settings: EdgeSettings) -> None:
    """Run one agent until cancelled; a cancelled agent has everything on disk."""
    with contextlib.suppress(asyncio.CancelledError):
        await Agent(settings).run()
