"""Why a model is refused is told in the reader's language."""

from __future__ import annotations

import re

import pytest

from mes.inspection.rollout import PackageRefused
from mes.web.model_sentences import refusal_zh
from mes.web.problem_words import detail
from mes.web.said_by import reason, refusal
from mes.web.translations import translations

SAID = [
    "model painting cannot be used: model.onnx has sha256 0a1b…; the manifest says 2c3d…: the file was changed"
    " or belongs to another version",
    "model painting cannot be used: the model does not compute here what it computed when it was made: the test"
    " pattern has raw score 3.2, the manifest says 1.1 ± 0.4",
    "model painting cannot be used: package 0a1b2c3d4e5f… did not arrive: it was not fetched",
    "model painting here is 0a1b…, the MES wants 2c3d…",
    "no package of this name ships with the agent",
    "model.onnx has opset 18; the manifest says 17",
    "manifest.json is not JSON: Expecting value: line 1 column 1 (char 0)",
    "model.onnx, manifest.json is missing in the archive",
    "the archive cannot be read: File is not a zip file",
    "the package is larger than 16 MiB",
    "pipeline.json: node 'crop' gives 128×128; the model takes 256×256",
    "manifest.json has format 2; this runtime reads format 1",
]


@pytest.mark.parametrize("said", SAID)
def test_a_refusal_is_said_in_chinese_and_keeps_its_facts(said: str) -> None:
    chinese = refusal(said, "zh")
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert not re.search(r"\b(the|cannot|manifest says)\b", chinese)
    assert refusal(said, "en") == said


def test_words_that_nobody_has_translated_stay_as_they_are() -> None:
    assert refusal_zh("RuntimeError: out of memory") is None
    assert refusal("RuntimeError: out of memory", "zh") == "RuntimeError: out of memory"


def test_the_api_says_why_a_package_is_refused_in_chinese() -> None:
    problem = PackageRefused(why="the archive cannot be read: File is not a zip file")
    assert detail(problem, "zh") == "这不是可用的模型包：归档无法读取：File is not a zip file"


@pytest.mark.parametrize("code", ["interlock", "guard_open", "breakdown"])
def test_why_a_station_stands_is_a_word_and_no_code(code: str) -> None:
    english, chinese = (reason(code, translations(language).gettext) for language in ("en", "zh"))
    assert english not in (code, chinese)
    assert re.search("[\u4e00-\u9fff]", chinese)
