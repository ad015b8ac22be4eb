"""ANOVA gage R&R of a continuous measure: repeatability, reproducibility, part variation, ndc.

After AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III section B, "Analysis of Variance method":
crossed study, two-way with interaction; an interaction whose F is not significant at α = 0.25 is pooled with the
equipment, as the manual's worked example does. %GRR is GRR over the total variation (and over a sixth of the
tolerance, where one is given). A gauge that nobody handles (a camera's) has one appraiser: a one-way analysis,
repeatability alone. Acceptance: under 10 % acceptable, 10 to 30 % conditionally, over 30 % not; ndc
(1.41 PV/GRR, truncated) at least 5.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isfinite, lgamma, log, log1p, sqrt
from typing import Final

from mes.platform.errors import Invalid

COLUMNS: Final = ("part", "appraiser", "trial", "value")
MAX_READINGS: Final = 10_000
POOLED_FROM: Final = 0.25
"""An interaction that is less significant than this is pooled with the equipment."""
GOOD_GRR: Final = 0.10
HIGHEST_GRR: Final = 0.30
FEWEST_CATEGORIES: Final = 5


class ReadingsUnreadable(Invalid):
    """The readings cannot be read: line {line}: {why}."""

    code = "gauge_study.unreadable"


class StudyNotCrossed(Invalid):
    """Every appraiser has to measure every part equally often: {why}."""

    code = "gauge_study.not_crossed"


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement of a part by an appraiser (a person, or a camera's gauge)."""

    part: str
    appraiser: str
    trial: str
    value: float


@dataclass(frozen=True, slots=True)
class Source:
    """A row of the ANOVA table; `f` and `p` are None for the error and the total."""

    name: str
    df: int
    ss: float
    ms: float | None
    f: float | None = None
    p: float | None = None

    @property
    def mean(self) -> float:
        """The mean square; 0 where there is none."""
        return self.ms or 0.0


@dataclass(frozen=True, slots=True)
class GaugeStudy:
    """What a crossed study says of a gauge; ev, av, interaction, grr, pv, tv are standard deviations.

    Args:
        pooled: the interaction was not significant and counts with the equipment.
        of_tolerance: 6 GRR over the tolerance's width; None without a tolerance.
    """

    parts: int
    appraisers: int
    trials: int
    table: tuple[Source, ...]
    pooled: bool
    ev: float
    av: float
    interaction: float
    grr: float
    pv: float
    tv: float
    ndc: int
    of_tolerance: float | None

    def share(self, of: float) -> float:
        """Return a standard deviation over the total variation."""
        return of / self.tv if self.tv else 0.0

    @property
    def of_total(self) -> float:
        """GRR over the total variation."""
        return self.share(self.grr)

    @property
    def verdict(self) -> str:
        """`good`, `marginal` or `bad`: the worse of the two ratios, and at most marginal with ndc under 5."""
        worst = max(self.of_total, self.of_tolerance or 0.0)
        if worst > HIGHEST_GRR:
            return "bad"
        return "good" if worst < GOOD_GRR and self.ndc >= FEWEST_CATEGORIES else "marginal"


def read_csv(text: str) -> list[Reading]:
    """Return the readings of a CSV with the columns part, appraiser, trial, value, in any order.

    Comma, semicolon or tab; a decimal comma is understood where the columns are parted by something else.

    Raises:
        ReadingsUnreadable: with the line and what would be right.
    """
    lines = text.lstrip("\ufeff").splitlines()
    if not lines:
        raise ReadingsUnreadable(line=1, why=f"a header with {', '.join(COLUMNS)} is expected")
    mark = max(",;\t", key=lines[0].count)
    rows = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=mark)
    names = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ReadingsUnreadable(line=1, why=f"the column {missing[0]} is missing")
    found: list[Reading] = []
    for number, row in enumerate(rows, 2):
        part, appraiser, trial, value = ((row[names[name]] or "").strip() for name in COLUMNS)
        if not any((part, appraiser, trial, value)):
            continue
        if not (part and appraiser and trial):
            raise ReadingsUnreadable(line=number, why="part, appraiser and trial may not be empty")
        if len(found) == MAX_READINGS:
            raise ReadingsUnreadable(line=number, why=f"at most {MAX_READINGS} readings")
        found.append(Reading(part, appraiser, trial, _number(value, mark, number)))
    return found


def _number(text: str, mark: str, line: int) -> float:
    try:
        value = float(text if mark == "," else text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ReadingsUnreadable(line=line, why=f"{text[:40]!r} is no number")
    return value


def study_of(readings: Sequence[Reading], *, tolerance: float | None = None) -> GaugeStudy:
    """Return what a crossed study says of a gauge.

    Args:
        tolerance: upper less lower limit, in the unit of the readings.

    Raises:
        StudyNotCrossed: fewer than two parts or trials, a cell that is missing or double.
    """
    cells = _cells(readings)
    parts = sorted({part for part, _ in cells})
    people = sorted({person for _, person in cells})
    p, a, r = len(parts), len(people), len(next(iter(cells.values())))
    n = p * a * r
    grand = sum(reading.value for reading in readings) / n
    of_part = {k: sum(sum(cells[k, o]) for o in people) / (a * r) for k in parts}
    of_person = {o: sum(sum(cells[k, o]) for k in parts) / (p * r) for o in people}
    of_cell = {key: sum(values) / r for key, values in cells.items()}
    ss_people = p * r * sum((mean - grand) ** 2 for mean in of_person.values())
    ss_parts = a * r * sum((mean - grand) ** 2 for mean in of_part.values())
    ss_both = r * sum(
        (mean - of_part[k] - of_person[o] + grand) ** 2 for (k, o), mean in of_cell.items()
    )
    ss_error = sum((x - of_cell[key]) ** 2 for key, values in cells.items() for x in values)
    df_error = p * a * (r - 1)
    error = Source("equipment", df_error, ss_error, ss_error / df_error)
    both = None if a == 1 else _source("interaction", (a - 1) * (p - 1), ss_both, error)
    against, interaction, pooled = error, 0.0, None
    if both is not None and (both.p is None or both.p > POOLED_FROM):
        df, ss = error.df + both.df, error.ss + both.ss
        against = pooled = Source("pooled", df, ss, ss / df)
    elif both is not None:
        against, interaction = both, max(both.mean - error.mean, 0.0) / r
    people_row = None if a == 1 else _source("appraiser", a - 1, ss_people, against)
    parts_row = _source("part", p - 1, ss_parts, against)
    av = 0.0 if people_row is None else max(people_row.mean - against.mean, 0.0) / (p * r)
    pv = max(parts_row.mean - against.mean, 0.0) / (a * r)
    ev = (pooled or error).mean
    grr = sqrt(ev + av + interaction)
    total = Source("total", n - 1, ss_people + ss_parts + ss_both + ss_error, None)
    rows = (people_row, parts_row, both, error, pooled, total)
    return GaugeStudy(
        parts=p,
        appraisers=a,
        trials=r,
        table=tuple(row for row in rows if row is not None),
        pooled=pooled is not None,
        ev=sqrt(ev),
        av=sqrt(av),
        interaction=sqrt(interaction),
        grr=grr,
        pv=sqrt(pv),
        tv=sqrt(ev + av + interaction + pv),
        ndc=int(1.41 * sqrt(pv) / grr) if grr else 0,
        of_tolerance=6 * grr / tolerance if tolerance else None,
    )


def _cells(readings: Sequence[Reading]) -> dict[tuple[str, str], list[float]]:
    """Return the values by part and appraiser, checked to be a crossed study."""
    cells: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for one in readings:
        cell = cells[one.part, one.appraiser]
        if one.trial in cell:
            why = f"part {one.part}, {one.appraiser}, trial {one.trial} is there twice"
            raise StudyNotCrossed(why=why)
        cell[one.trial] = one.value
    parts, people = {key[0] for key in cells}, {key[1] for key in cells}
    if len(parts) < 2:
        raise StudyNotCrossed(why=f"at least two parts are needed, there are {len(parts)}")
    trials = max(len(cell) for cell in cells.values())
    if trials < 2:
        raise StudyNotCrossed(why="at least two trials are needed, there is one")
    for part in sorted(parts):
        for person in sorted(people):
            count = len(cells[part, person]) if (part, person) in cells else 0
            if count != trials:
                why = f"{person} measured part {part} {count} times, others {trials} times"
                raise StudyNotCrossed(why=why)
    return {key: list(cell.values()) for key, cell in cells.items()}


def _source(name: str, df: int, ss: float, error: Source) -> Source:
    """Return a row tested against the error; F of an error of zero is not defined."""
    ms = ss / df
    if not error.ms:
        return Source(name, df, ss, ms)
    f = ms / error.ms
    return Source(name, df, ss, ms, f, f_tail(f, df, error.df))


def f_tail(f: float, df1: int, df2: int) -> float:
    """Return the probability that F is larger: I_x(d2/2, d1/2) with x = d2/(d2 + d1 f)."""
    return _beta_share(df2 / (df2 + df1 * f), df2 / 2, df1 / 2)


def _beta_share(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function by Lentz's continued fraction (DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta_share(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    value = d
    for m in range(1, 400):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + term * d) or tiny)
            c = (1 + term / c) or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * value
