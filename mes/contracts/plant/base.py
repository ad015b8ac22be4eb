"""What every part of a plant file is, and the codes they go by."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""A human code of the plant: lower case, digits and hyphens."""


class Part(BaseModel):
    """A part of the plant file: unchangeable, and without a field that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")
