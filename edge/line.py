"""Everything the agent does on one session with its line, and what it does when that session ends.

A session can look alive and be dead: the canary item (the server's own clock) must bring data, or the
agent hangs up and connects again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import structlog
from asyncua.ua.uaerrors import UaError

from edge.alarms import AlarmDesk
from edge.backoff import Trouble
from edge.commands import Executor
from edge.derived import StateWatcher
from edge.images import ImageFolder
from edge.inspection.judging import PictureJudge
from edge.inspection.pictures import CAMERA_TIMEOUT_S, SnapshotCamera
from edge.inspection.request import Handshake
from edge.inspection.station import Station
from edge.inspection.vision_system import VisionSystemJudge
from edge.journal import Journal
from edge.ledger import LedgerReader
from edge.models import ModelShelf
from edge.opcua.events import EventWatch
from edge.opcua.items import Change
from edge.opcua.line_methods import LineMethods
from edge.opcua.link import CallRefused, Link, LinkFailed, open_link
from edge.opcua.nodes import UnknownNode
from edge.opcua.offered import NoSubscriptions, offers_subscription
from edge.opcua.polling import PollTable
from edge.opcua.security import LinkSecurity
from edge.opcua.subscriptions import SubscriptionTable
from edge.opcua.table import ItemTable, Notification, SubscriptionLost
from edge.opcua.wanted import Sink, Wanted, wanted_items
from edge.plant_clock import LiveClock
from edge.recipes import RecipeWatch
from edge.refill import SETTLE_S, refill
from edge.telemetry import Collector
from mes.contracts.agent import AgentConfig
from mes.contracts.dispatch import JobListReport, ListedJobState
from mes.contracts.plc import CameraNodes, LineInterface
from mes.contracts.quality import Verdict
from mes.contracts.telemetry import GapCause
from mes.contracts.wire import Stream, to_filetime

log = structlog.get_logger(__name__)

OPC_PORT = 4840
PROBE_S = 0.25
"""Between two looks at a port that takes no connections."""
SO_CONFIGURED = "so configured"
ASK_AGAIN_S = 60.0
"""A server that had no subscription left for us is asked for one again this often."""
SILENCE_S = 5.0
"""Real seconds without data after which a session is taken for dead; the canary comes every second."""


class DataSilent(Exception):
    """The session is open, but no data comes: the server hangs."""


@dataclass(slots=True)
class LinkHealth:
    """What the heartbeat says of the line."""

    connected: bool = False
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_data_at: datetime | None = None
    bad_nodes: int = 0
    reconnects: int = -1
    publish_round_trip_s: float = 0.0
    skew_ms: float | None = None
    """The server's clock minus this machine's at the last publication; both show real time."""
    polled: str = ""
    """Why the line is polled; empty: it is subscribed to."""


class Line:
    """The agent's side of one line, over as many sessions as it takes."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        journal: Journal,
        clock: LiveClock,
        collector: Collector,
        ledger: LedgerReader,
        executor: Executor,
        shelf: ModelShelf,
        images: ImageFolder,
        may_act: Callable[[], bool],
        alarms: AlarmDesk,
        security: LinkSecurity | None = None,
    ) -> None:
        self._config = config
        self.alarms = alarms
        self._security = security
        self._interface = config.interface
        self._journal = journal
        self._clock = clock
        self._collector = collector
        self._ledger = ledger
        self._executor = executor
        self.shelf = shelf
        self._images = images
        self._may_act = may_act
        self._states = StateWatcher(journal, config.interface.line, clock)
        self._recipes = RecipeWatch(journal, config.interface.line, clock)
        self._stations: dict[str, Station] = {}
        self._table: ItemTable | None = None
        self._no_subscriptions: NoSubscriptions | None = None
        if config.interface.collect == "poll":
            self._no_subscriptions = NoSubscriptions(SO_CONFIGURED)
        self.health = LinkHealth()
        self.link_changed = asyncio.Event()
        """Set when the line is found or lost; the heartbeat tells it at once and clears it."""
        self.verdicts = dict.fromkeys(Verdict, 0)
        self.trouble = Trouble("line", longest_s=4.0, sooner=self._port_opens)

    async def run(self) -> None:
        """Hold a session with the line; reconnect whenever it fails or falls silent.

        Returns when this agent is fenced: another copy reads the line now.
        """
        async with httpx.AsyncClient(timeout=CAMERA_TIMEOUT_S, trust_env=False) as cameras:
            while self._may_act():
                await self._one_session(cameras)
                self._table = None
                self._set_connected(False)
                await self.trouble.wait()
        self._collector.write_off_all()

    async def change_tags(self, interface: LineInterface) -> None:
        """Listen to other process values from now on, without letting go of the session."""
        self._interface = interface
        if self._table is None:
            return
        try:
            await self._table.change(self._wanted())
        except (OSError, TimeoutError, UaError) as error:
            self._table.lose(f"its items could not be changed: {error!r}")

    async def _port_opens(self) -> None:
        """Return once the line's port, which took no connections, takes them again.

        For ever where it does: what failed was something else, and is not tried sooner.
        """
        address, closed = urlsplit(self._interface.endpoint), False
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    _, writer = await asyncio.open_connection(
                        address.hostname, address.port or OPC_PORT
                    )
            except OSError:  # TimeoutError is one
                closed = True
            else:
                writer.close()
                if closed:
                    return
                await asyncio.Event().wait()
            await asyncio.sleep(PROBE_S)

    async def _one_session(self, cameras: httpx.AsyncClient) -> None:
        try:
            async with open_link(self._interface.endpoint, self._security) as link:
                await self._work(link, cameras)
        except* DataSilent as silent:
            self._ended(GapCause.DATA_SILENT, silent)
        except* NoSubscriptions as none:
            self._no_subscriptions = _first(none)
            self._ended(GapCause.LINK_LOST, none)
        except* (*LinkFailed, SubscriptionLost, CallRefused, UnknownNode) as failed:
            self._ended(GapCause.LINK_LOST, failed)

    async def _work(self, link: Link, cameras: httpx.AsyncClient) -> None:
        """Do everything at once; the first part to fail ends the session."""
        table = self._new_table(link)
        self._stations = self._open_stations(link, cameras)
        wanted = self._wanted()
        self._table = table
        methods = LineMethods(link, self._interface, self._config.controls)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(table.run(wanted))
            tasks.create_task(self._watch_data(table))
            if self._no_subscriptions is not None and self._no_subscriptions.passing:
                tasks.create_task(self._ask_again(link))
            tasks.create_task(self._refill(link, table))
            tasks.create_task(self._command(methods))
            tasks.create_task(self.alarms.run())
            tasks.create_task(self._recipes.run())
            if self._interface.ledger is not None:
                tasks.create_task(self._ledger.run(link, self._interface.ledger))
            else:
                tasks.create_task(self._states.run())
            for station in self._stations.values():
                tasks.create_task(station.run())
                if isinstance(station.judge, VisionSystemJudge):
                    tasks.create_task(station.judge.run())

    def _wanted(self) -> list[Wanted]:
        config = self._config
        return wanted_items(
            self._interface,
            publish_interval_ms=config.publish_interval_ms,
            recipes=config.controls.recipes if config.takes_recipes else (),
        )

    def _new_table(self, link: Link) -> ItemTable:
        """Subscribe where the server offers it; else read."""
        why = self._no_subscriptions
        self.health.polled = str(why or "")
        if why is None:
            events = EventWatch(self._interface.notifiers) if self._interface.notifiers else None
            if events is not None:
                self.alarms.begin(events, link.namespaces)
            return SubscriptionTable(link, self._on_notification, self._on_refused, events)
        log.info("line.polled", reason=str(why))
        return PollTable(link, self._on_notification, self._on_refused, self._on_missed)

    def _on_missed(self, tags: Sequence[int], since_s: float, until_s: float) -> None:
        now, factor = self._clock.now(), self._clock.clock.factor
        self._collector.missed(
            tags,
            since=now - timedelta(seconds=since_s * factor),
            until=now - timedelta(seconds=until_s * factor),
        )

    async def _ask_again(self, link: Link) -> None:
        """End a session that polls once the server has subscriptions for us again."""
        offered = False
        while not offered:
            await asyncio.sleep(ASK_AGAIN_S)
            offered = await offers_subscription(link)
        self._no_subscriptions = None
        raise SubscriptionLost("the server offers subscriptions again")

    async def _command(self, methods: LineMethods) -> None:
        """Report the line's own job list first, then execute what is open."""
        await self._report_jobs(methods)
        await self._executor.run(methods)

    async def _report_jobs(self, methods: LineMethods) -> None:
        if self._interface.job_control is None:
            return
        try:
            jobs = await methods.jobs()
        except (ValueError, UnknownNode) as error:
            log.error("line.job_list_unreadable", reason=str(error))
            return
        report = JobListReport(
            line=self._interface.line,
            at=self._clock.now(),
            jobs=tuple(
                ListedJobState(job_order_id=job.job_order_id, state=job.state) for job in jobs
            ),
        )
        await self._journal.append_records(Stream.RESULTS, [report.model_dump_json()])

    def _open_stations(self, link: Link, cameras: httpx.AsyncClient) -> dict[str, Station]:
        return {
            nodes.id: self._open_station(nodes, link, cameras) for nodes in self._interface.cameras
        }

    def _open_station(self, nodes: CameraNodes, link: Link, cameras: httpx.AsyncClient) -> Station:
        return Station(
            line=self._interface.line,
            handshake=Handshake(nodes, link, self._clock),
            judge=self._judge(nodes, cameras),
            journal=self._journal,
            images=self._images,
            clock=self._clock,
            may_act=self._may_act,
            counts=self.verdicts,
        )

    def _judge(
        self, nodes: CameraNodes, cameras: httpx.AsyncClient
    ) -> PictureJudge | VisionSystemJudge:
        camera = SnapshotCamera(nodes.snapshot_url, cameras, self._clock)
        if nodes.vision is None:
            return PictureJudge(nodes.id, camera, self.shelf, self._clock)
        return VisionSystemJudge(
            nodes.id,
            nodes.vision,
            nodes.vision.endpoint or self._interface.endpoint,
            self._security,
            camera if nodes.snapshot_url else None,
            self._clock,
        )

    def _on_notification(self, notification: Notification) -> None:
        if notification.missed:
            self._collector.interrupted(GapCause.LINK_LOST, "a publication is missing")
        if notification.published_ft:
            now_ft = to_filetime(datetime.now(UTC))
            self.health.skew_ms = (notification.published_ft - now_ft) / 10_000
        plant_now = self._clock.now()
        for telemetry in notification.telemetry:
            self._collector.take(telemetry, plant_now=plant_now)
        for change in notification.changes:
            self._route(change)
        table = self._table
        assert table is not None  # noqa: S101  # it delivers
        if table.heard.is_set() and not self.health.connected:
            self._heard(table)
        if notification.events:
            self.alarms.take(notification.events, lambda: table.acknowledge(notification))
        elif notification.telemetry:
            self._collector.when_kept(lambda: table.acknowledge(notification))
        else:
            table.acknowledge(notification)
        if notification.missed:
            table.lose("a publication is missing")

    def _route(self, change: Change) -> None:
        value = change.value.Value.Value if change.value.Value is not None else None
        match change.item.sink:
            case Sink.LEDGER:
                self._ledger.announce(value)
            case Sink.CAMERA:
                self._stations[change.item.key].announce(value)
            case Sink.STATION_STATE:
                self._states.take(change.item.key, value)
            case Sink.RECIPE:
                self._recipes.take(change.item.key, value)
            case Sink.CANARY | Sink.TELEMETRY:
                pass

    def _on_refused(self, item: Wanted, reason: str) -> None:
        if item.sink is Sink.TELEMETRY:
            self._collector.refused(item.tag_id, reason)

    async def _refill(self, link: Link, table: ItemTable) -> None:
        """Fill the gaps before this session; it gets no more of them, for one that misses something ends."""
        await table.heard.wait()
        await asyncio.sleep(SETTLE_S)
        await refill(link, self._collector, {tag.tag_id: tag.node for tag in self._interface.tags})

    async def _watch_data(self, table: ItemTable) -> None:
        while True:
            await asyncio.sleep(0.5)
            silent_s = time.monotonic() - table.last_data
            if silent_s > SILENCE_S:
                raise DataSilent(f"no data for {silent_s:.0f} s")
            if not self._may_act():
                raise SubscriptionLost("fenced")
            if table.heard.is_set():
                self._heard(table)

    def _heard(self, table: ItemTable) -> None:
        if not self.health.connected:
            self._set_connected(True)
            self.health.reconnects += 1
            self.trouble.over()
        ago_s = time.monotonic() - table.last_data
        self.health.last_data_at = datetime.fromtimestamp(time.time() - ago_s, UTC)
        self.health.bad_nodes = len(table.quarantined)
        self.health.publish_round_trip_s = table.publish_round_trip_s

    def _set_connected(self, connected: bool) -> None:
        if self.health.connected is not connected:
            self.health.connected = connected
            self.health.since = datetime.now(UTC)
            self.link_changed.set()
            log.info("line.connected" if connected else "line.disconnected")

    def _ended(self, cause: GapCause, errors: BaseExceptionGroup[BaseException]) -> None:
        reason = _first_reason(errors)
        self._collector.interrupted(cause, reason)
        self.trouble.failed(reason)


def _first_reason(errors: BaseException) -> str:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return f"{type(errors).__name__}: {errors}".removesuffix(": ")


def _first(refusals: BaseExceptionGroup[NoSubscriptions]) -> NoSubscriptions:
    for one in refusals.exceptions:
        return _first(one) if isinstance(one, BaseExceptionGroup) else one
    raise AssertionError("a group is never empty")
