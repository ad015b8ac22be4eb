"""Every problem that a person can meet is said in Chinese, with the facts of the English sentence."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Iterator

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from pydantic_core.core_schema import ErrorType

import mes
from mes.catalog.configure import BrokenRule, NotBuildable
from mes.contracts.text import Text
from mes.orders.csv_file import OrderFileUnreadable, read_order_file
from mes.orders.model import OrderNotCancellable, OrderStage
from mes.platform.errors import FieldError, Problem
from mes.platform.http import invalid_request
from mes.web import problem_words
from mes.web.problem_sentences import OWN_SENTENCES_ZH, SENTENCES_ZH, VALIDATION_ZH

BRACES = re.compile(r"\{(\w+)")
COMMAND_LINE = ("mes.entrypoints", "mes.db", "mes.platform.embedded")


def _problems() -> Iterator[type[Problem]]:
    for module in pkgutil.walk_packages(mes.__path__, "mes."):
        if not module.name.startswith((*COMMAND_LINE, "mes.__main__")):
            importlib.import_module(module.name)
    waiting = list(Problem.__subclasses__())
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        if one.__module__.startswith("mes.") and not one.__module__.startswith(COMMAND_LINE):
            yield one


def test_every_problem_of_the_server_has_a_chinese_sentence_with_its_facts() -> None:
    wrong = []
    for problem in _problems():
        said = OWN_SENTENCES_ZH.get(problem.__name__) or SENTENCES_ZH.get(problem.code)
        facts = set(BRACES.findall(inspect.cleandoc(problem.__doc__ or "")))
        if said is None or set(BRACES.findall(said)) - facts:
            wrong.append(problem.code)
    assert not wrong


def test_every_rule_of_a_field_has_a_chinese_sentence() -> None:
    assert set(VALIDATION_ZH) >= set(typing.get_args(ErrorType))


class _Form(BaseModel):
    name: str = Field(min_length=3, max_length=5)
    quantity: int = Field(ge=1)
    kind: typing.Literal["good", "scrap"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "a", "quantity": 1, "kind": "good"}, "至少 3 个字符"),
        ({"name": "abcdefg", "quantity": 1, "kind": "good"}, "最多 5 个字符"),
        ({"name": "abc", "quantity": 0, "kind": "good"}, "应不小于 1"),
        ({"name": "abc", "quantity": "x", "kind": "good"}, "应为整数"),
        ({"name": "abc", "quantity": 1, "kind": "bad"}, "应为以下之一：'good'、'scrap'"),
        ({"quantity": 1, "kind": "good"}, "必填"),
    ],
)
def test_a_field_of_a_form_says_in_chinese_what_it_wants(
    given: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        _Form(**given)  # type: ignore[arg-type]
    problem = invalid_request(RequestValidationError(caught.value.errors()))
    (error,) = problem_words.errors(problem, "zh")
    assert error.message == said
    assert said in problem_words.detail(problem, "zh")


def test_a_state_is_called_as_on_the_screens() -> None:
    problem = OrderNotCancellable(number="C2M-1", stage=OrderStage.IN_PRODUCTION)
    assert (
        problem_words.detail(problem, "zh")
        == "订单 C2M-1 当前为生产中；只有在开始生产之前才能取消。"
    )
    assert problem_words.detail(problem, "en") == problem.detail


def test_a_car_that_cannot_be_built_says_its_rules_in_chinese() -> None:
    broken = BrokenRule("options", "requires", Text(en="HUD needs PREM", zh="抬头显示须配尊享套装"))
    problem = NotBuildable([broken])
    assert "抬头显示须配尊享套装" in problem_words.detail(problem, "zh")
    assert problem_words.errors(problem, "zh") == (
        FieldError("options", "requires", "抬头显示须配尊享套装"),
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "文件为空。"),
        (b"model;price\nC1;2\n", "缺少列 'color'"),
        (b"model,model,color\n", "有两列的标题都是 'model'。"),
        (b"\x00\xff\xfe\x01\x02", "不是 UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_in_chinese(content: bytes, said: str) -> None:
    with pytest.raises(OrderFileUnreadable) as caught:
        read_order_file(content, channel="file", time_zone="Asia/Shanghai")
    assert said in problem_words.detail(caught.value, "zh")
