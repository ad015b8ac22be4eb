"""The defect codes of a plant as a reviewer finds them: by a few letters of code, name or pinyin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mes.contracts.plant import PlantModel
from mes.contracts.quality import defect_name
from mes.quality.model import UNCLASSIFIED

_PINYIN: Final[Mapping[str, str]] = {
    "blister": "qi pao",
    "burn_through": "shao chuan",
    "burr": "mao ci",
    "color_mismatch": "se cha",
    "crack": "kai lie",
    "crater": "suo kong",
    "dent": "ao keng",
    "displaced_spot": "han dian pian yi",
    "dust_nib": "chen dian",
    "expulsion": "han dian pen jian",
    "flush": "mian cha chao cha",
    "galling": "la mao",
    "gap": "jian xi chao cha",
    "missing_clip": "que ka kou",
    "missing_plug": "que du gai",
    "missing_screw": "que luo ding",
    "missing_spot": "lou han dian",
    "missing_weld": "lou han",
    "mottling": "fa hua",
    "off_seam": "han pian",
    "orange_peel": "ju pi",
    "other": "qi ta",
    "porosity": "qi kong",
    "reversed_part": "zhuang fan",
    "run": "liu gua",
    "sag": "chui liu",
    "scratch": "hua shang",
    "screw_not_seated": "luo ding wei ning dao wei",
    "short_weld": "han feng guo duan",
    "spatter": "fei jian",
    "split": "lie kou",
    "unclassified": "wei fen lei",
    "undercut": "yao bian",
    "wrinkle": "qi zhou",
    "wrong_variant": "cuo zhuang",
}
_ALWAYS: Final = ("other", UNCLASSIFIED)


@dataclass(frozen=True, slots=True)
class DefectCode:
    """A defect code; `letters` is what a search compares with, `lines` where the plant knows it."""

    code: str
    letters: str
    lines: tuple[str, ...]


def codes_of(plant: PlantModel) -> list[DefectCode]:
    """Return the defect codes of a plant, by code; those that fit everywhere name no line."""
    lines: dict[str, list[str]] = {code: [] for code in _ALWAYS}
    for line in plant.lines:
        for station in line.stations:
            for source in station.defects:
                known = lines.setdefault(source.kind, [])
                if line.id not in known:
                    known.append(line.id)
    return [DefectCode(code, _letters(code), tuple(known)) for code, known in sorted(lines.items())]


def _letters(code: str) -> str:
    """Return code, names, pinyin and the initials of both, each a word that a search may begin with."""
    name = defect_name(code)
    spoken = _PINYIN.get(code, "")
    initials = ["".join(word[0] for word in text.split()) for text in (name.en, spoken) if text]
    return " ".join((code, name.en, name.zh, spoken.replace(" ", ""), *initials)).lower()
