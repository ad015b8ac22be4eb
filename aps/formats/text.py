"""Lines and numbers of a text file, with errors that name the file and the line."""

from collections.abc import Iterator
from pathlib import Path

from aps.errors import FileError


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield ("file:line", text) of every non-empty line. Raises `FileError` if unreadable."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError("file.unreadable", str(path), str(error)) from error
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
        found.append(number)
    return found
