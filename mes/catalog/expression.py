"""Usage expressions over codes, as in `S2 & (SUN | PAN) & !AWD`.

Grammar, loosest first: `any := all ('|' all)*`, `all := not ('&' not)*`,
`not := '!' not | '(' any ')' | CODE`. An empty expression is always true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\s*(?:(?P<code>[A-Z0-9][A-Z0-9_]*)|(?P<sign>[&|!()])|(?P<other>\S))")


class ExpressionError(ValueError):
    """A usage expression cannot be read: `column` (from 1) is where, the message says why."""

    def __init__(self, text: str, column: int, why: str) -> None:
        self.text = text
        self.column = column
        self.why = why
        super().__init__(f"{why} at column {column} of {text!r}")


@dataclass(frozen=True, slots=True)
class Always:
    """Holds for every car."""

    def holds(self, codes: Set[str]) -> bool:
        return True

    def codes(self) -> frozenset[str]:
        return frozenset()

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Has:
    """The car has this code (option, model or colour)."""

    code: str

    def holds(self, codes: Set[str]) -> bool:
        return self.code in codes

    def codes(self) -> frozenset[str]:
        return frozenset({self.code})

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True)
class Not:
    """The car is not so."""

    inner: Expression

    def holds(self, codes: Set[str]) -> bool:
        return not self.inner.holds(codes)

    def codes(self) -> frozenset[str]:
        return self.inner.codes()

    def __str__(self) -> str:
        wrapped = isinstance(self.inner, (AllOf, AnyOf))
        return f"!({self.inner})" if wrapped else f"!{self.inner}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Expression, ...]

    def holds(self, codes: Set[str]) -> bool:
        return all(part.holds(codes) for part in self.parts)

    def codes(self) -> frozenset[str]:
        return frozenset().union(*(part.codes() for part in self.parts))

    def __str__(self) -> str:
        wrapped = (f"({p})" if isinstance(p, (AllOf, AnyOf)) else str(p) for p in self.parts)
        return " & ".join(wrapped)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Expression, ...]

    def holds(self, codes: Set[str]) -> bool:
        return any(part.holds(codes) for part in self.parts)

    def codes(self) -> frozenset[str]:
        return frozenset().union(*(part.codes() for part in self.parts))

    def __str__(self) -> str:
        return " | ".join(f"({p})" if isinstance(p, AnyOf) else str(p) for p in self.parts)


Expression = Always | Has | Not | AllOf | AnyOf


@lru_cache(maxsize=8192)
def parse(text: str) -> Expression:
    """Read a usage expression.

    Raises:
        ExpressionError: a sign is missing, superfluous or unknown; says at which column.
    """
    return _Parser(text).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    column: int
    is_code: bool


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        column = match.start(match.lastgroup or 0) + 1
        if match["other"]:
            raise ExpressionError(text, column, f"unknown sign {match['other']!r}")
        yield _Token(match[match.lastgroup or 0], column, match["code"] is not None)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0

    def whole(self) -> Expression:
        if not self._tokens:
            return Always()
        found = self._any()
        token = self._peek()
        if token is not None:
            raise self._error(token, f"'&' or '|' expected before {token.text!r}")
        return found

    def _any(self) -> Expression:
        parts = [self._all()]
        while self._take("|"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Expression:
        parts = [self._not()]
        while self._take("&"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _not(self) -> Expression:
        self._depth += 1
        if self._depth > 100:
            raise ExpressionError(self._text, 1, "more than 100 levels of '(' and '!'")
        try:
            return self._one()
        finally:
            self._depth -= 1

    def _one(self) -> Expression:
        token = self._peek()
        if token is None:
            raise ExpressionError(self._text, len(self._text) + 1, "a code is missing")
        if self._take("!"):
            return Not(self._not())
        if self._take("("):
            inner = self._any()
            if not self._take(")"):
                raise self._error(self._peek(), f"')' is missing for '(' of column {token.column}")
            return inner
        if not token.is_code:
            raise self._error(token, f"a code is missing before {token.text!r}")
        self._next += 1
        return Has(token.text)

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, sign: str) -> bool:
        token = self._peek()
        if token is None or token.text != sign:
            return False
        self._next += 1
        return True

    def _error(self, token: _Token | None, why: str) -> ExpressionError:
        return ExpressionError(self._text, token.column if token else len(self._text) + 1, why)
