"""What Prometheus learns of the door behind NATS; `c2m worker` serves it (`C2M_WORKER__METRICS_PORT`)."""

from __future__ import annotations

from datetime import UTC, datetime

from nats.aio.msg import Msg
from nats.js.api import ConsumerInfo
from prometheus_client import Counter, Gauge, Histogram

from mes.contracts.agent import BatchReceipt
from mes.platform.errors import Problem

ANSWERED = Counter(
    "c2m_nats_batches_total",
    "Batches answered by this worker: receipt, duplicate, or the code of the problem",
    ["answer"],
)
REDELIVERED = Counter(
    "c2m_nats_redelivered_total",
    "Batches that came to this worker although they had been out before",
)
LAG = Histogram(
    "c2m_nats_lag_seconds",
    "Real time from the broker's taking a batch to its answer",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600, 3600),
)
WAITING = Gauge("c2m_nats_waiting", "Batches in the stream that no worker has been given")
UNANSWERED = Gauge("c2m_nats_unanswered", "Batches that are with a worker, of all workers")
CONNECTED = Gauge("c2m_nats_connected", "Whether this worker takes batches in: 1 or 0")


def answered(message: Msg, answer: BatchReceipt | Problem) -> None:
    """Count a batch that has its answer."""
    match answer:
        case Problem():
            ANSWERED.labels(answer.code).inc()
        case BatchReceipt():
            ANSWERED.labels("duplicate" if answer.duplicate else "receipt").inc()
    if message.metadata.num_delivered > 1:
        REDELIVERED.inc()
    LAG.observe(max((datetime.now(UTC) - message.metadata.timestamp).total_seconds(), 0.0))


def standing(consumer: ConsumerInfo) -> None:
    """Note how much waits at the broker."""
    WAITING.set(consumer.num_pending or 0)
    UNANSWERED.set(consumer.num_ack_pending or 0)
