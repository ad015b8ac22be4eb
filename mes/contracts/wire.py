"""The batch an agent keeps in its journal and sends to the MES: the same bytes in both places.

Layout, little-endian: a 64-byte header, then the payload.

=======  ======  ============================================================
offset   type    field
=======  ======  ============================================================
0        4s      magic ``C2MB``
4        u8      version (1)
5        u8      stream (1 telemetry, 2 events, 3 results, 4 gaps, 5 backlog)
6        u8      codec (0 stored, 1 zstd)
7        u8      reserved, 0
8        16s     agent id (UUID bytes, big-endian as RFC 9562)
24       u32     epoch
28       u32     count: rows in the batch
32       u64     seq: number of the batch in (agent, epoch, stream), from 1
40       u64     length of the payload as sent
48       u64     length of the payload decoded
56       u32     reserved, 0
60       u32     CRC32C of header bytes 0-59 and the payload as sent
=======  ======  ============================================================

Payload of telemetry and backlog: columns one after the other, `count` each: tag id (u32), source time (i64
FILETIME, 100 ns since 1601-01-01 UTC, plant time), received (i64 FILETIME, real time), value (f64; NaN where
the status is bad), OPC UA status code (u32). Other streams: `count` JSON objects, one a line (UTF-8).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from uuid import UUID

import google_crc32c
import numpy as np
import zstandard
from numpy.typing import NDArray

MAGIC = b"C2MB"
VERSION = 1
HEADER = struct.Struct("<4sBBBB16sIIQQQII")
MAX_PAYLOAD = 64 << 20
"""No batch is larger than 64 MiB, sent or decoded."""
MAX_ROWS = 1_000_000

FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


class Stream(IntEnum):
    """Streams are separate, so that telemetry never blocks a result."""

    TELEMETRY = 1
    EVENTS = 2
    """Line records (`mes.contracts.line_records`)."""
    RESULTS = 3
    """Inspection and command results."""
    GAPS = 4
    """Stretches of telemetry that are missing, each with its cause (`Gap`)."""
    BACKLOG = 5
    """Telemetry that had to wait: delivered beside what is new, so that no backlog makes that late."""


class Codec(IntEnum):
    STORED = 0
    ZSTD = 1


class WireError(ValueError):
    """The bytes are not a batch: the message says which rule they break."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: who, which stream, which number, how many rows, and the decoded payload."""

    agent_id: UUID
    epoch: int
    stream: Stream
    seq: int
    count: int
    payload: bytes


@dataclass(frozen=True, slots=True, eq=False)
class TelemetryColumns:
    """Telemetry by column, all of the same length: u32, i64 FILETIME, i64 FILETIME, f64, u32."""

    tag_id: NDArray[np.uint32]
    source_ft: NDArray[np.int64]
    received_ft: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.tag_id)

    def to_payload(self) -> bytes:
        """Return the columns as the telemetry payload of a batch."""
        return b"".join(
            column.astype(dtype, copy=False).tobytes()
            for column, dtype in zip(self._columns(), _DTYPES, strict=True)
        )

    def _columns(self) -> tuple[NDArray[np.generic], ...]:
        return (self.tag_id, self.source_ft, self.received_ft, self.value, self.status)

    @classmethod
    def joined(cls, parts: Sequence[TelemetryColumns]) -> TelemetryColumns:
        """Return the rows of several, in their order."""
        return cls(
            np.concatenate([part.tag_id for part in parts]),
            np.concatenate([part.source_ft for part in parts]),
            np.concatenate([part.received_ft for part in parts]),
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.status for part in parts]),
        )

    def part(self, first: int, after: int) -> TelemetryColumns:
        """Return the rows from `first` up to `after`."""
        return self.rows(slice(first, after))

    def rows(self, rows: slice | NDArray[np.bool_]) -> TelemetryColumns:
        """Return some of the rows, in their order."""
        return TelemetryColumns(
            self.tag_id[rows],
            self.source_ft[rows],
            self.received_ft[rows],
            self.value[rows],
            self.status[rows],
        )

    @classmethod
    def from_payload(cls, payload: bytes, count: int) -> TelemetryColumns:
        """Read `count` rows; views into `payload`, no copy.

        Raises:
            WireError: the payload is not `count` rows long.
        """
        width = sum(np.dtype(dtype).itemsize for dtype in _DTYPES)
        if len(payload) != count * width:
            raise WireError(
                f"telemetry of {count} rows has {count * width} bytes, not {len(payload)}"
            )
        columns: list[NDArray[np.generic]] = []
        offset = 0
        for dtype in _DTYPES:
            columns.append(np.frombuffer(payload, dtype=dtype, count=count, offset=offset))
            offset += count * np.dtype(dtype).itemsize
        return cls(*columns)  # type: ignore[arg-type]  # each column has the dtype of its place


_DTYPES: tuple[str, ...] = ("<u4", "<i8", "<i8", "<f8", "<u4")


def encode(batch: Batch, *, codec: Codec = Codec.ZSTD) -> bytes:
    """Return the bytes of a batch, checksummed."""
    body = zstandard.compress(batch.payload, 1) if codec is Codec.ZSTD else batch.payload
    fields = (
        MAGIC,
        VERSION,
        batch.stream,
        codec,
        0,
        batch.agent_id.bytes,
        batch.epoch,
        batch.count,
        batch.seq,
        len(body),
        len(batch.payload),
        0,
    )
    head = HEADER.pack(*fields, 0)[:-4]
    return head + struct.pack("<I", google_crc32c.extend(google_crc32c.value(head), body)) + body


def decode(frame: bytes) -> Batch:
    """Read one batch.

    Raises:
        WireError: wrong magic, version, stream, codec or length, a checksum that does not match, or
            more rows or bytes than a batch may have.
    """
    if len(frame) < HEADER.size:
        raise WireError(f"a batch has at least {HEADER.size} bytes, not {len(frame)}")
    magic, version, stream, codec, _, agent, epoch, count, seq, sent, full, _, crc = HEADER.unpack(
        frame[: HEADER.size]
    )
    if magic != MAGIC:
        raise WireError(f"a batch begins with {MAGIC!r}, not {magic!r}")
    if version != VERSION:
        raise WireError(f"wire version {version} is not spoken here; this side speaks {VERSION}")
    if sent > MAX_PAYLOAD or full > MAX_PAYLOAD or count > MAX_ROWS:
        raise WireError(f"a batch of {count} rows and {full} bytes is over the limit")
    body = frame[HEADER.size :]
    if len(body) != sent:
        raise WireError(f"the header announces {sent} bytes of payload, {len(body)} came")
    if google_crc32c.extend(google_crc32c.value(frame[: HEADER.size - 4]), body) != crc:
        raise WireError("the checksum (CRC32C) does not match: the batch was damaged on its way")
    try:
        named_stream, named_codec = Stream(stream), Codec(codec)
    except ValueError as error:
        raise WireError(f"unknown stream or codec: {error}") from error
    payload = _decompress(body, full) if named_codec is Codec.ZSTD else body
    if len(payload) != full:
        raise WireError(f"the payload decodes to {len(payload)} bytes, not the announced {full}")
    return Batch(UUID(bytes=agent), epoch, named_stream, seq, count, payload)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch stands: its stream, its epoch, its number."""

    stream: Stream
    epoch: int
    seq: int


def place_of(frame: bytes) -> Place:
    """Read from the header alone where a batch stands; nothing else of it is checked.

    Raises:
        WireError: this is no header of a batch.
    """
    if len(frame) < HEADER.size:
        raise WireError(f"a batch has at least {HEADER.size} bytes, not {len(frame)}")
    magic, _, stream, _, _, _, epoch, _, seq, *_ = HEADER.unpack(frame[: HEADER.size])
    if magic != MAGIC or stream not in Stream.__members__.values():
        raise WireError("this is no header of a batch")
    return Place(Stream(stream), epoch, seq)


def _decompress(body: bytes, size: int) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompress(body, max_output_size=size)
    except zstandard.ZstdError as error:
        raise WireError(f"the payload is not zstd: {error}") from error


def to_lines(objects: Iterable[str]) -> bytes:
    """Join JSON texts (each without a line break) into the payload of a JSON stream."""
    return "\n".join(objects).encode()


def from_lines(batch: Batch) -> Sequence[bytes]:
    """Split the payload of a JSON stream into its objects.

    Raises:
        WireError: it does not hold `batch.count` lines.
    """
    lines = batch.payload.split(b"\n") if batch.payload else []
    if len(lines) != batch.count:
        raise WireError(f"the header announces {batch.count} records, {len(lines)} came")
    return lines


def to_filetime(moment: datetime) -> int:
    """Return an aware datetime as FILETIME: 100 ns since 1601-01-01 UTC."""
    delta = moment - FILETIME_EPOCH
    return (delta.days * 86_400 + delta.seconds) * 10_000_000 + delta.microseconds * 10


def from_filetime(filetime: int) -> datetime:
    """Return a FILETIME as an aware datetime, to the microsecond."""
    return FILETIME_EPOCH + timedelta(microseconds=filetime // 10)
