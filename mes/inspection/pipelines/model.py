"""Pipelines: drawn, saved version by version, published to cameras, taken back. Decides, never asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from mes.contracts.quality import Measure
from mes.platform.errors import Conflict, Invalid, NotFound


class UnknownPipeline(NotFound):
    """There is no pipeline {pipeline}."""

    code = "pipeline.unknown"


class UnknownPipelineVersion(NotFound):
    """Pipeline {name} has no version {number}; its newest is {head}."""

    code = "pipeline.unknown_version"


class UnknownSample(NotFound):
    """No sample is called {sample}; there are {known}."""

    code = "pipeline.unknown_sample"


class PipelineNameTaken(Conflict):
    """A pipeline is called {name} already."""

    code = "pipeline.name_taken"


class PipelineChanged(Conflict):
    """{by} has saved version {current} of {name} meanwhile; you began with version {seen}: {difference}"""

    code = "pipeline.changed_meanwhile"


class PipelineUnreadable(Invalid):
    """This is no pipeline: {why}"""

    code = "pipeline.unreadable"


class PipelineCannotRun(Invalid):
    """This pipeline cannot run: {why}"""

    code = "pipeline.cannot_run"


class PipelineHasJudged(Conflict):
    """{name} was published at {cameras}: verdicts refer to it, so it stays."""

    code = "pipeline.has_judged"


class NothingPublished(Conflict):
    """No pipeline is published at {camera}; its model judges alone."""

    code = "pipeline.nothing_published"


class AlreadyPublished(Conflict):
    """{pipeline} judges at {camera} already."""

    code = "pipeline.already_published"


class PublicationState(StrEnum):
    """Where a version stands at a camera."""

    PUBLISHED = "published"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline; `head` is the number of its newest version. Times are plant time."""

    id: UUID
    name: str
    head: int
    created_at: datetime
    created_by: str

    def seen_as(self, head: int, *, by: str, difference: str) -> Pipeline:
        """Return the pipeline if the caller saw its newest version.

        Raises:
            PipelineChanged: somebody saved since.
        """
        if head != self.head:
            raise PipelineChanged(
                name=self.name, seen=head, current=self.head, by=by, difference=difference
            )
        return self


@dataclass(frozen=True, slots=True)
class Version:
    """A saved state of a pipeline."""

    pipeline_id: UUID
    number: int
    content_sha256: str
    document: Mapping[str, Any]
    can_run: bool
    note: str
    saved_at: datetime
    saved_by: str


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

    @property
    def title(self) -> str:
        """Name and version, as people call it."""
        return f"{self.name} v{self.number}"

    def moved(
        self, state: PublicationState, *, now: datetime, actor: str, reason: str | None = None
    ) -> Publication:
        """Return the publication in another state."""
        return replace(self, state=state, changed_at=now, changed_by=actor, reason=reason)


def published(new: Publication, present: Publication | None) -> list[Publication]:
    """Return what changes when a version is published at a camera, retirements first.

    Raises:
        AlreadyPublished: the same content judges there.
    """
    if present is None:
        return [new]
    if present.bundle_sha256 == new.bundle_sha256:
        raise AlreadyPublished(pipeline=present.title, camera=new.camera)
    retired = present.moved(PublicationState.RETIRED, now=new.changed_at, actor=new.changed_by)
    return [retired, replace(new, followed=present.id)]


def rolled_back(
    camera: str,
    present: Publication | None,
    former: Publication | None,
    *,
    now: datetime,
    actor: str,
    reason: str,
) -> list[Publication]:
    """Return what changes when a camera's pipeline is taken back: to the one before it, or to the model alone.

    Raises:
        NothingPublished: none is published there.
    """
    if present is None:
        raise NothingPublished(camera=camera)
    retired = present.moved(PublicationState.RETIRED, now=now, actor=actor, reason=reason)
    if former is None:
        return [retired]
    back = former.moved(PublicationState.PUBLISHED, now=now, actor=actor, reason=reason)
    return [retired, back]


@dataclass(frozen=True, slots=True)
class Steps:
    """What the nodes of a pipeline said of a picture."""

    measures: tuple[Measure, ...]
    step_ms: Mapping[str, float]

    @property
    def slowest(self) -> list[tuple[str, float]]:
        """The nodes with their milliseconds, the slowest first."""
        return sorted(self.step_ms.items(), key=lambda step: -step[1])
