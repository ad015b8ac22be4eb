"""How a pipeline comes to a camera: shadow → canary → published → retired. Decides, never asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mes.inspection.rollout import CANARY_EVERY, PipelineTrialRuns
from mes.platform.errors import Conflict


class NothingPublished(Conflict):
    """No pipeline is published at {camera}; its model judges alone."""

    code = "pipeline.nothing_published"


class AlreadyPublished(Conflict):
    """{pipeline} judges at {camera} already."""

    code = "pipeline.already_published"


class NoPipelineOnTrial(Conflict):
    """No pipeline is on trial at {camera}."""

    code = "pipeline.nothing_on_trial"


class PublicationState(StrEnum):
    """Where a version stands at a camera."""

    SHADOW = "shadow"
    """Looks on; the line never hears it."""
    CANARY = "canary"
    """Judges a share of the parts, and looks on at the others."""
    PUBLISHED = "published"
    RETIRED = "retired"


ON_TRIAL = (PublicationState.SHADOW, PublicationState.CANARY)


@dataclass(frozen=True, slots=True)
class Publication:
    """A version at a camera. `followed` is the publication it took the place of."""

    id: UUID
    camera: str
    pipeline_id: UUID
    number: int
    content_sha256: str
    bundle_sha256: str
    state: PublicationState
    began_at: datetime
    changed_at: datetime
    changed_by: str
    reason: str | None
    followed: UUID | None
    name: str
    """Of the pipeline."""
    every: int = CANARY_EVERY
    """As a canary it judges one part of so many."""

    @property
    def title(self) -> str:
        """Name and version, as people call it."""
        return f"{self.name} v{self.number}"

    def moved(
        self, state: PublicationState, *, now: datetime, actor: str, reason: str | None = None
    ) -> Publication:
        """Return the publication in another state."""
        return replace(self, state=state, changed_at=now, changed_by=actor, reason=reason)


@dataclass(frozen=True, slots=True)
class Place:
    """The pipelines in force at a camera: the one that judges, and the one on trial."""

    camera: str
    present: Publication | None
    trial: Publication | None

    @classmethod
    def of(cls, camera: str, publications: Iterable[Publication]) -> Place:
        """Pick what is in force out of a camera's publications."""
        at = [one for one in publications if one.camera == camera]
        present = [one for one in at if one.state is PublicationState.PUBLISHED]
        trial = [one for one in at if one.state in ON_TRIAL]
        return cls(camera, present[0] if present else None, trial[0] if trial else None)

    def published(self, new: Publication) -> list[Publication]:
        """Return what changes when a version shall judge every part at once, retirements first.

        Raises:
            AlreadyPublished: the same content judges here.
            PipelineTrialRuns: the same content is on trial here.
        """
        if self.trial is not None and self.trial.bundle_sha256 == new.bundle_sha256:
            raise PipelineTrialRuns(camera=self.camera, pipeline=self.trial.title)
        if self.present is None:
            return [new]
        self._is_other(new)
        retired = self.present.moved(
            PublicationState.RETIRED, now=new.changed_at, actor=new.changed_by
        )
        return [retired, replace(new, followed=self.present.id)]

    def tried(self, new: Publication) -> list[Publication]:
        """Return what changes when a version begins to look on.

        Raises:
            AlreadyPublished: the same content judges here.
            PipelineTrialRuns: another trial is under way.
        """
        if self.trial is not None:
            raise PipelineTrialRuns(camera=self.camera, pipeline=self.trial.title)
        self._is_other(new)
        return [replace(new, state=PublicationState.SHADOW)]

    def promoted(self, *, every: int, now: datetime, actor: str) -> list[Publication]:
        """Return what changes when the version on trial goes one state further, retirements first.

        Args:
            every: a canary judges one part of so many.

        Raises:
            NoPipelineOnTrial: none is.
        """
        if self.trial is None:
            raise NoPipelineOnTrial(camera=self.camera)
        if self.trial.state is PublicationState.SHADOW:
            canary = self.trial.moved(PublicationState.CANARY, now=now, actor=actor)
            return [replace(canary, every=every)]
        risen = self.trial.moved(PublicationState.PUBLISHED, now=now, actor=actor)
        if self.present is None:
            return [risen]
        retired = self.present.moved(PublicationState.RETIRED, now=now, actor=actor)
        return [retired, replace(risen, followed=self.present.id)]

    def rolled_back(
        self, former: Publication | None, *, now: datetime, actor: str, reason: str
    ) -> list[Publication]:
        """Return what changes when the newest step is taken back, retirements first.

        A trial ends. Otherwise the pipeline gives way to the one before it, `former`, or to the model alone.

        Raises:
            NothingPublished: none is in force here.
        """
        ending = self.trial or self.present
        if ending is None:
            raise NothingPublished(camera=self.camera)
        retired = ending.moved(PublicationState.RETIRED, now=now, actor=actor, reason=reason)
        if self.trial is not None or former is None:
            return [retired]
        back = former.moved(PublicationState.PUBLISHED, now=now, actor=actor, reason=reason)
        return [retired, back]

    def without_trial(self) -> Place:
        """Return the place as if nothing were on trial."""
        return replace(self, trial=None)

    def _is_other(self, new: Publication) -> None:
        if self.present is not None and self.present.bundle_sha256 == new.bundle_sha256:
            raise AlreadyPublished(pipeline=self.present.title, camera=self.camera)
