"""Names that people read, in both languages."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Text(BaseModel):
    """A name in English and Chinese."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: str = Field(min_length=1, max_length=200)
    zh: str = Field(min_length=1, max_length=200)

    def in_language(self, language: str) -> str:
        """Return the name in `language` (`zh…` or anything else for English)."""
        return self.zh if language.startswith("zh") else self.en
