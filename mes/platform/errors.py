"""Errors that explain themselves: one class per situation, answered as RFC 9457 problem+json.

The docstring of a class is its message; keyword arguments are its facts and fill the braces.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as field_
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the input: where, which rule, in words, and the rule's own facts."""

    field: str
    rule: str
    message: str
    context: Mapping[str, object] = field_(default_factory=dict)


class Problem(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"

    def __init__(self, *, errors: Sequence[FieldError] = (), **facts: object) -> None:
        template = inspect.cleandoc(type(self).__doc__ or "")
        self.facts = facts
        self.errors = tuple(errors)
        self.detail = template.format(**facts)
        super().__init__(self.detail)


class Invalid(Problem):
    """The input is not valid."""

    status = 422
    code = "invalid"


class Malformed(Problem):
    """The request cannot be read: {why}"""

    status = 400
    code = "malformed"


class Unauthenticated(Problem):
    """Sign in first."""

    status = 401
    code = "unauthenticated"


class Forbidden(Problem):
    """This is not allowed for you."""

    status = 403
    code = "forbidden"


class NotFound(Problem):
    """There is no such thing."""

    status = 404
    code = "not_found"


class Conflict(Problem):
    """This contradicts what is already there."""

    status = 409
    code = "conflict"


class Gone(Problem):
    """This is no longer available."""

    status = 410
    code = "gone"


class TooLarge(Problem):
    """The request has more than {limit_bytes} bytes; send less at a time."""

    status = 413
    code = "too_large"


class UnsupportedMedia(Problem):
    """This content type is not taken here."""

    status = 415
    code = "unsupported_media"


class TooMany(Problem):
    """Too many attempts; try again in {retry_after_s} seconds."""

    status = 429
    code = "too_many"


class Unavailable(Problem):
    """The service cannot answer now; try again."""

    status = 503
    code = "unavailable"
