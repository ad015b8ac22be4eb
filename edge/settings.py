"""What an agent is started with; everything else comes from the MES."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class EdgeSettings(BaseSettings):
    """Settings by environment variable `C2M_EDGE__…` or by the options of `python -m edge`."""

    model_config = SettingsConfigDict(env_prefix="C2M_EDGE__", extra="ignore")

    mes: str = "http://127.0.0.1:8000"
    """Address of the MES."""
    data: Path
    """Folder of the journal, the token, the cached configuration and the pictures."""
    code: SecretStr | None = None
    """One-time enrolment code; needed once."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Serve Prometheus metrics on this loopback port."""
    packages: Path | None = None
    """Folder of model packages beside the shipped ones."""
    telemetry_linger_s: float = Field(default=0.5, gt=0, le=10)
    """How long telemetry waits for company before it is written (and acknowledged)."""
