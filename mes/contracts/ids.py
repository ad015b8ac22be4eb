"""Identity: UUIDv7 keys, deterministic job order ids, VINs and body numbers.

Python 3.11 and PostgreSQL before 18 have no UUIDv7, so it is made here, and only here.
"""

from __future__ import annotations

import os
import threading
import time
from typing import NewType
from uuid import UUID, uuid5

OrderId = NewType("OrderId", UUID)
BodyId = NewType("BodyId", UUID)
JobOrderId = NewType("JobOrderId", UUID)
EventId = NewType("EventId", UUID)
PlanId = NewType("PlanId", UUID)
AgentId = NewType("AgentId", UUID)
LineId = NewType("LineId", str)
StationId = NewType("StationId", str)

_JOB_ORDER_NAMESPACE = UUID("0192f7a0-0000-7000-8000-00000000c2a1")

_lock = threading.Lock()
_last_ms = 0
_counter = 0


def uuid7() -> UUID:
    """Return a time-ordered UUID (RFC 9562 §5.7), monotonic within this process.

    The 12 bits of `rand_a` count within one millisecond (method 1 of §6.2); when they overflow the
    timestamp runs ahead by one millisecond, so two calls never return the same or a smaller value.
    """
    global _last_ms, _counter
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms, _counter = now_ms, int.from_bytes(os.urandom(2), "big") & 0x3FF
        else:
            _counter += 1
            if _counter > 0xFFF:
                _last_ms, _counter = _last_ms + 1, 0
        ms, counter = _last_ms, _counter
    tail = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=(ms << 80) | (0x7 << 76) | (counter << 64) | (0b10 << 62) | tail)


def job_order_id(subject: str, line: str, attempt: int) -> JobOrderId:
    """Return the id of the job order that takes `subject` through `line` for the nth time.

    `subject` is the id of a body, or of a die lot. The same three facts give the same id on every
    machine, so sending a job order twice does no harm.
    """
    if attempt < 1:
        raise ValueError(f"attempt counts from 1, not {attempt}")
    return JobOrderId(uuid5(_JOB_ORDER_NAMESPACE, f"{subject}|{line}|{attempt}"))


_VIN_VALUES = {
    **{str(d): d for d in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    **{"P": 7, "R": 9},
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vin_check_digit(vin: str) -> str:
    """Return the ninth character that `vin` must have (ISO 3779 / GB 16735, weights modulo 11).

    Raises:
        ValueError: `vin` is not 17 characters of 0-9 and A-Z without I, O and Q.
    """
    if len(vin) != 17:
        raise ValueError(f"a VIN has 17 characters, {vin!r} has {len(vin)}")
    try:
        total = sum(_VIN_VALUES[c] * w for c, w in zip(vin, _VIN_WEIGHTS, strict=True))
    except KeyError as error:
        raise ValueError(f"a VIN has no character {error.args[0]!r}: {vin!r}") from error
    rest = total % 11
    return "X" if rest == 10 else str(rest)


def make_vin(*, wmi: str, vds: str, year: str, plant: str, serial: int) -> str:
    """Build a VIN: WMI (3), VDS (5, without check digit), model year (1), plant (1), serial (6 digits)."""
    if not 0 <= serial <= 999_999:
        raise ValueError(f"a VIN serial has 6 digits, {serial} does not fit")
    draft = f"{wmi}{vds}0{year}{plant}{serial:06d}"
    return draft[:8] + vin_check_digit(draft) + draft[9:]


def is_vin(text: str) -> bool:
    """Say whether `text` is a VIN whose check digit is right."""
    try:
        return vin_check_digit(text) == text[8]
    except ValueError:
        return False
