"""Flexible job shop in the `.fjs` text format (Brandimarte, Fattahi, Behnke and others).

First line "jobs machines [ignored]"; each job "operations, then for each operation the number of
machines and pairs (machine from 1, duration)".
"""

from dataclasses import dataclass
from pathlib import Path

from aps.errors import FileError
from aps.formats.text import integers, lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """`jobs[job][operation]` are (machine from 0, duration) alternatives."""

    name: str
    machines: int
    jobs: tuple[tuple[tuple[tuple[int, int], ...], ...], ...]


def read(path: Path) -> Instance:
    """Read an instance. Raises `FileError` that names file and line."""
    rows = list(lines(path))
    if not rows:
        raise FileError("fjs.empty", str(path), "holds nothing")
    where, line = rows[0]
    head = integers(where, line.split()[:2])
    if len(head) < 2:
        raise FileError("fjs.head", where, "must be: jobs, machines")
    count, machines = head
    if len(rows) < 1 + count:
        raise FileError("fjs.short", where, f"announces {count} jobs, {len(rows) - 1} follow")
    jobs = tuple(_job(where, line, machines) for where, line in rows[1 : 1 + count])
    if not any(jobs):
        raise FileError("fjs.empty", where, "announces no operation")
    return Instance(name=path.stem, machines=machines, jobs=jobs)


def _job(where: str, line: str, machines: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    numbers = integers(where, line.split())
    at, operations = 1, []
    for operation in range(numbers[0]):
        if at >= len(numbers) or at + 2 * numbers[at] >= len(numbers):
            raise FileError("fjs.job", where, f"ends inside operation {operation + 1}")
        pairs = numbers[at + 1 : at + 1 + 2 * numbers[at]]
        at += 1 + 2 * numbers[at]
        alternatives = tuple(zip((m - 1 for m in pairs[::2]), pairs[1::2], strict=True))
        if not alternatives:
            raise FileError("fjs.machine", where, f"operation {operation + 1} has no machine")
        for machine, _ in alternatives:
            if not 0 <= machine < machines:
                sentence = f"machine {machine + 1} is not one of 1 to {machines}"
                raise FileError("fjs.machine", where, sentence)
        operations.append(alternatives)
    if at != len(numbers):
        raise FileError("fjs.job", where, f"has {len(numbers) - at} numbers too many")
    return tuple(operations)
