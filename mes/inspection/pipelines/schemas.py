"""Bodies of the API of pipelines."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mes.contracts.quality import Sha256
from mes.inspection.pipelines.model import Pipeline, Version
from mes.inspection.pipelines.publication import Publication
from mes.inspection.rollout import Comparison
from mes.platform.errors import FieldError


class PipelineIn(BaseModel):
    """A new pipeline: a document of one's own, or a sample's name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=80)
    document: dict[str, Any] | None = None
    sample: str | None = Field(default=None, max_length=60)
    note: str = Field(default="", max_length=300)


class DocumentIn(BaseModel):
    """What a pipeline shall be from now on."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any]
    note: str = Field(default="", max_length=300)


class RunIn(BaseModel):
    """A document and a stored picture; `large` names the node whose picture is wanted at full size."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any]
    image_sha256: Sha256
    large: str | None = Field(default=None, max_length=60)


class PublishIn(BaseModel):
    """Where a version shall judge, or look on."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1)
    cameras: list[str] = Field(min_length=1, max_length=200)


class TakeBackIn(BaseModel):
    """Why a pipeline is taken back."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=3, max_length=300)


class PipelineOut(BaseModel):
    """A pipeline; `head` is its newest version and what a save sends as If-Match. Times are plant time."""

    id: UUID
    name: str
    head: int
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, pipeline: Pipeline) -> PipelineOut:
        """Show one pipeline."""
        return cls(
            id=pipeline.id,
            name=pipeline.name,
            head=pipeline.head,
            created_at=pipeline.created_at,
            created_by=pipeline.created_by,
        )


class VersionOut(BaseModel):
    """A saved state of a pipeline."""

    pipeline_id: UUID
    number: int
    content_sha256: str
    document: dict[str, Any]
    can_run: bool
    note: str
    saved_at: datetime
    saved_by: str

    @classmethod
    def of(cls, version: Version) -> VersionOut:
        """Show one version."""
        return cls(
            pipeline_id=version.pipeline_id,
            number=version.number,
            content_sha256=version.content_sha256,
            document=dict(version.document),
            can_run=version.can_run,
            note=version.note,
            saved_at=version.saved_at,
            saved_by=version.saved_by,
        )


class ChangeOut(BaseModel):
    """One difference between two versions, or one thing that is wrong: where, which rule, in words."""

    node: str
    rule: str
    message: str
    facts: dict[str, Any]

    @classmethod
    def of(cls, one: FieldError) -> ChangeOut:
        """Show one."""
        return cls(node=one.field, rule=one.rule, message=one.message, facts=dict(one.context))


class CheckOut(BaseModel):
    """Whether a document can run, and what keeps it from running."""

    can_run: bool
    content_sha256: str
    remarks: list[ChangeOut]


class PublicationOut(BaseModel):
    """A version at a camera."""

    camera: str
    pipeline_id: UUID
    name: str
    number: int
    bundle_sha256: str
    state: str
    every: int
    """As a canary it judges one part of so many."""
    began_at: datetime
    changed_at: datetime
    changed_by: str
    reason: str | None

    @classmethod
    def of(cls, one: Publication) -> PublicationOut:
        """Show one publication."""
        return cls(
            camera=one.camera,
            pipeline_id=one.pipeline_id,
            name=one.name,
            number=one.number,
            bundle_sha256=one.bundle_sha256,
            state=one.state.value,
            every=one.every,
            began_at=one.began_at,
            changed_at=one.changed_at,
            changed_by=one.changed_by,
            reason=one.reason,
        )


class ComparedOut(BaseModel):
    """A version on trial against what judges, on the same pictures."""

    trial: PublicationOut
    pictures: int
    both_nok: int
    new_alone: int
    """NOK or UNFIT to the version on trial alone."""
    old_alone: int
    agreement: float | None
    """Share of pictures with equal verdicts; None without pictures."""
    mean_ms: float
    """Of the version on trial."""

    @classmethod
    def of(cls, trial: Publication, compared: Comparison) -> ComparedOut:
        """Show one trial."""
        return cls(
            trial=PublicationOut.of(trial),
            pictures=compared.pictures,
            both_nok=compared.both_nok,
            new_alone=compared.new_alone,
            old_alone=compared.old_alone,
            agreement=compared.agreement,
            mean_ms=compared.mean_ms,
        )
