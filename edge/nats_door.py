"""The way of batches through NATS JetStream: the same bytes as over HTTP, and the same receipts.

That JetStream has stored a batch means nothing to the journal: the broker acknowledges before its disk does, and
the MES may refuse. A batch is delivered when the MES says so, on a subject of this agent and with a proof. After
each new connection, and when a receipt did not come, the agent asks how far the MES is before it sends again.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Mapping
from secrets import token_hex
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from edge.backoff import Trouble
from edge.mes_client import MesAway, MesClient, MesRefused, parse, unsuccessful
from edge.mes_tls import TlsUnusable
from mes.contracts import broker
from mes.contracts.agent import BatchReceipt
from mes.contracts.broker import BrokerAccess, Subjects, WatermarkAsked
from mes.contracts.wire import Place, Stream, WireError, place_of

log = structlog.get_logger(__name__)

STORED_S = 5.0
RECEIPT_S = 10.0
ASK_S = 5.0
Unreachable = (NatsError, OSError, TimeoutError, ssl.SSLError)


class NatsDoor:
    """Delivers the batches of one agent through a broker; `run` keeps the connection.

    Args:
        mes: knows token and instance of this agent, and takes the batches that are too large for the broker.
    """

    def __init__(self, access: BrokerAccess, mes: MesClient, agent_id: UUID) -> None:
        self._access, self._mes, self._agent_id = access, mes, agent_id
        self._subjects = Subjects(access.prefix)
        self._client: Client | None = None
        self._closed = asyncio.Event()
        self._certified_key = b""
        self._waiting: dict[str, asyncio.Future[BatchReceipt]] = {}
        self._nonce, self._numbers = token_hex(8), itertools.count(1)
        self._unsure: set[Stream] = set(Stream)
        self._back = asyncio.Event()
        self.trouble = Trouble("uplink.nats")

    async def is_back(self) -> None:
        """Wait until the broker is reached again, or the MES answers behind it."""
        await self._back.wait()

    async def run(self) -> None:
        """Keep connected, for ever."""
        while True:
            closed = self._closed = asyncio.Event()
            try:
                if self._mes.shows_certificate:
                    self._certified_key = await self._mes.proof_key()
                client = await self._connect(closed)
            except (MesAway, MesRefused, TlsUnusable) as error:
                self.trouble.failed(str(error))
            except Unreachable as error:
                self.trouble.failed(f"{type(error).__name__}: {error}")
            else:
                try:
                    self._client, self._unsure = client, set(Stream)
                    self.trouble.over()
                    self._ring()
                    await closed.wait()
                    self.trouble.failed("the connection was lost")
                finally:
                    self._client = None
                    self._give_up_waiting()
                    await client.close()
            await self.trouble.wait()

    async def send_batch(self, frame: bytes, *, oldest: int) -> BatchReceipt:
        """Deliver one wire frame; the receipt means that the MES has committed it.

        Raises:
            MesAway: broker or MES cannot be reached, or no receipt came in time.
            MesRefused: the MES says why.
        """
        client = self._client
        if client is None:
            raise MesAway(f"no connection to NATS: {self.trouble.reason or 'not yet'}")
        if len(frame) + broker.HEADROOM > client.max_payload:
            return await self._mes.send_batch(frame, oldest=oldest)
        try:
            place = place_of(frame)
        except WireError:
            return await self._publish(client, frame, oldest)
        if place.stream in self._unsure:
            receipt = await self._standing(client, place)
            if receipt.watermark >= place.seq:
                return receipt
        try:
            receipt = await self._publish(client, frame, oldest)
        except (MesAway, asyncio.CancelledError):
            self._unsure.add(place.stream)
            raise
        self._unsure.discard(place.stream)
        return receipt

    async def _connect(self, closed: asyncio.Event) -> Client:
        async def on_closed() -> None:
            closed.set()

        async def on_error(error: Exception) -> None:
            log.debug("nats.error", reason=repr(error))

        access = self._mes.with_certificate(self._access)
        options = await asyncio.to_thread(access.options)
        client = Client()
        try:
            await client.connect(
                **options,
                name=f"c2m-edge {self._agent_id}",
                inbox_prefix=self._subjects.inbox(self._agent_id),
                closed_cb=on_closed,
                error_cb=on_error,
            )
            answers = self._subjects.receipts(self._agent_id, "*")
            await client.subscribe(answers, cb=self._on_answer)
            await client.flush(timeout=broker.CONNECT_S)
            broker.heed_cancellation()
        except BaseException:
            await client.close()
            raise
        return client

    async def _publish(self, client: Client, frame: bytes, oldest: int) -> BatchReceipt:
        """Hand a frame to the stream and wait for what the MES says of it."""
        request = self._next_request()
        answer: asyncio.Future[BatchReceipt] = asyncio.get_running_loop().create_future()
        self._waiting[request] = answer
        facts = self._facts("batch", request, str(oldest), content=frame)
        try:
            await client.jetstream(timeout=STORED_S).publish(
                self._subjects.batches(self._agent_id),
                frame,
                headers={**facts, broker.OLDEST: str(oldest)},
            )
            broker.heed_cancellation()
            async with asyncio.timeout(RECEIPT_S):
                return await answer
        except Unreachable as error:
            raise MesAway(f"no receipt through NATS: {type(error).__name__} {error}") from error
        finally:
            del self._waiting[request]

    async def _standing(self, client: Client, place: Place) -> BatchReceipt:
        """Ask how far the MES is with a stream."""
        request = self._next_request()
        body = WatermarkAsked(stream=place.stream, epoch=place.epoch).model_dump_json().encode()
        facts = self._facts("watermark", request, content=body)
        subject = self._subjects.watermarks(self._agent_id)
        try:
            message = await client.request(subject, body, timeout=ASK_S, headers=facts)
        except NoRespondersError as error:
            raise MesAway("no MES listens behind NATS") from error
        except Unreachable as error:
            raise MesAway(f"no answer through NATS: {type(error).__name__}") from error
        broker.heed_cancellation()
        return self._read(request, message)

    async def _on_answer(self, message: Msg) -> None:
        request = message.subject.rpartition(".")[2]
        answer = self._waiting.get(request)
        if answer is None:
            self._ring()  # it came late: the MES is there again
        elif not answer.done():
            try:
                answer.set_result(self._read(request, message))
            except (MesAway, MesRefused) as unwelcome:
                answer.set_exception(unwelcome)

    def _read(self, request: str, message: Msg) -> BatchReceipt:
        """Read an answer.

        Only the MES can make a receipt, or call a batch malformed: without its proof an answer is no reason to
        forget anything. That nobody was recognised needs no proof, since there is no key for one.
        """
        headers: Mapping[str, str] = message.headers or {}
        told = headers.get(broker.STATUS, "")
        status = int(told) if told.isdigit() else 502
        stated = broker.statement("answer", request, told, content=message.data)
        proven = broker.proves(self._key(), stated, headers.get(broker.PROOF, ""))
        if not proven and status != 401:
            raise MesAway(f"the answer {status} does not prove that it is the MES's")
        if status == 401 and self._mes.shows_certificate:
            self._closed.set()  # the certificate has a successor with a key of its own: ask for that one
        if status != 200:
            raise unsuccessful(status, message.data)
        return parse(BatchReceipt, message.data)

    def _facts(self, kind: str, request: str, *more: str, content: bytes) -> dict[str, str]:
        stated = broker.statement(kind, self._mes.instance, request, *more, content=content)
        return {
            broker.REQUEST: request,
            broker.INSTANCE: self._mes.instance,
            broker.PROOF: broker.proof(self._key(), stated),
        }

    def _key(self) -> bytes:
        if self._mes.shows_certificate:
            return self._certified_key
        return broker.token_key(self._mes.token or "")

    def _next_request(self) -> str:
        return f"{self._nonce}-{next(self._numbers)}"

    def _give_up_waiting(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(MesAway("the connection to NATS was lost"))

    def _ring(self) -> None:
        self._back.set()
        self._back = asyncio.Event()
