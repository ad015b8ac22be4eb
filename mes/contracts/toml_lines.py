"""Where things stand in a TOML text: the line of every table, key and array element.

`tomllib` reads values and forgets places. This follows the same text once more, assuming that it is valid
TOML, and keeps for each path (`lines.3.stations.0.cycle_s`) the number of the line that it starts on.
"""

from __future__ import annotations

import re

Path = tuple[str, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_BARE = re.compile(r"[^,\]}\n#]+")


def lines_by_path(text: str) -> dict[Path, int]:
    """Return the 1-based line of every table header, key and array element of valid TOML."""
    return _Follower(text).lines()


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """Return the line of `path`, or of the nearest thing around it that stands in the text."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Follower:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}

    def lines(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]

    def _note(self, path: Path) -> None:
        self._lines.setdefault(path, self._text.count("\n", 0, self._at) + 1)

    def _key(self) -> Path:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            parts.append(self._skip(_KEY).strip("\"'"))
            self._skip(_SPACE)
            if self._text[self._at : self._at + 1] != ".":
                return tuple(parts)
            self._at += 1

    def _header(self) -> Path:
        start = self._at
        of_array = self._text.startswith("[[", self._at)
        self._at += 2 if of_array else 1
        keys = self._key()
        path: Path = ()
        for depth, key in enumerate(keys, start=1):
            path = (*path, key)
            if of_array and depth == len(keys):
                self._tables[path] = self._tables.get(path, -1) + 1
            if path in self._tables:
                path = (*path, str(self._tables[path]))
        after, self._at = self._at + (2 if of_array else 1), start
        self._note(path[:-1] if of_array else path)
        self._note(path)
        self._at = after
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = (*table, *self._key())
        equals, self._at = self._at, start
        for depth in range(len(table) + 1, len(path) + 1):
            self._note(path[:depth])
        self._at = equals + 1
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        match self._text[self._at : self._at + 1]:
            case "[":
                self._elements(path, closing="]")
            case "{":
                self._elements(path, closing="}")
            case _:
                if not self._skip(_STRING):
                    self._skip(_BARE)

    def _elements(self, path: Path, *, closing: str) -> None:
        self._at += 1
        index = 0
        self._skip(_BLANK)
        while self._text[self._at] != closing:
            if self._text[self._at] == ",":
                self._at += 1
            elif closing == "}":
                self._pair(path)
            else:
                self._note((*path, str(index)))
                self._value((*path, str(index)))
                index += 1
            self._skip(_BLANK)
        self._at += 1
