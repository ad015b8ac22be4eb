"""The links of an explanation in both languages; numbers with units, times in the plant's own zone."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from mes.contracts.events import Reason
from mes.contracts.quality import defect_name
from mes.contracts.text import Text


def defect(kind: str | None) -> Text:
    """Return the name of a kind of defect."""
    if not kind:
        return Text(en="a defect", zh="缺陷")
    return defect_name(kind)


class Words:
    """Writes reasons for the people of one plant."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)

    def time(self, moment: datetime) -> Text:
        """Return a plant time as people write it: `24 Nov 15:30`, `11月24日 15:30`."""
        local = moment.astimezone(self._zone)
        return Text(
            en=f"{local.day} {local:%b %H:%M}", zh=f"{local.month}月{local.day}日 {local:%H:%M}"
        )

    def first_date(self, finish_at: datetime, event_id: UUID | None) -> Reason:
        at = self.time(finish_at)
        return Reason(
            code="promise.slot",
            text=Text(
                en=f"The plan finishes this car on {at.en}; the promise keeps a reserve for stops and rework.",
                zh=f"计划于{at.zh}完成该车；承诺交期已为停机和返修留有余量。",
            ),
            event_id=event_id,
        )

    def found(self, kind: str | None, body: str, line: Text, event_id: UUID | None) -> Reason:
        name = defect(kind)
        return Reason(
            code="defect.found",
            text=Text(
                en=f"Inspection on {line.en} found {name.en} on body {body}.",
                zh=f"{line.zh}检测发现车身{body}存在{name.zh}。",
            ),
            event_id=event_id,
        )

    def held(self, body: str, line: Text, event_id: UUID | None) -> Reason:
        return Reason(
            code="body.held",
            text=Text(
                en=f"Body {body} is on hold before the exit gate of {line.en}.",
                zh=f"车身{body}在{line.zh}出口前被扣留。",
            ),
            event_id=event_id,
        )

    def rework(
        self, work_s: float, kind: str | None, event_id: UUID | None, *, assumed: bool
    ) -> Reason:
        minutes = f"{work_s / 60:.0f}"
        name = defect(kind)
        until = ", assumed until it is reviewed" if assumed else ""
        until_zh = "（待复核确认）" if assumed else ""
        return Reason(
            code="rework.minutes",
            text=Text(
                en=f"Rework of {name.en} takes {minutes} min{until}.",
                zh=f"返修{name.zh}需要{minutes}分钟{until_zh}。",
            ),
            event_id=event_id,
        )

    def scrapped(self, body: str, successor: str, event_id: UUID | None) -> Reason:
        return Reason(
            code="body.scrapped",
            text=Text(
                en=f"Body {body} was scrapped; body {successor} is built in its place from the start.",
                zh=f"车身{body}报废，改由车身{successor}从头生产。",
            ),
            event_id=event_id,
        )

    def line_down(self, line: Text, until: datetime, event_id: UUID | None) -> Reason:
        at = self.time(until)
        return Reason(
            code="line.down",
            text=Text(
                en=f"{line.en} is down; it is expected back at {at.en}.",
                zh=f"{line.zh}停机，预计{at.zh}恢复。",
            ),
            event_id=event_id,
        )

    def missed(
        self,
        line: Text,
        old: datetime | None,
        new: datetime | None,
        event_id: UUID | None,
    ) -> Reason:
        if old is None or new is None:
            text = Text(
                en=f"The car takes a later place on {line.en}.", zh=f"该车在{line.zh}的位置后移。"
            )
        else:
            before, after = self.time(old), self.time(new)
            text = Text(
                en=f"It misses its slot on {line.en} of {before.en}; its next one is {after.en}.",
                zh=f"错过{line.zh}{before.zh}的工位时间，新的时间为{after.zh}。",
            )
        return Reason(code="slot.missed", text=text, event_id=event_id)

    def pushed(self, body: str, line: Text, event_id: UUID | None) -> Reason:
        return Reason(
            code="slot.pushed",
            text=Text(
                en=f"Moving body {body} on {line.en} moves this car as well.",
                zh=f"车身{body}在{line.zh}的调整也影响了该车。",
            ),
            event_id=event_id,
        )

    def replanned(self, number: int, event_id: UUID | None) -> Reason:
        return Reason(
            code="plan.changed",
            text=Text(
                en=f"Plan {number} follows the plant as it is now and finishes this car later.",
                zh=f"计划{number}按工厂现状重排，该车完成时间推迟。",
            ),
            event_id=event_id,
        )

    def new_date(self, old: datetime, new: datetime, event_id: UUID | None) -> Reason:
        before, after = self.time(old), self.time(new)
        return Reason(
            code="promise.date",
            text=Text(
                en=f"The promise moves from {before.en} to {after.en}.",
                zh=f"承诺交期由{before.zh}改为{after.zh}。",
            ),
            event_id=event_id,
        )

    def reverted(self, kind: str | None, body: str, event_id: UUID | None) -> Reason:
        name = defect(kind)
        return Reason(
            code="defect.reverted",
            text=Text(
                en=f"The review of {name.en} on body {body} found no need for rework.",
                zh=f"复核认定车身{body}的{name.zh}无需返修。",
            ),
            event_id=event_id,
        )

    def restored(self, number: int, event_id: UUID | None) -> Reason:
        return Reason(
            code="slot.restored",
            text=Text(
                en=f"The car is back in its slot in plan {number}.",
                zh=f"该车在计划{number}中恢复原位。",
            ),
            event_id=event_id,
        )

    def work_before(self, seconds: float, reached: datetime) -> Reason:
        at, hours = self.time(reached), f"{seconds / 3600:.1f}"
        return Reason(
            code="sooner.work",
            text=Text(
                en=f"Body and paint take {hours} h; assembly could have it on {at.en} at the earliest.",
                zh=f"焊装和涂装需要{hours}小时，总装最早可在{at.zh}开始。",
            ),
        )

    def part_short(self, option: str, until: datetime) -> Reason:
        at = self.time(until)
        return Reason(
            code="sooner.part",
            text=Text(
                en=f"Parts for option {option} are used up until the delivery of {at.en}.",
                zh=f"选装{option}的零件已用完，{at.zh}到货。",
            ),
        )

    def shifts_full(self, line: Text, count: int, until: datetime) -> Reason:
        at = self.time(until)
        return Reason(
            code="sooner.full",
            text=Text(
                en=f"{_counted(count, 'shift')} of {line.en} before it {_is(count)} full, until {at.en}.",
                zh=f"{line.zh}此前有{count}个班次已满，至{at.zh}。",
            ),
        )

    def option_full(self, option: str, n: int, p: int, count: int) -> Reason:
        return Reason(
            code="sooner.option",
            text=Text(
                en=f"{_counted(count, 'shift')} before it already {_has(count)} as many cars with {option} "
                f"as {n} in {p} allows.",
                zh=f"此前有{count}个班次的{option}车辆已达“每{p}辆最多{n}辆”的上限。",
            ),
        )

    def shift_opens(self, line: Text, at: datetime) -> Reason:
        opens = self.time(at)
        return Reason(
            code="sooner.calendar",
            text=Text(
                en=f"{line.en} works again from {opens.en}.", zh=f"{line.zh}从{opens.zh}起开工。"
            ),
        )

    def places_taken(self, line: Text, at: datetime) -> Reason:
        start = self.time(at)
        return Reason(
            code="sooner.sequence",
            text=Text(
                en=f"Earlier places of the shift would break ratio rules or make other cars late; "
                f"{line.en} starts it on {start.en}.",
                zh=f"同班次更早的位置会违反排序比例规则或使其他车辆延迟；{line.zh}于{start.zh}开始。",
            ),
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _has(count: int) -> str:
    return "has" if count == 1 else "have"
