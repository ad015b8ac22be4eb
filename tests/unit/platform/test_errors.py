from __future__ import annotations

import json

from mes.platform.errors import Conflict, FieldError, Invalid, TooMany
from mes.platform.http import PROBLEM_MEDIA, problem_response


class OperationNotReady(Conflict):
    """Operation {operation} of {serial} is {state}; only a ready operation can start."""

    code = "operation.not_ready"


def test_an_error_explains_itself_with_its_facts() -> None:
    error = OperationNotReady(operation="weld-10", serial="B000042", state="running")
    assert str(error) == (
        "Operation weld-10 of B000042 is running; only a ready operation can start."
    )


def test_a_problem_is_answered_as_problem_json() -> None:
    answer = problem_response(OperationNotReady(operation="weld-10", serial="B1", state="running"))
    assert answer.status_code == 409
    assert answer.media_type == PROBLEM_MEDIA
    body = json.loads(bytes(answer.body))
    assert body["code"] == "operation.not_ready"
    assert body["type"] == "urn:c2m:problem:operation.not_ready"
    assert body["serial"] == "B1"


def test_field_errors_name_field_rule_and_message() -> None:
    answer = problem_response(
        Invalid(
            errors=[FieldError("model", "known_model", "There is no model X9; C1, S2 and U3 are.")]
        )
    )
    assert json.loads(bytes(answer.body))["errors"] == [
        {
            "field": "model",
            "rule": "known_model",
            "message": "There is no model X9; C1, S2 and U3 are.",
        }
    ]


def test_too_many_attempts_say_when_to_come_back() -> None:
    assert problem_response(TooMany(retry_after_s=30)).headers["retry-after"] == "30"
