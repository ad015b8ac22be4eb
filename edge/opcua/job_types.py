"""The two structures of ISA-95 Job Control (OPC 10031-4) that the agent sends and reads, in OPC UA binary.

Written out here, so that a reconnect need not read the type definitions of the whole server (measured:
about a second of processor time on each side). Structures with optional fields begin with a mask whose bits
count the optional fields in order (OPC 10000-6 §5.2.7). Field lists: `ISA95-JOBCONTROL_V2` nodeset, 2.0.0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary

from mes.contracts.dispatch import JOB_CONTROL_STATE, JobOrder, JobState
from mes.contracts.job_parameters import JOB_CONTROL_NUMBERS, to_parameters
from mes.contracts.wire import to_filetime

JOB_ORDER_ENCODING = 5014
"""`ISA95JobOrderDataType`, Default Binary, in the Job Control namespace."""

_START_TIME, _JOB_PARAMETERS = 1 << 2, 1 << 5
_STATE_OF_NUMBERS = {
    numbers: JOB_CONTROL_STATE[key] for key, numbers in JOB_CONTROL_NUMBERS.items()
}


@dataclass(frozen=True, slots=True)
class ListedJob:
    """One entry of a line's `JobOrderList`; `state` None: a state that Job Control does not know."""

    job_order_id: str
    state: JobState | None


def encode_job_order(job: JobOrder, *, namespace: int) -> ua.ExtensionObject:
    """Return `job` as an `ISA95JobOrderDataType` of the server whose Job Control namespace is `namespace`."""
    parameters = to_parameters(job)
    body = b"".join(
        (
            struct.pack("<I", _START_TIME | _JOB_PARAMETERS),
            _string(str(job.id)),
            struct.pack("<q", to_filetime(job.start_at)),
            struct.pack("<i", len(parameters)),
            *(_parameter(name, text) for name, text in parameters),
        )
    )
    return ua.ExtensionObject(
        TypeId=ua.NodeId(ua.Int32(JOB_ORDER_ENCODING), ua.Int16(namespace)),
        Body=ua.ByteString(body),
    )


def _parameter(name: str, text: str) -> bytes:
    value = ua_binary.variant_to_binary(ua.Variant(text, ua.VariantType.String))
    return struct.pack("<I", 0) + _string(name) + value


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<i", len(data)) + data


def decode_job_list(value: Any) -> list[ListedJob]:
    """Read the value of `JobOrderList`: an array of `ISA95JobOrderAndStateDataType`.

    Raises:
        ValueError: the value is something else.
    """
    return [_listed(entry) for entry in value or ()]


def _listed(entry: Any) -> ListedJob:
    if isinstance(entry, ua.ExtensionObject):
        return _decode(Buffer(entry.Body or b""))
    try:  # asyncua has decoded it: this process has loaded the server's types
        numbers = tuple(int(level.StateNumber) for level in entry.State)
        return ListedJob(str(entry.JobOrder.JobOrderID), _STATE_OF_NUMBERS.get(numbers))
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"not an entry of a job list: {entry!r}") from error


def _decode(data: Buffer) -> ListedJob:
    try:
        job_order_id = _read_job_order(data)
        numbers = tuple(_read_array(data, _read_state))
    except Exception as error:  # asyncua raises its own, struct's and Unicode errors alike
        raise ValueError(f"not an entry of a job list: {error!r}") from error
    return ListedJob(job_order_id, _STATE_OF_NUMBERS.get(numbers))


def _read_job_order(data: Buffer) -> str:
    mask = _u32(data)
    job_order_id = _text(data)
    optional: Sequence[Callable[[Buffer], object]] = (
        _array_of(_localized),
        _array_of(_read_work_master),
        _skip_8,
        _skip_8,
        lambda d: d.read(2),
        _array_of(_read_value_structure),
        _array_of(_read_use),
        _array_of(_read_use),
        _array_of(_read_use),
        _array_of(_read_material),
    )
    _read_optional(data, mask, optional)
    return job_order_id


def _read_optional(data: Buffer, mask: int, readers: Sequence[Callable[[Buffer], object]]) -> None:
    for bit, read in enumerate(readers):
        if mask & (1 << bit):
            read(data)


def _read_value_structure(data: Buffer) -> None:
    """Skip an `ISA95ParameterDataType` or `ISA95PropertyDataType`."""
    mask = _u32(data)
    _text(data)
    ua_binary.variant_from_binary(data)
    _read_optional(
        data, mask, (_array_of(_localized), _engineering_units, _array_of(_read_value_structure))
    )


def _read_work_master(data: Buffer) -> None:
    mask = _u32(data)
    _text(data)
    _read_optional(data, mask, (_localized, _array_of(_read_value_structure)))


def _read_use(data: Buffer) -> None:
    """Skip an ISA-95 personnel, equipment or physical asset requirement."""
    mask = _u32(data)
    _text(data)
    _read_optional(
        data,
        mask,
        (
            _array_of(_localized),
            _text,
            _text,
            _engineering_units,
            _array_of(_read_value_structure),
        ),
    )


def _read_material(data: Buffer) -> None:
    mask = _u32(data)
    _read_optional(
        data,
        mask,
        (
            _text,
            _text,
            _text,
            _text,
            _array_of(_localized),
            _text,
            _text,
            _engineering_units,
            _array_of(_read_value_structure),
        ),
    )


def _read_state(data: Buffer) -> int:
    """Return the state number of an `ISA95StateDataType`."""
    _read_array(data, _read_path_element)
    _localized(data)
    return _u32(data)


def _read_path_element(data: Buffer) -> None:
    ua_binary.nodeid_from_binary(data)
    data.read(4)  # two Booleans and the namespace of the qualified name
    _text(data)


def _read_array(data: Buffer, read: Callable[[Buffer], Any]) -> list[Any]:
    (count,) = struct.unpack("<i", data.read(4))
    return [read(data) for _ in range(count)]


def _array_of(read: Callable[[Buffer], Any]) -> Callable[[Buffer], object]:
    return lambda data: _read_array(data, read)


def _engineering_units(data: Buffer) -> None:
    _text(data)
    data.read(4)
    _localized(data)
    _localized(data)


def _localized(data: Buffer) -> None:
    mask = data.read(1)[0]
    for bit in (1, 2):
        if mask & bit:
            _text(data)


def _skip_8(data: Buffer) -> None:
    data.read(8)


def _u32(data: Buffer) -> int:
    return int(struct.unpack("<I", data.read(4))[0])


def _text(data: Buffer) -> str:
    (length,) = struct.unpack("<i", data.read(4))
    return bytes(data.read(length)).decode() if length > 0 else ""
