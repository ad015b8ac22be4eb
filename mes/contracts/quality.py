"""What inspection says: verdicts, inspection results, dispositions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mes.contracts.text import Text

_DEFECTS_ZH: Final[Mapping[str, str]] = {
    "blister": "起泡",
    "burn_through": "烧穿",
    "burr": "毛刺",
    "color_mismatch": "色差",
    "crack": "开裂",
    "crater": "缩孔",
    "dent": "凹坑",
    "displaced_spot": "焊点偏移",
    "dust_nib": "尘点",
    "expulsion": "焊点喷溅",
    "flush": "面差超差",
    "galling": "拉毛",
    "gap": "间隙超差",
    "missing_clip": "缺卡扣",
    "missing_plug": "缺堵盖",
    "missing_screw": "缺螺钉",
    "missing_spot": "漏焊点",
    "missing_weld": "漏焊",
    "mottling": "发花",
    "off_seam": "焊偏",
    "orange_peel": "橘皮",
    "other": "其他",
    "porosity": "气孔",
    "recheck": "复检",
    "reversed_part": "装反",
    "run": "流挂",
    "sag": "垂流",
    "scratch": "划伤",
    "screw_not_seated": "螺钉未拧到位",
    "short_weld": "焊缝过短",
    "spatter": "飞溅",
    "split": "裂口",
    "unclassified": "未分类",
    "undercut": "咬边",
    "wrinkle": "起皱",
    "wrong_variant": "错装",
}


def defect_name(kind: str) -> Text:
    """Return what a kind of defect is called (200 characters of it); one without a Chinese name keeps its code."""
    code = kind[:200]
    english = code.replace("color", "colour").replace("_", " ")
    return Text(en=english[:200], zh=_DEFECTS_ZH.get(code, code))


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Verdict(StrEnum):
    """What the line is told about a part."""

    OK = "OK"
    NOK = "NOK"
    UNFIT = "UNFIT"
    """The picture cannot be judged (blur, exposure, no part, wrong recipe, camera fault)."""
    LATE = "LATE"
    """No verdict within the station's deadline."""


class VerdictCode(IntEnum):
    """The verdict on the wire to the PLC."""

    NONE = 0
    OK = 1
    NOK = 2
    UNFIT = 3
    LATE = 4


class Disposition(StrEnum):
    """What a person decides about a held body."""

    FALSE_CALL = "false_call"
    REWORK = "rework"
    SCRAP = "scrap"
    USE_AS_IS = "use_as_is"


class Region(BaseModel):
    """Where a defect is seen: pixels of the stored image, score in [0, 1]."""

    model_config = ConfigDict(frozen=True)

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    w: int = Field(gt=0)
    h: int = Field(gt=0)
    score: float = Field(ge=0, le=1)
    label: str | None = None


class DrawnRegion(BaseModel):
    """Where a person says that a defect is: pixels of the stored image; `label` is a defect code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    w: int = Field(gt=0)
    h: int = Field(gt=0)
    label: str | None = Field(default=None, max_length=40)


class Measure(BaseModel):
    """What a gauge of a station's pipeline read; limits included are within tolerance."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    node: str = Field(max_length=60)
    """Of the pipeline."""
    gauge: str = Field(max_length=40)
    verdict: Verdict
    value: float | None = None
    """In `unit`; None where there is none (not measurable, or a code's text)."""
    unit: str = Field(default="", max_length=20)
    low: float | None = None
    high: float | None = None
    text: str | None = Field(default=None, max_length=500)
    reason: str | None = Field(default=None, max_length=500)
    """Why the verdict is not OK."""


class BesideVerdict(BaseModel):
    """What another model (shadow, canary, or the active one beside a canary) said of the same picture."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    package_sha256: str
    """Of the package that looked on; empty: one that ships with the agent."""
    judged_by: str
    """Of the package whose verdict the line took; empty: one that ships with the agent."""
    verdict: Verdict
    score: float = Field(ge=0, le=1)
    threshold: float = Field(ge=0, le=1)
    regions: tuple[Region, ...] = ()
    measures: tuple[Measure, ...] = ()
    """Of the gauges, where a pipeline looked on."""
    ms: float = Field(ge=0)


class InspectionResult(BaseModel):
    """One judged picture; travels in the results stream, the bytes follow by `PUT /images/{sha256}`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Literal["inspection_result"] = "inspection_result"
    id: UUID
    line: str
    station: str
    camera: str
    counter: int = Field(ge=0)
    body_id: UUID | None
    """The body; None for sampled panels."""
    lot: str | None = None
    """The rack or die lot of a sampled panel."""
    job_order_id: UUID | None
    variant: str
    verdict: Verdict
    score: float = Field(ge=0, le=1)
    threshold: float = Field(ge=0, le=1)
    regions: tuple[Region, ...] = ()
    reason: str | None = None
    """Why the picture was unfit or late, or what a gauge objects to."""
    image_sha256: Sha256 | None
    image_px: tuple[int, int] | None = None
    model_name: str
    model_version: str
    model_sha256: str
    pipeline_version: str
    triggered_at: AwareDatetime
    decided_at: AwareDatetime
    deadline_at: AwareDatetime
    inference_ms: float = Field(ge=0)
    total_ms: float = Field(ge=0)
    """Real milliseconds from trigger seen to verdict written."""
    accepted: bool
    """Whether the PLC took the verdict (a stale one is refused)."""
    beside: BesideVerdict | None = None
    measures: tuple[Measure, ...] = ()
    """Of the gauges, where a pipeline judged."""
    step_ms: dict[str, float] = Field(default_factory=dict)
    """Milliseconds by node, where a pipeline judged."""
    watch: tuple[float, ...] = Field(default=(), max_length=32)
    """Where the picture lies among the good ones of the training, in spreads; empty: the model does not say."""
    help_wanted: str | None = Field(default=None, max_length=300)
    """Why the pipeline calls for help at the station (andon)."""
