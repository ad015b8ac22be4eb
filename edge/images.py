"""Pictures on their way to the MES: a bounded folder, named by content, the urgent ones first.

Until a picture has arrived the MES shows "image still at the line"; the result is there long before.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from pathlib import Path

import structlog

from edge.backoff import Trouble
from edge.journal import Journal
from edge.mes_client import MesAway, MesClient, MesRefused
from mes.contracts.quality import Verdict

log = structlog.get_logger(__name__)

URGENCY = {Verdict.NOK: 0, Verdict.UNFIT: 1, Verdict.LATE: 1, Verdict.OK: 2}
"""Smaller goes first, and is given up last."""


class ImageFolder:
    """The folder and its sender.

    Args:
        max_bytes: over this, the least urgent and oldest pictures are given up.
        keep_ok_every: of OK pictures one of so many is kept; the others are only counted.
    """

    def __init__(
        self, journal: Journal, folder: Path, *, max_bytes: int, keep_ok_every: int
    ) -> None:
        self._journal = journal
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep_ok_every = keep_ok_every
        self._ok_seen = 0
        self._arrived = asyncio.Event()
        self.waiting = 0
        self.given_up = 0
        self.trouble = Trouble("images")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def keep(
        self, picture: bytes, verdict: Verdict, *, asked_for: bool = False
    ) -> str | None:
        """Keep a picture and return its sha256; None for an OK one that is not sampled.

        Args:
            asked_for: keep it in any case: near the threshold, or two models do not agree.
        """
        if verdict is Verdict.OK and not asked_for:
            self._ok_seen += 1
            if (self._ok_seen - 1) % self._keep_ok_every:
                return None
        sha256 = hashlib.sha256(picture).hexdigest()
        await asyncio.to_thread(_write, self._path(sha256), picture)
        evicted = await self._journal.read(
            lambda db: _register(db, sha256, URGENCY[verdict], len(picture), self._max_bytes)
        )
        for old in evicted:
            self._path(old).unlink(missing_ok=True)
        if evicted:
            self.given_up += len(evicted)
            log.warning("images.given_up", count=len(evicted), max_bytes=self._max_bytes)
        self._arrived.set()
        return sha256

    async def send_forever(self, mes: MesClient) -> None:
        """Deliver pictures, most urgent first, until cancelled."""
        while True:
            self._arrived.clear()
            sha256 = await self._journal.read(self._next)
            if sha256 is None:
                await self._arrived.wait()
            elif await self._send(mes, sha256):
                self.trouble.over()
            else:
                await self.trouble.wait()

    async def _send(self, mes: MesClient, sha256: str) -> bool:
        try:
            picture = self._path(sha256).read_bytes()
        except FileNotFoundError:
            log.error("images.missing", sha256=sha256)
        else:
            try:
                await mes.send_image(sha256, picture)
            except MesAway as error:
                self.trouble.failed(str(error))
                return False
            except MesRefused as refusal:
                if refusal.status in (401, 403):
                    self.trouble.failed(str(refusal))
                    return False
                log.error("images.refused", sha256=sha256, reason=str(refusal))
        await self._journal.read(lambda db: _forget(db, sha256))
        self._path(sha256).unlink(missing_ok=True)
        return True

    def _next(self, db: sqlite3.Connection) -> str | None:
        (self.waiting,) = db.execute("SELECT count(*) FROM image").fetchone()
        row = db.execute("SELECT sha256 FROM image ORDER BY urgency, number LIMIT 1").fetchone()
        return None if row is None else str(row[0])

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.img"


def _write(path: Path, picture: bytes) -> None:
    draft = path.with_suffix(".new")
    draft.write_bytes(picture)
    draft.replace(path)


def _register(
    db: sqlite3.Connection, sha256: str, urgency: int, size: int, max_bytes: int
) -> list[str]:
    """Add a picture to the table; return those given up to stay within the bound."""
    db.execute(
        "INSERT OR IGNORE INTO image (sha256, number, urgency, bytes)"
        " VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM image), ?, ?)",
        (sha256, urgency, size),
    )
    (total,) = db.execute("SELECT sum(bytes) FROM image").fetchone()
    evicted: list[str] = []
    for old, old_size in db.execute(
        "SELECT sha256, bytes FROM image ORDER BY urgency DESC, number"
    ).fetchall():
        if total <= max_bytes:
            break
        total -= old_size
        evicted.append(old)
    db.executemany("DELETE FROM image WHERE sha256 = ?", [(old,) for old in evicted])
    return evicted


def _forget(db: sqlite3.Connection, sha256: str) -> None:
    db.execute("DELETE FROM image WHERE sha256 = ?", (sha256,))
