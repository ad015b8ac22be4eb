"""How an agent proves who it is: its certificate, the token it has, or one for a code that the MES issued."""

from __future__ import annotations

import structlog

from edge.backoff import Trouble
from edge.identity import DataFolder
from edge.mes_client import MesAway, MesClient, MesRefused
from edge.settings import CodeUnreadable, EdgeSettings

log = structlog.get_logger(__name__)


class NotEnrolled(Exception):
    """There is no token and no enrolment code, or the MES refused the code."""


class Enrolment:
    """The agent's proof of itself, kept in its folder."""

    def __init__(self, settings: EdgeSettings, folder: DataFolder) -> None:
        self._settings = settings
        self._folder = folder

    async def prove(self, mes: MesClient) -> None:
        """Let a client speak as this agent; where there is neither token nor certificate, trade the code.

        Raises:
            NotEnrolled: there is no code either, or the MES refuses it; or a broker is to be used without a token.
        """
        enrolled = self._folder.enrolled()
        if enrolled is not None:
            mes.authenticate(enrolled.token)
        elif not mes.shows_certificate:
            await self._trade_code(mes)
        elif self._settings.nats.url:
            raise NotEnrolled(
                "batches through NATS are proved by a token: enrol with a code, then have a certificate issued"
            )

    async def renew(self, mes: MesClient, refusal: MesRefused) -> bool:
        """Replace a token that is no longer valid, when there is a fresh code; True: it is replaced."""
        if refusal.status != 401 or mes.shows_certificate:
            return False
        try:
            if self._settings.enrolment_code() is None:
                return False
            await self._trade_code(mes)
        except (NotEnrolled, CodeUnreadable) as error:
            log.error("agent.token_refused", reason=str(error))
            return False
        return True

    async def _trade_code(self, mes: MesClient) -> None:
        """Trade the one-time code for a token and keep it."""
        code = self._settings.enrolment_code()
        if code is None:
            raise NotEnrolled("no token yet: give the enrolment code that the MES issued")
        trouble = Trouble("enrolment")
        while True:
            try:
                enrolled = await mes.enrol(code)
                break
            except MesAway as error:
                trouble.failed(str(error))
                await trouble.wait()
            except MesRefused as refusal:
                raise NotEnrolled(f"the MES refused the enrolment code: {refusal}") from refusal
        trouble.over()
        self._folder.keep_enrolled(enrolled)
        self._settings.forget_code()
        mes.authenticate(enrolled.token)
        log.info("agent.enrolled", line=enrolled.line)
