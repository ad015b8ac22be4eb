"""Whether a server has subscriptions for us, and whether they are worth having."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from asyncua import ua

from edge.opcua.link import Link

KEEP_ALIVE_S = 5.0
NOT_OFFERED = (
    ua.uaerrors.BadServiceUnsupported,
    ua.uaerrors.BadNotImplemented,
    ua.uaerrors.BadNotSupported,
    ua.uaerrors.BadTooManySubscriptions,
)
"""What a server answers that offers no subscription, or none to us."""
_NO_ITEMS = frozenset({"BadServiceUnsupported", "BadNotImplemented", "BadNotSupported"})
"""Of every item: the server monitors nothing. Too many items are another matter: those are tried again."""
SLOW = 4.0
SLOW_AT_LEAST_MS = 2000.0
"""A server that samples or publishes by so much slower than asked is read instead (`edge.opcua.polling`)."""


class NoSubscriptions(Exception):
    """The server offers no subscriptions, or too slow ones: what is wanted of it has to be read.

    `passing`: it may offer them later (all of them are in use now).
    """

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing


def require_worth(reasons: Collection[str], slowest_ms: Mapping[int, float]) -> None:
    """Refuse subscriptions that are far from what was asked.

    Args:
        reasons: why each item that was asked for is not monitored; empty: it is.
        slowest_ms: by the rate that was asked for, how often values come.

    Raises:
        NoSubscriptions: no item was taken, or values would come much slower than asked.
    """
    if reasons and set(reasons) <= _NO_ITEMS:
        raise NoSubscriptions(", ".join(sorted(set(reasons))))
    for rate, slowest in slowest_ms.items():
        if slowest >= max(SLOW * rate, SLOW_AT_LEAST_MS):
            raise NoSubscriptions(f"values every {slowest:g} ms where {rate} ms were asked")


async def offers_subscription(link: Link) -> bool:
    """Whether a server has a subscription for this session; it is asked for one and given it back."""
    parameters = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=KEEP_ALIVE_S * 1000,
        RequestedLifetimeCount=3,
        RequestedMaxKeepAliveCount=1,
        PublishingEnabled=False,
    )
    link.session.ensure_publish_loop = lambda: None  # type: ignore[method-assign]
    try:
        made = await link.session.create_subscription(parameters, lambda _: None)
    except NOT_OFFERED:
        return False
    await link.session.delete_subscriptions([made.SubscriptionId])
    return True
