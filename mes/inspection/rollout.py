"""How a model comes to the line: registered → shadow → canary → active → retired. Decides, never asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from mes.platform.errors import Conflict, Invalid, NotFound, TooLarge

MAX_PACKAGE_BYTES = 16 << 20
CANARY_EVERY = 5
"""A canary judges one part of so many, unless another share is asked for."""


class UnknownModel(NotFound):
    """No model package {package} is registered."""

    code = "model.unknown"


class UnknownCamera(NotFound):
    """The plant has no camera {camera}."""

    code = "model.unknown_camera"


class PackageRefused(Invalid):
    """This is no model package that can be used: {why}"""

    code = "model.refused"


class PackageTooLarge(TooLarge):
    """A model package has at most {limit_bytes} bytes."""

    code = "model.too_large"


class WrongScene(Conflict):
    """{model} is for {shop}; the camera {camera} looks at {scene}."""

    code = "model.wrong_scene"


class TrialRuns(Conflict):
    """{camera} tries a model already; promote it or roll it back first."""

    code = "model.trial_runs"


class PipelineTrialRuns(Conflict):
    """{camera} tries {pipeline} already; promote it or roll it back first."""

    code = "pipeline.trial_runs"


class JudgesItself(Conflict):
    """{camera} is a vision system that judges by itself; no model or pipeline is asked there."""

    code = "model.judges_itself"


class AlreadyActive(Conflict):
    """{model} judges at {camera} already."""

    code = "model.already_active"


class NothingOnTrial(Conflict):
    """No model is on trial at {camera}."""

    code = "model.nothing_on_trial"


class NothingToRollBack(Conflict):
    """At {camera} the model that ships with the agents judges; there is nothing to roll back to."""

    code = "model.nothing_to_roll_back"


class RolloutState(StrEnum):
    """Where a model stands at a camera."""

    SHADOW = "shadow"
    CANARY = "canary"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Model:
    """A registered package; `registered_at` is real time."""

    package_sha256: str
    name: str
    version: str
    shop: str
    model_sha256: str
    data_sha256: str
    pipeline_version: str
    licence: str
    parents: list[str]
    bytes: int
    manifest: Mapping[str, Any]
    registered_at: datetime
    registered_by: str

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    @property
    def watch_limit(self) -> float | None:
        """How far from the middle 95 % of good pictures lie, in spreads; None: it does not watch features."""
        found: Mapping[str, Any] = self.manifest.get("extra", {}).get("watch", {})
        return found.get("limit")

    @property
    def summary(self) -> Mapping[str, Any]:
        """What was measured when it was trained: escape, overkill, AUROC; empty when nothing was."""
        found: Mapping[str, Any] = self.manifest.get("metrics", {}).get("summary", {})
        return found


@dataclass(frozen=True, slots=True)
class Rollout:
    """A model at a camera; times are plant time. `followed` is the rollout it took the place of."""

    id: UUID
    camera: str
    package_sha256: str
    state: RolloutState
    began_at: datetime
    changed_at: datetime
    changed_by: str
    reason: str | None
    followed: UUID | None
    every: int = CANARY_EVERY
    """As a canary it judges one part of so many."""

    def moved(
        self, state: RolloutState, *, now: datetime, actor: str, reason: str | None = None
    ) -> Rollout:
        """Return the rollout in another state."""
        return replace(self, state=state, changed_at=now, changed_by=actor, reason=reason)


@dataclass(frozen=True, slots=True)
class Camera:
    """What stands at a camera: the rollouts in force, newest former one included."""

    id: str
    active: Rollout | None
    trial: Rollout | None

    @classmethod
    def of(cls, camera: str, rollouts: Sequence[Rollout]) -> Camera:
        """Pick what is in force out of a camera's rollouts."""
        at = [rollout for rollout in rollouts if rollout.camera == camera]
        active = [r for r in at if r.state is RolloutState.ACTIVE]
        trial = [r for r in at if r.state in (RolloutState.SHADOW, RolloutState.CANARY)]
        return cls(camera, active[0] if active else None, trial[0] if trial else None)

    def promoted(self, *, now: datetime, actor: str, every: int = CANARY_EVERY) -> list[Rollout]:
        """Return what changes when the model on trial goes one state further, retirements first.

        Args:
            every: a canary judges one part of so many.

        Raises:
            NothingOnTrial: no model is on trial here.
        """
        if self.trial is None:
            raise NothingOnTrial(camera=self.id)
        if self.trial.state is RolloutState.SHADOW:
            canary = self.trial.moved(RolloutState.CANARY, now=now, actor=actor)
            return [replace(canary, every=every)]
        risen = self.trial.moved(RolloutState.ACTIVE, now=now, actor=actor)
        if self.active is None:
            return [risen]
        former = self.active.moved(RolloutState.RETIRED, now=now, actor=actor)
        return [former, replace(risen, followed=self.active.id)]

    def rolled_back(
        self, former: Rollout | None, *, now: datetime, actor: str, reason: str
    ) -> list[Rollout]:
        """Return what changes when the newest step is taken back, retirements first.

        A model on trial ends its trial. Otherwise the active one gives way to the one before it, `former`,
        or to the package that ships.

        Raises:
            NothingToRollBack: the shipped package judges, and nothing is on trial.
        """
        ending = self.trial or self.active
        if ending is None:
            raise NothingToRollBack(camera=self.id)
        retired = ending.moved(RolloutState.RETIRED, now=now, actor=actor, reason=reason)
        if self.trial is not None or former is None:
            return [retired]
        return [retired, former.moved(RolloutState.ACTIVE, now=now, actor=actor, reason=reason)]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two models judged the same pictures at a camera."""

    camera: str
    pictures: int
    both_nok: int
    new_alone: int
    old_alone: int
    mean_ms: float

    @property
    def agreement(self) -> float | None:
        """Share of pictures with equal verdicts; None without pictures."""
        if not self.pictures:
            return None
        return 1 - (self.new_alone + self.old_alone) / self.pictures
