"""Tear the tail of a SQLite write-ahead log as a power cut does: what was not committed is cut or garbage.

Format of the log: https://www.sqlite.org/fileformat2.html#walformat. The header has 32 bytes, each frame 24 and a
page; bytes 4-7 of a frame are the database's size in a commit frame; salts tell frames of this round apart.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path

HEADER = 32
FRAME_HEADER = 24


def committed_bytes(log: bytes) -> int:
    """Return how many bytes of a log belong to complete transactions."""
    if len(log) < HEADER:
        return 0
    page, salts = struct.unpack(">I", log[8:12])[0], log[16:24]
    frame, end = HEADER, HEADER
    while frame + FRAME_HEADER + page <= len(log):
        size, found = (
            struct.unpack(">I", log[frame + 4 : frame + 8])[0],
            log[frame + 8 : frame + 16],
        )
        if found != salts:
            break
        frame += FRAME_HEADER + page
        if size:
            end = frame
    return end


def tear(log: Path, chance: random.Random) -> int:
    """Cut the log somewhere behind its last commit and add a torn frame; returns how many bytes were harmed.

    Raises:
        FileNotFoundError: there is no log: a program that was killed leaves one.
    """
    content = log.read_bytes()
    kept = committed_bytes(content)
    if kept == 0:
        return 0
    left = content[: chance.randint(kept, len(content))]
    garbage = chance.randbytes(chance.randint(1, 6000))
    log.write_bytes(left + garbage)
    return len(content) - len(left) + len(garbage)
