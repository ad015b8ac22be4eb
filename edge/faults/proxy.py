"""What stands between the processes: a cable that can be pulled, and a network that damages batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from enum import Enum

CHUNK = 1 << 16
BATCHES = b"POST /agent/v1/batches "


class Cable(Enum):
    """What a connection meets."""

    WHOLE = "whole"
    PULLED = "pulled"
    """Nothing answers and nothing says so: bytes vanish."""
    REFUSED = "refused"
    """Every connection is reset."""


class Proxy:
    """A TCP proxy on a loopback port to another one."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._cable = Cable.WHOLE
        self._open: set[asyncio.StreamWriter] = set()
        self._whole = asyncio.Event()
        self._whole.set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.abort()

    def set(self, cable: Cable) -> None:
        """Change what connections meet; with REFUSED those that are open are reset."""
        self._cable = cable
        if cable is Cable.PULLED:
            self._whole.clear()
        else:
            self._whole.set()
        if cable is Cable.REFUSED:
            self.abort()

    def abort(self) -> None:
        """Reset every connection."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _connected(self, near: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cable is Cable.REFUSED:
            writer.transport.abort()
            return
        self._open.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            await self._whole.wait()
            reader, far = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(far)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry_there(near, far, writer))
                both.create_task(self._carry(reader, writer))
        except* (OSError, asyncio.IncompleteReadError, _Ended):
            pass
        finally:
            for one in (writer, far):
                if one is not None:
                    self._open.discard(one)
                    one.transport.abort()

    async def _carry_there(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        await self._carry(reader, writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()
        raise _Ended


class _Ended(Exception):
    """One side has hung up."""


class Harm(Enum):
    """What happens to a batch on its way."""

    DOUBLED = "doubled"
    OLD_AGAIN = "old_again"
    """An earlier batch is sent once more before it."""
    DAMAGED = "damaged"
    """One byte of it is flipped."""
    ANSWER_LOST = "answer_lost"
    """The MES takes it, the connection is cut before the receipt."""
    KILL = "kill"
    """A callback is called when it has reached the MES, before the receipt."""


class BatchProxy(Proxy):
    """A proxy that knows HTTP/1.1 well enough to harm the next batches."""

    def __init__(self, port: int, target: int) -> None:
        super().__init__(port, target)
        self._harms: list[Harm] = []
        self._earlier: list[bytes] = []
        self.on_arrival: Callable[[], None] = lambda: None
        self.harm_is_done = asyncio.Event()

    def harm(self, harm: Harm, times: int = 1) -> None:
        """Harm the next batches so."""
        self._harms += [harm] * times
        self.harm_is_done.clear()

    async def _carry_there(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                raise _Ended from error
            body = await reader.readexactly(_length(head))
            await self._whole.wait()
            if head.startswith(BATCHES):
                await self._batch(head, body, writer, back)
            else:
                writer.write(head + body)
            await writer.drain()

    async def _batch(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        request = head + body
        harm = self._harms.pop(0) if self._harms else None
        if not self._harms:
            self.harm_is_done.set()
        match harm:
            case Harm.DOUBLED:
                await self._aside(request)
            case Harm.OLD_AGAIN:
                for earlier in self._earlier:
                    await self._aside(earlier)
            case Harm.DAMAGED:
                middle = len(head) + len(body) * 2 // 3
                request = request[:middle] + bytes([request[middle] ^ 0x20]) + request[middle + 1 :]
            case Harm.ANSWER_LOST:
                await self._aside(request)
                back.transport.abort()
                raise _Ended
            case Harm.KILL:
                writer.write(request)
                await writer.drain()
                self.on_arrival()
                return
            case None:
                pass
        if harm is None:
            self._earlier = [*self._earlier[-4:], request]
        writer.write(request)

    async def _aside(self, request: bytes) -> None:
        """Send a request over a connection of its own and wait for the answer, which nobody hears."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(request)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
        writer.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0
