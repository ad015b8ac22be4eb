"""Named SQL: `queries.sql` beside its repository, in blocks that begin with `-- name --`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import LiteralString

_NAME = re.compile(r"^-- ([a-z][a-z0-9_]*) --\s*$")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement and its name; sent with a comment, so that the server's views show the name."""

    name: str
    text: LiteralString


class Queries(Mapping[str, Query]):
    """The queries of one file, by name."""

    def __init__(self, source: str, text: str) -> None:
        self._source = source
        self._queries = dict(_parse(source, text))

    def __getitem__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            raise KeyError(f"{self._source} has no query {name!r}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def __len__(self) -> int:
        return len(self._queries)


def load_queries(package: str | None, file: str = "queries.sql") -> Queries:
    """Read the named queries of `file` in `package` (pass `__package__`)."""
    assert package is not None, "queries belong to a package"  # noqa: S101 - a programmer's mistake
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    return Queries(f"{package}/{file}", text)


def _parse(source: str, text: str) -> Iterator[tuple[str, Query]]:
    name: str | None = None
    lines: list[str] = []
    seen: set[str] = set()

    def finished() -> tuple[str, Query]:
        body = "\n".join(lines).strip().rstrip(";")
        if not body:
            raise ValueError(f"{source}: query {name!r} is empty")
        assert name is not None  # noqa: S101 - called only inside a block
        return name, Query(name, f"/* {name} */ {body}")

    for number, line in enumerate(text.splitlines(), start=1):
        heading = _NAME.match(line)
        if heading is None:
            if name is None and line.strip() and not line.startswith("--"):
                raise ValueError(f"{source}:{number}: SQL before the first `-- name --`")
            lines.append(line)
            continue
        if name is not None:
            yield finished()
        name, lines = heading[1], []
        if name in seen:
            raise ValueError(f"{source}:{number}: query {name!r} stands twice")
        seen.add(name)
    if name is not None:
        yield finished()
