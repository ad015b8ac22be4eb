"""How batches travel through a NATS JetStream server: subjects, headers, proofs.

The bytes of a batch are those of `mes.contracts.wire`. Below the prefix (`c2m`):

- `batches.AGENT`: one frame, kept by the stream until the MES has answered it.
- `receipts.AGENT.REQUEST`: the MES's answer: a `BatchReceipt` or a problem. It alone releases the journal.
- `watermarks.AGENT`: a question (`WatermarkAsked`), answered with a `BatchReceipt`.

No secret passes the broker. Who sends proves that it has the device token, and so does who answers (`proof`):
a broker, or whoever has got into one, can neither speak for an agent nor make it forget a batch.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mes.contracts.wire import Stream

REQUEST = "C2M-Request"
"""Names one sending of one batch; its answer goes to `receipts.AGENT.REQUEST`."""
INSTANCE = "C2M-Instance"
OLDEST = "C2M-Oldest"
STATUS = "C2M-Status"
"""Of an answer, as HTTP has it: 200 is a receipt, anything else a problem."""
PROOF = "C2M-Proof"

REQUEST_FORM = r"[A-Za-z0-9-]{1,80}"
HEADROOM = 1024
"""Bytes of a message that its headers may take."""
CONNECT_S = 5
PING_S = 5
PINGS_MISSED = 2


@dataclass(frozen=True, slots=True)
class Subjects:
    """The subjects below a prefix."""

    prefix: str

    def batches(self, agent: UUID | str) -> str:
        """Where an agent's batches go; `*`: every agent's."""
        return f"{self.prefix}.batches.{agent}"

    def watermarks(self, agent: UUID | str) -> str:
        """Where an agent asks how far a stream has taken effect."""
        return f"{self.prefix}.watermarks.{agent}"

    def receipts(self, agent: UUID | str, request: str) -> str:
        """Where the answer to a request goes."""
        return f"{self.prefix}.receipts.{agent}.{request}"

    def inbox(self, agent: UUID) -> str:
        """What everything that an agent hears begins with."""
        return f"{self.prefix}.receipts.{agent}"


class WatermarkAsked(BaseModel):
    """How far has this stream of this epoch taken effect?"""

    model_config = ConfigDict(frozen=True)

    stream: Stream
    epoch: int = Field(ge=1)


def token_key(token: str) -> bytes:
    """Return what the MES stores of a device token, which is the key of the proofs."""
    return hashlib.sha256(token.encode()).digest()


def statement(kind: str, *facts: str, content: bytes) -> bytes:
    """Return the digest that a proof is made over. Facts have no line break."""
    digest = hashlib.sha256("\n".join((kind, *facts, "")).encode())
    digest.update(content)
    return digest.digest()


def proof(key: bytes, stated: bytes) -> str:
    """Return the proof (HMAC-SHA256) that who states something has the key."""
    return hmac.new(key, stated, hashlib.sha256).hexdigest()


def proves(key: bytes, stated: bytes, shown: str) -> bool:
    """Whether a proof is one of this key for this statement."""
    return hmac.compare_digest(proof(key, stated).encode(), shown.encode())


def heed_cancellation() -> None:
    """End a task that was cancelled while it waited for the broker and does not know of it.

    The client waits with `asyncio.wait_for`, which in Python 3.11 forgets a cancellation that comes together with
    what was waited for. Called after each wait, so that nothing runs on that was told to stop.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class BrokerAccess(BaseModel):
    """How to reach a NATS server. Secrets are in files, which are read at each connection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    """`nats://host:4222` or `tls://host:4222`; several with commas. None: batches go over HTTP."""
    prefix: str = Field(default="c2m", pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")
    """What the subjects begin with: one for each plant that shares the server."""
    user: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    """File with the broker's own token, where it has no users."""
    ca_file: Path | None = None
    """Certificates (PEM) that sign for the server; none: those of the system."""
    certificate_file: Path | None = None
    """Our certificate (PEM), where the server asks for one, with `key_file`."""
    key_file: Path | None = None

    def options(self) -> dict[str, Any]:
        """Return the arguments of `nats.connect`.

        A lost connection is closed, never patched up behind our back: what is published meanwhile would wait
        in memory and look as if it were on its way.

        Raises:
            OSError, ssl.SSLError: a file cannot be read or is no certificate.
        """
        options: dict[str, Any] = {
            "servers": [one.strip() for one in (self.url or "").split(",")],
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0.2,
            "connect_timeout": CONNECT_S,
            "ping_interval": PING_S,
            "max_outstanding_pings": PINGS_MISSED,
        }
        if self.user is not None:
            options["user"] = self.user
        for name, file in (("password", self.password_file), ("token", self.token_file)):
            if file is not None:
                options[name] = file.read_text().strip()
        if self.ca_file or self.certificate_file or "tls://" in (self.url or ""):
            options["tls"] = self._tls()
        return options

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.certificate_file is not None:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context
