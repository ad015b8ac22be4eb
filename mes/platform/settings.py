"""Settings from the environment (`C2M_…`, nested with `__`: `C2M_DB__DSN`, `C2M_HTTP__PORT`)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mes.contracts.broker import BrokerAccess


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DbSettings(_Section):
    dsn: str | None = None
    """libpq connection string of a PostgreSQL 16+ server; none: the embedded one in the data directory."""
    pool_min: PositiveInt = 1
    pool_max: PositiveInt = 10
    statement_timeout_s: PositiveFloat = 60


class TlsSettings(_Section):
    """TLS of `c2m serve` itself, with files in PEM; without a certificate it speaks plain HTTP."""

    certificate: Path | None = None
    """The server's own certificate, and those between it and its authority behind it."""
    key: Path | None = None
    key_password_file: Path | None = None
    client_ca: Path | None = None
    """Authorities whose certificates agents may show, beside the MES's own."""

    @model_validator(mode="after")
    def _both_or_none(self) -> TlsSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate needs its key, and a key its certificate; give both")
        return self

    @property
    def is_on(self) -> bool:
        """Whether the server speaks TLS."""
        return self.certificate is not None


class HttpSettings(_Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    public_url: str | None = None
    """What a customer's link begins with; none: `http://host:port`, with TLS `https://host:port`."""
    max_body_bytes: PositiveInt = 1 << 20
    max_upload_bytes: PositiveInt = 20 << 20
    secure_cookies: bool = False
    """Set it behind a proxy that speaks TLS; with `tls` here they are."""
    tls: TlsSettings = TlsSettings()

    @property
    def url(self) -> str:
        """The address people type."""
        scheme = "https" if self.tls.is_on else "http"
        return self.public_url or f"{scheme}://{self.host}:{self.port}"


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class PlanSettings(_Section):
    wall_s: PositiveFloat = 20
    """Wall budget of a full solve."""
    workers: PositiveInt = 1
    """Solver processes of this machine."""
    dask: str | None = Field(default=None, pattern=r"^(tcp|tls)://[^/\s]+:\d+$")
    """Scheduler of the Dask cluster that solves, `tcp://host:8786`; none: processes of this machine."""


class TelemetrySettings(_Section):
    """Plant days that process values are kept, by how far they are summed up; without a number for ever."""

    raw_days: PositiveInt = 14
    second_days: PositiveInt = 14
    minute_days: PositiveInt | None = None
    hour_days: PositiveInt | None = None


class NatsSettings(BrokerAccess):
    """The NATS JetStream server that agents may deliver through, and how much it may keep."""

    stream: str = Field(default="C2M", pattern=r"^[A-Za-z0-9_-]+$")
    """Name of the JetStream stream; made when it is not there."""
    max_bytes: PositiveInt = 1 << 30
    """A full stream refuses, and what it refused waits in the agents' journals."""
    max_age_h: PositiveFloat = 24
    """What nobody took for so long is dropped by the broker; the agents still have it."""
    replicas: int = Field(default=1, ge=1, le=5)
    at_once: int = Field(default=8, ge=1, le=32)
    """Batches that one worker takes in at once."""


class WorkerSettings(_Section):
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """A worker serves Prometheus metrics on this loopback port; 0: on a free one, which its log names."""


class ReviewSettings(_Section):
    second_looks: float = Field(default=0.05, ge=0, le=1)
    """Share of the reviewed pictures that a second person judges blind; 0: none."""


class Settings(BaseSettings):
    """All settings of a server process."""

    model_config = SettingsConfigDict(
        env_prefix="C2M_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    data_dir: Path = Path(".c2m")
    db: DbSettings = DbSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    plan: PlanSettings = PlanSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    nats: NatsSettings = NatsSettings()
    worker: WorkerSettings = WorkerSettings()
    review: ReviewSettings = ReviewSettings()

    @property
    def authority_dir(self) -> Path:
        """Where the MES keeps the authority that signs the certificates of its agents."""
        return self.data_dir / "authority"

    @property
    def image_dir(self) -> Path:
        """Where inspection images are kept."""
        return self.data_dir / "images"
