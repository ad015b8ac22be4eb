"""The cameras of a line: `GET /CAMERA/snapshot.jpg?counter=N` answers one picture of the part of that request."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import cv2

from mes.contracts.plant import Camera, Line
from plc_sim.core.inspection import Request
from plc_sim.core.rng import draws
from qc_vision.synth import (
    SEVERITY_RANGE,
    Defect,
    Nuisance,
    Scene,
    Shop,
    render,
    typical_nuisance,
)
from qc_vision.synth.render import part_key

log = logging.getLogger(__name__)

KEPT = 16
TAKES = 4
"""So many pictures of a variant show every drawing of it that there is."""
JPEG_QUALITY = 90
REQUEST_TIMEOUT_S = 5.0


def picture(camera: Camera, request: Request, *, seed: int) -> bytes:
    """Render the part of a request with the defect it really has, as JPEG: the same every time."""
    number = draws(seed, camera.id, request.counter, "picture").getrandbits(31)
    shop = Shop(camera.scene)
    nuisance = typical_nuisance(number)
    scene = Scene(
        shop=shop,
        variant=request.variant,
        color=request.color_hex,
        defect=_visible(request, shop),
        seed=number,
        size=camera.image_px,
        nuisance=nuisance if nuisance.noise else Nuisance(),
    )
    done, data = cv2.imencode(".jpg", render(scene).image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"the picture of {camera.id} could not be encoded")
    return data.tobytes()


def _visible(request: Request, shop: Shop) -> Defect | None:
    defect = request.defect
    if defect is None:
        return None
    smallest, largest = SEVERITY_RANGE[shop, defect.kind]
    severity = min(max(defect.severity_mm, smallest), largest)
    return Defect(kind=defect.kind, severity_mm=severity)


def _look_at(camera: Camera, variant: str) -> None:
    """Draw a part that will come, and give back the memory that drawing took (50 MB for a moment)."""
    scenes = [
        Scene(Shop(camera.scene), variant, color="#808080", size=camera.image_px, seed=seed)
        for seed in range(TAKES)
    ]
    for scene in {part_key(scene): scene for scene in scenes}.values():
        render(scene)
    with suppress(AttributeError):  # a C library without it keeps the memory
        ctypes.CDLL(None).malloc_trim(0)


def _yield_to_others() -> None:
    """Let the thread that calls this run only when no other has work."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


class CameraServer:
    """Serves the pictures of one line's cameras over HTTP on the loopback interface."""

    def __init__(self, line: Line, *, seed: int) -> None:
        self._line = line
        self._seed = seed
        self._cameras = {s.camera.id: s.camera for s in line.stations if s.camera is not None}
        self._requests: dict[str, OrderedDict[int, Request]] = {
            name: OrderedDict() for name in self._cameras
        }
        self._pictures: dict[tuple[str, int], asyncio.Future[bytes]] = {}
        self.says_text: dict[str, int] = {}
        """Planted: how many of the next pictures are text instead, by camera."""
        self._server: asyncio.Server | None = None
        self._painter = ThreadPoolExecutor(1, f"pictures of {line.id}")
        self._rehearsal = ThreadPoolExecutor(1, f"parts of {line.id}", initializer=_yield_to_others)

    async def start(self, seen: Callable[[Camera], Iterable[str]]) -> None:
        """Open the port, if the line has cameras, and draw the parts they will see: a first drawing is slow."""
        if self._line.camera_port is not None:
            cv2.setNumThreads(1)  # pictures are small: more threads cost more than they gain
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self._line.camera_port
            )
            for camera in self._cameras.values():
                for variant in seen(camera):
                    self._rehearsal.submit(_look_at, camera, variant)

    async def stop(self) -> None:
        """Close the port."""
        self._rehearsal.shutdown(wait=False, cancel_futures=True)
        self._painter.shutdown(wait=False, cancel_futures=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def expose(self, request: Request) -> None:
        """A part stands before its camera: take the picture."""
        kept = self._requests[request.camera]
        kept[request.counter] = request
        while len(kept) > KEPT:
            old, _ = kept.popitem(last=False)
            self._pictures.pop((request.camera, old), None)
        self._picture(request)

    def _picture(self, request: Request) -> asyncio.Future[bytes]:
        key = (request.camera, request.counter)
        if key not in self._pictures:
            camera = self._cameras[request.camera]
            self._pictures[key] = asyncio.get_running_loop().run_in_executor(
                self._painter, partial(picture, camera, request, seed=self._seed)
            )
        return self._pictures[key]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the caller went away or sent no request: nothing to answer
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; returns whether the connection stays open."""
        head = await reader.readuntil(b"\r\n\r\n")
        line, *headers = head.decode("latin-1").split("\r\n")
        method, _, rest = line.partition(" ")
        target = rest.partition(" ")[0]
        if method != "GET":
            status, kind, body = HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"GET only"
        else:
            status, kind, body = await self._find(target)
        closes = any(header.lower() == "connection: close" for header in headers)
        writer.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
            f"Connection: {'close' if closes else 'keep-alive'}\r\n\r\n".encode()
        )
        writer.write(body)
        await writer.drain()
        return not closes

    async def _find(self, target: str) -> tuple[HTTPStatus, str, bytes]:
        url = urlsplit(target)
        camera, _, name = url.path.strip("/").partition("/")
        kept = self._requests.get(camera)
        if kept is None or name != "snapshot.jpg":
            return HTTPStatus.NOT_FOUND, "text/plain", b"no such camera"
        if self.says_text.get(camera, 0) > 0:
            self.says_text[camera] -= 1
            return HTTPStatus.OK, "text/plain; charset=utf-8", b"camera fault: sensor not ready"
        wanted = parse_qs(url.query).get("counter", [""])[0]
        if not wanted.isdigit() or int(wanted) not in kept:
            return HTTPStatus.NOT_FOUND, "text/plain", b"no picture with this counter"
        try:
            return HTTPStatus.OK, "image/jpeg", await self._picture(kept[int(wanted)])
        except Exception:
            log.exception("camera %s could not take picture %s", camera, wanted)
            return HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"no picture"
