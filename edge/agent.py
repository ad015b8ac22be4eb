"""One agent: enrol, fetch the configuration (or take the cached one), then run all parts until stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from edge.backoff import Trouble
from edge.commands import Executor, Inbox
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
from edge.settings import CodeUnreadable, EdgeSettings
from edge.telemetry import Collector
from edge.uplink import BatchDoor, Uplink
from mes.contracts.agent import AgentConfig, CameraModel
from mes.contracts.wire import Stream

log = structlog.get_logger(__name__)


FENCED = "agent.fenced"
FENCED_FOR_EVER = 1 << 32
PUBLISHES_IN_ANY_ORDER = 2
"""A line that works tick by tick tells the values of a tick within two publications."""


class NotEnrolled(Exception):
    """There is no token and no enrolment code, or the MES refused the code."""


class _Reload(Exception):
    """The configuration has changed: start the parts again."""


class Agent:
    """One agent on one data folder."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        self._folder = DataFolder(settings.data)
        self._fenced_epoch = 0
        self._config: AgentConfig | None = None

    async def run(self) -> None:
        """Run until cancelled.

        Raises:
            FolderInUse: another agent runs on this folder.
            NotEnrolled: there is no way to prove who this is.
        """
        lock = self._folder.lock()
        log.debug("agent.locked", handle=lock)
        journal = Journal(self._folder.journal)
        try:
            instance = self._folder.instance(journal.id)
            async with MesClient(self._settings.mes, instance=instance) as mes:
                await self._enrol(mes)
                config = await self._first_config(mes, instance)
                while True:
                    config = await self._run_with(config, journal, mes, instance)
        finally:
            journal.close()

    async def _enrol(self, mes: MesClient) -> None:
        enrolled = self._folder.enrolled()
        if enrolled is None:
            await self._trade_code(mes)
        else:
            mes.authenticate(enrolled.token)

    async def _trade_code(self, mes: MesClient) -> None:
        """Trade the one-time code for a token and keep it."""
        code = self._settings.enrolment_code()
        if code is None:
            raise NotEnrolled("no token yet: give the enrolment code that the MES issued")
        trouble = Trouble("enrolment")
        while True:
            try:
                enrolled = await mes.enrol(code)
                break
            except MesAway as error:
                trouble.failed(str(error))
                await trouble.wait()
            except MesRefused as refusal:
                raise NotEnrolled(f"the MES refused the enrolment code: {refusal}") from refusal
        trouble.over()
        self._folder.keep_enrolled(enrolled)
        self._settings.forget_code()
        mes.authenticate(enrolled.token)
        log.info("agent.enrolled", line=enrolled.line)

    async def _first_config(self, mes: MesClient, instance: str) -> AgentConfig:
        """Fetch the configuration; with the MES away take the last one issued to this instance.

        A token that is no longer valid is replaced when there is a fresh code; until then the agent goes on
        collecting under the configuration it has.
        """
        trouble = Trouble("config")
        while True:
            try:
                return await self._fetch_config(mes, instance)
            except MesAway as error:
                trouble.failed(str(error))
            except MesRefused as refusal:
                trouble.failed(str(refusal))
                if refusal.code == FENCED:
                    self._fenced_epoch = FENCED_FOR_EVER
                if await self._renew_token(mes, refusal):
                    continue
            cached = self._folder.cached_config(instance)
            if cached is not None:
                log.info("config.cached", version=cached.version)
                return cached
            await trouble.wait()

    async def _renew_token(self, mes: MesClient, refusal: MesRefused) -> bool:
        if refusal.status != 401:
            return False
        try:
            if self._settings.enrolment_code() is None:
                return False
            await self._trade_code(mes)
        except (NotEnrolled, CodeUnreadable) as error:
            log.error("agent.token_refused", reason=str(error))
            return False
        return True

    async def _fetch_config(self, mes: MesClient, instance: str) -> AgentConfig:
        config = await mes.config()
        self._folder.keep_config(instance, config)
        return config

    async def _run_with(
        self, config: AgentConfig, journal: Journal, mes: MesClient, instance: str
    ) -> AgentConfig:
        """Run all parts with one configuration; return the next one."""
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
                    await self._run_parts(config, journal, mes, instance)
                finally:
                    writing.cancel()
        except* _Reload:
            pass
        return await self._first_config(mes, instance)

    async def _run_parts(
        self, config: AgentConfig, journal: Journal, mes: MesClient, instance: str
    ) -> None:
        clock = LiveClock(config.clock)
        tags = {tag.tag_id: f"{tag.station}.{tag.name}" for tag in config.interface.tags}
        published_s = config.publish_interval_ms / 1000
        collector = Collector(
            journal,
            config.interface.line,
            self._settings.telemetry_linger_s,
            tags,
            any_order_s=lambda: PUBLISHES_IN_ANY_ORDER * published_s * clock.clock.factor,
            unheard_s=lambda: missed_within_s(len(tags), round_s=published_s) * clock.clock.factor,
            asks_history=True,
            epoch=config.epoch,
            keeps_backlog=config.takes_backlog,
        )
        collector.resume()
        ledger = LedgerReader(journal, config.interface.line)
        ledger.resume()
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
            security=security,
        )
        health = Health(
            config, line, collector, ledger, journal, images, security, lambda: not self._may_act()
        )
        self._reload = asyncio.Event()
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._watch_config(config, mes, instance, shelf, security, health))
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

    async def _bring_models(
        self, mes: MesClient, shelf: ModelShelf, models: Sequence[CameraModel]
    ) -> None:
        """Fetch, load and warm models; cameras go over to them between two parts.

        What is here already judges while the rest is on its way.
        """
        await asyncio.to_thread(shelf.preload)
        if shelf.fetched is not None:
            await _fetched(mes, shelf.fetched, models)
        await asyncio.to_thread(shelf.change, models)

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
        if self._config is not None and version > self._config.version:
            self._reload.set()

    async def _ask_reload(self) -> None:
        self._reload.set()

    async def _watch_config(
        self,
        config: AgentConfig,
        mes: MesClient,
        instance: str,
        shelf: ModelShelf,
        security: LinkSecurity,
        health: Health,
    ) -> None:
        """Take other models and decisions on certificates while everything runs on; start again for anything else.

        Raises:
            _Reload: more has changed.
        """
        await self._bring_models(mes, shelf, config.models)
        while True:
            await self._reload.wait()
            self._reload.clear()
            fresh = await self._first_config(mes, instance)
            if not _keeps_the_line(config, fresh):
                log.info("config.changed", version=fresh.version)
                raise _Reload
            await asyncio.to_thread(
                security.trust.apply, trusted=fresh.trusted, revoked=fresh.revoked
            )
            await self._bring_models(mes, shelf, fresh.models)
            self._config = health.config = config = fresh
            log.info("config.models_changed", version=fresh.version)


async def _fetched(mes: MesClient, packages: PackageFolder, models: Sequence[CameraModel]) -> None:
    """Fetch the packages that are not here, as often as it takes."""
    trouble = Trouble("models")
    while True:
        try:
            await packages.bring(mes, models)
        except MesAway as error:
            trouble.failed(str(error))
            await trouble.wait()
        else:
            trouble.over()
            return


def _keeps_the_line(before: AgentConfig, after: AgentConfig) -> bool:
    """Whether an agent can go over to another configuration without letting go of its line."""
    same = {
        name: getattr(after, name) for name in ("version", "models", "clock", "trusted", "revoked")
    }
    return before.model_copy(update=same) == after


def _metrics_ready(port: int) -> None:
    log.info("metrics.ready", port=port)


async def run_agent(settings: EdgeSettings) -> None:
    """Run one agent until cancelled; a cancelled agent has everything on disk."""
    with contextlib.suppress(asyncio.CancelledError):
        await Agent(settings).run()
