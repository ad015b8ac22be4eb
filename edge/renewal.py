"""Has the certificate with which the agent proves who it is renewed by the MES before it ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog

from edge.backoff import Trouble
from edge.mes_client import MesAway, MesClient, MesRefused
from edge.mes_tls import MesTls, TlsUnusable

log = structlog.get_logger(__name__)

LOOK_S = 3600.0
"""Real seconds between two looks at how long it lasts, and the longest wait after a failure."""


async def renew_forever(tls: MesTls, mes: MesClient) -> None:
    """Renew whenever that is due, as often as it takes."""
    trouble = Trouble("certificate", longest_s=LOOK_S)
    while True:
        if not tls.renewal_is_due(datetime.now(UTC)):
            await asyncio.sleep(LOOK_S)
            continue
        try:
            await _renew(tls, mes)
            trouble.over()
        except (MesAway, MesRefused, TlsUnusable, OSError) as error:
            trouble.failed(str(error))
            await trouble.wait()


async def _renew(tls: MesTls, mes: MesClient) -> None:
    successor = tls.successor()
    answer = await mes.renew_certificate(successor.request)
    tls.keep(successor, answer)
    await mes.change_tls()
    log.info("mes.certificate_renewed", not_after=answer.not_after.isoformat())
