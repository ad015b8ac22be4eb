"""Batches that come through NATS JetStream: the same bytes, and the same service, as through HTTP.

Each worker that runs this pulls from one durable consumer, so more workers share the load. A message is dropped
from the stream when it has been answered, whatever the answer: the agent has the batch until a receipt says
that it is committed, and sends again what was refused. One whose worker dies comes again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NothingCame
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import NotFoundError
from psycopg_pool import PoolTimeout
from pydantic import ValidationError

from mes.agents import service as agents
from mes.agents.model import Identity
from mes.contracts import broker
from mes.contracts.agent import BatchReceipt
from mes.contracts.broker import Subjects, WatermarkAsked
from mes.ingest import metrics, service
from mes.ingest.arriving import take_in_turn
from mes.ingest.turns import Turns
from mes.platform.clock import Clock
from mes.platform.db import Database
from mes.platform.errors import Malformed, Problem, Unavailable
from mes.platform.http import problem_body
from mes.platform.settings import NatsSettings

log = structlog.get_logger()

CONSUMER = "ingest"
WORKERS = "c2m-ingest"
PULL_S = 5.0
ANSWER_S = 5.0
TAKEN_FOR_DEAD_S = 30.0
"""A batch that a worker has not answered for so long goes to another one."""
LAG_EVERY_S = 5.0
KEPT_BACK = 1000
"""Batches that may be with workers at once, of all agents."""


class BrokerLost(ConnectionError):
    """The connection to the NATS server was lost."""


class StreamNotOurs(RuntimeError):
    """The stream exists and does not take the subjects of the agents; the message says which."""


@asynccontextmanager
async def connected(settings: NatsSettings, *, closed: asyncio.Event) -> AsyncIterator[Client]:
    """Connect to the broker for the length of a block; `closed` is set when the connection is lost."""

    async def on_closed() -> None:
        closed.set()

    async def on_error(error: Exception) -> None:
        log.debug("nats.error", reason=repr(error))

    options = await asyncio.to_thread(settings.options)
    client = Client()
    try:
        await client.connect(**options, name="c2m", closed_cb=on_closed, error_cb=on_error)
        yield client
    finally:
        await client.close()


async def provide_stream(context: JetStreamContext, settings: NatsSettings) -> StreamInfo:
    """Make the stream, or bring its limits to those of the settings.

    Raises:
        StreamNotOurs: somebody else's stream has this name.
    """
    subject = Subjects(settings.prefix).batches("*")
    limits = StreamConfig(
        name=settings.stream,
        subjects=[subject],
        retention=RetentionPolicy.WORK_QUEUE,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        max_bytes=settings.max_bytes,
        max_age=settings.max_age_h * 3600,
        num_replicas=settings.replicas,
    )
    try:
        found = await context.stream_info(settings.stream)
    except NotFoundError:
        made = await context.add_stream(limits)
        log.info("ingest.nats.stream_made", stream=settings.stream)
        return made
    if subject not in (found.config.subjects or []):
        taken = ", ".join(found.config.subjects or [])
        raise StreamNotOurs(f"stream {settings.stream} takes {taken}, not {subject}")
    kept = (found.config.max_bytes, found.config.max_age, found.config.num_replicas)
    if kept != (limits.max_bytes, limits.max_age, limits.num_replicas):
        return await context.update_stream(
            found.config.evolve(
                max_bytes=limits.max_bytes, max_age=limits.max_age, num_replicas=settings.replicas
            )
        )
    return found


class NatsIntake:
    """Takes in what agents deliver through the broker, in one worker process."""

    def __init__(self, database: Database, clock: Clock, settings: NatsSettings) -> None:
        self._database, self._clock, self._settings = database, clock, settings
        self._subjects = Subjects(settings.prefix)
        self._turns = Turns()

    async def run(self) -> None:
        """Take batches in until the connection is lost.

        Raises:
            BrokerLost, nats.errors.Error, OSError: it is, or there was none.
        """
        closed = asyncio.Event()
        async with connected(self._settings, closed=closed) as client:
            context = client.jetstream(timeout=ANSWER_S)
            await provide_stream(context, self._settings)
            asked = self._subjects.watermarks("*")

            async def tell(message: Msg) -> None:
                await self._tell_watermark(client, message)

            await client.subscribe(asked, queue=WORKERS, cb=tell)
            broker.heed_cancellation()
            works = [
                asyncio.create_task(self._pull_for_ever(client, context))
                for _ in range(self._settings.at_once)
            ]
            works.append(asyncio.create_task(_lost(closed)))
            works.append(asyncio.create_task(self._watch_lag(context)))
            log.info("ingest.nats.listening", stream=self._settings.stream)
            metrics.CONNECTED.set(1)
            try:
                ended, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
                first = ended.pop()
                if first.cancelled():
                    raise BrokerLost("the connection to the NATS server was given up")
                first.result()
            finally:
                metrics.CONNECTED.set(0)
                for work in works:
                    work.cancel()
                await asyncio.gather(*works, return_exceptions=True)

    async def _watch_lag(self, context: JetStreamContext) -> None:
        """Tell Prometheus for ever how much waits; a broker that is slow to say so is asked again."""
        while True:
            with contextlib.suppress(NatsError):  # at the very beginning there is no consumer
                metrics.standing(await context.consumer_info(self._settings.stream, CONSUMER))
            broker.heed_cancellation()
            await asyncio.sleep(LAG_EVERY_S)

    async def _pull_for_ever(self, client: Client, context: JetStreamContext) -> None:
        """Take in one batch after the other."""
        batches = await context.pull_subscribe(
            self._subjects.batches("*"),
            durable=CONSUMER,
            stream=self._settings.stream,
            config=ConsumerConfig(
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=TAKEN_FOR_DEAD_S,
                max_ack_pending=KEPT_BACK,
                max_deliver=-1,
            ),
        )
        while True:
            broker.heed_cancellation()
            try:
                (message,) = await batches.fetch(1, timeout=PULL_S)
            except NothingCame:
                continue
            broker.heed_cancellation()
            await self._take(client, message)

    async def _take(self, client: Client, message: Msg) -> None:
        """Take in one message and answer it; then it may be forgotten."""
        headers: Mapping[str, str] = message.headers or {}
        request, instance = headers.get(broker.REQUEST, ""), headers.get(broker.INSTANCE, "")
        if re.fullmatch(broker.REQUEST_FORM, request) is None:
            log.warning("ingest.nats.not_ours", subject=message.subject)
            await message.term()
            return
        oldest = headers.get(broker.OLDEST, "")
        key: bytes | None = None
        try:
            stated = broker.statement("batch", instance, request, oldest, content=message.data)
            identity, key = await self._who(message, stated)
            batch = await asyncio.to_thread(service.read_batch, message.data)
            answer: BatchReceipt | Problem = await take_in_turn(
                self._database,
                self._clock,
                self._turns,
                identity,
                batch,
                oldest=int(oldest) if oldest.isdigit() else None,
            )
        except Exception as error:
            answer = _as_problem(error)
        agent = message.subject.rpartition(".")[2]
        facts, body = _answer(answer, request, key)
        await client.publish(self._subjects.receipts(agent, request), body, headers=facts)
        await message.ack()
        metrics.answered(message, answer)

    async def _tell_watermark(self, client: Client, message: Msg) -> None:
        """Answer how far a stream has taken effect."""
        headers: Mapping[str, str] = message.headers or {}
        request, instance = headers.get(broker.REQUEST, ""), headers.get(broker.INSTANCE, "")
        key: bytes | None = None
        try:
            stated = broker.statement("watermark", instance, request, content=message.data)
            identity, key = await self._who(message, stated)
            asked = WatermarkAsked.model_validate_json(message.data)
            async with self._database.read() as conn:
                answer: BatchReceipt | Problem = await service.standing(
                    conn, identity, asked.stream, asked.epoch
                )
        except ValidationError as error:
            answer = Malformed(why=str(error))
        except Exception as error:
            answer = _as_problem(error)
        facts, body = _answer(answer, request, key)
        await client.publish(message.reply, body, headers=facts)

    async def _who(self, message: Msg, stated: bytes) -> tuple[Identity, bytes]:
        headers = message.headers or {}
        try:
            agent_id = UUID(message.subject.rpartition(".")[2])
        except ValueError as error:
            raise Malformed(why="the subject does not end with an agent's id") from error
        async with self._database.read() as conn:
            return await agents.identify_by_proof(
                conn,
                agent_id,
                headers.get(broker.INSTANCE),
                stated=stated,
                proof=headers.get(broker.PROOF, ""),
                real_now=self._clock.real_now(),
            )


def _answer(
    answer: BatchReceipt | Problem, request: str, key: bytes | None
) -> tuple[dict[str, str], bytes]:
    """Return headers and body; without a key, because nobody was recognised, it proves nothing."""
    if isinstance(answer, BatchReceipt):
        status, body = 200, answer.model_dump_json().encode()
    else:
        status, body = answer.status, json.dumps(problem_body(answer)).encode()
    facts = {broker.STATUS: str(status)}
    if key is not None:
        stated = broker.statement("answer", request, str(status), content=body)
        facts[broker.PROOF] = broker.proof(key, stated)
    return facts, body


def _as_problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, PoolTimeout | psycopg.OperationalError):
        log.warning("ingest.nats.database_away", error=str(error))
        return Unavailable()
    log.error("ingest.nats.failed", exc_info=error)
    return Problem()


async def _lost(closed: asyncio.Event) -> None:
    await closed.wait()
    raise BrokerLost("the connection to the NATS server was lost")
