"""Frozen dataclasses to canonical JSON and back, checked against their type hints."""

import dataclasses
import json
import types
import typing
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from aps.errors import ProblemError

T = TypeVar("T")
LATER = {"later": True}
"""Metadata of a field that came later: at its default it is not written, so that what was stored
before it keeps its text and its hash."""


def dumps(value: object) -> str:
    """Return JSON with sorted keys and no spaces, so that equal values give equal text."""
    hint: Any = type(value)
    write = _writer(hint)
    plain = value if write is None else write(value)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def loads(cls: type[T], text: str) -> T:
    """Read a dataclass from JSON. Raises `ProblemError` that names the field at fault."""
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise ProblemError("json.malformed", f"line {error.lineno}", error.msg) from error
    except RecursionError as error:
        raise ProblemError("json.malformed", "the text", "is nested too deep") from error
    hint: Any = cls
    return typing.cast(T, _reader(hint)(raw, cls.__name__.lower()))


Writer = Callable[[Any], Any]


@cache
def _writer(hint: Any) -> Writer | None:
    """Return the function that turns a value of this type into plain JSON; `None`: it is plain."""
    origin = typing.get_origin(hint)
    args = typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = next((w for w in map(_writer, args) if w is not None), None)
        if inner is None:
            return None
        write: Writer = inner
        return lambda value: None if value is None else write(value)
    if origin is frozenset:
        return sorted
    if origin is tuple and args[-1] is Ellipsis:
        item = _writer(args[0])
        return list if item is None else lambda value: [item(one) for one in value]
    if origin is tuple:
        return list
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _record_writer(hint)
    return None


def _record_writer(cls: type) -> Writer:
    hints = typing.get_type_hints(cls)
    fields = [(f.name, _writer(hints[f.name])) for f in dataclasses.fields(cls)]
    plain = [name for name, write in fields if write is None]
    nested = [(name, write) for name, write in fields if write is not None]
    later = [(f.name, f.default) for f in dataclasses.fields(cls) if "later" in f.metadata]

    def write_record(value: Any) -> Any:
        found = {name: getattr(value, name) for name in plain}
        for name, write in nested:
            found[name] = write(getattr(value, name))
        for name, default in later:
            if getattr(value, name) == default:
                del found[name]
        return found

    return write_record


Reader = Callable[[Any, str], Any]


@cache
def _reader(hint: Any) -> Reader:
    """Return the function that reads a value of this type at a path, or raises."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        return _tuple_reader(typing.get_args(hint))
    if origin is frozenset:
        item = _reader(typing.get_args(hint)[0])
        return lambda raw, path: frozenset(item(one, path) for one in _list(raw, path))
    if origin in (typing.Union, types.UnionType):
        return _union_reader(typing.get_args(hint))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _record_reader(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum_reader(hint)
    return _scalar_reader(hint)


def _tuple_reader(args: tuple[Any, ...]) -> Reader:
    if args[-1] is Ellipsis:
        item = _reader(args[0])
        return lambda raw, path: tuple(
            item(one, f"{path}[{i}]") for i, one in enumerate(_list(raw, path))
        )
    items = [_reader(arg) for arg in args]

    def read(raw: Any, path: str) -> Any:
        if len(_list(raw, path)) != len(items):
            raise ProblemError("json.length", path, f"needs {len(items)} values, has {len(raw)}")
        return tuple(one(value, path) for one, value in zip(items, raw, strict=True))

    return read


def _union_reader(args: tuple[Any, ...]) -> Reader:
    readers = [_reader(arg) for arg in args if arg is not type(None)]
    optional = type(None) in args

    def read(raw: Any, path: str) -> Any:
        if raw is None and optional:
            return None
        for one in readers[:-1]:
            try:
                return one(raw, path)
            except ProblemError:
                continue
        return readers[-1](raw, path)

    return read


def _record_reader(cls: type) -> Reader:
    hints = typing.get_type_hints(cls)
    fields = {f.name: _reader(hints[f.name]) for f in dataclasses.fields(cls)}
    required = {
        f.name
        for f in dataclasses.fields(cls)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }

    def read(raw: Any, path: str) -> Any:
        if not isinstance(raw, dict):
            raise ProblemError("json.type", path, f"must be an object, is {_kind(raw)}")
        for name in raw:
            if name not in fields:
                raise ProblemError("json.unknown_field", f"{path}.{name}", "is not a known field")
        for name in required:
            if name not in raw:
                raise ProblemError("json.missing_field", f"{path}.{name}", "is missing")
        return cls(**{name: fields[name](value, f"{path}.{name}") for name, value in raw.items()})

    return read


def _enum_reader(cls: type[Enum]) -> Reader:
    def read(raw: Any, path: str) -> Any:
        try:
            return cls(raw)
        except ValueError as error:
            allowed = ", ".join(str(member.value) for member in cls)
            raise ProblemError("json.value", path, f"is {raw!r}, not one of {allowed}") from error

    return read


def _scalar_reader(cls: type) -> Reader:
    def read(raw: Any, path: str) -> Any:
        if cls is float and isinstance(raw, int) and not isinstance(raw, bool):
            return float(raw)
        if not isinstance(raw, cls) or (cls is int and isinstance(raw, bool)):
            raise ProblemError("json.type", path, f"must be {cls.__name__}, is {_kind(raw)}")
        return raw

    return read


def _list(raw: Any, path: str) -> list[Any]:
    if not isinstance(raw, list):
        raise ProblemError("json.type", path, f"must be a list, is {_kind(raw)}")
    return raw


def _kind(raw: Any) -> str:
    return "nothing" if raw is None else type(raw).__name__
