"""The load server: asyncua's address space, sessions and subscriptions; the values come from a `Feed`.

asyncua serves about 10,000 values a second a core, since it makes an object of each. Here a subscription's
monitored items are asked once, and each publication is one encoded body.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.subscription_service import SubscriptionService

from plc_sim.load.feed import MIXED, UNIFORM, Feed
from plc_sim.opcua.stack import Server, ua

NAMESPACE = "urn:c2m:load"
PLACES_IN_QUEUE = 50
ACCOUNT_EVERY_S = 0.2


class LoadServer:
    """A server with `tags` variables `s=t0`, `s=t1`… and a method that answers."""

    def __init__(self, endpoint: str, *, tags: int, rate: float, mixed: bool) -> None:
        self._endpoint = endpoint
        self._tags, self._rate = tags, rate
        self._kinds = MIXED if mixed else UNIFORM
        self.feeds: list[Feed] = []

    async def run(self, *, account: Path | None) -> None:
        """Serve until cancelled; the account of what was published is written to a file."""
        server = Server()
        await server.init()
        server.set_endpoint(self._endpoint)
        await self._fill(server, await server.register_namespace(NAMESPACE))
        service = _FedSubscriptions(server.iserver.aspace, server.iserver, self._feed)
        server.iserver.subscription_service = service
        for session in (server.iserver.isession,):
            session.subscription_service = service
        async with server:
            print("ready", flush=True)  # noqa: T201  # whoever started it waits for this
            try:
                while True:
                    await asyncio.sleep(ACCOUNT_EVERY_S)
                    self._write(account)
            finally:
                self._write(account)

    def _write(self, account: Path | None) -> None:
        if account is not None:
            feeds = [{"published": f.published, "dropped": f.dropped} for f in self.feeds]
            account.write_text(json.dumps(feeds))

    async def _fill(self, server: Any, index: int) -> None:
        """Put the variables straight into the address space: 5,000 of them through asyncua's services take 5 s."""
        folder = await server.nodes.objects.add_folder(ua.NodeId("load", index), "load")
        waiting = ua.DataValue(
            ua.Variant(), ua.StatusCode(ua.UInt32(ua.StatusCodes.BadWaitingForInitialData))
        )
        node_class = ua.DataValue(ua.Variant(ua.NodeClass.Variable, ua.VariantType.Int32))
        for number in range(self._tags):
            node = NodeData(ua.NodeId(f"t{number}", index))
            name = ua.QualifiedName(f"t{number}", index)
            node.attributes[ua.AttributeIds.NodeClass] = AttributeValue(node_class)
            node.attributes[ua.AttributeIds.BrowseName] = AttributeValue(
                ua.DataValue(ua.Variant(name, ua.VariantType.QualifiedName))
            )
            node.attributes[ua.AttributeIds.Value] = AttributeValue(waiting)
            server.iserver.aspace[node.nodeid] = node
        await folder.add_method(
            ua.NodeId("answer", index),
            "answer",
            _answer,
            [ua.VariantType.String, ua.VariantType.Boolean, ua.VariantType.String],
            [ua.VariantType.String],
        )

    def _feed(self, items: dict[str, int]) -> Feed | None:
        """Return the feed of a subscription whose monitored items are these (client handle by node)."""
        handles = [items[f"t{n}"] for n in range(self._tags) if f"t{n}" in items]
        if len(handles) < self._tags:
            return None
        feed = Feed(np.array(handles, np.uint32), self._rate, self._kinds, PLACES_IN_QUEUE)
        self.feeds.append(feed)
        return feed


class _FedSubscriptions(SubscriptionService):
    """Subscriptions that publish what their feed has, once every tag is monitored."""

    def __init__(self, space: Any, iserver: Any, feed_of: Any) -> None:
        super().__init__(space, iserver)
        self._feed_of = feed_of

    async def create_subscription(self, *arguments: Any, **named: Any) -> Any:
        """Create one as asyncua does, and let a feed fill its notifications."""
        result = await super().create_subscription(*arguments, **named)
        _Fed(self.subscriptions[result.SubscriptionId], self._feed_of)
        return result


class _Fed:
    """Stands in for two methods of one `InternalSubscription`: whether there is news, and which."""

    def __init__(self, subscription: Any, feed_of: Any) -> None:
        self._subscription, self._feed_of = subscription, feed_of
        self._feed: Feed | None = None
        self._items = 0
        self._has_news, self._pop = (
            subscription.has_published_results,
            subscription._pop_triggered_datachanges,
        )
        subscription.has_published_results = self._has_published_results
        subscription._pop_triggered_datachanges = self._pop_datachanges

    def _has_published_results(self) -> bool:
        self._look()
        due = self._feed is not None and self._feed.due() > 0
        return due or bool(self._has_news())

    def _look(self) -> None:
        """Ask for a feed when the monitored items have changed."""
        items = self._subscription.monitored_item_srv._monitored_items
        if len(items) != self._items:
            self._items = len(items)
            self._feed = self._feed_of(
                {
                    str(item.read_value_id.NodeId.Identifier): item.client_handle
                    for item in items.values()
                }
            )

    def _pop_datachanges(self, result: Any) -> None:
        self._pop(result)
        if self._feed is not None and self._feed.due() > 0:
            kind = ua.FourByteNodeId(ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary)
            body = ua.ExtensionObject(kind, self._feed.body())
            result.NotificationMessage.NotificationData.append(body)


async def _answer(_: Any, *arguments: Any) -> Any:
    return [ua.Variant("ok", ua.VariantType.String)]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line `python -m plc_sim load`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="plc_sim load", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tags", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=50_000, help="values a second in all")
    parser.add_argument("--mixed", action="store_true", help="interleave five numeric types")
    parser.add_argument("--account", type=Path, help="file that says what was published")
    options = parser.parse_args(arguments)
    if options.tags % len(MIXED):
        print(f"--tags must be a multiple of {len(MIXED)}", file=sys.stderr)  # noqa: T201
        return 2
    endpoint = f"opc.tcp://127.0.0.1:{options.port}"
    server = LoadServer(endpoint, tags=options.tags, rate=options.rate, mixed=options.mixed)
    asyncio.run(_until_signalled(server, options.account))
    return 0


async def _until_signalled(server: LoadServer, account: Path | None) -> None:
    running = asyncio.ensure_future(server.run(account=account))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    await asyncio.gather(running, return_exceptions=True)
