"""Publish requests over asyncua's channel and session, with the answers decoded in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import structlog
from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError, UaStructParsingError

from edge.opcua.publication import (
    WRITTEN_AGAINST,
    Publication,
    from_asyncua,
    installed,
    misfit,
    read_response,
)

log = structlog.get_logger(__name__)


NOT_REPUBLISHED = (
    ua.uaerrors.BadMessageNotAvailable,
    ua.uaerrors.BadServiceUnsupported,
    ua.uaerrors.BadNotImplemented,
    ua.uaerrors.BadNotSupported,
)
"""What a server answers that has a notification no more, or offers no Republish."""


class Publisher:
    """Sends publish requests on one session.

    asyncua decodes the answers where they are not of the usual shape, and all of them where its private parts are
    not those that the bulk path was written against.
    """

    def __init__(self, session: UaSession) -> None:
        self._session = session
        self._ask = self._in_bulk if _bulk_fits() else self._by_asyncua

    async def publish(self, acks: Sequence[ua.SubscriptionAcknowledgement]) -> Publication:
        """Ask for the next notification; returns when the server has one, or has nothing to say for long.

        Raises:
            UaError, OSError: the server refused, the session is gone, or the answer cannot be read.
        """
        return await self._ask(acks)

    async def republish(self, subscription_id: int, sequence: int) -> Publication | None:
        """Ask for a notification again that never came; None when the server does not have it any more."""
        try:
            message = await self._session.republish(subscription_id, sequence)
        except NOT_REPUBLISHED:
            return None
        again = replace(from_asyncua(subscription_id, message), published_ft=0)
        return again if again.sequence == sequence and not again.keep_alive else None

    async def _in_bulk(self, acks: Sequence[ua.SubscriptionAcknowledgement]) -> Publication:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = list(acks)
        answer = await self._session._send_request(request, timeout=0)
        try:
            found = read_response(bytes(answer))
            if found is not None:
                return found
            return _taken_over(struct_from_binary(ua.PublishResponse, answer))
        except UaError:
            raise
        except Exception as error:
            raise UaStructParsingError from error

    async def _by_asyncua(self, acks: Sequence[ua.SubscriptionAcknowledgement]) -> Publication:
        return _taken_over(await self._session.publish(list(acks)))


def _taken_over(response: ua.PublishResponse) -> Publication:
    response.ResponseHeader.ServiceResult.check()
    result = response.Parameters
    return from_asyncua(
        result.SubscriptionId, result.NotificationMessage, result.AvailableSequenceNumbers
    )


@cache
def _bulk_fits() -> bool:
    reason = misfit()
    if reason is not None:
        log.warning(
            "opcua.no_bulk_decoding",
            reason=reason,
            asyncua=installed(),
            written_against=WRITTEN_AGAINST,
        )
    return reason is None
