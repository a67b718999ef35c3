from __future__ import annotations

from types import SimpleNamespace

import pytest

from ATPLibrary.keywords.evidence.failures import MOST_HELD, Failures, has_failed_child, may_handle
from ATPLibrary.keywords.evidence.model import Evidence

pytestmark = pytest.mark.unit


def evidence(name: str) -> Evidence:
    return Evidence(name, ())


def test_only_builtin_keywords_that_can_pass_hold_evidence_back() -> None:
    assert may_handle("BuiltIn", "Run Keyword And Expect Error")
    assert may_handle("SomebodysLibrary", "Retry Three Times")
    assert not may_handle("BuiltIn", "Run Keyword And Continue On Failure")
    assert not may_handle("BuiltIn", "Should Be Equal")


def test_an_item_that_failed_because_of_its_child_is_known() -> None:
    message, passed, failed = SimpleNamespace(), SimpleNamespace(status="PASS"), SimpleNamespace(status="FAIL")
    assert has_failed_child(SimpleNamespace(body=[failed, passed, message]))
    assert not has_failed_child(SimpleNamespace(body=[passed, message]))
    assert has_failed_child(SimpleNamespace(body=[passed], has_setup=False, has_teardown=True, teardown=failed))
    assert not has_failed_child(SimpleNamespace(body=[passed], has_setup=True, setup=passed))


def test_a_failed_handler_releases_the_first_and_the_newest() -> None:
    failures, handler = Failures(None), object()
    for number in range(100):
        failures.hold(evidence(str(number)), (handler,))
    assert len(failures.held) == MOST_HELD
    assert [each.keyword for each in failures.handler_ended(handler, True, handlers_above=False)] == ["0", "99"]
    assert failures.test_failed() == []


def test_a_handler_inside_another_releases_nothing_until_that_one_failed() -> None:
    failures, outer, inner = Failures(None), object(), object()
    failures.hold(evidence("x"), (outer, inner))
    assert failures.handler_ended(inner, True, handlers_above=True) == []
    assert [each.keyword for each in failures.handler_ended(outer, True, handlers_above=False)] == ["x"]


def test_what_was_handled_is_not_released_by_an_outer_failure() -> None:
    failures, outer, inner = Failures(None), object(), object()
    failures.hold(evidence("handled"), (outer, inner))
    assert failures.handler_ended(inner, False, handlers_above=True) == []
    failures.hold(evidence("not handled"), (outer,))
    assert [each.keyword for each in failures.handler_ended(outer, True, handlers_above=False)] == ["not handled"]
    assert [held.evidence.keyword for held in failures.test_failed()] == ["handled"]
