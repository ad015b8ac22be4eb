"""The MES as an agent sees it: one HTTP client, one method for each thing said."""

from __future__ import annotations

import asyncio
import json
import platform
import ssl
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from edge.mes_tls import MesTls, tls_reason
from mes.contracts.agent import (
    AgentConfig,
    BatchReceipt,
    Certified,
    CertifyRequest,
    CommandPage,
    Enrolled,
    EnrolRequest,
    Heartbeat,
    ProofKey,
)
from mes.contracts.broker import BrokerAccess
from mes.contracts.clock import PlantClock

Model = TypeVar("Model", bound=BaseModel)

REQUEST_TIMEOUT_S = 10.0
LONG_POLL_S = 25.0
MODEL_TIMEOUT_S = 60.0
HUNG_UP = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
INSTANCE_HEADER = "C2M-Instance"
"""Which copy of an agent speaks: two copies have two values, a restart keeps its own."""
OLDEST_HEADER = "C2M-Oldest"
"""The oldest batch of the stream that the agent still has: what lies before it cannot be sent again."""


class MesAway(Exception):
    """The MES cannot be reached or failed; the same request may succeed later."""


class MesRefused(Exception):
    """The MES understood and refused: `status` and `code` say why, `facts` hold the rest of the problem."""

    def __init__(self, status: int, code: str, detail: str, facts: dict[str, object]) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail, self.facts = status, code, detail, facts


class MesClient:
    """Speaks with one MES as one agent. All methods raise `MesAway` or `MesRefused`."""

    def __init__(
        self,
        url: str,
        *,
        instance: str,
        token: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        tls: MesTls | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._transport = transport
        self._tls = tls
        self._former: list[httpx.AsyncClient] = []
        self.instance = instance
        self.token: str | None = None
        self._http = self._opened()
        self._unreachable = False
        self._back = asyncio.Event()
        if token is not None:
            self.authenticate(token)

    async def is_back(self) -> None:
        """Wait until a MES that could not be reached answers anything at all again."""
        await self._back.wait()

    def authenticate(self, token: str) -> None:
        """Use this device token from now on."""
        self.token = token
        self._http.headers.update(self._proof())

    @property
    def shows_certificate(self) -> bool:
        """Whether this agent proves who it is by a client certificate, and not by its token."""
        return self._tls is not None and self._tls.proves

    def with_certificate(self, access: BrokerAccess) -> BrokerAccess:
        """Return how to reach a broker over TLS: with the certificate shown to the MES, unless it has its own.

        Raises:
            TlsUnusable: it cannot be used.
        """
        if self._tls is None or access.certificate_file is not None:
            return access
        pair = self._tls.files() if "tls://" in (access.url or "") else None
        if pair is None:
            return access
        return access.model_copy(update={"certificate_file": pair[0], "key_file": pair[1]})

    async def change_tls(self) -> None:
        """Make connections from now on with the certificate as it is now; requests under way end as they are.

        Raises:
            TlsUnusable: it cannot be used.
        """
        http = self._opened()
        for former in self._former:
            await former.aclose()
        self._former = [self._http]
        self._http = http

    def _opened(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._url,
            timeout=REQUEST_TIMEOUT_S,
            headers={INSTANCE_HEADER: self.instance, **self._proof()},
            trust_env=False,
            transport=self._transport,
            verify=self._tls.context() if self._tls is not None else True,
        )

    def _proof(self) -> dict[str, str]:
        if self.token is None or self.shows_certificate:
            return {}
        return {"Authorization": f"Bearer {self.token}"}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for http in (*self._former, self._http):
            await http.aclose()

    async def enrol(self, code: str) -> Enrolled:
        """Trade a one-time code for a device token."""
        body = EnrolRequest(code=code, host=platform.node() or "unknown", software=software())
        answer = await self._send(
            "POST", "/agent/v1/enrol", content=body.model_dump_json(), media="application/json"
        )
        return _parse(Enrolled, answer)

    async def config(self) -> AgentConfig:
        """Fetch the configuration, and with it the epoch of this copy of the agent."""
        return _parse(AgentConfig, await self._send("GET", "/agent/v1/config"))

    async def renew_certificate(self, request: str) -> Certified:
        """Have the key of a request (PKCS 10, PEM) certified: the successor of the certificate that is shown."""
        body = CertifyRequest(request=request).model_dump_json()
        answer = await self._send(
            "POST", "/agent/v1/certificate", content=body, media="application/json"
        )
        return _parse(Certified, answer)

    async def proof_key(self) -> bytes:
        """Fetch what an agent that shows a certificate proves its batches with that go through NATS."""
        answer = await self._send("POST", "/agent/v1/proof-key")
        return bytes.fromhex(_parse(ProofKey, answer).key)

    async def clock(self) -> PlantClock:
        """Fetch the plant clock."""
        return _parse(PlantClock, await self._send("GET", "/agent/v1/clock"))

    async def send_batch(self, frame: bytes, *, oldest: int) -> BatchReceipt:
        """Deliver one wire frame; the receipt means that the MES has committed it."""
        answer = await self._send(
            "POST",
            "/agent/v1/batches",
            content=frame,
            media="application/octet-stream",
            headers={OLDEST_HEADER: str(oldest)},
        )
        return _parse(BatchReceipt, answer)

    async def commands(self, after: int) -> CommandPage:
        """Wait up to 25 s for commands behind the cursor `after`."""
        answer = await self._send(
            "GET",
            "/agent/v1/commands",
            params={"after": after, "wait_s": LONG_POLL_S},
            timeout=LONG_POLL_S + REQUEST_TIMEOUT_S,
        )
        return _parse(CommandPage, answer)

    async def send_image(self, sha256: str, data: bytes) -> None:
        """Deliver a picture; sending it twice does no harm."""
        await self._send(
            "PUT", f"/agent/v1/images/{sha256}", content=data, media="application/octet-stream"
        )

    async def model(self, sha256: str) -> bytes:
        """Fetch the archive of a model package."""
        answer = await self._send("GET", f"/agent/v1/models/{sha256}", timeout=MODEL_TIMEOUT_S)
        return answer.content

    async def heartbeat(self, beat: Heartbeat) -> None:
        """Say how this agent is."""
        await self._send(
            "POST",
            "/agent/v1/heartbeat",
            content=beat.model_dump_json(),
            media="application/json",
        )

    async def _why(self, error: Exception) -> str:
        """Say why the MES was not reached, in words where they are known."""
        reason = tls_reason(error)
        if reason is None and isinstance(error, HUNG_UP) and self._tls and self._tls.proves:
            reason = await self._tls.why_it_hung_up(self._url)
        return reason or f"{type(error).__name__}: {error}"

    async def _send(
        self,
        method: str,
        path: str,
        *,
        content: bytes | str | None = None,
        media: str | None = None,
        params: dict[str, float] | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = REQUEST_TIMEOUT_S,
    ) -> httpx.Response:
        try:
            answer = await self._http.request(
                method,
                path,
                content=content,
                params=params,
                headers={**({"Content-Type": media} if media else {}), **(headers or {})},
                timeout=timeout,
            )
        except (httpx.TransportError, httpx.DecodingError, ssl.SSLError) as error:
            self._unreachable = True
            raise MesAway(await self._why(error)) from error
        if self._unreachable:
            self._unreachable = False
            self._back.set()
            self._back = asyncio.Event()
        if not answer.is_success:
            raise unsuccessful(answer.status_code, answer.content)
        return answer


def unsuccessful(status: int, body: bytes) -> MesAway | MesRefused:
    """Return what an answer means that is no success: try again later, or refused for a reason."""
    if status >= 500 or status in (408, 429):
        return MesAway(f"the MES answered {status}")
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    facts = problem if isinstance(problem, dict) else {}
    detail = str(facts.get("detail") or httpx.codes.get_reason_phrase(status))
    return MesRefused(status, str(facts.get("code") or "unknown"), detail, facts)


def _parse(model: type[Model], answer: httpx.Response) -> Model:
    return parse(model, answer.content)


def parse(model: type[Model], body: bytes) -> Model:
    """Read an answer.

    Raises:
        MesAway: it is not what was asked for.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise MesAway(f"the MES answered something that is no {model.__name__}") from error


def software() -> str:
    """Return name and version of this software."""
    try:
        return f"c2m-edge {version('c2m')}"
    except PackageNotFoundError:
        return "c2m-edge"
