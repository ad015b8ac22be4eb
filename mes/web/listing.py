"""Lists: pages whose place is in the URL, and the same rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from mes.web.formats import Formats

PAGE_SIZE = 50
MAX_EXPORT = 100_000
"""Rows of an export; more is for the API, page by page."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is shown."""

    path: str
    query: Mapping[str, str]
    number: int
    total: int
    size: int = PAGE_SIZE

    @property
    def first(self) -> int:
        """The place of the first row shown, from 1."""
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        """The place of the last row shown."""
        return min(self.number * self.size, self.total)

    def _at(self, number: int) -> str:
        return f"{self.path}?{urlencode({**self.query, 'page': str(number)})}"

    @property
    def previous(self) -> str:
        """The address of the page before; empty when there is none."""
        return self._at(self.number - 1) if self.number > 1 else ""

    @property
    def next(self) -> str:
        """The address of the page after; empty when there is none."""
        return self._at(self.number + 1) if self.last < self.total else ""

    @property
    def csv(self) -> str:
        """The address of the same list as CSV."""
        return f"{self.path}.csv?{urlencode(self.query)}"


def page_of(request: Request, total: int, number: int) -> Page:
    """Return the page of this request; its filters stay in every link."""
    query = {key: value for key, value in request.query_params.items() if key != "page" and value}
    return Page(request.url.path, query, number, total)


def csv_answer(
    name: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]], f: Formats
) -> Response:
    """Answer rows as CSV with a byte order mark, which spreadsheets need for Chinese; times are local."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column], f) for column in columns])
    return Response(
        "\ufeff" + text.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _cell(value: object, f: Formats) -> object:
    if isinstance(value, datetime):
        return f.iso(value)
    if isinstance(value, list | tuple):
        return " ".join(str(one) for one in value)
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t"):
        return f"'{value}"  # a spreadsheet must not take it for a formula
    return "" if value is None else value
