"""What an edge agent and the MES say to each other, but for the batches (`mes.contracts.wire`).

The agent opens every connection:
`POST /agent/v1/enrol` (one-time code → token) · `GET /agent/v1/config` · `GET /agent/v1/clock` ·
`POST /agent/v1/batches` (body: one wire frame) · `GET /agent/v1/commands?after=N&wait_s=S` (long poll) ·
`PUT /agent/v1/images/{sha256}` · `GET /agent/v1/models/{sha256}` · `POST /agent/v1/heartbeat` ·
`POST /agent/v1/certificate` (the successor of its client certificate).
All but enrolment and the clock carry `Authorization: Bearer TOKEN`, or come over TLS with an agent's client
certificate, and carry `C2M-Instance`, which tells two copies of one agent apart.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mes.contracts.clock import PlantClock
from mes.contracts.controls import StationControls
from mes.contracts.dispatch import Command
from mes.contracts.plc import LineInterface
from mes.contracts.quality import Sha256
from mes.contracts.wire import Stream

PROTOCOL_VERSION = 1
AGENT_AUTHORITY = "C2M agents"
"""Common name of the MES's own authority: what it has signed, it renews."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class EnrolRequest(_Message):
    """A one-time code, typed in or handed over at installation."""

    code: str = Field(min_length=8, max_length=200)
    host: str = Field(max_length=200)
    software: str = Field(max_length=50)


class Enrolled(_Message):
    """The device token is shown once and stored hashed by the MES."""

    agent_id: UUID
    token: str
    line: str
    epoch: int = Field(ge=1)


class CertifyRequest(_Message):
    """An agent asks for the successor of its client certificate; its key stays with it."""

    request: str = Field(max_length=20_000)
    """PKCS 10, PEM."""


class Certified(_Message):
    """A client certificate and the authority that signed it, both PEM."""

    certificate: str
    authority: str
    not_after: AwareDatetime
    """Real time."""


class ProofKey(_Message):
    """What an agent that shows a certificate proves its batches with that come through NATS."""

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the HMAC, hexadecimal; it goes with the certificate and ends with it."""


class ModelRole(StrEnum):
    """What a model does at a camera."""

    ACTIVE = "active"
    CANARY = "canary"
    """Judges one part of `CameraModel.every`, and looks on at the others."""
    SHADOW = "shadow"
    """Looks on: its verdicts are compared, the line never hears them."""


class CameraModel(_Message):
    """Which model package judges a camera's pictures, per variant (`*`: every variant)."""

    camera: str
    package: str
    version: str
    sha256: Sha256
    """Of the model's graph."""
    variants: tuple[str, ...] = ("*",)
    package_sha256: Sha256 | None = None
    """Of the package's archive, fetched with `GET /agent/v1/models/{sha256}`; None: it ships with the agent."""
    role: ModelRole = ModelRole.ACTIVE
    every: int = Field(default=5, ge=2)
    """A canary judges one part of so many."""


class ModelHealth(_Message):
    """A model that an agent cannot use; what judged before goes on."""

    camera: str
    package_sha256: Sha256 | None
    role: ModelRole
    reason: str = Field(max_length=500)


class CertificatePlace(StrEnum):
    """Where a certificate stands with an agent (OPC 10000-12: the trust list of an application)."""

    OWN = "own"
    TRUSTED = "trusted"
    REJECTED = "rejected"
    """Shown by a line and not trusted: plant IT approves it or leaves it."""
    REVOKED = "revoked"


class CertificateState(_Message):
    """One OPC UA application certificate as an agent holds it; times are real time."""

    thumbprint: Sha256
    """SHA-256 of the DER bytes."""
    place: CertificatePlace
    subject: str
    uri: str = ""
    """Application URI in the subject's alternative names."""
    not_before: AwareDatetime
    not_after: AwareDatetime


class AgentConfig(_Message):
    """Everything the agent runs on; cached on disk, so that it starts with the MES away."""

    version: int = Field(ge=1)
    protocol: int = PROTOCOL_VERSION
    agent_id: UUID
    epoch: int = Field(ge=1)
    """Issued by the MES when it fences another agent with the same id, not at restart."""
    interface: LineInterface
    controls: StationControls = StationControls()
    """Beside the interface: agents of an older version read no field there that they do not know."""
    models: tuple[CameraModel, ...] = ()
    publish_interval_ms: int = Field(default=250, ge=10, le=60_000)
    journal_max_bytes: int = Field(default=1 << 30, ge=1 << 20)
    image_folder_max_bytes: int = Field(default=1 << 28, ge=1 << 20)
    keep_ok_image_every: int = Field(default=20, ge=1)
    trusted: tuple[Sha256, ...] = ()
    """Certificates of lines that plant IT has approved, by thumbprint."""
    revoked: tuple[Sha256, ...] = ()
    """Certificates that plant IT has withdrawn; this wins over every other place."""
    takes_backlog: bool = False
    """Whether this MES knows `Stream.BACKLOG`; an older one says nothing of it."""
    takes_recipes: bool = False
    """Whether this MES takes `RecipeReport`; an older one says nothing of it."""
    clock: PlantClock


class RefusedConfig(_Message):
    """A configuration that an agent took back, because its line fell silent under it; an older one runs."""

    version: int = Field(ge=1)
    reason: str = Field(max_length=500)


class CommandPage(_Message):
    """Commands after the cursor, oldest first; an empty page ends a long poll without news."""

    commands: tuple[Command, ...] = ()
    cursor: int = Field(ge=0)
    config_version: int = Field(ge=1)


class BatchReceipt(_Message):
    """The MES has committed everything of this stream up to and including `watermark`."""

    stream: Stream
    watermark: int = Field(ge=0)
    duplicate: bool = False
    fenced: bool = False
    """A newer epoch exists: the batch was kept, but this agent's commands and writes are not valid."""


class LinkState(_Message):
    """What the agent knows of its line."""

    connected: bool
    since: AwareDatetime
    """Real time."""
    last_data_at: AwareDatetime | None
    """Real time of the last value or keep-alive that carried data."""
    detail: str = ""
    skew_ms: Annotated[float | None, Field()] = None
    """The server's clock minus the agent's, both real time, at the last publication."""
    polled: str = ""
    """Why the line is read again and again instead of subscribed to; empty: it is not."""


class Heartbeat(_Message):
    """Health of an agent, every few real seconds."""

    epoch: int
    software: str
    config_version: int | None
    sent_at: AwareDatetime
    """Real time."""
    link: LinkState
    journal_bytes: int = Field(ge=0)
    journal_batches: int = Field(ge=0)
    images_waiting: int = Field(ge=0)
    gaps: int = Field(ge=0)
    values_per_s: float = Field(ge=0)
    inspections: int = Field(ge=0)
    late: int = Field(ge=0)
    certificates: tuple[CertificateState, ...] = ()
    unusable_models: tuple[ModelHealth, ...] = ()
    commands: tuple[str, ...] = ()
    """The kinds of commands it knows; an agent of an older version does not say (`FIRST_KINDS`)."""
    refused_config: RefusedConfig | None = None
    conditions: int = Field(default=0, ge=0)
    """Alarms and conditions that stand at the line."""
    alarm_states_merged: int = Field(default=0, ge=0)
    """States of conditions that were not told one by one."""
