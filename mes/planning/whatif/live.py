"""Changes that are in force for the live plant: every snapshot has them, until they are over or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.contracts.events import PlanChangeEntered
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.planning import capacity_repository, news_repository
from mes.planning.facts import PlantFacts
from mes.planning.network import PlantNetwork
from mes.planning.news import News, NewsKind
from mes.planning.quotes import Shortage
from mes.planning.whatif.changes import (
    CHANGES,
    Change,
    PartLate,
    RuleOfPlant,
    RushOrder,
    changed_facts,
    is_over,
    subject_of,
)
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import NotFound
from mes.platform.sql import load_queries

queries = load_queries(__package__)


class UnknownChange(NotFound):
    """The plan has no change {change}."""

    code = "whatif.change_unknown"


@dataclass(frozen=True, slots=True)
class LiveChange:
    """A change in force, who entered it and when (plant time)."""

    id: UUID
    change: dict[str, Any]
    entered_by: str
    entered_at: datetime
    branch_id: UUID | None

    @property
    def meant(self) -> Change:
        """The change itself."""
        return CHANGES.validate_python((self.change,))[0]


async def in_force(conn: ReadConn, site: str) -> list[LiveChange]:
    """Return the changes of the live plan, those that are over included, oldest first."""
    return await db.fetch_all(conn, queries["live_changes"], {"site": site}, LiveChange)


async def changes_now(conn: ReadConn, site: str, *, now: datetime) -> tuple[Change, ...]:
    """Return what the live plan has changed and still has a meaning."""
    found = [one.meant for one in await in_force(conn, site)]
    return tuple(change for change in found if not is_over(change, now))


async def rules_in_force(conn: ReadConn, site: str) -> tuple[RuleOfPlant, ...]:
    """Return the changed rules of the plant, the last word on each."""
    rows = await db.fetch_dicts(conn, queries["changed_rules"], {"site": site})
    found = CHANGES.validate_python(tuple(row["change"] for row in rows))
    last = {subject_of(one): one for one in found if isinstance(one, RuleOfPlant)}
    return tuple(last.values())


async def planned_starts(conn: ReadConn, line: str) -> dict[str, tuple[datetime, datetime | None]]:
    """Return car → start on the drum and finish, by the plan in force."""
    rows = await db.fetch_dicts(conn, queries["planned_starts"], {"line": line})
    return {row["car_id"]: (row["start_at"], row["finish_at"]) for row in rows}


async def apply_live(conn: ReadConn, net: PlantNetwork, facts: PlantFacts) -> PlantFacts:
    """Return the facts with the changes of the live plan."""
    changes = await changes_now(conn, net.plant.site.id, now=facts.at)
    if not changes:
        return facts
    starts = await planned_starts(conn, net.drum_line.id)
    return changed_facts(
        facts, net, changes, starts={car: start for car, (start, _) in starts.items()}
    )


async def enter(
    conn: WriteConn,
    site: str,
    changes: Sequence[Change],
    *,
    by: str,
    now: datetime,
    branch_id: UUID | None = None,
) -> None:
    """Put changes in force; the next plan, repair and quote go by them."""
    for change in changes:
        await db.execute(
            conn,
            queries["add_live_change"],
            {
                "id": uuid7(),
                "site": site,
                "change": change.model_dump_json(),
                "entered_by": by,
                "entered_at": now,
                "branch_id": branch_id,
            },
        )
        if isinstance(change, PartLate):
            short = Shortage(
                option=change.option, pieces=change.pieces, until_at=change.until_at, reason=""
            )
            await capacity_repository.save_shortage(conn, short, by=by, at=now)


async def tell(
    conn: WriteConn, site: str, change: Change, *, ended: bool, now: datetime, actor: str
) -> None:
    """Announce a change, and make it news for the next repair."""
    event = await events.record(
        conn,
        PlanChangeEntered(site=site, change=change.model_dump(mode="json"), ended=ended),
        now=now,
        actor=actor,
    )
    news = News(event_seq=event.seq, event_id=event.id, kind=_news_kind(change), at=now)
    await news_repository.add_news(conn, news)


def _news_kind(change: Change) -> NewsKind:
    match change:
        case PartLate():
            return NewsKind.PART
        case RushOrder():
            return NewsKind.RUSH
        case _:
            return NewsKind.CHANGE


async def take_back(conn: WriteConn, change_id: UUID) -> Change:
    """End a change and return what it was.

    Raises:
        UnknownChange: there is none.
    """
    rows = await db.fetch_dicts(conn, queries["drop_live_change"], {"id": change_id})
    if not rows:
        raise UnknownChange(change=change_id)
    change = CHANGES.validate_python((rows[0]["change"],))[0]
    if isinstance(change, PartLate):
        await capacity_repository.drop_shortage(conn, change.option)
    return change
