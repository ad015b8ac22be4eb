"""Reads a file of orders as dealers' programs write them: any usual encoding, separator and heading.

UTF-8 with or without a byte order mark, UTF-16, and GB18030 (GBK); comma, semicolon or tab; headings in
English or Chinese. A bad row is a problem of that row; a file that is no table is refused as a whole.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from mes.contracts.text import Text
from mes.orders.service import OrderDraft
from mes.platform.errors import Invalid

MAX_ROWS = 50_000
MAX_FIELD = 2_000

_HEADINGS: dict[str, tuple[str, ...]] = {
    "external_id": (
        "external_id",
        "external id",
        "id",
        "order",
        "订单号",
        "外部订单号",
        "外部编号",
    ),
    "channel": ("channel", "渠道"),
    "customer": ("customer", "客户", "客户名称"),
    "language": ("language", "语言"),
    "model": ("model", "车型"),
    "color": ("color", "colour", "颜色", "车身颜色"),
    "options": ("options", "选装", "选装包", "选项"),
    "requested_at": ("requested_at", "requested", "requested date", "期望交付", "期望交期", "交期"),
    "priority": ("priority", "优先级"),
}
_FIELD_OF = {heading: field for field, headings in _HEADINGS.items() for heading in headings}
_REQUIRED = ("model", "color")
_SEPARATORS = (",", ";", "\t")
_OPTION_SEPARATORS = re.compile(r"[\s|/+,;、，；]+")
_DATE = re.compile(r"^(\d{4})(?:-|/|年)(\d{1,2})(?:-|/|月)(\d{1,2})日?$")
_CHANNEL = re.compile(r"^[a-z0-9][a-z0-9_-]{0,39}$")


class OrderFileUnreadable(Invalid):
    """The file cannot be read: {why}"""

    code = "order_file.unreadable"


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row was not taken. Rows count as in a spreadsheet: the heading is row 1."""

    row: int
    field: str
    value: str
    rule: str
    reason: Text


@dataclass(frozen=True, slots=True)
class OrderFile:
    """What was read: drafts with their rows, and the rows that cannot be orders."""

    encoding: str
    separator: str
    drafts: tuple[tuple[int, OrderDraft], ...]
    problems: tuple[RowProblem, ...]


def read_order_file(content: bytes, *, channel: str, time_zone: str) -> OrderFile:
    """Read a file of orders.

    Args:
        channel: the channel of rows that do not name one.
        time_zone: of the site; a date without a time means the end of that day there.

    Raises:
        OrderFileUnreadable: it is empty, not text, has no heading that is understood, or too many rows.
    """
    encoding, text = decode(content)
    heading, _, _ = text.lstrip("\r\n").partition("\n")
    separator = max(_SEPARATORS, key=heading.count)
    rows = _rows(text, separator)
    _, first = next(rows, (0, None))
    if first is None:
        raise OrderFileUnreadable(why="it is empty.")
    columns, zone = _columns(first), ZoneInfo(time_zone)
    drafts: list[tuple[int, OrderDraft]] = []
    problems: list[RowProblem] = []
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(drafts) + len(problems) >= MAX_ROWS:
            raise OrderFileUnreadable(
                why=f"it has more than {MAX_ROWS} rows; split it into several files."
            )
        reader = _Row(number, cells, columns, width=len(first), channel=channel, zone=zone)
        draft = reader.draft()
        if reader.problems:
            problems += reader.problems
        else:
            drafts.append((number, draft))
    return OrderFile(encoding, separator, tuple(drafts), tuple(problems))


def decode(content: bytes) -> tuple[str, str]:
    """Return the encoding of a text and the text.

    Raises:
        OrderFileUnreadable: it is not text in an encoding that is understood.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif content.startswith(codecs.BOM_UTF8):
        candidates = ["utf-8-sig"]
    elif b"\0" in content[:400]:
        high_first = content[:400:2].count(0) > content[1:400:2].count(0)
        candidates = ["utf-16-be" if high_first else "utf-16-le"]
    else:
        candidates = ["utf-8", "gb18030"]
    for encoding in candidates:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return encoding, text
    raise OrderFileUnreadable(
        why="it is not text in UTF-8, UTF-16 or GB18030 (GBK); save it as CSV in one of these."
    )


def read_moment(text: str, zone: ZoneInfo) -> datetime | None:
    """Read a wished date: ISO 8601 with or without zone, or a day, which is over when it ends.

    Returns None when it is neither.
    """
    day = _DATE.match(text)
    try:
        if day is not None:
            wished = date(int(day[1]), int(day[2]), int(day[3]))
            return datetime.combine(wished, time(23, 59, 59), zone).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        local = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    number = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise OrderFileUnreadable(
                why=f"row {number + 1} is not a row of a table ({error})."
            ) from error
        number += 1
        if number == 1 and not any(cell.strip() for cell in cells):
            number = 0
            continue
        yield number, cells


def _columns(heading: list[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for index, cell in enumerate(heading):
        field = _FIELD_OF.get(cell.strip().lower())
        if field is None:
            continue
        if field in columns:
            raise OrderFileUnreadable(why=f"two columns are headed {cell.strip()!r}.")
        columns[field] = index
    missing = [field for field in _REQUIRED if field not in columns]
    if missing:
        known = ", ".join(_HEADINGS)
        raise OrderFileUnreadable(
            why=f"the column {missing[0]!r} is missing; columns that are understood: {known}."
        )
    return columns


class _Row:
    """One row on its way to a draft; collects what is wrong with it."""

    def __init__(
        self,
        number: int,
        cells: list[str],
        columns: Mapping[str, int],
        *,
        width: int,
        channel: str,
        zone: ZoneInfo,
    ) -> None:
        self._number = number
        self._columns = columns
        self._cells = cells
        self._width = width
        self._channel = channel
        self._zone = zone
        self.problems: list[RowProblem] = []

    def draft(self) -> OrderDraft:
        beyond = [cell for cell in self._cells[self._width :] if cell.strip()]
        if beyond:
            self._problem("row", beyond[0], "columns", *_WORDS["columns"])
        return OrderDraft(
            channel=self._channel_of(),
            model=self._required("model").upper(),
            color=self._required("color").upper(),
            options=self._options(),
            external_id=self._text("external_id", 80) or None,
            customer=self._text("customer", 200) or None,
            language=self._language(),
            requested_at=self._requested_at(),
            priority=self._priority(),
        )

    def _cell(self, field: str) -> str:
        index = self._columns.get(field)
        return self._cells[index].strip() if index is not None and index < len(self._cells) else ""

    def _text(self, field: str, longest: int) -> str:
        value = self._cell(field)
        if len(value) > longest:
            en, zh = f"at most {longest} characters", f"最多 {longest} 个字符"
            self._problem(field, value, "length", en, zh)
        return value

    def _required(self, field: str) -> str:
        value = self._text(field, 20)
        if not value:
            self._problem(field, value, "required", *_WORDS["required"])
        return value

    def _channel_of(self) -> str:
        value = self._cell("channel").lower() or self._channel
        if not _CHANNEL.match(value):
            self._problem("channel", value, "channel", *_WORDS["channel"])
        return value

    def _options(self) -> tuple[str, ...]:
        codes = _OPTION_SEPARATORS.split(self._text("options", MAX_FIELD).upper())
        return tuple(code for code in codes if code)

    def _language(self) -> str:
        value = self._cell("language").lower()
        language = {"": "en", "en": "en", "zh": "zh", "中文": "zh", "英文": "en"}.get(value)
        if language is None:
            self._problem("language", value, "language", *_WORDS["language"])
        return language or "en"

    def _requested_at(self) -> datetime | None:
        value = self._cell("requested_at")
        moment = read_moment(value, self._zone) if value else None
        if value and moment is None:
            self._problem("requested_at", value, "date", *_WORDS["date"])
        return moment

    def _priority(self) -> int:
        value = self._cell("priority")
        if not value:
            return 5
        if value not in tuple("123456789"):
            self._problem("priority", value, "priority", *_WORDS["priority"])
            return 5
        return int(value)

    def _problem(self, field: str, value: str, rule: str, en: str, zh: str) -> None:
        shown = value if len(value) <= 80 else value[:80] + "…"
        self.problems.append(RowProblem(self._number, field, shown, rule, Text(en=en, zh=zh)))


_WORDS = {
    "columns": ("more cells than the heading has columns", "单元格数多于表头列数"),
    "required": ("must not be empty", "不能为空"),
    "channel": (
        "a channel is lower case letters, digits, '-' and '_', at most 40",
        "渠道只能用小写字母、数字、“-”和“_”，最多 40 个字符",
    ),
    "language": ("must be 'en' or 'zh'", "只能是 en 或 zh"),
    "date": (
        "must be a date as 2026-12-31, or a time as 2026-12-31T14:30",
        "应为日期（如 2026-12-31）或时间（如 2026-12-31T14:30）",
    ),
    "priority": ("must be a digit from 1 (first) to 9 (last)", "应为 1（最先）到 9（最后）的数字"),
}
