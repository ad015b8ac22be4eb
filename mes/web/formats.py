"""How numbers and times are shown: plant time in the site's zone, every number with its unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

from mes.contracts.text import Text
from mes.web.translations import Language, translations

_DAY = {"en": "EEE d MMM", "zh": "M月d日 EEE"}
_SHORT_DAY = {"en": "d MMM", "zh": "M月d日"}
_YEAR_DAY = {"en": "d MMM yyyy", "zh": "yyyy年M月d日"}


def utc_offset(moment: datetime) -> str:
    """Return `UTC+8`, `UTC-3:30`, `UTC` for an aware datetime."""
    minutes = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "\N{MINUS SIGN}"
    return f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")


@dataclass(frozen=True, slots=True)
class Formats:
    """Formatting for one reader: a language, the site's zone, and what time it is at the plant."""

    language: Language
    zone: ZoneInfo
    now: datetime

    def _(self, message: str) -> str:
        return translations(self.language).gettext(message)

    def text(self, text: Text) -> str:
        """Return a name of master data in the reader's language."""
        return text.in_language(self.language)

    def name(self, row: object, prefix: str = "name") -> str:
        """Return `name_en` or `name_zh` of a row (a dataclass or a dictionary)."""
        key = f"{prefix}_{self.language}"
        value = row[key] if isinstance(row, dict) else getattr(row, key)
        return str(value)

    def local(self, moment: datetime) -> datetime:
        """Return the moment on the plant's wall clock."""
        return moment.astimezone(self.zone)

    @property
    def zone_label(self) -> str:
        """The zone's offset as of now, `UTC+8`."""
        return utc_offset(self.local(self.now))

    def word(self, message: str) -> str:
        """Translate a message that was stored, such as the reason of a call for help."""
        return self._(message)

    def _tag(self, moment: datetime, shown: str) -> Markup:
        local = self.local(moment)
        full = f"{local:%Y-%m-%d %H:%M:%S} {self.zone.key} ({utc_offset(local)})"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            moment.isoformat(timespec="seconds"), full, shown
        )

    def plain(self, moment: datetime, *, zone: bool = False) -> str:
        """Return day and minute as text; the year when it is another one than now."""
        local, now = self.local(moment), self.local(self.now)
        day = _SHORT_DAY if local.year == now.year else _YEAR_DAY
        shown = format_datetime(local, f"{day[self.language]} HH:mm", locale=self.language)
        return f"{shown} {utc_offset(local)}" if zone else shown

    def time(self, moment: datetime | None, *, zone: bool = False) -> Markup:
        """Return day and minute, the zone in the tooltip; a dash when there is none."""
        if moment is None:
            return Markup('<span class="quiet">–</span>')
        return self._tag(moment, self.plain(moment, zone=zone))

    def day(self, moment: datetime | None) -> Markup:
        """Return weekday and day."""
        if moment is None:
            return Markup('<span class="quiet">–</span>')
        shown = format_datetime(self.local(moment), _DAY[self.language], locale=self.language)
        return self._tag(moment, shown)

    def clock(self, moment: datetime | None) -> Markup:
        """Return the time of day to the second."""
        if moment is None:
            return Markup('<span class="quiet">–</span>')
        return self._tag(moment, f"{self.local(moment):%H:%M:%S}")

    def iso(self, moment: datetime) -> str:
        """Return local ISO 8601 with offset, for exports."""
        return self.local(moment).isoformat(timespec="seconds")

    def number(self, value: float | int | None, unit: str = "", *, digits: int = 0) -> Markup:
        """Return a number with its unit; a dash when there is none."""
        if value is None:
            return Markup('<span class="quiet">–</span>')
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        shown = format_decimal(value, pattern, locale=self.language)
        return Markup("{}{}").format(shown, Markup("&nbsp;{}").format(unit) if unit else "")

    def percent(self, share: float | None, *, digits: int = 0) -> Markup:
        """Return a share of one as percent."""
        if share is None:
            return Markup('<span class="quiet">–</span>')
        pattern = "#,##0" + ("." + "0" * digits if digits else "") + "%"
        return escape(format_percent(share, pattern, locale=self.language))

    def duration(self, seconds: float | None) -> str:
        """Return a duration in the two largest of d, h, min, s."""
        if seconds is None:
            return "–"
        whole = round(abs(seconds))
        sign = "\N{MINUS SIGN}" if seconds < 0 and whole else ""
        days, rest = divmod(whole, 86_400)
        hours, rest = divmod(rest, 3_600)
        minutes, secs = divmod(rest, 60)
        d, h, m, s = self._("d"), self._("h"), self._("min"), self._("s")
        if days:
            return f"{sign}{days} {d} {hours} {h}" if hours else f"{sign}{days} {d}"
        if hours:
            return f"{sign}{hours} {h} {minutes} {m}" if minutes else f"{sign}{hours} {h}"
        if minutes >= 10 or (minutes and not secs):
            return f"{sign}{minutes} {m}"
        return f"{sign}{minutes} {m} {secs} {s}" if minutes else f"{sign}{secs} {s}"

    def age(self, moment: datetime | None, *, now: datetime | None = None) -> str:
        """Return how long ago a moment was, against plant time unless `now` says otherwise."""
        if moment is None:
            return self._("never")
        gone = ((now or self.now) - moment).total_seconds()
        if gone < 1:
            return self._("just now")
        return self._("%(duration)s ago") % {"duration": self.duration(gone)}

    def slip(self, old: datetime, new: datetime) -> str:
        """Return how a date moved: `+35 min`."""
        seconds = (new - old).total_seconds()
        return ("+" if seconds > 0 else "") + self.duration(seconds)
