"""Lines and numbers of a text file, with errors that name the file and the line."""

from collections.abc import Iterator
from pathlib import Path

from aps.errors import FileError

MOST = 10**12
"""No number of a published instance is larger; sums of a million of them stay below 2⁶³."""


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield ("file:line", text) of every non-empty line. Raises `FileError` if unreadable."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileError("file.unreadable", str(path), error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise FileError("file.unreadable", str(path), f"is not UTF-8 text: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield f"{path}:{number}", line.strip()


def integers(where: str, values: list[str]) -> list[int]:
    """Return the values as whole numbers, none negative."""
    found = []
    for value in values:
        try:
            number = int(value)
        except ValueError as error:
            raise FileError("file.number", where, f"{value!r} is not a whole number") from error
        if number < 0:
            raise FileError("file.negative", where, f"{number} is negative")
        if number > MOST:
            raise FileError("file.number", where, f"{number} is too large a number")
        found.append(number)
    return found
