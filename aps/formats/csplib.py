"""CSPLib problem 001, car sequencing: classes of cars with demands and options.

One instance: "cars options classes", the n of each option, the p of each option, then for every
class "class demand option flags". `data.txt` holds many, separated by comment lines; its classical
instances leave the ratios out, which are 1/2, 2/3, 1/3, 2/5 and 1/5 for all of them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aps.errors import FileError
from aps.formats.text import integers, lines
from aps.sequencing.task import SequenceTask, Weights
from aps.worktime import Ints

MOST_CARS = 1_000_000
_CLASSICAL_N, _CLASSICAL_P = (1, 2, 1, 2, 1), (2, 3, 3, 5, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Car sequencing: at most n[o] of any p[o] consecutive cars have option o.

    `classes` are the numbers the file gives its classes.
    """

    name: str
    n: tuple[int, ...]
    p: tuple[int, ...]
    classes: tuple[int, ...]
    demands: tuple[int, ...]
    options: tuple[tuple[int, ...], ...]

    @property
    def cars(self) -> int:
        """How many cars there are to sequence."""
        return sum(self.demands)


def read(path: Path) -> tuple[Instance, ...]:
    """Read all instances of a file. Raises `FileError` that names file and line."""
    rows = list(lines(path))
    found: list[Instance] = []
    name, at = "", 0
    while at < len(rows):
        _, line = rows[at]
        if line.startswith("#") or not line[0].isdigit():
            if line.startswith("#") and "roblem" in line:
                name = line.lstrip("# ").split("roblem", 1)[1].split("(")[0].strip()
            at += 1
            continue
        instance, at = _instance(rows, at, name or f"{path.stem}")
        found.append(instance)
        name = ""
    if not found:
        raise FileError("csplib.empty", str(path), "holds no instance")
    return tuple(found)


def _instance(rows: list[tuple[str, str]], at: int, name: str) -> tuple[Instance, int]:
    where, line = rows[at]
    head = integers(where, line.split())
    if len(head) != 3:
        raise FileError("csplib.head", where, "must be: cars, options, classes")
    cars, options, classes = head
    if not 1 <= cars <= MOST_CARS:
        raise FileError("csplib.head", where, f"{cars} cars: must be 1 to {MOST_CARS}")
    n, p, first = list(_CLASSICAL_N), list(_CLASSICAL_P), at + 1
    if options != len(n) or at + 1 >= len(rows) or len(rows[at + 1][1].split()) != options + 2:
        first = at + 3
    if len(rows) < first + classes:
        raise FileError("csplib.short", where, f"announces {classes} classes, the file ends before")
    if first == at + 3:
        n, p = (integers(rows[at + k][0], rows[at + k][1].split()) for k in (1, 2))
    if len(n) != options or len(p) != options:
        raise FileError("csplib.options", rows[at + 1][0], f"needs {options} ratios")
    for n_o, p_o in zip(n, p, strict=True):
        if n_o > p_o or p_o == 0:
            raise FileError("csplib.ratio", where, f"{n_o}/{p_o} is no ratio")
    demands, flags, numbers = [], [], []
    for k in range(classes):
        where_class, text = rows[first + k]
        row = integers(where_class, text.split())
        if len(row) != options + 2:
            sentence = f"has {len(row)} numbers, needs {options + 2}"
            raise FileError("csplib.class", where_class, sentence)
        if row[0] in numbers:
            raise FileError("csplib.duplicate", where_class, f"class {row[0]} is there already")
        if set(row[2:]) - {0, 1}:
            raise FileError("csplib.flag", where_class, "an option must be 0 or 1")
        numbers.append(row[0])
        demands.append(row[1])
        flags.append(tuple(row[2:]))
    if sum(demands) != cars:
        raise FileError("csplib.demand", where, f"{cars} cars announced, {sum(demands)} given")
    instance = Instance(
        name=name,
        n=tuple(n),
        p=tuple(p),
        classes=tuple(numbers),
        demands=tuple(demands),
        options=tuple(flags),
    )
    return instance, first + classes


def sequence_task(instance: Instance) -> SequenceTask:
    """Return the instance as a sequencing task without colours."""
    classes = _class_of_row(instance)
    size = len(classes)
    return SequenceTask(
        has=np.array(instance.options, np.uint8)[classes],
        n=np.array(instance.n, np.int64),
        p=np.array(instance.p, np.int64),
        color=np.zeros(size, np.int64),
        earliest=np.zeros(size, np.int64),
        latest=np.full(size, size, np.int64),
        weights=Weights(np.ones(len(instance.n), np.int64), 0, 0),
        fixed=0,
        batch_limit=size,
    )


def _class_of_row(instance: Instance) -> Ints:
    return np.repeat(np.arange(len(instance.demands)), instance.demands)


def class_order(instance: Instance, sequence: Ints) -> tuple[int, ...]:
    """Return the class numbers in the order of a sequence of rows."""
    return tuple(instance.classes[k] for k in _class_of_row(instance)[sequence])
