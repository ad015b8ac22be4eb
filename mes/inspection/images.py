"""Where pictures are kept: content-addressed, behind a small protocol (a folder here, S3 by setting later)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from pathlib import Path
from typing import Protocol

from mes.inspection.model import ImageDamaged, ImageTooLarge, NotAnImage

MAX_IMAGE_BYTES = 4 << 20
"""Pictures are at most 512 px wide (DECISIONS: Demo); this leaves room for lossless ones."""

_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class ImageStore(Protocol):
    """Bytes by their SHA-256 in lower-case hex."""

    async def put(self, sha256: str, data: bytes) -> None:
        """Keep bytes, complete or not at all; the same again changes nothing."""
        ...

    async def get(self, sha256: str) -> bytes | None:
        """Return the bytes, or None."""
        ...

    async def drop(self, sha256: str) -> None:
        """Forget the bytes; without them nothing changes."""
        ...


class FolderImageStore:
    """A folder of files, `ab/cd/<sha256>`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, sha256: str, data: bytes) -> None:
        await asyncio.to_thread(self._write, sha256, data)

    async def get(self, sha256: str) -> bytes | None:
        return await asyncio.to_thread(self._read, sha256)

    async def drop(self, sha256: str) -> None:
        await asyncio.to_thread(self._path(sha256).unlink, missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256[2:4] / sha256

    def _write(self, sha256: str, data: bytes) -> None:
        target = self._path(sha256)
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{sha256}.{secrets.token_hex(4)}.part")
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)

    def _read(self, sha256: str) -> bytes | None:
        try:
            return self._path(sha256).read_bytes()
        except FileNotFoundError:
            return None


def checked_media(sha256: str, data: bytes) -> str:
    """Return the media type of an image that is what it says it is.

    Raises:
        ImageTooLarge: more than `MAX_IMAGE_BYTES`.
        ImageDamaged: the hash does not match.
        NotAnImage: neither JPEG nor PNG by its first bytes.
    """
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageTooLarge(limit_bytes=MAX_IMAGE_BYTES)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ImageDamaged(found=found, announced=sha256)
    for signature, media in _SIGNATURES.items():
        if data.startswith(signature):
            return media
    raise NotAnImage
