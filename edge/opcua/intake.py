"""Publish requests in flight on one session: what they bring, in its order, and again what never came."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog
from asyncua import ua
from asyncua.client.ua_session import UaSession

from edge.opcua.publication import Publication
from edge.opcua.publish import Publisher

log = structlog.get_logger(__name__)

PUBLISHES_IN_FLIGHT = 4
LAST_SEQUENCE = 0xFFFFFFFF
"""Behind it the sequence numbers of a subscription begin again at 1 (OPC 10000-4 §7.8)."""
MOST_REPUBLISHED = 100
"""So many publications at most are asked for again at once."""


class Intake:
    """Asks for publications and hands them over.

    Args:
        knows: whether a subscription is one of ours; another one is left from a former life, and deleted.
        hand_over: called for each publication in its order, with whether one right before it stays missing.
        lose: called when the server says that a subscription is over.
    """

    def __init__(
        self,
        session: UaSession,
        *,
        knows: Callable[[int], bool],
        hand_over: Callable[[Publication, bool], None],
        lose: Callable[[str], None],
    ) -> None:
        self._session = session
        self._publisher = Publisher(session)
        self._knows = knows
        self._hand_over = hand_over
        self._lose = lose
        self._acks: deque[ua.SubscriptionAcknowledgement] = deque()
        self._next_sequence: dict[int, int] = {}
        self._turn = asyncio.Lock()
        self.round_trip_s = 0.0
        """How long the last publish request took."""

    def acknowledge(self, subscription_id: int, sequence: int) -> None:
        """Let the server forget a publication; it is told with the next request."""
        self._acks.append(ua.SubscriptionAcknowledgement(subscription_id, sequence))

    async def run(self) -> None:
        """Ask for ever.

        Raises:
            OSError, ua.UaError: the session failed.
        """
        async with asyncio.TaskGroup() as tasks:
            for _ in range(PUBLISHES_IN_FLIGHT):
                tasks.create_task(self._publish_forever())

    async def _publish_forever(self) -> None:
        while True:
            asked = time.monotonic()
            acks, self._acks = list(self._acks), deque()
            try:
                publication = await self._publisher.publish(acks)
            except (ua.uaerrors.BadTimeout, ua.uaerrors.UaStructParsingError) as error:
                log.warning("publish.failed", reason=repr(error))
                continue
            self.round_trip_s = time.monotonic() - asked
            async with self._turn:
                await self._take(publication)

    async def _take(self, publication: Publication) -> None:
        """Hand a publication over, behind those before it that did not come and are asked for again."""
        subscription_id, sequence = publication.subscription_id, publication.sequence
        if not self._knows(subscription_id):
            await self._session.delete_subscriptions([subscription_id])
            return
        if publication.lost is not None:
            self._lose(publication.lost)
        if publication.keep_alive:
            return
        expected = self._next_sequence.get(subscription_id, sequence)
        if sequence < expected and expected - sequence < LAST_SEQUENCE // 2:
            return  # it was asked for again, and came then
        missed = await self._recover(subscription_id, range(expected, sequence))
        self._next_sequence[subscription_id] = sequence % LAST_SEQUENCE + 1
        self._hand_over(publication, missed)

    async def _recover(self, subscription_id: int, sequences: range) -> bool:
        """Ask for publications again that never came; True when something right before the next stays missing."""
        missed = len(sequences) > MOST_REPUBLISHED
        for sequence in sequences[-MOST_REPUBLISHED:]:
            again = await self._publisher.republish(subscription_id, sequence)
            if again is None:
                missed = True
            else:
                self._hand_over(again, missed)
                missed = False
        if sequences:
            log.info("publication.asked_again", count=len(sequences), missing=missed)
        return missed
