"""Problems in the reader's language: English as they are raised, Chinese by code and by rule.

Codes, fields and rule names stay as they are, so that a program reads the same in every language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum

from mes.platform.errors import FieldError, Problem
from mes.web.labels import DISPOSITION as DISPOSITIONS
from mes.web.labels import (
    HOLD_STATE,
    JOB_STATE,
    ORDER_STAGE,
    PLAN_STATE,
    ROLE,
    STATION_STATE,
    TRAINING_STATE,
    Label,
)
from mes.web.model_sentences import refusal_zh
from mes.web.plan_rules import broken_rule
from mes.web.problem_sentences import (
    HTTP_ZH,
    OWN_SENTENCES_ZH,
    PHRASES_ZH,
    SENTENCES_ZH,
    VALIDATION_ZH,
)
from mes.web.translations import Language, translations

_STATES: Mapping[str, Label] = {
    **STATION_STATE,
    **JOB_STATE,
    **HOLD_STATE,
    **PLAN_STATE,
    **ORDER_STAGE,
    **TRAINING_STATE,
}
_LABELS: Mapping[str, Mapping[str, Label]] = {
    "stage": _STATES,
    "state": _STATES,
    "wanted": _STATES,
    "disposition": DISPOSITIONS,
    "needed": ROLE,
}
_ANSWERS_ZH = {"insert": "插入", "remove": "移出", "swap": "互换"}
_PHRASES = tuple((re.compile(english), chinese) for english, chinese in PHRASES_ZH)


def detail(problem: Problem, language: Language) -> str:
    """Return what a problem says, in a language; a code without a sentence keeps the English one."""
    if language == "en":
        return problem.detail
    sentence = OWN_SENTENCES_ZH.get(type(problem).__name__) or SENTENCES_ZH.get(problem.code)
    if sentence is None:
        return problem.detail
    facts = {key: _shown(key, value) for key, value in problem.facts.items()}
    rules = problem.facts.get("broken_rules")
    if isinstance(rules, Sequence):
        facts["why"] = " ".join(str(rule["zh"]) for rule in rules if isinstance(rule, Mapping))
    violation = problem.facts.get("violation")
    if isinstance(violation, Mapping):
        facts["first"] = broken_rule(violation, language)
    if problem.errors and "first" in facts:
        first = problem.errors[0]
        facts["first"] = f"{first.field}：{message(first, language)}"
    try:
        return sentence.format(**facts)
    except (KeyError, IndexError):
        return problem.detail


def errors(problem: Problem, language: Language) -> tuple[FieldError, ...]:
    """Return the errors of the fields, in a language."""
    rules = problem.facts.get("broken_rules")
    if language == "zh" and isinstance(rules, Sequence):
        return tuple(FieldError(r["field"], r["rule"], r["zh"]) for r in rules)
    return tuple(
        FieldError(one.field, one.rule, message(one, language), one.context)
        for one in problem.errors
    )


def message(error: FieldError, language: Language) -> str:
    """Return what is wrong with a field; a rule without a sentence keeps the words it came with."""
    sentence = VALIDATION_ZH.get(error.rule) if language == "zh" else None
    if sentence is None:
        return error.message
    facts = {key: str(value).replace(" or ", "、") for key, value in error.context.items()}
    try:
        return sentence.format(**facts)
    except (KeyError, IndexError):
        return error.message


def http_detail(status: int, english: str, language: Language) -> str:
    """Return what an answer of the framework says."""
    return HTTP_ZH.get(status, english) if language == "zh" else english


def _shown(key: str, value: object) -> object:
    """Return a fact in Chinese: a state by its name, a known phrase, a time without its fraction."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M %Z")
    plain = str(value.value) if isinstance(value, Enum) else str(value)
    if key == "answer":
        return _ANSWERS_ZH.get(plain, plain)
    if key in _LABELS:
        words = translations("zh").gettext
        parts = plain.split(", ")
        found = [_LABELS[key].get(part) for part in parts]
        return "、".join(
            words(one.word) if one else part for one, part in zip(found, parts, strict=True)
        )
    for pattern, chinese in _PHRASES:
        match = pattern.fullmatch(plain)
        if match:
            return chinese.format(*match.groups())
    return (refusal_zh(plain) or value) if key == "why" else value
