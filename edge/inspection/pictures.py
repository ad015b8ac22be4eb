"""A camera that serves its picture over HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx

from edge.inspection.request import Request
from edge.plant_clock import LiveClock

CAMERA_TIMEOUT_S = 3.0
"""How long a camera may take to answer at most."""
SHORTEST_TIMEOUT_S = 0.05
MAX_PICTURE_BYTES = 16 << 20
PICTURE_TYPES = ("image/",)


class CameraFault(Exception):
    """The camera gave no picture; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class SnapshotCamera:
    """`GET url?counter=N` answers one picture of the part of that request."""

    url: str
    http: httpx.AsyncClient
    clock: LiveClock

    async def fetch(self, request: Request) -> bytes:
        """Fetch the picture of a request; a camera that does not answer is asked once more while there is time.

        Raises:
            CameraFault: it gave none.
        """
        try:
            answer = await self._ask(request.counter, within_s=self._left_s(request) / 2)
        except httpx.HTTPError as error:
            left_s = self._left_s(request)
            if left_s <= 0:
                raise CameraFault(_unreachable(error)) from error
            try:
                answer = await self._ask(request.counter, within_s=left_s)
            except httpx.HTTPError as again:
                raise CameraFault(_unreachable(again)) from again
        return _picture(answer)

    def _left_s(self, request: Request) -> float:
        return self.clock.deadline(request.deadline_at) - time.monotonic()

    async def _ask(self, counter: int, *, within_s: float) -> httpx.Response:
        return await self.http.get(
            self.url,
            params={"counter": counter},
            timeout=max(min(within_s, CAMERA_TIMEOUT_S), SHORTEST_TIMEOUT_S),
        )


def _picture(answer: httpx.Response) -> bytes:
    kind = answer.headers.get("content-type", "nothing")
    if not answer.is_success:
        raise CameraFault(f"the camera answered {answer.status_code}")
    if not kind.startswith(PICTURE_TYPES):
        raise CameraFault(f"the camera answered with {kind}, not with a picture")
    if len(answer.content) > MAX_PICTURE_BYTES:
        raise CameraFault(f"the camera's picture has {len(answer.content)} bytes")
    return answer.content


def _unreachable(error: httpx.HTTPError) -> str:
    return f"the camera cannot be reached: {type(error).__name__}"
