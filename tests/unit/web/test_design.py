"""The design system: contrast, nothing from outside, nothing that a strict policy would refuse."""

import re
from pathlib import Path

import pytest

import mes.web
from mes.web.vendor import VENDOR, manifest, sha256

WEB = Path(mes.web.__file__).parent
TOKENS = (WEB / "static" / "css" / "tokens.css").read_text()
TEMPLATES = sorted(WEB.parent.glob("*/templates/*.html"))
SCRIPTS = sorted((WEB / "static" / "js").rglob("*.js"))
PAIR = re.compile(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
COLOURS = {name: (light, dark) for name, light, dark in PAIR.findall(TOKENS)}

TEXT_ON = [
    *[
        (text, ground)
        for text in ("text", "text-2", "text-3")
        for ground in ("bg", "surface", "sunken", "hover", "raised")
    ],
    *[(tone, f"{tone}-soft") for tone in ("good", "warn", "bad", "info", "block", "mute")],
    *[(tone, "surface") for tone in ("good", "warn", "bad", "info", "accent")],
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("accent-strong", "accent-soft"),
    ("accent", "bg"),
    ("text", "warn-soft"),
    ("text", "bad-soft"),
    ("text-2", "mute-soft"),
]
SHAPES_ON = [
    *[(f"cat-{n}", "surface") for n in range(1, 9)],
    *[
        (name, "surface")
        for name in ("line-strong", "focus", "promise", "now", "need-by", "good-fill", "bad-fill")
    ],
]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2 (1.4.3)."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_text_can_be_read_on_its_ground(text: str, ground: str, mode: int) -> None:
    assert contrast(COLOURS[text][mode], COLOURS[ground][mode]) >= 4.5


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("shape", "ground"), SHAPES_ON)
def test_shapes_stand_out_from_their_ground(shape: str, ground: str, mode: int) -> None:
    assert contrast(COLOURS[shape][mode], COLOURS[ground][mode]) >= 3


@pytest.mark.parametrize("ground", ["good-fill", "bad-fill"])
def test_white_words_can_be_read_on_big_buttons(ground: str) -> None:
    assert all(contrast("#ffffff", colour) >= 4.5 for colour in COLOURS[ground])


def test_only_the_tokens_name_colours() -> None:
    allowed = {"#fff", "#000", "#0b0e12", "#ffdf3d", "#16181b", "#d9e0e7"}
    for sheet in ("base", "components", "screens"):
        text = (WEB / "static" / "css" / f"{sheet}.css").read_text()
        named = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", text)) - allowed
        assert not {one for one in named if re.fullmatch(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", one)}, (
            sheet
        )


@pytest.mark.parametrize("file", [*TEMPLATES, *SCRIPTS], ids=lambda file: file.name)
def test_nothing_is_loaded_from_elsewhere(file: Path) -> None:
    text = file.read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//cdn", text)


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: f"{file.parts[-3]}/{file.name}")
def test_templates_have_no_inline_script_or_style(file: Path) -> None:
    text = file.read_text()
    scripts = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text)
    assert not scripts
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)


@pytest.mark.parametrize("path", sorted(manifest()))
def test_vendored_files_are_what_the_manifest_says(path: str) -> None:
    assert sha256(VENDOR / path) == manifest()[path]["sha256"]
    assert manifest()[path]["licence"] and manifest()[path]["version"]


def test_every_vendored_file_is_in_the_manifest() -> None:
    files = {str(file.relative_to(VENDOR)) for file in VENDOR.rglob("*") if file.is_file()}
    assert files == {*manifest(), "manifest.json"}


def test_every_icon_that_a_screen_uses_is_shipped() -> None:
    sprite = (VENDOR / "lucide" / "icons.svg").read_text()
    shipped = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    used = {
        name for file in TEMPLATES for name in re.findall(r'icon\("([\w-]+)"', file.read_text())
    }
    assert used <= shipped
