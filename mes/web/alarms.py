"""What needs somebody now: each alarm with what it means and what to do, the gravest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from mes.equipment.alarms.model import GRAVE
from mes.equipment.recipes import service as recipes
from mes.equipment.recipes.model import WatchedRecipe
from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries
from mes.web import said_by
from mes.web.formats import Formats
from mes.web.names import PlantNames
from mes.web.translations import mark as _

queries = load_queries(__package__, "alarms.sql")

Row = dict[str, Any]
Severity = Literal["stop", "loss", "soon"]
SEVERITIES: tuple[Severity, ...] = ("stop", "loss", "soon")
"""A line stands or asks; data or work may be lost; something will happen unless somebody acts."""

TOKENS_AHEAD = timedelta(days=14)
TOKENS_BACK = timedelta(days=7)
QUOTES_AHEAD = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that needs somebody.

    `since` is plant time; `real_since` is real time, for what happens to machines of IT.
    """

    severity: Severity
    kind: str
    icon: str
    title: str
    detail: str
    what_to_do: str
    href: str
    since: datetime | None = None
    real_since: datetime | None = None
    in_english: bool = False
    """Whether the detail is in the words of a program."""


async def alarms(
    conn: ReadConn, f: Formats, names: PlantNames, *, now: datetime, real_now: datetime
) -> list[Alarm]:
    """Collect every alarm, the gravest first; `now` is plant time."""
    facts = {
        "now": now,
        "soon": now + QUOTES_AHEAD,
        "real_soon": real_now + TOKENS_AHEAD,
        "real_past": real_now - TOKENS_BACK,
    }
    told = _Teller(f, names, real_now)
    found: list[Alarm] = []
    for name, tell in told.tellers():
        rows = await db.fetch_dicts(conn, queries[name], facts)
        found += [alarm for row in rows if (alarm := tell(row)) is not None]
    found += [told.recipe(one) for one in await recipes.differing(conn)]
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


class _Teller:
    def __init__(self, f: Formats, names: PlantNames, real_now: datetime) -> None:
        self.f, self.names, self.real_now = f, names, real_now

    def tellers(self) -> Iterator[tuple[str, Callable[[Row], Alarm | None]]]:
        """Return each query with what tells its rows."""
        yield "mismatches", self._mismatch
        yield "calls", self._call
        yield "stops", self._stop
        yield "lost_agents", self._agent
        yield "never_enrolled", self._no_agent
        yield "configurations", self._configuration
        yield "machines", self._machines
        yield "quarantine", self._quarantine
        yield "failures", self._failure
        yield "strays", self._strays
        yield "plan_failures", self._plan_failure
        yield "unplaced", self._unplaced
        yield "drifts", self._drift
        yield "reviews", self._review
        yield "tokens", self._token
        yield "quotes", self._quote

    def _say(self, message: str, **facts: object) -> str:
        return self.f._(message) % facts

    def _mismatch(self, row: Row) -> Alarm:
        return Alarm(
            "stop",
            "mismatch",
            "hand",
            self._say(
                _("%(line)s stands at %(station)s: not the body expected"),
                line=self.names(row["line"]),
                station=self.names(row["station"]),
            ),
            self._say(
                _("Read: %(read)s. Expected: %(expected)s."),
                read=row["read_number"] or "?",
                expected=row["expected_number"] or "–",
            ),
            self.f._(_("Look at the skid, then answer on the map: insert, remove or swap.")),
            f"/map#ask-{row['station']}",
            since=row["read_at"],
        )

    def _call(self, row: Row) -> Alarm:
        return Alarm(
            "stop",
            "andon",
            "megaphone",
            self._say(_("Help called at %(station)s"), station=self.names(row["station"])),
            self.f.word(row["reason"]),
            self.f._(_("Go there; then press “Help is there” on the map.")),
            "/map",
            since=row["called_at"],
        )

    def _stop(self, row: Row) -> Alarm:
        return Alarm(
            "stop",
            "down",
            "octagon-x",
            self._say(_("%(line)s is down"), line=self.names(row["line"])),
            " · ".join(
                x
                for x in (self.names(row["station"]), said_by.reason(row["reason"], self.f._))
                if x
            )
            or self.f._(_("No reason given yet")),
            self.f._(
                _("Find the cause at the station; the plan repairs itself when the line is back.")
            ),
            f"/map#{row['line']}",
            since=row["started_at"],
        )

    def _agent(self, row: Row) -> Alarm:
        line = self.names(row["line"])
        if row["lost"]:
            return Alarm(
                "loss",
                "agent_lost",
                "unlink",
                self._say(_("Nothing is heard of the agent of %(line)s"), line=line),
                self.f._(_("The line works on through its stored jobs; the map shows unknown.")),
                self.f._(
                    _(
                        "Check power and network of the edge computer; its journal keeps what happens."
                    )
                ),
                f"/it#{row['line']}",
                real_since=row["seen_at"],
            )
        return Alarm(
            "loss",
            "link_down",
            "unlink",
            self._say(_("The agent does not reach %(line)s"), line=line),
            row["link_detail"],
            self.f._(_("Check that the PLC runs, and that it trusts the agent's certificate.")),
            f"/it#{row['line']}",
            real_since=row["heard_at"],
            in_english=True,
        )

    def _no_agent(self, row: Row) -> Alarm:
        return Alarm(
            "loss",
            "no_agent",
            "circle-dot",
            self._say(_("%(line)s has no agent"), line=self.names(row["line"])),
            self.f._(_("Nothing of this line is recorded, and no job reaches it.")),
            self.f._(_("Issue an enrolment code and start the agent with it.")),
            f"/it#{row['line']}",
        )

    def _configuration(self, row: Row) -> Alarm:
        return Alarm(
            "loss",
            "config_taken_back",
            "undo-2",
            self._say(
                _("%(line)s fell silent under configuration %(newest)s"),
                line=self.names(row["line"]),
                newest=row["newest"],
            ),
            row["reason"],
            self._say(
                _("It works under %(runs)s again. Correct the line in the plant file."),
                runs=row["runs"],
            ),
            f"/it#{row['line']}",
            real_since=row["heard_at"],
            in_english=True,
        )

    def _machines(self, row: Row) -> Alarm:
        grave = row["severity"] >= GRAVE
        where = " · ".join(x for x in (self.names(row["station"]), row["message"]) if x)
        return Alarm(
            "loss" if grave else "soon",
            "machine",
            "triangle-alert" if grave else "bell",
            self._say(
                _("Machines of %(line)s raise alarms: %(n)s"),
                n=row["n"],
                line=self.names(row["line"]),
            ),
            where,
            self.f._(_("Look at the machine; acknowledge the alarm when somebody is on it.")),
            f"/alarms/machines?line={row['line']}",
            since=row["since"],
            in_english=True,
        )

    def recipe(self, one: WatchedRecipe) -> Alarm:
        """Tell a line that works by another recipe than its jobs want."""
        return Alarm(
            "loss",
            "recipe",
            "triangle-alert",
            self._say(
                _("%(station)s has another recipe for %(variant)s than its jobs want"),
                station=self.names(one.station),
                variant=one.variant,
            ),
            self._say(
                _("Loaded: %(loaded)s. Wanted: %(wanted)s."),
                loaded=one.version or "–",
                wanted=one.wanted,
            ),
            self.f._(_("Load the recipe on the page of the line before the next such body comes.")),
            f"/lines/{one.line}#recipes",
            since=one.told_at,
        )

    def _quarantine(self, row: Row) -> Alarm:
        return Alarm(
            "loss",
            "quarantine",
            "triangle-alert",
            self._say(_("%(n)s refused from %(line)s"), n=row["n"], line=self.names(row["line"])),
            f"{row['reason_code']}: {row['reason']}",
            self.f._(
                _("Nothing is lost: correct the cause, then have the quarantine taken again.")
            ),
            "/it#quarantine",
            real_since=row["last_at"],
            in_english=True,
        )

    def _failure(self, row: Row) -> Alarm:
        return Alarm(
            "loss",
            "handler",
            "octagon-x",
            self._say(
                _("%(n)s events had no effect in “%(handler)s”"),
                n=row["n"],
                handler=row["handler"],
            ),
            self.f._(_("The software gave up on them; everything else goes on.")),
            self.f._(_("Open the event, and send it with the log to who looks after C2M.")),
            f"/events/{row['event_id']}",
            real_since=row["failed_at"],
        )

    def _strays(self, row: Row) -> Alarm | None:
        if not row["count"]:
            return None
        return Alarm(
            "loss",
            "strays",
            "triangle-alert",
            self._say(_("%(n)s values lie outside every day"), n=row["count"]),
            self.f._(_("A clock is wrong, or the job that makes the days does not run.")),
            self.f._(_("Compare the clocks on the page of agents, and look at the worker's log.")),
            "/it",
        )

    def _plan_failure(self, row: Row) -> Alarm:
        return Alarm(
            "loss",
            "plan",
            "calendar-range",
            self._say(_("Plan %(number)s failed"), number=row["number"]),
            said_by.reason(row["failure"] or "", self.f._),
            self.f._(
                _("Look at the memory where plans are solved, then solve again.")
                if said_by.is_own_reason(row["failure"] or "")
                else _("The plan in force stays; look at what contradicts itself, then solve.")
            ),
            f"/plan/versions/{row['id']}",
            since=row["created_at"],
            in_english=not said_by.is_own_reason(row["failure"] or ""),
        )

    def _unplaced(self, row: Row) -> Alarm:
        return Alarm(
            "soon",
            "unplaced",
            "car",
            self._say(
                _("Cars without a place in plan %(number)s: %(n)s"),
                n=row["n"],
                number=row["number"],
            ),
            self.f._(_("Each has its reason in the tray")),
            self.f._(_("Drag one onto the plan, or solve again.")),
            "/plan#unplaced",
            since=row["published_at"],
        )

    def _review(self, row: Row) -> Alarm:
        return Alarm(
            "soon",
            "review",
            "scan-eye",
            self._say(_("%(subject)s waits for a verdict"), subject=row["subject"]),
            self._say(
                _("Without one its rework is confirmed at %(at)s."),
                at=self.f.plain(row["review_by_at"]),
            ),
            self.f._(_("Decide in the review: one key.")),
            f"/quality/review?hold={row['id']}",
        )

    def _drift(self, row: Row) -> Alarm:
        features, known = row["measure"] == "features", row["confirmed_by"] is not None
        detail = self._say(
            _("The typical picture lies %(n)s spreads from those of the training; limit %(limit)s.")
            if features
            else _("The typical score has moved by %(n)s spreads; limit %(limit)s."),
            n=self.f.number(row["distance"], digits=1),
            limit=self.f.number(row["most"], digits=1),
        )
        if known:
            said = (said_by.actor(row["confirmed_by"], self.f._), row["comment"])
            detail += f" {self.f._(_('Confirmed'))}: " + " · ".join(x for x in said if x)
        return Alarm(
            "soon" if known else "loss",
            "drift",
            "chart-line",
            self._say(
                _("%(camera)s sees otherwise than in its training")
                if features
                else _("%(camera)s judges otherwise than before"),
                camera=self.names(row["camera"]),
            ),
            detail,
            self.f._(
                _("It ends when its pictures are steady again, or another model judges.")
                if known
                else _("Look at lamp, lens and the newest pictures; confirm with what was found.")
            ),
            f"/quality/models/{quote(row['camera'], safe='')}#drift-{row['measure']}",
            since=row["raised_at"],
        )

    def _token(self, row: Row) -> Alarm:
        over = row["expires_at"] < self.real_now
        return Alarm(
            "loss" if over else "soon",
            "token",
            "link",
            self._say(
                _("The token “%(name)s” has ended")
                if over
                else _("The token “%(name)s” ends soon"),
                name=row["name"],
            ),
            self._say(_("on %(at)s, real time"), at=self.f.plain(row["expires_at"], zone=True)),
            self.f._(_("Make a new one of the same name and give it to the program.")),
            "/admin",
        )

    def _quote(self, row: Row) -> Alarm:
        return Alarm(
            "soon",
            "quote",
            "hourglass",
            self._say(_("Quote %(number)s ends soon"), number=row["number"]),
            self._say(_("Its place is free again at %(at)s."), at=self.f.plain(row["expires_at"])),
            self.f._(_("Have it confirmed, or let it go.")),
            "/orders",
            since=None,
        )
