"""Which batch may take effect, and what is set aside. Decides, never asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from mes.contracts.alarms import AlarmReport
from mes.contracts.controls import RecipeReport
from mes.contracts.dispatch import CommandResult, JobListReport
from mes.contracts.line_records import LineRecord, line_record
from mes.contracts.quality import InspectionResult
from mes.contracts.telemetry import Gap
from mes.contracts.wire import Stream
from mes.platform.errors import Conflict, Malformed


class BatchMalformed(Malformed):
    """The batch cannot be read: {why}. Nothing of it took effect."""

    code = "ingest.batch_malformed"


class SequenceGap(Conflict):
    """Batch {seq} of {stream} came before batch {expected}; send {expected} first."""

    code = "ingest.sequence_gap"


class UnknownEpoch(Conflict):
    """Epoch {epoch} was never issued to the agent of {line}; the current one is {current}."""

    code = "ingest.unknown_epoch"


class Arrival(Enum):
    """How a batch stands to what took effect before it."""

    NEXT = "next"
    DUPLICATE = "duplicate"
    AFTER_LOSS = "after_loss"
    """The batches between are gone for good: the agent does not have them any more."""


def arrival(watermark: int, seq: int, *, oldest: int | None, stream: Stream) -> Arrival:
    """Decide what to do with batch `seq` when everything up to `watermark` has taken effect.

    Args:
        oldest: the oldest batch that the agent still has, if it said so.

    Raises:
        SequenceGap: the agent has to send an earlier one first.
    """
    if seq <= watermark:
        return Arrival.DUPLICATE
    if seq == watermark + 1:
        return Arrival.NEXT
    if oldest == seq:
        return Arrival.AFTER_LOSS
    raise SequenceGap(seq=seq, expected=watermark + 1, stream=stream.name.lower())


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that could not take effect, and why. `number` is its place in the batch."""

    number: int | None
    code: str
    reason: str
    content: bytes


Result = InspectionResult | CommandResult | JobListReport | AlarmReport | RecipeReport

_result: TypeAdapter[Result] = TypeAdapter(Annotated[Result, Field(discriminator="type")])
_gap: TypeAdapter[Gap] = TypeAdapter(Gap)

T = TypeVar("T")


def read_records(lines: Sequence[bytes]) -> tuple[list[tuple[int, LineRecord]], list[SetAside]]:
    """Read line records; return those that can be read, with their places, and the others."""
    return _read(line_record, lines)


def read_results(lines: Sequence[bytes]) -> tuple[list[tuple[int, Result]], list[SetAside]]:
    """Read inspection results, command results, job lists, alarms and loaded recipes."""
    return _read(_result, lines)


def read_gaps(lines: Sequence[bytes]) -> tuple[list[tuple[int, Gap]], list[SetAside]]:
    """Read gaps."""
    return _read(_gap, lines)


def _read(
    adapter: TypeAdapter[T], lines: Sequence[bytes]
) -> tuple[list[tuple[int, T]], list[SetAside]]:
    good: list[tuple[int, T]] = []
    aside: list[SetAside] = []
    for number, line in enumerate(lines):
        try:
            good.append((number, adapter.validate_json(line)))
        except ValidationError as error:
            aside.append(SetAside(number, "record.unreadable", _words(error), line))
    return good, aside


def _words(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'record'}: {problem['msg']}"
        for problem in problems[:5]
    )
