"""Fills gaps from the line's own history, once a session is up again, and writes down what remains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import structlog
from numpy.typing import NDArray

from edge.opcua.history import Stretch, read_history
from edge.opcua.items import Telemetry
from edge.opcua.link import Link
from edge.repair import Repair
from edge.telemetry import Collector

log = structlog.get_logger(__name__)

SETTLE_S = 2.0
"""Real seconds after the first data of a session until every tag's first value has come."""
TAGS_AT_ONCE = 20
"""So many tags are read, filled and committed together."""
FIRST_ASKED = 3
"""When a line has no history of the first few tags, it is not asked for the others."""
_US = 10
"""FILETIME ticks in a microsecond: histories come with whole ones."""


async def refill(link: Link, collector: Collector, nodes: Mapping[int, str]) -> None:
    """Settle every gap that waits, the oldest first.

    Each step commits what it filled together with what is left to ask: after a crash nothing is filled twice.

    Raises:
        OSError, TimeoutError, ua.UaError: the session failed; what is left waits for the next one.
    """
    for repair in list(collector.repairs):
        silent = repair.close()
        before = collector.filled
        while len(repair):
            count = TAGS_AT_ONCE if repair.asked else FIRST_ASKED
            stretches = _stretches(repair, nodes, count)
            answers = await read_history(link, stretches)
            if repair not in collector.repairs:
                break  # it was written off meanwhile
            if not repair.asked and not any(
                answer is not None and len(answer) for answer in answers
            ):
                break
            repair.asked = True
            _take(collector, repair, stretches, answers)
            await collector.flush()
        if repair in collector.repairs:
            if not repair.asked:
                collector.write_off(repair)
            elif silent:
                collector.write_off(repair, tags=silent)
            collector.settled(repair)
            await collector.flush()
        if repair.asked:
            log.info("telemetry.refilled", values=collector.filled - before)


def _stretches(repair: Repair, nodes: Mapping[int, str], count: int) -> list[Stretch]:
    rows = zip(
        repair.tags[:count].tolist(),
        repair.since[:count].tolist(),
        repair.until[:count].tolist(),
        strict=True,
    )
    return [Stretch(tag, nodes.get(tag, ""), since, until) for tag, since, until in rows]


def _take(
    collector: Collector,
    repair: Repair,
    stretches: list[Stretch],
    answers: list[Telemetry | None],
) -> None:
    """Keep what is new of each answer, and note where it does not reach back to the last value kept."""
    remaining: list[tuple[int, int, int]] = []
    for stretch, answer in zip(stretches, answers, strict=True):
        begins = stretch.until
        if answer is not None and len(answer):
            begins = int(answer.source_ft.min())
            collector.fill(answer.keep(_between(answer.source_ft, stretch)))
        since = max(stretch.since, repair.unwatched_ft)
        if begins // _US > stretch.since // _US and begins > since:
            remaining.append((stretch.tag_id, since, begins))
    if remaining:
        tags = tuple(tag for tag, _, _ in remaining)
        span = (min(one[1] for one in remaining), max(one[2] for one in remaining))
        collector.write_off(repair, tags=tags, span=span)
    repair.leave(np.arange(len(repair)) >= len(stretches))


def _between(source_ft: NDArray[np.int64], stretch: Stretch) -> NDArray[np.bool_]:
    moment = source_ft // _US
    inside: NDArray[np.bool_] = (moment > stretch.since // _US) & (moment < stretch.until // _US)
    return inside
