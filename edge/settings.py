"""What an agent is started with; everything else comes from the MES."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from edge.mes_tls import MesTls
from edge.opcua.security import LinkSecurity, Login, Policy
from mes.contracts.broker import BrokerAccess


class CodeUnreadable(Exception):
    """There is a file for the enrolment code, but it cannot be read; the message says why."""


class EdgeSettings(BaseSettings):
    """Settings by environment variable `C2M_EDGE__…` or by the options of `python -m edge`."""

    model_config = SettingsConfigDict(
        env_prefix="C2M_EDGE__", env_nested_delimiter="__", extra="ignore"
    )

    mes: str = "http://127.0.0.1:8000"
    """Address of the MES."""
    data: Path
    """Folder of the journal, the token, the cached configuration and the pictures."""
    mes_ca: Path | None = None
    """Authorities (PEM) from which the MES's certificate is believed; without it those of the system."""
    client_certificate: Path | None = None
    """Certificate (PEM) that proves who the agent is instead of a token; its key may stand in the same file."""
    client_key: Path | None = None
    nats: BrokerAccess = BrokerAccess()
    """NATS JetStream server that batches go through; without its `url` they go to the MES over HTTP."""
    code: SecretStr | None = None
    """One-time enrolment code; needed once. A process list shows it: prefer `code_file`."""
    code_file: Path | None = None
    """File with the enrolment code; the agent removes it once it has its token."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Serve Prometheus metrics on this loopback port."""
    packages: Path | None = None
    """Folder of model packages beside the shipped ones."""
    security: Policy = Policy.BASIC_256_SHA_256
    """What the link to the line is encrypted with; without it only when `None` is asked for by name."""
    trust: tuple[Path, ...] = ()
    """Folders with certificates (DER) of lines that are trusted beside those that plant IT approves."""
    user: str = ""
    """User of the session with the line; empty: anonymous, or the certificate below."""
    password_file: Path | None = None
    """File with the user's password."""
    user_certificate: Path | None = None
    """Certificate (DER) of the session's user, with `user_key` (PEM)."""
    user_key: Path | None = None
    telemetry_linger_s: float = Field(default=0.5, gt=0, le=10)
    """How long telemetry waits for company before it is written (and acknowledged)."""

    trial_s: float = Field(default=60.0, gt=0, le=3600)
    """Real seconds in which a line has to be heard under a new configuration before the old one comes back."""

    @model_validator(mode="after")
    def _certificate_needs_tls(self) -> EdgeSettings:
        if self.client_certificate is not None and not self.mes.startswith("https://"):
            raise ValueError("a client certificate needs a MES that begins with https://")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("a client key needs its certificate")
        return self

    def mes_tls(self) -> MesTls | None:
        """Return how to speak TLS with the MES; None: its address is plain HTTP."""
        if not self.mes.startswith("https://"):
            return None
        return MesTls(self.data / "mes-pki", self.mes_ca, self.client_certificate, self.client_key)

    def link_security(self, line: str) -> LinkSecurity:
        """Return the security of the links to a line; certificates lie in the folder `pki` beside the journal."""
        password = self.password_file.read_text().strip() if self.password_file is not None else ""
        return LinkSecurity(
            self.data / "pki",
            line,
            policy=self.security,
            login=Login(self.user, password, self.user_certificate, self.user_key),
            also=self.trust,
        )

    def enrolment_code(self) -> str | None:
        """Return the code given now, in the file first; a file may be put there while the agent runs."""
        try:
            kept = self.code_file.read_text().strip() if self.code_file is not None else ""
        except FileNotFoundError:
            kept = ""
        except (OSError, UnicodeDecodeError) as error:
            raise CodeUnreadable(f"cannot read the enrolment code: {error}") from error
        if kept:
            return kept
        return self.code.get_secret_value() if self.code is not None else None

    def forget_code(self) -> None:
        """Remove the file of a code that has been used; one that belongs to somebody else stays."""
        if self.code_file is not None:
            with contextlib.suppress(OSError):
                self.code_file.unlink()
