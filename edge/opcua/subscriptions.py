"""The agent's own table of subscriptions on one session, and the publish requests that feed it.

Four things differ from asyncua's `Subscription`, each because of a loss that was measured: several publish
requests are in flight; a notification is acknowledged only when the agent says that it is on disk; the silence
of the *data* is noticed, for a session can be alive and dead at once; and so is that of single items, whose
nodes a server can lose and make again (`edge.opcua.vigil`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from edge.opcua.events import EventWatch
from edge.opcua.intake import Intake
from edge.opcua.link import Link
from edge.opcua.nodes import UnknownNode
from edge.opcua.offered import KEEP_ALIVE_S, NOT_OFFERED, NoSubscriptions, require_worth
from edge.opcua.publication import Publication
from edge.opcua.table import ItemTable, Notification
from edge.opcua.vigil import SETTLE_S, Vigil
from edge.opcua.wanted import Wanted, by_rate

log = structlog.get_logger(__name__)

LIFETIME_S = 60.0
EVERY_CHANGE = 0.0
"""Sampling interval: as fast as the server can; what it samples slower is lost before anyone hears of it."""
ITEMS_PER_CALL = 500
"""When the server states no limit (OperationLimits)."""
RETRY_BAD_NODES_S = (1.0, 30.0)
"""The first and the longest wait before a bad node is tried again; each wait is twice the one before."""
RETRIES_AT_ONCE = 50
"""So many bad nodes are tried again one by one; of more, several go into a request."""
NAMED = 10
"""Of more bad nodes at once the log names only the first."""
_MAX_ITEMS_NODE = (
    f"i={ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall}"
)


NO_DEADBAND = frozenset(
    {
        "BadFilterNotAllowed",
        "BadDeadbandFilterInvalid",
        "BadMonitoredItemFilterInvalid",
        "BadMonitoredItemFilterUnsupported",
    }
)
"""What a server answers that has no deadbands, or none for this node: it is asked for every change instead."""


class SubscriptionTable(ItemTable):
    """All subscriptions of one session.

    Args:
        deliver: called for each notification in the order of publication; must not block.
        on_refused: called when the server will not monitor an item, with its reason.
        events: what is wanted of the server's events; None: nothing.
        link: a session on which asyncua runs no publish loop of its own.
    """

    def __init__(
        self,
        link: Link,
        deliver: Callable[[Notification], None],
        on_refused: Callable[[Wanted, str], None] = lambda _item, _reason: None,
        events: EventWatch | None = None,
    ) -> None:
        super().__init__(link, deliver, on_refused)
        self._events = events
        self._intake = Intake(
            link.session, knows=self._knows, hand_over=self._hand_over, lose=self.lose
        )
        self._vigil = Vigil(
            link, self._items, last_data=lambda: self.last_data, on_lost=self._set_aside
        )
        self._dead: list[tuple[Wanted, int]] = []
        self._no_deadband: set[Wanted] = set()
        self._newly_bad = asyncio.Event()
        self._items_per_call = ITEMS_PER_CALL
        self._groups: dict[int, int] = {}
        self._slowest_ms: dict[int, float] = {}
        self._shaping = asyncio.Lock()
        """Held by whoever makes or unmakes items."""

    async def run(self, wanted: Sequence[Wanted]) -> None:
        """Subscribe and deliver until the session fails.

        Raises:
            NoSubscriptions: the server has none for us, or much slower ones than asked.
            SubscriptionLost: the server ended a subscription or the session.
            OSError, TimeoutError, ua.UaError: the session failed.
        """
        # asyncua would start its own loop, with one request in flight and its own acknowledgements.
        self._link.session.ensure_publish_loop = lambda: None  # type: ignore[method-assign]
        self._items_per_call = await self._stated_limit(_MAX_ITEMS_NODE, unstated=ITEMS_PER_CALL)
        try:
            async with self._shaping:
                await self._create(wanted)
        except NOT_OFFERED as refusal:
            passing = isinstance(refusal, ua.uaerrors.BadTooManySubscriptions)
            raise NoSubscriptions(type(refusal).__name__, passing=passing) from refusal
        require_worth([self.quarantined.get(item, "") for item in wanted], self._slowest_ms)
        if self._events is not None:
            await self._events.create(self._link)
        self.last_data = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._intake.run())
            tasks.create_task(self._retry_bad_nodes())
            tasks.create_task(self._vigil.run())
            tasks.create_task(self._watch_loss())
            if self._events is not None and self._events.subscription_id is not None:
                tasks.create_task(self._events.refresh_forever(self._link))

    async def change(self, wanted: Sequence[Wanted]) -> None:
        """Monitor these items from now on; what was wanted before too is not touched.

        Raises:
            OSError, TimeoutError, ua.UaError: the session failed.
        """
        async with self._shaping:
            have = self._items.handles()
            if not have:
                self.lose("other items are wanted before the first were asked for")
                return
            for item in (have.keys() | self.quarantined.keys()) - set(wanted):
                self.quarantined.pop(item, None)
                if item in have:
                    self._dead.append(self._items.drop(have[item]))
            await self._delete_dead()
            await self._create(
                [item for item in wanted if item not in have and item not in self.quarantined]
            )

    def acknowledge(self, notification: Notification) -> None:
        """Let the server forget a notification: it is on disk."""
        self._intake.acknowledge(notification.subscription_id, notification.sequence)

    @property
    def publish_round_trip_s(self) -> float:
        """How long the last publish request took."""
        return self._intake.round_trip_s

    def _knows(self, subscription_id: int) -> bool:
        of_events = self._events.subscription_id if self._events is not None else None
        return subscription_id in self._groups.values() or subscription_id == of_events

    async def _create(self, wanted: Sequence[Wanted]) -> None:
        for rate, group in by_rate(wanted).items():
            if rate not in self._groups:
                await self._create_subscription(rate)
            await self._create_items(rate, group)

    async def _create_subscription(self, rate_ms: int) -> None:
        keep_alive = max(int(KEEP_ALIVE_S * 1000 / rate_ms), 1)
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=float(rate_ms),
            RequestedMaxKeepAliveCount=keep_alive,
            RequestedLifetimeCount=max(int(LIFETIME_S * 1000 / rate_ms), keep_alive * 3),
            MaxNotificationsPerPublish=0,
            PublishingEnabled=True,
            Priority=0,
        )
        result = await self._link.session.create_subscription(parameters, self._on_status)
        self._groups[rate_ms] = result.SubscriptionId
        self._slowest_ms[rate_ms] = max(float(result.RevisedPublishingInterval), 0.0)

    async def _create_items(self, rate_ms: int, group: Sequence[Wanted]) -> None:
        limit = self._items_per_call
        for start in range(0, len(group), limit):
            await self._create_chunk(self._groups[rate_ms], group[start : start + limit])

    async def _create_chunk(self, subscription_id: int, items: Sequence[Wanted]) -> None:
        requests, asked = [], []
        refused: dict[Wanted, str] = {}
        for item in items:
            try:
                requests.append(self._request(item))
                asked.append(item)
            except UnknownNode as error:
                refused[item] = str(error)
        if not requests:
            self._quarantine(refused)
            return
        parameters = ua.CreateMonitoredItemsParameters(
            SubscriptionId=subscription_id,
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ItemsToCreate=requests,
        )
        results = await self._link.session.create_monitored_items(parameters)
        back, again = [], []
        for item, request, result in zip(asked, requests, results, strict=True):
            handle = request.RequestedParameters.ClientHandle
            if result.StatusCode.name in NO_DEADBAND and item not in self._no_deadband:
                self._items.drop(handle)
                self._no_deadband.add(item)
                again.append(item)
            elif not result.StatusCode.is_good():
                self._items.drop(handle)
                refused[item] = result.StatusCode.name
            elif not self._items.monitors(handle):  # given up before this answer came
                self._dead.append((item, result.MonitoredItemId))
            else:
                round_s = (max(result.RevisedSamplingInterval, 0.0) + item.interval_ms) / 1000
                self._items.confirm(
                    handle,
                    queue=result.RevisedQueueSize,
                    monitored_id=result.MonitoredItemId,
                    settle_s=SETTLE_S + 2 * round_s,
                )
                if self.quarantined.pop(item, None) is not None:
                    back.append(item)
        sampled_ms = [one.RevisedSamplingInterval for one in results if one.StatusCode.is_good()]
        if (
            sampled_ms and items[0].interval_ms in self._slowest_ms
        ):  # most of a call, not single nodes
            median_ms = sorted(sampled_ms)[len(sampled_ms) // 2]
            rate_ms = items[0].interval_ms
            self._slowest_ms[rate_ms] = max(self._slowest_ms[rate_ms], median_ms)
        self._quarantine(refused)
        if back:
            log.info("node.back", nodes=[item.node for item in back[:NAMED]], count=len(back))
        if again:
            log.info("node.no_deadband", nodes=[i.node for i in again[:NAMED]], count=len(again))
            await self._create_chunk(subscription_id, again)

    def _request(self, item: Wanted) -> ua.MonitoredItemCreateRequest:
        node = self._link.namespaces.resolve(item.node)
        handle = self._items.add(item)
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=handle,
                SamplingInterval=EVERY_CHANGE,
                Filter=self._filter(item),
                QueueSize=item.queue,
                DiscardOldest=True,
            ),
        )

    def _filter(self, item: Wanted) -> ua.DataChangeFilter | None:
        if not item.deadband or item in self._no_deadband:
            return None
        return ua.DataChangeFilter(
            Trigger=ua.DataChangeTrigger.StatusValue,
            DeadbandType=ua.DeadbandType.Absolute,
            DeadbandValue=item.deadband,
        )

    def _set_aside(self, lost: Mapping[int, str]) -> None:
        """Give up items that the server has lost, by handle with the reason of each; they are made anew."""
        refused = {}
        for handle, reason in lost.items():
            item, monitored_id = self._items.drop(handle)
            self._dead.append((item, monitored_id))
            refused[item] = reason
        self._quarantine(refused)

    def _quarantine(self, refused: Mapping[Wanted, str]) -> None:
        """Set bad nodes aside; the others go on without them."""
        new = [item for item in refused if item not in self.quarantined]
        self.quarantined.update(refused)
        for item in new:
            self._on_refused(item, refused[item])
        if new:
            named = {item.node: refused[item] for item in new[:NAMED]}
            log.warning("node.bad", nodes=named, count=len(new))
            self._newly_bad.set()

    async def _retry_bad_nodes(self) -> None:
        """Try bad nodes again, ever less often until there is a new one among them."""
        wait_s, longest_s = RETRY_BAD_NODES_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._newly_bad.wait()
            wait_s = min(wait_s * 2, longest_s)
            if self._newly_bad.is_set():
                self._newly_bad.clear()
                wait_s = RETRY_BAD_NODES_S[0]
                await asyncio.sleep(wait_s)
            async with self._shaping:
                await self._delete_dead()
                await self._try_again()

    async def _try_again(self) -> None:
        """Ask for bad nodes once more."""
        count = -(-len(self.quarantined) // RETRIES_AT_ONCE)
        for rate, bad in by_rate(list(self.quarantined)).items():
            size = min(count, self._items_per_call)
            for start in range(0, len(bad), size):
                await self._create_chunk(self._groups[rate], bad[start : start + size])

    async def _delete_dead(self) -> None:
        """Let the server forget items that were given up, lest it tells of them beside their successors."""
        dead, self._dead = self._dead, []
        for rate, subscription_id in self._groups.items():
            ids = [number for item, number in dead if item.interval_ms == rate and number]
            for start in range(0, len(ids), self._items_per_call):
                part = ids[start : start + self._items_per_call]
                parameters = ua.DeleteMonitoredItemsParameters(subscription_id, part)
                with contextlib.suppress(
                    ua.uaerrors.UaStatusCodeError
                ):  # it has forgotten them already
                    await self._link.session.delete_monitored_items(parameters)

    def _hand_over(self, publication: Publication, missed: bool) -> None:
        if len(publication):
            self.last_data = time.monotonic()
            self.heard.set()
        found = [self._items.sort(values) for values in publication.values]
        self._deliver(
            Notification(
                publication.subscription_id,
                publication.sequence,
                tuple(one.telemetry for one in found if one.telemetry is not None),
                tuple(change for one in found for change in one.changes),
                missed,
                publication.published_ft,
                publication.events,
            )
        )
        gone = dict.fromkeys(handle for one in found for handle in one.gone)
        if gone:
            self._set_aside(dict.fromkeys(gone, "BadNodeIdUnknown"))

    def _on_status(self, result: ua.PublishResult) -> None:
        """Take the notice asyncua gives of a lost connection."""
        for part in result.NotificationMessage.NotificationData or ():
            if isinstance(part, ua.StatusChangeNotification):
                self.lose(part.Status.name)
