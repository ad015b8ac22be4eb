"""Pipelines, drawn and saved version by version, and what their nodes say. Decides, never asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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
class Steps:
    """What the nodes of a pipeline said of a picture."""

    measures: tuple[Measure, ...]
    step_ms: Mapping[str, float]

    @property
    def slowest(self) -> list[tuple[str, float]]:
        """The nodes with their milliseconds, the slowest first."""
        return sorted(self.step_ms.items(), key=lambda step: -step[1])
