"""Who this agent is: its token, its cached configuration, and the lock on its folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mes.contracts.agent import AgentConfig, Enrolled

Document = TypeVar("Document", bound=BaseModel)


class FolderInUse(Exception):
    """Another agent runs on this data folder."""


class FolderUnusable(Exception):
    """The data folder cannot be made or written to; the message says why."""


class CachedConfig(BaseModel):
    """A configuration and the journal it was issued for."""

    model_config = ConfigDict(frozen=True)

    instance: str
    config: AgentConfig


class Refusal(BaseModel):
    """A configuration that was taken back because the line fell silent under it."""

    model_config = ConfigDict(frozen=True)

    instance: str
    config: AgentConfig
    reason: str
    stands: bool = False
    """The line was heard again under the configuration before it."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The files of one agent. Those that hold secrets are readable by their owner alone."""

    path: Path

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.path / "journal.sqlite"

    @property
    def images(self) -> Path:
        """The folder of pictures that wait for the MES."""
        return self.path / "images"

    @property
    def models(self) -> Path:
        """Model packages that came from the MES."""
        return self.path / "models"

    def lock(self) -> int:
        """Claim the folder for this process, until the process ends.

        Raises:
            FolderInUse: another process has it.
            FolderUnusable: nothing can be kept there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderUnusable(f"nothing can be kept in {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise FolderInUse(f"another agent runs on {self.path}") from error
        return handle

    def instance(self, journal_id: str) -> str:
        """Return what tells two copies of one agent apart: the journal, the host, the folder's inode.

        A restart has the same value; a copied folder, another host or a new journal another one, and
        gets its own epoch from the MES.
        """
        folder = self.path.stat()
        facts = f"{journal_id}|{platform.node()}|{folder.st_dev}|{folder.st_ino}"
        return hashlib.sha256(facts.encode()).hexdigest()[:32]

    def enrolled(self) -> Enrolled | None:
        """Return what enrolment gave, if it has happened."""
        return _read(Enrolled, self.path / "token.json")

    def keep_enrolled(self, enrolled: Enrolled) -> None:
        """Keep the token, readable by the owner alone."""
        _write_private(self.path / "token.json", enrolled.model_dump_json())

    def cached_config(self, instance: str) -> AgentConfig | None:
        """Return the last configuration that proved itself, if it was issued to this instance."""
        return self._config("config.json", instance)

    def keep_config(self, instance: str, config: AgentConfig) -> None:
        """Keep a configuration that has proved itself, so that the agent starts with the MES away."""
        self._keep("config.json", CachedConfig(instance=instance, config=config))

    def staged_config(self, instance: str) -> AgentConfig | None:
        """Return the configuration that is on trial."""
        return self._config("staged.json", instance)

    def stage_config(self, instance: str, config: AgentConfig) -> None:
        """Keep a configuration beside the one that works until it is known to work too."""
        self._keep("staged.json", CachedConfig(instance=instance, config=config))

    def refusal(self, instance: str) -> Refusal | None:
        """Return what was taken back last."""
        kept = _read(Refusal, self.path / "refused.json")
        return kept if kept is not None and kept.instance == instance else None

    def keep_refusal(self, refusal: Refusal) -> None:
        """Keep what is taken back; it is no longer on trial."""
        self._keep("refused.json", refusal)
        (self.path / "staged.json").unlink(missing_ok=True)

    def end_trial(self) -> None:
        """Forget what was on trial or taken back."""
        for name in ("staged.json", "refused.json"):
            (self.path / name).unlink(missing_ok=True)

    def _config(self, name: str, instance: str) -> AgentConfig | None:
        cached = _read(CachedConfig, self.path / name)
        return cached.config if cached is not None and cached.instance == instance else None

    def _keep(self, name: str, document: BaseModel) -> None:
        _write_private(self.path / name, document.model_dump_json())


def _read(model: type[Document], path: Path) -> Document | None:
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step; a power cut leaves the old or the new one."""
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
